//! A Delta Lake table: opening, creating, and the one commit that makes files part of it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use deltalake_core::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake_core::kernel::transaction::CommitProperties;
use deltalake_core::kernel::transaction::{CommitBuilder, TableReference};
use deltalake_core::kernel::{Action, Add, Remove, StructType, Transaction};
use deltalake_core::operations::create::CreateBuilder;
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use deltalake_core::{DeltaTable, DeltaTableBuilder, DeltaTableError};
use stadtwarte_model::Timestamp;
use stadtwarte_model::partition::{self, Partition};
use stadtwarte_model::schema::Table;
use url::Url;

use crate::data_file::DataFile;
use crate::durable::DurableFileSystem;
use crate::error::Error;
use crate::folder::sync_dir;

/// Whether a log folder holds anything that a table can be opened from. Early commits may be gone once checkpoints cover them.
fn has_commits(log: &Path) -> bool {
    let is_part = |name: &std::ffi::OsStr| Path::new(name).extension().is_some_and(|kind| kind == "json" || kind == "parquet");
    std::fs::read_dir(log).is_ok_and(|entries| entries.flatten().any(|entry| is_part(&entry.file_name())))
}

/// What became of a commit.
#[derive(Debug)]
pub(crate) enum Commit {
    /// The files are part of the table now.
    Made,
    /// The application had committed this version before; nothing was added.
    AlreadyThere,
    /// It failed, and the table is as it was.
    NotMade(Error),
}

/// An open Delta table. Only the store writes to it.
#[derive(Debug)]
pub(crate) struct StoredTable {
    table: Table,
    delta: DeltaTable,
    disk: DurableFileSystem,
}

impl StoredTable {
    /// Opens the table at `root`, creating it when there is none and `create` allows.
    pub async fn open(table: Table, root: &Path, create: bool) -> Result<Option<Self>, Error> {
        let failed = |source| Error::Delta { table: table.name(), source: Box::new(source) };
        let is_new = !has_commits(&root.join("_delta_log"));
        if is_new && !create {
            return Ok(None);
        }
        std::fs::create_dir_all(root).map_err(Error::io(root))?;
        if let (true, Some(above)) = (create, root.parent()) {
            sync_dir(above)?;
        }
        let location = Url::from_directory_path(std::path::absolute(root).map_err(Error::io(root))?)
            .map_err(|()| failed(DeltaTableError::generic("the data folder's path is no URL")))?;
        let disk = DurableFileSystem::new();
        let builder = DeltaTableBuilder::from_url(location.clone()).map_err(failed)?.with_storage_backend(Arc::new(disk.clone()), location);
        let mut delta = builder.build().map_err(failed)?;
        if is_new {
            delta = Self::create(table, &delta).await.map_err(failed)?;
        } else {
            delta.load().await.map_err(failed)?;
        }
        Ok(Some(Self { table, delta, disk }))
    }

    async fn create(table: Table, unborn: &DeltaTable) -> Result<DeltaTable, DeltaTableError> {
        let mut schema = arrow::datatypes::SchemaBuilder::from(table.schema().as_ref());
        schema.push(arrow::datatypes::Field::new(partition::COLUMN, arrow::datatypes::DataType::Date32, false));
        let schema: StructType = (&schema.finish()).try_into_kernel()?;
        CreateBuilder::new()
            .with_log_store(unborn.log_store())
            .with_table_name(table.name())
            .with_columns(schema.fields().cloned())
            .with_partition_columns([partition::COLUMN])
            .with_save_mode(SaveMode::ErrorIfExists)
            .await
    }

    /// The files that are part of the table now.
    pub fn files(&self) -> Result<Vec<DataFile>, Error> {
        let state = self.delta.snapshot().map_err(Error::delta(self.table.name()))?;
        Ok(state.log_data().iter().map(|file| self.data_file(&file)).collect())
    }

    fn data_file(&self, file: &deltalake_core::kernel::LogicalFileView) -> DataFile {
        let stats = file.stats().and_then(|stats| DataFile::parse_delta_stats(&stats, &self.table.schema()));
        // Files that another Delta writer added may lack statistics: they are read whole.
        let (rows, stats) = stats.unwrap_or_else(|| (file.num_records().unwrap_or(0) as u64, Vec::new()));
        let date = file.partition_values_map().get(partition::COLUMN).cloned().flatten();
        let date = date.and_then(|date| date.parse().ok()).unwrap_or(stadtwarte_model::Date::from_days(0));
        DataFile {
            path: file.path().into_owned(),
            bytes: u64::try_from(file.size()).unwrap_or(0),
            rows,
            partition: Partition { date },
            modified_ms: file.modification_time(),
            stats,
        }
    }

    /// The version that application `app_id` has committed last.
    pub async fn committed(&self, app_id: &str) -> Result<Option<u64>, Error> {
        let failed = Error::delta(self.table.name());
        let state = self.delta.snapshot().map_err(Error::delta(self.table.name()))?;
        let version = state.transaction_version(self.delta.log_store().as_ref(), app_id).await.map_err(failed)?;
        Ok(version.and_then(|version| u64::try_from(version).ok()))
    }

    /// Whether `app_id` has committed `version` or a later one.
    pub async fn has_committed(&self, app_id: &str, version: u64) -> Result<bool, Error> {
        Ok(self.committed(app_id).await?.is_some_and(|committed| committed >= version))
    }

