//! The log when it grows, breaks or fails.

use std::time::Duration;

use super::*;
use crate::AppendError;
use crate::committer::{Command, Fault};

async fn fail(store: &Store, fault: Fault) {
    let queue = store.inner.queue.lock().unwrap().clone().unwrap();
    assert!(queue.send(Command::Fail(fault)).await.is_ok());
}

/// Small segments, so that a few records fill several.
async fn open_with_one_record_per_segment(folder: &Path) -> Store {
    let options = Options { max_segment_bytes: 100, ..Options::default() };
    Store::open(DataFolder::new(folder), options, clock()).await.unwrap()
}

fn segments(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder.join("wal")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[tokio::test]
async fn damage_at_the_end_of_a_segment_is_told_from_an_unfinished_write() {
    for (damaged, expected, lost) in
        [(1, 1, "the record of a closed segment"), (3, 0, "the last of all, which may never have been answered")]
    {
        let folder = TempDir::new().unwrap();
        let store = open_with_one_record_per_segment(folder.path()).await;
        for f_cnt in 0..4 {
            append(&store, uplink(f_cnt, &[f64::from(f_cnt)])).await;
        }
        let crashed = crash_copy(folder.path());
        let segment = &segments(crashed.path())[damaged];
        let mut bytes = fs::read(segment).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(segment, bytes).unwrap();
        if damaged == 3 {
            // The log may or may not have begun a segment behind it by now.
            segments(crashed.path()).iter().skip(4).for_each(|newer| fs::remove_file(newer).unwrap());
        }
        let reopened = open(crashed.path()).await;
        assert_eq!(reopened.counters().log_damage.value(), expected, "{lost}");
        assert_eq!(observations(&reopened).len(), 3);
    }
}

#[tokio::test]
async fn a_segment_cut_short_below_its_header_is_damage() {
    let folder = TempDir::new().unwrap();
    let store = open_with_one_record_per_segment(folder.path()).await;
    for f_cnt in 0..3 {
        append(&store, uplink(f_cnt, &[0.0])).await;
    }
    let crashed = crash_copy(folder.path());
    fs::write(&segments(crashed.path())[1], b"STW").unwrap();
    let reopened = open(crashed.path()).await;
    assert_eq!(reopened.counters().log_damage.value(), 2, "the header, and the record that is nowhere");
    assert_eq!(observations(&reopened).len(), 2);
}

#[tokio::test]
async fn a_log_of_another_folder_is_refused() {
    let (one, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    append(&open(one.path()).await, uplink(0, &[0.0])).await;
    open(other.path()).await.shut_down().await.unwrap();
    let segment = &segments(one.path())[0];
    fs::copy(segment, other.path().join("wal").join(segment.file_name().unwrap())).unwrap();
    let refused = Store::open(DataFolder::new(other.path()), Options::default(), clock()).await;
    assert!(matches!(refused, Err(Error::ForeignLog { .. })));
}

#[tokio::test]
async fn a_log_that_failed_says_so_and_loses_nothing_that_was_acknowledged() {
    for (fault, after) in [(Fault::Sync, AppendError::Poisoned), (Fault::Panic, AppendError::Closed)] {
        let folder = TempDir::new().unwrap();
        let store = open(folder.path()).await;
        append(&store, uplink(0, &[1.0])).await;
        fail(&store, fault).await;
        assert_eq!(store.append(uplink(1, &[2.0])).await.unwrap().await, Err(after));
        store.failed().await;
        assert_eq!(store.counters().log_unavailable.value(), 1);
        let again = match store.append(uplink(2, &[3.0])).await {
            Ok(outcome) => outcome.await,
            Err(error) => Err(error),
        };
        assert_eq!(again, Err(after));
        let reopened = open(crash_copy(folder.path()).path()).await;
        assert_eq!(observations(&reopened).len(), 1);
    }
}

/// A message that nobody understood.
fn garbage(number: u64, bytes: usize) -> Entry {
    let mut raw = vec![b'x'; bytes];
    raw[..8].copy_from_slice(&number.to_le_bytes());
    Entry {
        uplink: None,
        verdict: Some(Verdict { reason: QuarantineReason::Malformed, detail: String::new(), dev_eui: None }),
        raw,
        ..uplink(0, &[])
    }
}

#[tokio::test]
async fn publishers_wait_while_more_is_in_memory_than_settings_allow() {
    let folder = TempDir::new().unwrap();
    let options = Options { flush_bytes: 1 << 20, ..Options::default() };
    let store = Store::open(DataFolder::new(folder.path()), options, clock()).await.unwrap();
    let mut taken = 0;
    let waiting = loop {
        let (store, entry) = (store.clone(), garbage(taken, 100_000));
        let mut appending = tokio::spawn(async move { store.append(entry).await.unwrap().await.unwrap() });
        match tokio::time::timeout(Duration::from_millis(500), &mut appending).await {
            Ok(_) => taken += 1,
            Err(_) => break appending,
        }
        assert!(taken < 100, "nothing stops the publisher");
    };
    assert!((21..=22).contains(&taken), "{taken} messages of 100 kB, and 2 MiB are allowed");
    store.flush().await.unwrap();
    waiting.await.unwrap();
    assert_eq!(store.snapshot().quarantine.rows(), taken + 1);
}

#[tokio::test]
async fn very_many_bytes_are_written_and_read_back_in_parts() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await;
    // Three parts of what is replayed together, two of what is written together.
    let count = 130_u64;
    for number in 0..count {
        store.append(garbage(number, 1 << 20)).await.unwrap().await.unwrap();
    }
    let crashed = crash_copy(folder.path());
    store.flush().await.unwrap();
    assert_eq!(store.snapshot().quarantine.rows(), count);
    assert_eq!(store.snapshot().quarantine.files.len(), 2);
    assert_eq!(store.unwritten_bytes(), 0);
    let reopened = open(crashed.path()).await;
    assert_eq!(reopened.snapshot().quarantine.rows(), count);
    assert!(reopened.snapshot().quarantine.hot.len() >= 3);
    assert!(reopened.unwritten_bytes() > 130 << 20);
    reopened.flush().await.unwrap();
    assert_eq!(reopened.snapshot().quarantine.rows(), count);
}

#[tokio::test]
async fn a_decoded_copy_of_an_undecoded_uplink_brings_its_readings() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await;
    let through = |source: &str, values: &[f64]| {
        let mut entry = uplink(0, values);
        source.clone_into(&mut entry.source);
        entry
    };
    append(&store, through("undecoded", &[])).await;
    let crashed = crash_copy(folder.path());
    append(&store, through("decoded", &[1.0, 2.0])).await;
    append(&store, through("third", &[1.0, 2.0])).await;
    assert_eq!(observations(&store).len(), 2);
    store.flush().await.unwrap();
    // Known again from the log, and from files.
    let reopened = open(crashed.path()).await;
    append(&reopened, through("decoded", &[1.0, 2.0])).await;
    reopened.shut_down().await.unwrap();
    drop(reopened);
    let reopened = open(crashed.path()).await;
    append(&reopened, through("third", &[1.0, 2.0])).await;
    assert_eq!(observations(&reopened).len(), 2);
    assert_eq!(reopened.counters().duplicates.value(), 1);
}

