//! What happens between opening a data folder and the first query: files, checkpoint and log become one state again.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use stadtwarte_model::schema::Table;
use stadtwarte_model::{LogSequence, Observation, Timestamp};

use crate::Options;
use crate::activity;
use crate::batch;
use crate::batch::observation_at;
use crate::checkpoint::Checkpoint;
use crate::committer::remember;
use crate::counters::Counters;
use crate::damage;
use crate::data_file::{DataFile, Range};
use crate::dedup::{Foreign, Identity, Keys, Window};
use crate::error::Error;
use crate::file_writer::MAX_GROUP_BYTES;
use crate::folder::DataFolder;
use crate::import::Tables;
use crate::state::State;
use crate::table::StoredTable;
use crate::wal::{self, Record};

pub(crate) struct RecoveredStore {
    pub state: State,
    pub window: Window,
    pub tables: Tables,
    /// The sequence of the next record.
    pub next: LogSequence,
    /// About the size of the records that are in no file yet.
    pub unwritten_bytes: usize,
}

/// Records are made rows in parts of about this size: the offsets within a column reach to 2 GiB.
const PART_BYTES: usize = 64 << 20;

fn parts_of(mut records: &[Record]) -> impl Iterator<Item = &[Record]> {
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |record: &&Record| {
            bytes += record.entry.approximate_bytes();
            bytes <= PART_BYTES
        };
        // One record fits in any case.
        let count = records.iter().take_while(fits).count().max(1).min(records.len());
        let (part, rest) = records.split_at(count);
        records = rest;
        (!part.is_empty()).then_some(part)
    })
}

/// A table as it was opened, and the last record that it holds.
struct Opened {
    table: Table,
    stored: Option<StoredTable>,
    committed: LogSequence,
}

impl Opened {
    async fn open(table: Table, folder: &DataFolder, app_id: &str, create: bool) -> Result<Self, Error> {
        let stored = StoredTable::open(table, &folder.table(table), create).await?;
        let committed = match &stored {
            Some(stored) => stored.committed(app_id).await?,
            None => None,
        };
        Ok(Self { table, stored, committed: LogSequence::from_u64(committed.unwrap_or(0)) })
    }

    /// Goes back to before the commits of records after `end`.
    async fn rewind(&mut self, app_id: &str, end: LogSequence) -> Result<(), Error> {
        while let Some(stored) = self.stored.as_mut().filter(|_| self.committed > end) {
            stored.load_version_before().await?;
            self.committed = LogSequence::from_u64(stored.committed(app_id).await?.unwrap_or(0));
        }
        Ok(())
    }
}

