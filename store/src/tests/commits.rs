//! Commits that fail before, while or after they are made.

use std::path::PathBuf;

use super::*;
use crate::data_file::write_partitioned;
use crate::import::Tables;

const ROWS: [Table; 2] = [Table::Observations, Table::Uplinks];

pub(super) fn parquet_files(folder: &Path) -> Vec<PathBuf> {
    let tables = ROWS.map(|table| folder.join("tables").join(table.name()));
    let partitions = tables.iter().flat_map(|table| fs::read_dir(table).unwrap()).map(|entry| entry.unwrap().path());
    let partitions = partitions.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("date=")));
    partitions.flat_map(|day| fs::read_dir(day).unwrap()).map(|entry| entry.unwrap().path()).collect()
}

async fn assert_stored_once(folder: &Path, store: &Store, rows: usize) {
    assert_eq!(observations(store).len(), rows);
    let copy = crash_copy(folder);
    let reopened = open(copy.path()).await;
    assert_eq!(observations(&reopened).len(), rows);
    assert_eq!(reopened.snapshot().uplinks.rows(), rows as u64);
}

/// Commits the hot observations as a flush does, and forgets about it, as if the disk had failed between the commit and reading it back.
/// Returns the committed file.
async fn commit_and_forget(store: &Store, tables: &mut Tables) -> PathBuf {
    let sealed = store.seal().await.unwrap();
    let root = store.inner.folder.table(Table::Observations);
    let files = write_partitioned(Table::Observations, &root, &store.snapshot().observations.hot, clock().now()).unwrap();
    let file = root.join(&files[0].path);
    let known_until = tables.last_modified_ms();
    assert!(tables.commit(Table::Observations, &root, files, &store.inner.app_id, sealed.sequence.as_u64()).await.unwrap().is_some());
    tables.doubt(Table::Observations, known_until);
    file
}

#[tokio::test]
async fn a_commit_that_reports_failure_after_it_was_made_doubles_nothing() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await;
    // Delta writes a checkpoint after each hundredth commit; folders stand where it would be.
    for (table, version) in ROWS.iter().flat_map(|table| (95..105).map(move |version| (table, version))) {
        let log = folder.path().join("tables").join(table.name()).join("_delta_log");
        fs::create_dir_all(log.join(format!("{version:020}.checkpoint.parquet/obstacle"))).unwrap();
    }
    for f_cnt in 0..102 {
        append(&store, uplink(f_cnt, &[f64::from(f_cnt)])).await;
        let _ = store.flush().await;
    }
    assert_stored_once(folder.path(), &store, 102).await;
    assert_eq!(store.hot_rows(), 0);
}

#[tokio::test]
async fn a_commit_of_which_nothing_is_known_is_looked_at_before_the_next() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await;
    append(&store, uplink(0, &[0.0])).await;
    commit_and_forget(&store, &mut *store.inner.tables.lock().await).await;
    append(&store, uplink(1, &[1.0])).await;
    store.flush().await.unwrap();
    assert_stored_once(folder.path(), &store, 2).await;
}

#[tokio::test]
async fn a_failed_commit_leaves_rows_in_the_log_and_no_files_behind() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await;
    append(&store, uplink(0, &[0.0])).await;
    // The log of the table is a file, so no commit can be written to it.
    let log = folder.path().join("tables/observations/_delta_log");
    let aside = folder.path().join("aside");
    fs::rename(&log, &aside).unwrap();
    fs::write(&log, b"").unwrap();
    for _ in 0..3 {
        assert!(store.flush().await.is_err());
    }
    assert_eq!(observations(&store).len(), 1);
    fs::remove_file(&log).unwrap();
    fs::rename(&aside, &log).unwrap();
    append(&store, uplink(1, &[1.0])).await;
    store.flush().await.unwrap();
    assert_stored_once(folder.path(), &store, 2).await;
    let named = store.snapshot().observations.files.len() + store.snapshot().uplinks.files.len();
    assert_eq!(parquet_files(folder.path()).len(), named, "every file is part of a table");
}

#[tokio::test]
async fn after_a_failed_sync_nothing_is_believed_and_the_log_is_kept() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await;
    append(&store, uplink(0, &[0.0])).await;
    let before = crash_copy(folder.path());
    {
        // The commit can be read, but it failed to reach the disk.
        let mut tables = store.inner.tables.lock().await;
        commit_and_forget(&store, &mut tables).await;
        tables.fail_sync(Table::Observations);
    }
    for _ in 0..2 {
        assert!(matches!(store.flush().await, Err(Error::Unsynced { table: "observations" })));
    }
    assert_eq!(observations(&store).len(), 1);
    // After a power cut the commit is gone; its rows are in the log.
    let cut = crash_copy(folder.path());
    fs::remove_dir_all(cut.path().join("tables")).unwrap();
    fs::rename(before.path().join("tables"), cut.path().join("tables")).unwrap();
    assert_eq!(observations(&open(cut.path()).await).len(), 1);
}

#[tokio::test]
async fn a_doubt_that_cannot_be_settled_stays() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await;
    append(&store, uplink(0, &[0.0])).await;
    let file = commit_and_forget(&store, &mut *store.inner.tables.lock().await).await;
    // The committed file cannot be read for a while.
    let aside = folder.path().join("aside");
    fs::rename(&file, &aside).unwrap();
    assert!(store.flush().await.is_err());
    fs::rename(&aside, &file).unwrap();
    // A later flush has a later version, under which the same rows would go in again.
    append(&store, uplink(1, &[1.0])).await;
    store.flush().await.unwrap();
    assert_stored_once(folder.path(), &store, 2).await;
}
