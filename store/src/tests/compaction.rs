//! Compaction as users of the store see it: not at all.

use arrow::array::{ArrayRef, BinaryArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Schema};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::RowGroupMetaData;
use stadtwarte_model::Date;
use stadtwarte_model::partition::Partition;

use super::commits::parquet_files;
use super::*;
use crate::file_writer::{FileWriter, write_file};
use crate::recover::batch_rows;

const DAY_US: i64 = 86_400_000_000;

async fn open_at(folder: &Path, clock: &Arc<ManualClock>) -> Store {
    Store::open(DataFolder::new(folder), Options::default(), clock.clone()).await.expect("opens")
}

fn manual_clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::from_micros(NOON)))
}

/// A store whose rows came to files one by one.
async fn in_small_files(folder: &Path, clock: &Arc<ManualClock>, count: u32) -> Store {
    let store = open_at(folder, clock).await;
    for f_cnt in 0..count {
        append(&store, uplink(f_cnt, &[f64::from(f_cnt), 0.5])).await;
        store.flush().await.unwrap();
    }
    store
}

#[tokio::test]
async fn many_small_files_become_one_and_no_answer_changes() {
    let (folder, clock) = (TempDir::new().unwrap(), manual_clock());
    let store = in_small_files(folder.path(), &clock, 20).await;
    append(&store, uplink(20, &[20.0])).await;
    let before = observations(&store);
    assert_eq!(store.snapshot().observations.files.len(), 20);

    let done = store.compact().await.unwrap();
    assert_eq!((done.merged_files, done.new_files, done.rows, done.doubles), (40, 2, 60, 0), "observations and uplinks");
    assert_eq!(store.snapshot().observations.files.len(), 1);
    assert_eq!(observations(&store), before);
    assert_eq!(store.compact().await.unwrap().merged_files, 0, "there is nothing left to do");

    let copy = crash_copy(folder.path());
    let reopened = open(copy.path()).await;
    assert_eq!(observations(&reopened), before);
    assert_eq!(reopened.snapshot().latest, store.snapshot().latest);
    append(&store, uplink(5, &[5.0, 0.5])).await;
    assert_eq!(observations(&store), before, "what was merged is still recognised");
}

#[tokio::test]
async fn replaced_files_stay_for_their_time_and_for_whoever_reads_them() {
    let (folder, clock) = (TempDir::new().unwrap(), manual_clock());
    let store = in_small_files(folder.path(), &clock, 9).await;
    let reader = store.snapshot();
    store.compact().await.unwrap();
    assert_eq!(store.remove_replaced().await, 0, "another process may still read them");
    clock.advance_micros(2 * 3_600_000_000);
    assert_eq!(store.remove_replaced().await, 0, "a query still reads them");
    assert_eq!(reader.observations.files.iter().filter(|file| reader.observations.root.join(&file.path).exists()).count(), 9);
    drop(reader);
    assert_eq!(store.remove_replaced().await, 18);
    assert_eq!(parquet_files(folder.path()).len(), 2);
    assert_eq!(observations(&store).len(), 18);
}

#[tokio::test]
async fn what_a_kill_leaves_behind_is_removed_after_the_next_start() {
    let (folder, clock) = (TempDir::new().unwrap(), manual_clock());
    let store = in_small_files(folder.path(), &clock, 9).await;
    // The merged file was written, its commit was not.
    let copy = crash_copy(folder.path());
    let file = &store.snapshot().observations.files[0].path;
    fs::copy(copy.path().join("tables/observations").join(file), copy.path().join("tables/observations/date=2026-03-01/orphan.parquet"))
        .unwrap();
    let reopened = open_at(copy.path(), &clock).await;
    assert_eq!(observations(&reopened), observations(&store));
    // The commit was written, the replaced files were not removed.
    store.compact().await.unwrap();
    let merged = crash_copy(folder.path());
    let after_commit = open_at(merged.path(), &clock).await;
    assert_eq!(observations(&after_commit), observations(&store));
    clock.advance_micros(2 * 3_600_000_000);
    assert_eq!(reopened.remove_replaced().await, 1);
    assert_eq!(after_commit.remove_replaced().await, 18);
    assert_eq!(parquet_files(merged.path()).len(), 2);
}

