//! What queries see: the one place where a commit becomes visible, to all tables at the same moment.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use imbl::{HashMap, OrdMap};
use serde::{Deserialize, Serialize};
use stadtwarte_model::schema::Table;
use stadtwarte_model::{DatastreamId, DevEui, LogSequence, Observation, ObservationId, Timestamp};

use crate::batch;
use crate::changes::Ring;
use crate::damage::{self, Damaged};
use crate::data_file::DataFile;
use crate::hot::HotRows;
use crate::registry::RegistryState;
use crate::wal::Record;

/// The newest observation of every datastream, by phenomenon time.
pub type Latest = OrdMap<DatastreamId, Arc<Observation>>;

/// What is known of a device from its uplinks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeviceActivity {
    /// When its newest uplink was received.
    pub last_seen: Timestamp,
    /// How many uplinks were stored, duplicates not counted.
    pub uplinks: u64,
    /// The frame counter of its newest uplink.
    pub f_cnt: Option<u32>,
    /// Signal strength at the best gateway, dBm.
    pub rssi_dbm: Option<f64>,
    /// Signal-to-noise ratio at the best gateway, dB.
    pub snr_db: Option<f64>,
}

/// The rows of one table at one moment: files and, besides, rows that are only in the log yet.
#[derive(Debug, Clone)]
pub struct TableSnapshot {
    /// Which table.
    pub table: Table,
    /// The folder that the files' paths start from.
    pub root: PathBuf,
    /// Its files.
    pub files: Arc<Vec<Arc<DataFile>>>,
    /// Its rows that are in no file yet; disjoint from the files' rows.
    pub hot: Vec<RecordBatch>,
}

impl TableSnapshot {
    /// The exact number of rows.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum::<u64>() + self.hot.iter().map(|batch| batch.num_rows() as u64).sum::<u64>()
    }
}

/// Everything at one moment. Cheap to take; stays as it is for as long as it is held.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The last log record that is part of it.
    pub position: LogSequence,
    /// The observations.
    pub observations: TableSnapshot,
    /// The uplinks.
    pub uplinks: TableSnapshot,
    /// The quarantine.
    pub quarantine: TableSnapshot,
    /// The newest observation of every datastream.
    pub latest: Latest,
    /// What is known of each device from its uplinks.
    pub activity: HashMap<DevEui, DeviceActivity>,
    /// How many imports have changed it since the start: they are no part of the log, so `position` does not tell.
    pub imports: u64,
    /// Things, datastreams and all that describes them; at least as new as the observations.
    pub registry: Arc<RegistryState>,
}

impl Snapshot {
    /// The position in the stream of observations that this snapshot reaches to.
    #[must_use]
    pub fn stream_position(&self) -> ObservationId {
        ObservationId::last_of(self.position)
    }

    /// Lets go of the rows of all tables; latest values and registry stay.
    pub fn clear_tables(&mut self) {
        for table in [&mut self.observations, &mut self.uplinks, &mut self.quarantine] {
            table.files = Arc::default();
            table.hot.clear();
        }
    }