/// Reads checkpoint and log and opens the tables. Writes nothing, except new empty tables when `is_writer`.
///
/// In this order: a reader beside the writing process finds in the tables what has left the log since. What the tables hold beyond the log
/// as it was read, they had not been given yet at that moment, so all of them are shown as they were then.
pub(crate) async fn recover(
    folder: &DataFolder,
    app_id: &str,
    options: &Options,
    is_writer: bool,
    counters: &Counters,
) -> Result<RecoveredStore, Error> {
    let checkpoint = Checkpoint::read(folder)?;
    let covered = checkpoint.as_ref().map_or(LogSequence::ZERO, |checkpoint| checkpoint.position);
    let read_log = || wal::read_all(&folder.wal(), wal::Writer::named(app_id));
    let mut log = read_log()?;
    let mut opened = Vec::new();
    for table in Table::ALL {
        opened.push(Opened::open(table, folder, app_id, is_writer).await?);
    }
    let newest = |opened: &[Opened]| opened.iter().map(|table| table.committed).fold(covered, LogSequence::max);
    // A log that has not got further since is not the past, it has lost its end.
    if !is_writer && newest(&opened) > log.end() && read_log()?.end() > log.end() {
        for table in &mut opened {
            table.rewind(app_id, log.end()).await?;
        }
    }
    let (position, needed_after) = (newest(&opened), opened.iter().map(|table| table.committed).fold(covered, LogSequence::min));
    log.forget_until(needed_after);
    for damage in &log.damage {
        tracing::error!(damage, "the write-ahead log is damaged; the records around the damage were kept");
    }
    counters.log_damage.add(log.damage.len() as u64);
    if log.oldest_segment_first.is_some_and(|first| first > position.next()) {
        return Err(Error::MissingLog { after: position });
    }
    let first_in_log = log.records.first().map_or(position, |record| LogSequence::from_u64(record.sequence.as_u64() - 1));
    let mut state = State::new(first_in_log.min(position), options.changes_rows);
    let files_until_ms = checkpoint.as_ref().map_or(i64::MIN, |checkpoint| checkpoint.files_until_ms);
    let has_checkpoint = checkpoint.is_some();
    if let Some(checkpoint) = checkpoint {
        checkpoint.restore(&mut state);
    }
    // Without a checkpoint, the uplinks in files and those only in the log are what activity is counted from.
    let mut counted = covered;
    let mut tables = Tables::default();
    let mut unwritten_bytes = 0;
    for Opened { table, stored, committed } in opened {
        let files = stored.as_ref().map_or(Ok(Vec::new()), StoredTable::files)?;
        tables.note_files(&files);
        let root = folder.table(table);
        let (mut files, mut damaged) = damage::sort_out(table, &root, files);
        // A file that cannot be read must not keep the others from being shown.
        let mut unreadable = |file: &DataFile, error| damage::blame(table, &root, file, error).map(|found| damaged.push(found));
        if table == Table::Observations {
            observe_files(&root, &files, files_until_ms, &mut state, &mut unreadable)?;
        }
        if table == Table::Uplinks && !has_checkpoint {
            state.activity = activity::of_files(&root, &files, &mut unreadable)?;
            counted = committed;
        }
        files.retain(|file| !damaged.iter().any(|damaged| damaged.file.path == file.path));
        state.table_mut(table).set_files(files);
        state.table_mut(table).damaged = damaged;
        let replayed = &log.records[log.records.partition_point(|record| record.sequence <= committed)..];
        unwritten_bytes = unwritten_bytes.max(replayed.iter().map(|record| record.entry.approximate_bytes()).sum());
        for part in parts_of(replayed) {
            let rows = rows_of(table, part).map_err(|source| Error::Arrow { table: table.name(), source })?;
            state.table_mut(table).hot.push(rows);
        }
        tables.set(table, stored);
    }
    let window = rebuild_window(folder, &state, &log.records, options.dedup_keys);
    let (last, end) = (log.last, log.end());
    follow_log(&mut state, log.records, counted);
    state.position = state.position.max(position).max(last);
    let next = state.position.max(end).next();
    Ok(RecoveredStore { state, window, tables, next, unwritten_bytes })
}

fn rows_of(table: Table, records: &[Record]) -> Result<RecordBatch, arrow::error::ArrowError> {
    match table {
        Table::Observations => batch::observations(&records.iter().flat_map(Record::observations).collect::<Vec<_>>()),
        Table::Uplinks => batch::uplinks(records),
        Table::Quarantine => batch::quarantine(records),
    }
}

/// Latest values, device activity and stream of the records in the log. The activity of those up to `counted` is known already, but
/// followers may still ask for them.
fn follow_log(state: &mut State, mut records: Vec<Record>, counted: LogSequence) {
    let fresh = records.split_off(records.partition_point(|record| record.sequence <= counted));
    for observation in records.iter().flat_map(Record::observations).map(Arc::new) {
        state.observe(&observation);
        state.changes.push(observation);
    }
    let observations = fresh.iter().flat_map(Record::observations).map(Arc::new).collect();
    state.follow(&fresh, observations);
}

/// Takes the newest observation of each datastream from files that the checkpoint does not cover.
fn observe_files(
    root: &Path,
    files: &[DataFile],
    covered_until_ms: i64,
    state: &mut State,
    unreadable: &mut dyn FnMut(&DataFile, Error) -> Result<(), Error>,
) -> Result<(), Error> {
    for file in files.iter().filter(|file| file.modified_ms > covered_until_ms) {
        let observed = each_batch(&root.join(&file.path), None, |batch| newest_of(batch).iter().for_each(|row| state.observe(row)));
        observed.or_else(|error| unreadable(file, error))?;
    }
    Ok(())
}

/// The newest observation of each datastream in each batch of some files.
pub(crate) fn newest_in(root: &Path, files: &[DataFile]) -> Result<Vec<Arc<Observation>>, Error> {
    let mut newest = Vec::new();
    for file in files {
        each_batch(&root.join(&file.path), None, |batch| newest.extend(newest_of(batch)))?;
    }
    Ok(newest)
}

