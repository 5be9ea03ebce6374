//! From hot rows to files: the step after which the log may forget.
//!
//! ```text
//! seal (new segment, hot rows set aside) ─▶ files on disk ─▶ Delta commit with the log position in its txn ─▶ checkpoint ─▶ release log
//! ```
//! Killed anywhere, the log still has what no commit names, and the `txn` tells what it need not replay. A failed flush leaves the rows
//! where they were: visible, and in the log; the next one takes them along.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use stadtwarte_model::LogSequence;
use stadtwarte_model::schema::Table;
use tokio::sync::oneshot;

use crate::Store;
use crate::checkpoint::Checkpoint;
use crate::committer::{Command, Cut};
use crate::data_file::{DataFile, write_partitioned};
use crate::error::Error;
use crate::import::Tables;
use crate::recover::newest_in;
use crate::wal::Wal;

impl Store {
    /// Writes all hot rows to files and releases the log. Returns the last record that is in files now.
    ///
    /// # Errors
    /// When files, commit or checkpoint cannot be written. Nothing is lost then.
    pub async fn flush(&self) -> Result<LogSequence, Error> {
        // One flush or import commit at a time.
        let mut tables = self.inner.tables.lock().await;
        let Cut { sequence: sealed, unwritten_bytes } = self.seal().await?;
        for table in Table::ALL {
            self.settle(&mut tables, table).await?;
            self.flush_table(&mut tables, table, sealed).await?;
        }
        self.inner.unwritten.send_modify(|unwritten| *unwritten = unwritten.saturating_sub(unwritten_bytes));
        // What is in files the log need not hold, whether or not there is a checkpoint: it only makes the next start shorter.
        let checkpoint = self.write_checkpoint(&tables).await;
        Wal::release(&self.inner.folder.wal(), sealed)?;
        checkpoint?;
        self.inner.counters.flushes.add(1);
        Ok(sealed)
    }

    pub(crate) async fn seal(&self) -> Result<Cut, Error> {
        let queue = self.inner.queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone().ok_or(Error::Closed)?;
        let (answer, sealed) = oneshot::channel();
        queue.send(Command::Seal(answer)).await.map_err(|_| Error::Closed)?;
        sealed.await.map_err(|_| Error::Closed)
    }

    async fn flush_table(&self, tables: &mut Tables, table: Table, sealed: LogSequence) -> Result<(), Error> {
        let batches: Vec<RecordBatch> =
            self.read_state().table(table).flushing.iter().flat_map(|sealed| sealed.rows.batches()).cloned().collect();
        if batches.is_empty() {
            return Ok(());
        }
        let (root, now) = (self.inner.folder.table(table), self.inner.clock.now());
        let below = root.clone();
        let written = tokio::task::spawn_blocking(move || write_partitioned(table, &below, &batches, now)).await;
        let files = written.map_err(|_| Error::Closed)??;
        let Some(files) = tables.commit(table, &root, files, &self.inner.app_id, sealed.as_u64()).await? else {
            return self.settle(tables, table).await;
        };
        let mut state = self.write_state();
        let rows = state.table_mut(table);
        // One lock for both sides: a row is in the files or hot, never in both or neither.
        rows.flushing.clear();
        rows.add_files(files);
        Ok(())
    }

    /// Finds out whether a commit that failed was made all the same, and if so, lets its rows be in the files only.
    pub(crate) async fn settle(&self, tables: &mut Tables, table: Table) -> Result<(), Error> {
        let Some((files, committed)) = tables.look(table, &self.inner.app_id).await? else { return Ok(()) };
        let known: HashSet<String> = self.read_state().table(table).files.iter().map(|file| file.path.clone()).collect();
        let new: Vec<DataFile> = files.iter().filter(|file| !known.contains(&file.path)).cloned().collect();
        let (root, is_changed) = (self.inner.folder.table(table), !new.is_empty());
        let newest = match table {
            Table::Observations => tokio::task::spawn_blocking(move || newest_in(&root, &new)).await.map_err(|_| Error::Closed)??,
            Table::Uplinks | Table::Quarantine => Vec::new(),
        };
        let mut state = self.write_state();
        for observation in &newest {
            state.observe(observation);
        }
        let rows = state.table_mut(table);
        rows.flushing.retain(|sealed| committed.is_none_or(|committed| sealed.until.as_u64() > committed));
        rows.set_files(files);
        let files = Arc::clone(&rows.files);
        // They may come from an import, which shows in nothing else.
        state.imports += u64::from(is_changed);
        drop(state);
        tables.settled(table, files.iter().map(Arc::as_ref));
        Ok(())
    }

    pub(crate) async fn write_checkpoint(&self, tables: &Tables) -> Result<(), Error> {
        let checkpoint = Checkpoint::of(&self.read_state(), tables.last_modified_ms());
        let folder = self.inner.folder.clone();
        tokio::task::spawn_blocking(move || checkpoint.write(&folder)).await.map_err(|_| Error::Closed)?
    }

    /// Looks how full the disk is; a disk that does not answer must not hold up anything else.
    async fn look_for_room(&self) {
        let (room, counters) = (Arc::clone(&self.inner.room), Arc::clone(&self.inner.counters));
        // A panic has been reported.
        let _ = tokio::task::spawn_blocking(move || room.look(&counters)).await;
    }

    /// Flushes whenever it is time, until `shutdown` resolves. Failures are logged, counted and tried again.
    pub async fn flush_regularly(&self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = std::pin::pin!(shutdown);
        let mut ticks_since_flush = 0_u32;
        loop {
            tokio::select! {
                () = &mut shutdown => return,
                () = tokio::time::sleep(Duration::from_secs(1)) => ticks_since_flush += 1,
            }
            self.look_for_room().await;
            let (rows, options) = (self.hot_rows(), &self.inner.options);
            let due = Duration::from_secs(ticks_since_flush.into()) >= options.flush_interval && rows > 0;
            if !due && rows < options.flush_rows && self.unwritten_bytes() < options.flush_bytes {
                continue;
            }
            ticks_since_flush = 0;
            if let Err(error) = self.flush().await {
                self.inner.counters.flush_failures.add(1);
                if self.inner.tables.lock().await.has_failed_disk() {
                    tracing::error!("a table's log failed to reach the disk; only a restart can tell what is there");
                    self.inner.failed.send_replace(true);
                }
                tracing::error!(%error, hot_rows = rows, "writing files failed; the rows stay in the log and will be tried again");
            }
        }
    }
}