#[tokio::test]
async fn the_log_is_released_also_when_no_checkpoint_can_be_written() {
    let folder = TempDir::new().unwrap();
    let options = Options { max_segment_bytes: 100, ..Options::default() };
    let store = Store::open(DataFolder::new(folder.path()), options, clock()).await.unwrap();
    for f_cnt in 0..5 {
        append(&store, uplink(f_cnt, &[1.0])).await;
    }
    let segments = || fs::read_dir(folder.path().join("wal")).unwrap().count();
    assert!(segments() > 3);
    fs::create_dir(folder.path().join("checkpoint.tmp")).unwrap();
    assert!(store.flush().await.is_err());
    assert!(segments() <= 1, "{}", segments());
    assert_eq!(observations(&open(crash_copy(folder.path()).path()).await).len(), 5);
}

#[tokio::test]
async fn what_was_open_is_written_anew_before_it_is_believed() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await;
    append(&store, uplink(0, &[1.0])).await;
    let crashed = crash_copy(folder.path());
    let wal = crashed.path().join("wal");
    let (open_before, bytes) = newest_segment(&wal);
    let before = fs::metadata(&open_before).unwrap();
    crate::wal::make_durable(&wal).unwrap();
    let after = fs::metadata(&open_before).unwrap();
    assert_ne!(std::os::unix::fs::MetadataExt::ino(&before), std::os::unix::fs::MetadataExt::ino(&after), "another file");
    assert_eq!(newest_segment(&wal), (open_before, bytes), "with the same content");
    assert_eq!(observations(&open(crashed.path()).await).len(), 1);
}

fn newest_segment(wal: &Path) -> (std::path::PathBuf, Vec<u8>) {
    let newest = fs::read_dir(wal).unwrap().map(|entry| entry.unwrap().path()).max().unwrap();
    let bytes = fs::read(&newest).unwrap();
    (newest, bytes)
}