/// The newest observation of each datastream in a batch that is sorted by datastream and time.
pub(crate) fn newest_of(batch: &RecordBatch) -> Vec<Arc<Observation>> {
    let datastreams = batch.column(1).as_primitive::<Int64Type>().values();
    let rows = batch.num_rows();
    let last_of_run = (0..rows).filter(|row| row + 1 == rows || datastreams[*row] != datastreams[*row + 1]);
    last_of_run.filter_map(|row| observation_at(batch, row)).map(Arc::new).collect()
}

/// What one record is recognised by.
struct KeyOf {
    sequence: LogSequence,
    keys: Keys,
    has_readings: bool,
}

/// The files of one table that keys are read from again.
struct KeySource<'a> {
    root: PathBuf,
    files: &'a [Arc<DataFile>],
    columns: &'static [&'static str],
    id: &'static str,
    keys: fn(&RecordBatch, usize) -> Option<Keys>,
    /// How much is read, newest first, in bytes of memory.
    max_bytes: u64,
}

/// Quarantined messages are read back whole; those that can still be sent again are among the newest.
const MAX_QUARANTINE_BYTES: u64 = 128 << 20;

/// The keys of the most recent messages, from files and log.
fn rebuild_window(folder: &DataFolder, state: &State, records: &[Record], max_keys: usize) -> Window {
    let mut window = Window::new(max_keys);
    if max_keys == 0 {
        return window;
    }
    let uplinks = KeySource {
        root: folder.table(Table::Uplinks),
        files: &state.table(Table::Uplinks).files,
        columns: &[
            "uplink_id",
            "source",
            "dev_eui",
            "deduplication_id",
            "session",
            "f_cnt",
            "f_port",
            "payload",
            "event_time",
            "time_source",
            "observations",
        ],
        id: "uplink_id",
        keys: uplink_keys_at,
        max_bytes: u64::MAX,
    };
    let quarantine = KeySource {
        root: folder.table(Table::Quarantine),
        files: &state.table(Table::Quarantine).files,
        columns: &["quarantine_id", "source", "topic", "raw"],
        id: "quarantine_id",
        keys: foreign_keys_at,
        max_bytes: MAX_QUARANTINE_BYTES,
    };
    let mut keys = uplinks.newest(max_keys);
    keys.extend(quarantine.newest(max_keys));
    keys.sort_by_key(|key| key.sequence);
    for KeyOf { sequence, keys, has_readings } in keys {
        window.insert(keys, sequence, has_readings);
    }
    for record in records {
        remember(&mut window, record);
    }
    window
}

/// The newest keys of those it is given, in bounded memory.
struct Newest {
    keys: Vec<KeyOf>,
    most: usize,
    /// Once there are enough, what is not newer than this is none of them.
    oldest: Option<LogSequence>,
}

impl Newest {
    fn extend(&mut self, keys: impl Iterator<Item = KeyOf>) {
        let oldest = self.oldest;
        self.keys.extend(keys.filter(|key| oldest.is_none_or(|oldest| key.sequence > oldest)));
        if self.keys.len() >= self.most.saturating_mul(2) {
            self.keep_most();
        }
    }

    fn keep_most(&mut self) {
        if self.keys.len() > self.most && self.most > 0 {
            let (_, oldest, _) = self.keys.select_nth_unstable_by_key(self.most - 1, |key| std::cmp::Reverse(key.sequence));
            self.oldest = Some(oldest.sequence);
            self.keys.truncate(self.most);
        }
    }

    fn finish(mut self) -> Vec<KeyOf> {
        self.keep_most();
        self.keys
    }
}

impl KeySource<'_> {
    fn newest(&self, max_keys: usize) -> Vec<KeyOf> {
        let newest_id = |file: &&Arc<DataFile>| match file.range(self.id) {
            Some(Range::Int(_, newest)) => *newest,
            _ => i64::MAX,
        };
        let mut by_age: Vec<&Arc<DataFile>> = self.files.iter().collect();
        by_age.sort_by_key(|file| std::cmp::Reverse(newest_id(file)));
        let mut bytes = 0_u64;
        // A message takes up to two keys.
        let mut newest = Newest { keys: Vec::new(), most: max_keys.div_ceil(2), oldest: None };
        for file in by_age {
            if newest.oldest.is_some_and(|oldest| newest_id(&file) < oldest.as_i64()) || bytes >= self.max_bytes {
                break;
            }
            let read = each_batch_while(&self.root.join(&file.path), Some(self.columns), |batch| {
                bytes = bytes.saturating_add(batch.get_array_memory_size() as u64);
                let readings = batch.column_by_name("observations").map(AsArray::as_primitive::<Int32Type>);
                newest.extend((0..batch.num_rows()).filter_map(|row| {
                    let has_readings = readings.is_some_and(|counts| counts.value(row) > 0);
                    Some(KeyOf { sequence: self.sequence_at(batch, row)?, keys: (self.keys)(batch, row)?, has_readings })
                }));
                bytes < self.max_bytes
            });
            if let Err(error) = read {
                tracing::error!(%error, file = file.path, "a file cannot be read; repeated deliveries of its messages are not recognised");
            }
        }
        newest.finish()
    }

    fn sequence_at(&self, batch: &RecordBatch, row: usize) -> Option<LogSequence> {
        let id = batch.column_by_name(self.id)?.as_primitive::<Int64Type>().value(row);
        u64::try_from(id).ok().map(LogSequence::from_u64)
    }
}

