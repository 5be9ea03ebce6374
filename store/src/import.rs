//! Bulk import of history, straight into sorted files, past the log.
//!
//! An import is a named sequence of chunks. Each chunk is one Delta commit whose `txn` carries the import's name and the chunk's number,
//! so repeating an import, whole or after a crash, adds nothing twice.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array};
use stadtwarte_model::partition::{Partition, Partitioner};
use stadtwarte_model::schema::Table;
use stadtwarte_model::{DatastreamId, Observation, ObservationId, Position, Timestamp};

use crate::Store;
use crate::data_file::{DataFile, Range};
use crate::error::Error;
use crate::file_writer::{discard, write_file};
use crate::recover::newest_of;
use crate::table::{Commit, StoredTable};

/// One numeric reading of history.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImportRow {
    /// Which datastream it belongs to.
    pub datastream_id: DatastreamId,
    /// When it was true.
    pub phenomenon_time: Timestamp,
    /// The value, in the datastream's unit.
    pub result: f64,
    /// Where it was measured.
    pub position: Option<Position>,
}

/// What became of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportOutcome {
    /// This many rows are stored now.
    Imported(u64),
    /// The chunk had been imported before.
    AlreadyThere,
}

/// The open Delta tables, and what successive commits to them must know of each other.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    stored: [Option<StoredTable>; 3],
    /// Tables whose last commit failed: it may have been made all the same.
    in_doubt: [bool; 3],
    last_modified_ms: i64,
    /// How many rows have been imported ever, so the number of the next; shared, because imports may run side by side.
    imported: Arc<AtomicU64>,
}

impl Tables {
    pub fn set(&mut self, table: Table, stored: Option<StoredTable>) {
        self.stored[table as usize] = stored;
    }

    /// Takes note of files found at start.
    pub fn note_files<'f>(&mut self, files: impl IntoIterator<Item = &'f DataFile>) {
        for file in files {
            self.last_modified_ms = self.last_modified_ms.max(file.modified_ms);
            if let Some(Range::Int(_, greatest)) = file.range("id") {
                let number = greatest - ObservationId::FIRST_IMPORTED.as_i64() + 1;
                self.imported.fetch_max(u64::try_from(number).unwrap_or(0), Ordering::Relaxed);
            }
        }
    }

    /// Whether a sync has failed, after which nothing can be committed by this process any more.
    pub fn has_failed_disk(&self) -> bool {
        self.stored.iter().flatten().any(StoredTable::has_failed_disk)
    }

    /// The write time of the newest file.
    pub fn last_modified_ms(&self) -> i64 {
        self.last_modified_ms
    }

    /// Commits files below `root` under `app_id` and `version` and returns them as they are then. `None` when that version has been
    /// committed before; what the table holds is to be settled then. Files that did not become part of the table are removed.
    pub async fn commit(
        &mut self,
        table: Table,
        root: &Path,
        mut files: Vec<DataFile>,
        app_id: &str,
        version: u64,
    ) -> Result<Option<Vec<Arc<DataFile>>>, Error> {
        // Write times grow from commit to commit, also when the clock steps back: checkpoints tell covered files by them.
        let modified_ms = files.iter().map(|file| file.modified_ms).max().unwrap_or(0).max(self.last_modified_ms + 1);
        for file in &mut files {
            file.modified_ms = modified_ms;
        }
        let stored = self.stored[table as usize].as_mut().ok_or(Error::ReadOnly)?;
        self.in_doubt[table as usize] = true;
        match stored.commit(&files, app_id, version).await? {
            Commit::Made => {}
            Commit::AlreadyThere => {
                discard(root, &files);
                return Ok(None);
            }
            Commit::NotMade(error) => {
                self.in_doubt[table as usize] = false;
                discard(root, &files);
                return Err(error);
            }
        }
        self.in_doubt[table as usize] = false;
        self.last_modified_ms = modified_ms;
        Ok(Some(files.into_iter().map(Arc::new).collect()))
    }

    /// Puts `file` in the place of others, in one commit.
    pub async fn replace(
        &mut self,
        table: Table,
        root: &Path,
        replaced: &[Arc<DataFile>],
        mut file: DataFile,
        now: Timestamp,
    ) -> Result<Arc<DataFile>, Error> {
        file.modified_ms = file.modified_ms.max(self.last_modified_ms + 1);
        let stored = self.stored[table as usize].as_mut().ok_or(Error::ReadOnly)?;
        self.in_doubt[table as usize] = true;
        if let Commit::NotMade(error) = stored.replace(replaced, &file, now).await? {
            self.in_doubt[table as usize] = false;
            discard(root, std::slice::from_ref(&file));
            return Err(error);
        }
        self.in_doubt[table as usize] = false;
        self.last_modified_ms = file.modified_ms;
        Ok(Arc::new(file))
    }

    /// As if the last commit had failed before its outcome and its time were noted.
    #[cfg(test)]
    pub fn doubt(&mut self, table: Table, last_modified_ms: i64) {
        self.in_doubt[table as usize] = true;
        self.last_modified_ms = last_modified_ms;
    }

    #[cfg(test)]
    pub fn fail_sync(&self, table: Table) {
        self.stored[table as usize].as_ref().unwrap().disk().fail();
    }

    /// After a failed commit, what the table really holds: all its files, and the version that `app_id` has committed. It stays in doubt
    /// until [`Tables::settled`].
    pub async fn look(&mut self, table: Table, app_id: &str) -> Result<Option<(Vec<DataFile>, Option<u64>)>, Error> {
        let Some(stored) = self.stored[table as usize].as_mut().filter(|_| self.in_doubt[table as usize]) else { return Ok(None) };
        stored.refresh().await?;
        Ok(Some((stored.files()?, stored.committed(app_id).await?)))
    }

    /// What [`Tables::look`] found is what everybody sees now.
    pub fn settled<'f>(&mut self, table: Table, files: impl IntoIterator<Item = &'f DataFile>) {
        self.in_doubt[table as usize] = false;
        self.note_files(files);
    }
}