    /// The rows of one table.
    #[must_use]
    pub fn table(&self, table: Table) -> &TableSnapshot {
        match table {
            Table::Observations => &self.observations,
            Table::Uplinks => &self.uplinks,
            Table::Quarantine => &self.quarantine,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct TableState {
    pub files: Arc<Vec<Arc<DataFile>>>,
    /// Files of the table that are left out.
    pub damaged: Vec<Damaged>,
    /// Rows that are being written to files; still queried from here until their commit. Oldest first.
    pub flushing: Vec<Sealed>,
    pub hot: HotRows,
}

/// Rows set aside together to be written to files.
#[derive(Debug)]
pub(crate) struct Sealed {
    /// The last record they come from.
    pub until: LogSequence,
    pub rows: HotRows,
}

impl TableState {
    /// Adds files to those there are.
    pub fn add_files(&mut self, files: impl IntoIterator<Item = Arc<DataFile>>) {
        self.files = Arc::new(self.files.iter().cloned().chain(files).collect());
    }

    /// Makes these all files there are, without the damaged ones. Those that are known already stay the same, so that it can be told who
    /// reads them.
    pub fn set_files(&mut self, mut files: Vec<DataFile>) {
        self.damaged.retain(|damaged| files.iter().any(|file| file.path == damaged.file.path));
        files.retain(|file| !self.damaged.iter().any(|damaged| damaged.file.path == file.path));
        let known: std::collections::HashMap<&str, &Arc<DataFile>> = self.files.iter().map(|file| (file.path.as_str(), file)).collect();
        let files = files.into_iter().map(|file| known.get(file.path.as_str()).map_or_else(|| Arc::new(file), |known| Arc::clone(known)));
        self.files = Arc::new(files.collect());
    }

    /// Takes note of how a file was found.
    pub fn note_examined(&mut self, table: Table, file: &Arc<DataFile>, outcome: Result<(), String>) {
        let is_same = |other: &Arc<DataFile>| other.path == file.path;
        let damaged = self.damaged.iter().position(|damaged| is_same(&damaged.file));
        match (damaged, outcome) {
            (None, Err(reason)) if self.files.iter().any(is_same) => {
                self.files = Arc::new(self.files.iter().filter(|other| !is_same(other)).cloned().collect());
                self.damaged.push(damage::note(table, Arc::clone(file), reason));
            }
            (Some(index), Ok(())) => {
                let Damaged { file, .. } = self.damaged.swap_remove(index);
                tracing::info!(table = table.name(), file = file.path, "a file is well again; its rows are back");
                self.add_files([file]);
            }
            _ => {}
        }
    }

    /// All rows that are in no file yet, oldest first.
    pub fn unwritten(&self) -> impl Iterator<Item = &RecordBatch> {
        self.flushing.iter().flat_map(|sealed| sealed.rows.batches()).chain(self.hot.batches())
    }
}

/// A group of records, turned into rows before the lock is taken.
pub(crate) struct Group {
    records: Vec<Record>,
    observations: Vec<Arc<Observation>>,
    batches: [RecordBatch; 3],
}

impl Group {
    pub fn new(records: Vec<Record>) -> Result<Self, ArrowError> {
        let uplinks = batch::uplinks(&records)?;
        let quarantine = batch::quarantine(&records)?;
        let rows: Vec<Observation> = records.iter().flat_map(Record::observations).collect();
        let observations = batch::observations(&rows)?;
        Ok(Self { records, observations: rows.into_iter().map(Arc::new).collect(), batches: [observations, uplinks, quarantine] })
    }

    pub fn observation_count(&self) -> u64 {
        self.observations.len() as u64
    }
}

/// The mutable whole behind the lock.
#[derive(Debug)]
pub(crate) struct State {
    pub position: LogSequence,
    tables: [TableState; 3],
    pub latest: Latest,
    pub activity: HashMap<DevEui, DeviceActivity>,
    pub imports: u64,
    pub changes: Ring,
}

impl State {
    pub fn new(position: LogSequence, max_changes: usize) -> Self {
        Self {
            position,
            tables: Default::default(),
            latest: Latest::new(),
            activity: HashMap::new(),
            imports: 0,
            changes: Ring::new(max_changes, ObservationId::last_of(position)),
        }
    }

    pub fn damaged(&self) -> impl Iterator<Item = &Damaged> {
        self.tables.iter().flat_map(|table| &table.damaged)
    }

    pub fn table(&self, table: Table) -> &TableState {
        &self.tables[index(table)]
    }

    pub fn table_mut(&mut self, table: Table) -> &mut TableState {
        &mut self.tables[index(table)]
    }

    /// Makes a group visible in every table, the latest values and the stream.
    pub fn publish(&mut self, group: Group) {
        let Group { records, observations, batches } = group;
        for (state, batch) in self.tables.iter_mut().zip(batches) {
            state.hot.push(batch);
        }
        self.follow(&records, observations);
    }

    /// The part of [`State::publish`] that is not rows: latest values, device activity, stream, position.
    pub fn follow(&mut self, records: &[Record], observations: Vec<Arc<Observation>>) {
        for observation in observations {
            self.observe(&observation);
            self.changes.push(observation);
        }
        for record in records {
            self.note_activity(record);
            self.position = self.position.max(record.sequence);
        }
    }

    /// Takes an observation as the latest of its datastream unless a newer one is known.
    pub fn observe(&mut self, observation: &Arc<Observation>) {
        let order = |row: &Observation| (row.phenomenon_time, row.id);
        let newer = self.latest.get(&observation.datastream_id).is_none_or(|known| order(known) < order(observation));
        if newer {
            self.latest.insert(observation.datastream_id, Arc::clone(observation));
        }
    }

    fn note_activity(&mut self, record: &Record) {
        let Some(uplink) = record.entry.uplink.as_ref().filter(|_| record.duplicate_of.is_none()) else { return };
        let best = uplink.receptions.first();
        let known = self.activity.get(&uplink.dev_eui).map_or(0, |activity| activity.uplinks);
        let activity = DeviceActivity {
            last_seen: record.entry.received_at,
            uplinks: known + 1,
            f_cnt: uplink.f_cnt,
            rssi_dbm: best.and_then(|best| best.rssi_dbm),
            snr_db: best.and_then(|best| best.snr_db),
        };
        self.activity.insert(uplink.dev_eui, activity);
    }

    /// Moves the hot rows aside so that they can be written to files; they stay visible.
    pub fn seal(&mut self) {
        for table in &mut self.tables {
            let rows = std::mem::take(&mut table.hot);
            if rows.rows() > 0 {
                table.flushing.push(Sealed { until: self.position, rows });
            }
        }
    }

    /// How many rows are in no file yet.
    pub fn hot_rows(&self) -> usize {
        self.tables.iter().flat_map(TableState::unwritten).map(RecordBatch::num_rows).sum()
    }
}

fn index(table: Table) -> usize {
    match table {
        Table::Observations => 0,
        Table::Uplinks => 1,
        Table::Quarantine => 2,
    }
}
