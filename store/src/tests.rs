//! The store as its users see it: append, crash, reopen, flush, import.

mod beside;
mod commits;
mod compaction;
mod damage;
mod log;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use stadtwarte_model::quarantine::{QuarantineReason, Verdict};
use stadtwarte_model::schema::Table;
use stadtwarte_model::uplink::{Radio, Reception, TimeSource};
use stadtwarte_model::{Clock, DatastreamId, DevEui, LogSequence, ManualClock, ObservationId, Quality, ResultValue, Timestamp};
use tempfile::TempDir;

use crate::{Appended, Changes, DataFolder, Entry, Error, ImportOutcome, ImportRow, NewObservation, Options, Store, UplinkRow};

const NOON: i64 = 1_772_366_400_000_000;

fn clock() -> Arc<dyn Clock> {
    Arc::new(ManualClock::new(Timestamp::from_micros(NOON)))
}

async fn open(folder: &Path) -> Store {
    Store::open(DataFolder::new(folder), Options::default(), clock()).await.expect("opens")
}

fn datastream(number: i64) -> DatastreamId {
    DatastreamId::try_new(number).unwrap()
}

fn observation(datastream_number: i64, seconds: i64, value: f64) -> NewObservation {
    NewObservation {
        datastream_id: datastream(datastream_number),
        phenomenon_time: Timestamp::from_micros(NOON + seconds * 1_000_000),
        phenomenon_end: None,
        result_time: None,
        value: ResultValue::Number(value),
        quality: Quality::GOOD,
        position: None,
    }
}

/// An uplink of one device with one observation per value, on datastreams 1, 2, 3, ...
fn uplink(f_cnt: u32, values: &[f64]) -> Entry {
    let time = i64::from(f_cnt) * 60;
    Entry {
        source: "endpoint".into(),
        topic: "application/1/device/0202020202020202/event/up".into(),
        received_at: Timestamp::from_micros(NOON + time * 1_000_000 + 200_000),
        uplink: Some(UplinkRow {
            dialect: "chirpstack_v4".into(),
            dev_eui: DevEui::from_bytes([2; 8]),
            deduplication_id: Some(format!("id-{f_cnt}")),
            session: Some("01abcdef".into()),
            f_cnt: Some(f_cnt),
            f_port: Some(85),
            confirmed: false,
            event_time: Timestamp::from_micros(NOON + time * 1_000_000),
            time_source: TimeSource::NetworkServer,
            gateway_time: None,
            server_time: None,
            payload: vec![1, 2, 3],
            object: Some("{}".into()),
            receptions: vec![Reception { gateway_id: "gw".into(), rssi_dbm: Some(-97.0), ..Reception::default() }],
            radio: Radio::default(),
            warnings: vec![],
        }),
        observations: values.iter().zip(1..).map(|(value, number)| observation(number, time, *value)).collect(),
        verdict: None,
        raw: vec![],
    }
}

async fn append(store: &Store, entry: Entry) -> Appended {
    store.append(entry).await.expect("queued").await.expect("durable")
}

/// All observation ids, with their results, in id order.
fn observations(store: &Store) -> Vec<(i64, f64)> {
    let snapshot = store.snapshot();
    let mut rows: Vec<(i64, f64)> = all_batches(store, Table::Observations)
        .iter()
        .flat_map(|batch| {
            let ids = batch.column(0).as_primitive::<Int64Type>().values().to_vec();
            let results = batch.column(6).as_primitive::<arrow::datatypes::Float64Type>().values().to_vec();
            ids.into_iter().zip(results)
        })
        .collect();
    rows.sort_by_key(|(id, _)| *id);
    assert_eq!(rows.len() as u64, snapshot.observations.rows());
    rows
}

fn all_batches(store: &Store, table: Table) -> Vec<arrow::array::RecordBatch> {
    let snapshot = store.snapshot();
    let rows = snapshot.table(table);
    let mut batches = rows.hot.clone();
    for file in rows.files.iter() {
        let file = fs::File::open(rows.root.join(&file.path)).unwrap();
        let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
        batches.extend(reader.map(Result::unwrap));
    }
    batches
}