    /// Takes note of what has been committed.
    ///
    /// # Errors
    /// `Unsynced` once a sync has failed: what can be read then need not be on disk, so nothing may be concluded from it.
    pub async fn refresh(&mut self) -> Result<(), Error> {
        if self.disk.has_failed() {
            return Err(Error::Unsynced { table: self.table.name() });
        }
        self.delta.update_state().await.map_err(Error::delta(self.table.name()))
    }

    /// Takes back the last commit, for this reader only.
    pub async fn load_version_before(&mut self) -> Result<(), Error> {
        let failed = Error::delta(self.table.name());
        let version = self.delta.version().and_then(|version| version.checked_sub(1));
        let version = version.ok_or(DeltaTableError::generic("there is no version before the first"));
        match version {
            Ok(version) => self.delta.load_version(version).await.map_err(failed),
            Err(error) => Err(failed(error)),
        }
    }

    /// Whether a sync has failed.
    pub fn has_failed_disk(&self) -> bool {
        self.disk.has_failed()
    }

    #[cfg(test)]
    pub fn disk(&self) -> &DurableFileSystem {
        &self.disk
    }

    async fn refresh_and_look(&mut self, app_id: &str, version: u64) -> Result<bool, Error> {
        self.refresh().await?;
        self.has_committed(app_id, version).await
    }

    /// Makes `files` part of the table, and `version` the version of `app_id`, in one atomic commit.
    ///
    /// Idempotent: when `app_id` has already committed `version` or a later one, nothing is added. After an error it is not known whether
    /// the commit was made.
    pub async fn commit(&mut self, files: &[DataFile], app_id: &str, version: u64) -> Result<Commit, Error> {
        let table = self.table.name();
        match self.refresh_and_look(app_id, version).await {
            Ok(false) => {}
            Ok(true) => return Ok(Commit::AlreadyThere),
            Err(error) => return Ok(Commit::NotMade(error)),
        }
        let actions = files.iter().map(|file| Action::Add(self.add_action(file))).collect();
        let transaction = Transaction::new(app_id, i64::try_from(version).unwrap_or(i64::MAX));
        let properties = CommitProperties::default().with_application_transaction(transaction);
        let operation =
            DeltaOperation::Write { mode: SaveMode::Append, partition_by: Some(vec![partition::COLUMN.to_owned()]), predicate: None };
        let snapshot = self.delta.snapshot().map_err(Error::delta(table))?;
        let committed = CommitBuilder::from(properties)
            .with_actions(actions)
            .build(Some(snapshot as &dyn TableReference), self.delta.log_store(), operation)
            .await;
        let is_made = self.refresh_and_look(app_id, version).await?;
        if let Err(error) = committed {
            // Checkpoints are written, and old entries of the log removed, when the commit has been made already.
            if !is_made {
                return Ok(Commit::NotMade(Error::delta(table)(error)));
            }
            tracing::warn!(table, %error, "the files are committed, but tidying the table's log failed");
        }
        Ok(Commit::Made)
    }

    /// Puts `file`, which holds the same rows, in the place of others.
    pub async fn replace(&mut self, replaced: &[Arc<DataFile>], file: &DataFile, now: Timestamp) -> Result<Commit, Error> {
        let table = self.table.name();
        if let Err(error) = self.refresh().await {
            return Ok(Commit::NotMade(error));
        }
        let removals = replaced.iter().map(|file| Action::Remove(remove_action(file, now)));
        let actions = removals.chain([Action::Add(Add { data_change: false, ..self.add_action(file) })]).collect();
        let operation = DeltaOperation::Optimize { predicate: None, target_size: i64::try_from(file.bytes).unwrap_or(i64::MAX) };
        let snapshot = self.delta.snapshot().map_err(Error::delta(table))?;
        let committed = CommitBuilder::from(CommitProperties::default())
            .with_actions(actions)
            .build(Some(snapshot as &dyn TableReference), self.delta.log_store(), operation)
            .await;
        self.refresh().await?;
        let Err(error) = committed else { return Ok(Commit::Made) };
        if !self.files()?.iter().any(|present| present.path == file.path) {
            return Ok(Commit::NotMade(Error::delta(table)(error)));
        }
        tracing::warn!(table, %error, "files are merged, but tidying the table's log failed");
        Ok(Commit::Made)
    }

    fn add_action(&self, file: &DataFile) -> Add {
        Add {
            path: file.path.clone(),
            partition_values: partition_values(file),
            size: i64::try_from(file.bytes).unwrap_or(i64::MAX),
            modification_time: file.modified_ms,
            data_change: true,
            stats: Some(file.delta_stats(&self.table.schema())),
            ..Add::default()
        }
    }
}

fn remove_action(file: &DataFile, now: Timestamp) -> Remove {
    Remove {
        path: file.path.clone(),
        data_change: false,
        deletion_timestamp: Some(now.as_micros().div_euclid(1000)),
        extended_file_metadata: Some(true),
        partition_values: Some(partition_values(file)),
        size: Some(i64::try_from(file.bytes).unwrap_or(i64::MAX)),
        ..Remove::default()
    }
}

fn partition_values(file: &DataFile) -> HashMap<String, Option<String>> {
    HashMap::from([(partition::COLUMN.to_owned(), Some(file.partition.date.to_string()))])
}