fn text_at<'a>(batch: &'a RecordBatch, name: &str, row: usize) -> Option<&'a str> {
    let values = batch.column_by_name(name)?.as_string::<i32>();
    values.is_valid(row).then(|| values.value(row))
}

fn uplink_keys_at(batch: &RecordBatch, row: usize) -> Option<Keys> {
    let text = |name: &str| text_at(batch, name, row);
    let f_cnt = batch.column_by_name("f_cnt")?.as_primitive::<Int64Type>();
    let f_port = batch.column_by_name("f_port")?.as_primitive::<Int32Type>();
    let event_time = batch.column_by_name("event_time")?.as_primitive::<TimestampMicrosecondType>();
    let identity = Identity {
        source: text("source")?,
        deduplication_id: text("deduplication_id"),
        dev_eui: text("dev_eui")?.parse().ok()?,
        session: text("session"),
        f_cnt: f_cnt.is_valid(row).then(|| u32::try_from(f_cnt.value(row)).ok()).flatten(),
        f_port: f_port.is_valid(row).then(|| u8::try_from(f_port.value(row)).ok()).flatten(),
        payload: batch.column_by_name("payload")?.as_binary::<i32>().value(row),
        event_time: Timestamp::from_micros(event_time.value(row)),
        time_source: text("time_source")?.parse().ok()?,
    };
    identity.keys()
}

fn foreign_keys_at(batch: &RecordBatch, row: usize) -> Option<Keys> {
    let raw = batch.column_by_name("raw")?.as_binary::<i32>().value(row);
    Some(Foreign { source: text_at(batch, "source", row)?, topic: text_at(batch, "topic", row)?, raw }.keys())
}

/// Rows that are read from a file at a time, and how much memory they may take.
const MOST_ROWS: usize = 1024;
const BATCH_BYTES: u64 = 16 << 20;

/// How many rows of a file take about `max_bytes` in memory; at most `most`.
pub(crate) fn batch_rows(file: &ParquetMetaData, most: usize, max_bytes: u64) -> usize {
    // Of the row group with the largest rows: a file may have both small and large ones. What a group says of its size is before values
    // are written out that it has only once; what it takes then was bounded when it was written.
    let of_group = |group: &RowGroupMetaData| {
        let bytes = group.total_byte_size().cast_unsigned().max(MAX_GROUP_BYTES as u64);
        let rows = group.num_rows().max(1).cast_unsigned();
        usize::try_from(max_bytes.saturating_mul(rows) / bytes).unwrap_or(usize::MAX)
    };
    file.row_groups().iter().map(of_group).min().unwrap_or(most).clamp(1, most)
}

/// Reads a Parquet file batch by batch, all columns or only some.
pub(crate) fn each_batch(path: &Path, columns: Option<&[&str]>, mut take: impl FnMut(&RecordBatch)) -> Result<(), Error> {
    each_batch_while(path, columns, |batch| {
        take(batch);
        true
    })
}

/// Reads a Parquet file batch by batch for as long as `take` wants more.
fn each_batch_while(path: &Path, columns: Option<&[&str]>, mut take: impl FnMut(&RecordBatch) -> bool) -> Result<(), Error> {
    let parquet = |source| Error::Parquet { path: path.to_owned(), source };
    let file = File::open(path).map_err(Error::io(path))?;
    let mut builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(parquet)?;
    if let Some(columns) = columns {
        let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
        builder = builder.with_projection(mask);
    }
    let rows = batch_rows(builder.metadata(), MOST_ROWS, BATCH_BYTES);
    for batch in builder.with_batch_size(rows).build().map_err(parquet)? {
        if !take(&batch.map_err(|source| Error::Arrow { table: "file", source })?) {
            break;
        }
    }
    Ok(())
}