/// What a power cut at this moment would leave: the folder as it is, without the living process.
fn crash_copy(folder: &Path) -> TempDir {
    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let target = to.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                copy(&entry.path(), &target);
            } else {
                // A new segment gets its name just after the answer to the record that filled the one before.
                let copied = fs::copy(entry.path(), target);
                assert!(copied.is_ok() || entry.file_name() == "next.tmp", "{copied:?}");
            }
        }
    }
    let target = TempDir::new().unwrap();
    copy(folder, target.path());
    target
}

#[tokio::test]
async fn what_is_acknowledged_survives_a_crash_exactly_once() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await;
    for f_cnt in 0..10 {
        append(&store, uplink(f_cnt, &[f64::from(f_cnt), 0.5])).await;
    }
    let before = observations(&store);
    assert_eq!(before.len(), 20);

    let after_crash = crash_copy(folder.path());
    let reopened = open(after_crash.path()).await;
    assert_eq!(observations(&reopened), before);
    assert_eq!(append(&reopened, uplink(3, &[3.0, 0.5])).await, Appended::Redelivered(LogSequence::from_u64(4)));
    assert_eq!(append(&reopened, uplink(10, &[1.0])).await, Appended::Stored(LogSequence::from_u64(11)));
}

#[tokio::test]
async fn a_flush_moves_rows_into_files_and_changes_no_answer() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await;
    for f_cnt in 0..1500 {
        drop(store.append(uplink(f_cnt, &[f64::from(f_cnt), 0.5])).await.unwrap());
    }
    append(&store, uplink(1500, &[7.0])).await;
    let (before, latest) = (observations(&store), store.snapshot().latest);
    store.flush().await.unwrap();
    assert_eq!(store.hot_rows(), 0);
    assert_eq!(store.snapshot().observations.files.len(), 2, "the rows span two days, one file each");
    assert_eq!(observations(&store), before);

    append(&store, uplink(2000, &[8.0])).await;
    let crashed = crash_copy(folder.path());
    store.shut_down().await.unwrap();
    drop(store);
    for folder in [crashed.path(), folder.path()] {
        let reopened = open(folder).await;
        assert_eq!(observations(&reopened).len(), before.len() + 1);
        assert_eq!(reopened.snapshot().latest.len(), latest.len());
        assert_eq!(reopened.snapshot().latest.get(&datastream(1)).unwrap().value, ResultValue::Number(8.0));
        assert_eq!(append(&reopened, uplink(7, &[0.0])).await, Appended::Redelivered(LogSequence::from_u64(8)), "known from the files");
    }
}

#[tokio::test]
async fn a_lost_checkpoint_costs_a_scan_and_no_value() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await;
    for f_cnt in [5, 6, 3] {
        append(&store, uplink(f_cnt, &[f64::from(f_cnt)])).await;
    }
    store.flush().await.unwrap();
    append(&store, uplink(7, &[7.0])).await;
    let expected = store.snapshot();
    assert_eq!(expected.activity.values().map(|activity| activity.uplinks).collect::<Vec<_>>(), [4]);

    let in_log = crash_copy(folder.path());
    store.shut_down().await.unwrap();
    for folder in [in_log.path(), folder.path()] {
        for damage in
            [|path: &Path| fs::remove_file(path).unwrap(), |path: &Path| fs::write(path, b"half of a checkpoint, and no more").unwrap()]
        {
            let copy = crash_copy(folder);
            damage(&copy.path().join("checkpoint.bin"));
            let reopened = open(copy.path()).await.snapshot();
            assert_eq!(reopened.activity, expected.activity);
            assert_eq!(reopened.latest, expected.latest);
            assert_eq!(reopened.position, expected.position);
        }
    }
}