impl Store {
    /// Imports one chunk of `import`. Chunks are numbered from 0, in order.
    ///
    /// The rows come in parts, and only one part at a time is in memory: files are best where a part is a day or a few. Parts are taken
    /// on a thread for blocking work. All rows of the chunk become visible together, in files and latest values; they are not part of
    /// the live stream.
    ///
    /// # Errors
    /// When files or commit cannot be written; nothing of the chunk is visible then.
    pub async fn import(
        &self,
        import: &str,
        chunk: u64,
        parts: impl Iterator<Item = Vec<ImportRow>> + Send + 'static,
    ) -> Result<ImportOutcome, Error> {
        let app_id = format!("import/{import}");
        let version = chunk + 1;
        let received_at = self.inner.clock.now();
        let imported = {
            let mut tables = self.inner.tables.lock().await;
            self.settle(&mut tables, Table::Observations).await?;
            let stored = tables.stored[Table::Observations as usize].as_ref().ok_or(Error::ReadOnly)?;
            if stored.has_committed(&app_id, version).await? {
                return Ok(ImportOutcome::AlreadyThere);
            }
            Arc::clone(&tables.imported)
        };
        // Sorting and writing run beside flushes and other imports; only the commit waits its turn.
        let root = self.inner.folder.table(Table::Observations);
        let written = tokio::task::spawn_blocking(move || {
            let mut chunk = WrittenChunk::default();
            let mut parts = parts;
            match parts.try_for_each(|rows| chunk.write(&root, rows, &imported, received_at)) {
                Ok(()) => Ok(chunk),
                Err(error) => {
                    discard(&root, &chunk.files);
                    Err(error)
                }
            }
        });
        let WrittenChunk { files, newest, rows } = written.await.map_err(|_| Error::Closed)??;
        let mut tables = self.inner.tables.lock().await;
        self.settle(&mut tables, Table::Observations).await?;
        let root = self.inner.folder.table(Table::Observations);
        let Some(files) = tables.commit(Table::Observations, &root, files, &app_id, version).await? else {
            self.settle(&mut tables, Table::Observations).await?;
            return Ok(ImportOutcome::AlreadyThere);
        };
        let mut state = self.write_state();
        state.table_mut(Table::Observations).add_files(files);
        for observation in newest.values() {
            state.observe(observation);
        }
        state.imports += 1;
        drop(state);
        self.inner.counters.imported.add(rows);
        Ok(ImportOutcome::Imported(rows))
    }
}

/// What has been written of a chunk that is not committed yet.
#[derive(Default)]
struct WrittenChunk {
    files: Vec<DataFile>,
    /// The newest observation of each datastream.
    newest: HashMap<DatastreamId, Arc<Observation>>,
    rows: u64,
}

impl WrittenChunk {
    fn write(&mut self, root: &Path, mut rows: Vec<ImportRow>, imported: &AtomicU64, received_at: Timestamp) -> Result<(), Error> {
        let failed = |source| Error::Arrow { table: Table::Observations.name(), source };
        // In the order of the files, so that each is written from its part alone.
        let mut partitions = Partitioner::new(received_at.date());
        let mut partition_of = |row: &ImportRow| partitions.of(row.phenomenon_time.date());
        rows.sort_by_cached_key(|row| (partition_of(row), row.datastream_id, row.phenomenon_time));
        for part in rows.chunk_by(|one, other| partition_of(one) == partition_of(other)) {
            let count = part.len() as u64;
            let first = imported.fetch_add(count, Ordering::Relaxed);
            let batch = to_batch(part, first, received_at).map_err(failed)?;
            let partition = Partition::of(part[0].phenomenon_time.date(), received_at.date());
            self.files.push(write_file(Table::Observations, root, partition, &batch, received_at)?);
            self.rows += count;
            for observation in newest_of(&batch) {
                let known = self.newest.entry(observation.datastream_id).or_insert_with(|| Arc::clone(&observation));
                if (known.phenomenon_time, known.id) < (observation.phenomenon_time, observation.id) {
                    *known = observation;
                }
            }
        }
        Ok(())
    }
}

fn to_batch(rows: &[ImportRow], first: u64, received_at: Timestamp) -> Result<RecordBatch, arrow::error::ArrowError> {
    let schema = Table::Observations.schema();
    let nulls = |column: usize| new_null_array(schema.field(column).data_type(), rows.len());
    let times = |times: TimestampMicrosecondArray| -> ArrayRef { Arc::new(times.with_timezone("UTC")) };
    let ids = (first..).filter_map(ObservationId::imported).map(ObservationId::as_i64).take(rows.len());
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(ids)),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.datastream_id.as_i64()))),
        times(TimestampMicrosecondArray::from_iter_values(rows.iter().map(|row| row.phenomenon_time.as_micros()))),
        nulls(3),
        nulls(4),
        times(TimestampMicrosecondArray::from_value(received_at.as_micros(), rows.len())),
        Arc::new(Float64Array::from_iter_values(rows.iter().map(|row| row.result))),
        nulls(7),
        nulls(8),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|_| "good"))),
        Arc::new(Float64Array::from_iter(rows.iter().map(|row| row.position.map(|place| place.lon_deg)))),
        Arc::new(Float64Array::from_iter(rows.iter().map(|row| row.position.map(|place| place.lat_deg)))),
    ];
    RecordBatch::try_new(schema, columns)
}