#[tokio::test]
async fn rows_that_are_there_twice_become_one() {
    let (folder, clock) = (TempDir::new().unwrap(), manual_clock());
    let store = in_small_files(folder.path(), &clock, 2).await;
    {
        let mut tables = store.inner.tables.lock().await;
        let snapshot = store.snapshot();
        let (root, day) = (&snapshot.observations.root, snapshot.observations.files[0].partition);
        for (number, batch) in (1..).zip(all_batches(&store, Table::Observations)) {
            let file = write_file(Table::Observations, root, day, &batch, clock.now()).unwrap();
            let added = tables.commit(Table::Observations, root, vec![file], "an error of ours", number).await.unwrap().unwrap();
            store.write_state().table_mut(Table::Observations).add_files(added);
        }
    }
    assert_eq!(observations(&store).len(), 8);
    clock.advance_micros(DAY_US);
    assert_eq!(store.compact().await.unwrap().doubles, 4);
    assert_eq!(observations(&store).len(), 4);
    assert_eq!(store.counters().doubles_removed.value(), 4);
}

#[tokio::test]
async fn files_that_have_been_merged_meanwhile_are_not_merged_again() {
    let (folder, clock) = (TempDir::new().unwrap(), manual_clock());
    let store = in_small_files(folder.path(), &clock, 9).await;
    let before = observations(&store);
    let files: Vec<_> = store.snapshot().observations.files.to_vec();
    assert!(store.merge_files(Table::Observations, &files, &Arc::default()).await.unwrap().is_some());
    // As planned before the first was known to have succeeded.
    assert!(store.merge_files(Table::Observations, &files, &Arc::default()).await.unwrap().is_none());
    assert_eq!(observations(&store), before);
    assert_eq!(observations(&open_at(crash_copy(folder.path()).path(), &clock).await), before);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_does_not_keep_the_others_small() {
    let (folder, clock) = (TempDir::new().unwrap(), manual_clock());
    let store = in_small_files(folder.path(), &clock, 20).await;
    let broken = folder.path().join("tables/observations").join(&store.snapshot().observations.files[3].path);
    fs::write(&broken, b"no Parquet").unwrap();
    assert!(store.compact().await.is_err());
    let snapshot = store.snapshot();
    assert_eq!(snapshot.uplinks.files.len(), 1, "the other table is merged");
    assert_eq!(store.compact().await.unwrap().merged_files, 0, "and what failed is not tried again and again");
}

#[tokio::test]
async fn a_row_group_is_never_larger_than_may_be_read_whole() {
    let folder = TempDir::new().unwrap();
    let writer = || FileWriter::create(Table::Quarantine, folder.path(), Partition { date: Date::from_days(0) }).unwrap();
    let rows = |count: usize| {
        let schema = Table::Quarantine.schema();
        let columns = schema.fields().iter().map(|field| match field.data_type() {
            DataType::Binary => Arc::new(BinaryArray::from_iter_values((0..count).map(|_| vec![0_u8; 1 << 20]))) as ArrayRef,
            DataType::Utf8 => Arc::new(StringArray::from_iter_values((0..count).map(|_| "x"))),
            DataType::Int64 => Arc::new(Int64Array::from_iter_values((0..).take(count))),
            other => arrow::array::new_null_array(other, count),
        });
        let fields: Vec<_> = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true)).collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.collect()).unwrap()
    };
    let mut one = writer();
    one.write(&rows(150)).unwrap();
    one.write(&rows(20)).unwrap();
    let file = one.finish(Timestamp::from_micros(0)).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(folder.path().join(&file.path)).unwrap()).unwrap();
    let groups: Vec<i64> = reader.metadata().row_groups().iter().map(RowGroupMetaData::num_rows).collect();
    assert!(groups.iter().all(|rows| *rows <= 64) && groups.iter().sum::<i64>() == 170, "{groups:?}");
    assert_eq!(batch_rows(reader.metadata(), 4096, 1 << 20), 1, "and it is known how few rows fit");
}