#[tokio::test]
async fn where_no_new_segment_can_be_begun_the_open_one_grows_on() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await;
    append(&store, uplink(0, &[0.0])).await;
    // A folder stands where the next segment's header would be written.
    let obstacle = folder.path().join("wal/next.tmp");
    fs::create_dir(&obstacle).unwrap();
    append(&store, uplink(1, &[1.0])).await;
    store.flush().await.unwrap();
    append(&store, uplink(2, &[2.0])).await;
    let segments = || fs::read_dir(folder.path().join("wal")).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_file()).count();
    assert_eq!(segments(), 1, "and nothing that looks like its end");
    let crashed = crash_copy(folder.path());
    fs::remove_dir(crashed.path().join("wal/next.tmp")).unwrap();
    assert_eq!(observations(&open(crashed.path()).await).len(), 3);
    fs::remove_dir(&obstacle).unwrap();
    store.flush().await.unwrap();
    append(&store, uplink(3, &[3.0])).await;
    assert_eq!(observations(&open(crash_copy(folder.path()).path()).await).len(), 4);
}

#[tokio::test]
async fn latest_values_go_by_event_time_not_by_arrival() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await;
    append(&store, uplink(100, &[1.0])).await;
    append(&store, uplink(50, &[2.0])).await;
    let latest = |store: &Store| store.snapshot().latest.get(&datastream(1)).unwrap().value.clone();
    assert_eq!(latest(&store), ResultValue::Number(1.0));
    store.flush().await.unwrap();
    store.shut_down().await.unwrap();
    drop(store);
    fs::remove_file(folder.path().join("checkpoint.bin")).unwrap();
    assert_eq!(latest(&open(folder.path()).await), ResultValue::Number(1.0), "computed from the files without a checkpoint");
}

#[tokio::test]
async fn the_same_frame_by_another_way_is_kept_without_its_readings() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await;
    append(&store, uplink(1, &[1.0])).await;
    let mut other = uplink(1, &[1.0]);
    other.source = "second-network".into();
    other.uplink.as_mut().unwrap().deduplication_id = None;
    assert_eq!(append(&store, other).await, Appended::Stored(LogSequence::from_u64(2)));
    assert_eq!(observations(&store).len(), 1);
    let uplinks = all_batches(&store, Table::Uplinks);
    let duplicate_of: Vec<Option<i64>> = uplinks
        .iter()
        .flat_map(|batch| batch.column_by_name("duplicate_of").unwrap().as_primitive::<Int64Type>().iter().collect::<Vec<_>>())
        .collect();
    assert_eq!(duplicate_of, [None, Some(1)]);
}

#[tokio::test]
async fn quarantined_messages_are_kept_whole() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await;
    let raw = b"\x00\xffnot json".to_vec();
    let verdict = Verdict { reason: QuarantineReason::Malformed, detail: "line 1 column 1".into(), dev_eui: None };
    append(&store, Entry { uplink: None, verdict: Some(verdict), raw: raw.clone(), ..uplink(0, &[]) }).await;
    for store in [store.clone(), {
        store.shut_down().await.unwrap();
        store
    }] {
        let batches = all_batches(&store, Table::Quarantine);
        assert_eq!(batches[0].column_by_name("raw").unwrap().as_binary::<i32>().value(0), raw);
    }
}

#[tokio::test]
async fn followers_resume_where_they_stopped_also_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await;
    for f_cnt in 0..4 {
        append(&store, uplink(f_cnt, &[1.0, 2.0])).await;
    }
    let position = ObservationId::try_new(LogSequence::from_u64(2), 0).unwrap();
    let ids = |store: &Store| match store.changes_after(position, 100) {
        Changes::Rows(rows) => rows.iter().map(|row| row.id.as_i64()).collect::<Vec<_>>(),
        Changes::Behind => panic!("behind"),
    };
    assert_eq!(ids(&store), [2 * 256 + 1, 3 * 256, 3 * 256 + 1, 4 * 256, 4 * 256 + 1]);
    let crashed = crash_copy(folder.path());
    assert_eq!(ids(&open(crashed.path()).await), ids(&store));
}

#[tokio::test]
async fn a_second_process_is_refused_but_may_read() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await;
    append(&store, uplink(0, &[1.0])).await;
    let second = Store::open(DataFolder::new(folder.path()), Options::default(), clock()).await;
    let Err(Error::InUse { holder, .. }) = second else { panic!("must be refused") };
    assert!(holder.contains(&std::process::id().to_string()), "{holder}");
    let reader = Store::open_read_only(DataFolder::new(folder.path()), clock()).await.unwrap();
    assert_eq!(observations(&reader), observations(&store));
    assert!(reader.append(uplink(1, &[])).await.is_err());
    store.flush().await.unwrap();
    let reader = Store::open_read_only(DataFolder::new(folder.path()), clock()).await.unwrap();
    assert_eq!(observations(&reader), observations(&store));
}

#[tokio::test]
async fn a_torn_tail_is_dropped_and_damage_before_it_costs_only_itself() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await;
    for f_cnt in 0..5 {
        append(&store, uplink(f_cnt, &[f64::from(f_cnt)])).await;
    }
    let crashed = crash_copy(folder.path());
    let segment = fs::read_dir(crashed.path().join("wal")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&segment).unwrap();
    let record = (bytes.len() - 36) / 5;
    bytes[36 + record + record / 2] ^= 0xff;
    bytes.truncate(bytes.len() - 3);
    fs::write(&segment, bytes).unwrap();
    let reopened = open(crashed.path()).await;
    let kept: Vec<f64> = observations(&reopened).into_iter().map(|(_, value)| value).collect();
    assert_eq!(kept, [0.0, 2.0, 3.0], "record 2 is damaged, record 5 torn");
    assert_eq!(reopened.counters().log_damage.value(), 1);
    assert_eq!(append(&reopened, uplink(9, &[9.0])).await, Appended::Stored(LogSequence::from_u64(5)));
    let crashed_again = crash_copy(crashed.path());
    let again = open(crashed_again.path()).await;
    assert_eq!(observations(&again).len(), 4, "what came after the damage is there after the next crash, too");
}

#[tokio::test]
async fn importing_twice_equals_importing_once() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await;
    let rows = |offset: i64| -> Vec<ImportRow> {
        let day = 86_400_000_000;
        (0..400)
            .map(|number| ImportRow {
                datastream_id: datastream(number % 4 + 1),
                phenomenon_time: Timestamp::from_micros(NOON - 30 * day + (number + offset) * day / 100),
                result: 0.5,
                position: None,
            })
            .collect()
    };
    assert_eq!(store.import("history", 0, [rows(0)].into_iter()).await.unwrap(), ImportOutcome::Imported(400));
    assert_eq!(store.import("history", 0, [rows(0)].into_iter()).await.unwrap(), ImportOutcome::AlreadyThere);
    assert_eq!(store.import("history", 1, [rows(400)].into_iter()).await.unwrap(), ImportOutcome::Imported(400));
    let ids: Vec<i64> = observations(&store).into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids.len(), 800);
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "no identifier twice");
    assert_eq!(store.snapshot().latest.len(), 4);
    let crashed = crash_copy(folder.path());
    let reopened = open(crashed.path()).await;
    assert_eq!(reopened.import("history", 1, [rows(400)].into_iter()).await.unwrap(), ImportOutcome::AlreadyThere);
    assert_eq!(reopened.snapshot().latest.len(), 4, "also without a checkpoint");
}

#[tokio::test]
async fn a_backlog_larger_than_the_queue_waits_instead_of_growing() {
    let folder = TempDir::new().unwrap();
    let options = Options { queue_entries: 8, max_group_entries: 4, max_segment_bytes: 4096, ..Options::default() };
    let store = Store::open(DataFolder::new(folder.path()), options, clock()).await.unwrap();
    let mut pending = Vec::new();
    for f_cnt in 0..200 {
        pending.push(store.append(uplink(f_cnt, &[1.0])).await.unwrap());
    }
    for (receipt, expected) in pending.into_iter().zip(1..) {
        assert_eq!(receipt.await, Ok(Appended::Stored(LogSequence::from_u64(expected))), "in the order of the calls");
    }
    assert!(fs::read_dir(folder.path().join("wal")).unwrap().count() > 2, "segments rotate by size");
    let crashed = crash_copy(folder.path());
    let reopened = open(crashed.path()).await;
    assert_eq!(observations(&reopened).len(), 200);
}
