//! Files that are missing or not as they were written: left out, named, and taken back when they are well again.
//!
//! A file's name ends with the checksum of its bytes, so that nothing else has to be right to check it. Whether all files are there and of
//! the right size is looked at often; one file at a time is read whole. A damaged file stays part of the Delta table and where it is: a
//! backup can be copied over it.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use stadtwarte_model::schema::Table;

use crate::Store;
use crate::data_file::DataFile;
use crate::error::Error;

/// A file that is left out.
#[derive(Debug, Clone, PartialEq)]
pub struct Damaged {
    /// Its table.
    pub table: Table,
    /// What it should be.
    pub file: Arc<DataFile>,
    /// What is wrong with it.
    pub reason: String,
}

/// Says what is wrong with a file as far as it can be seen without reading it.
pub(crate) fn look(root: &Path, file: &DataFile) -> Result<(), String> {
    match fs::metadata(root.join(&file.path)) {
        Ok(found) if found.len() == file.bytes => Ok(()),
        Ok(found) => Err(format!("it has {} bytes instead of {}", found.len(), file.bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err("it is missing".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Says what is wrong with a file after reading all of it. Of files without a checksum only the size is known.
fn read(root: &Path, file: &DataFile) -> Result<(), String> {
    look(root, file)?;
    let Some(expected) = file.checksum() else { return Ok(()) };
    let found = checksum_of(&root.join(&file.path)).map_err(|error| error.to_string())?;
    if found == expected { Ok(()) } else { Err(format!("its checksum is {found:08x} instead of {expected:08x}")) }
}

fn checksum_of(path: &Path) -> std::io::Result<u32> {
    let (mut file, mut buffer, mut checksum) = (File::open(path)?, vec![0; 1 << 20], 0);
    loop {
        let bytes = file.read(&mut buffer)?;
        if bytes == 0 {
            return Ok(checksum);
        }
        checksum = crc32c::crc32c_append(checksum, buffer.get(..bytes).unwrap_or_default());
    }
}

/// Parts files into those that look well and those that do not.
pub(crate) fn sort_out(table: Table, root: &Path, files: Vec<DataFile>) -> (Vec<DataFile>, Vec<Damaged>) {
    let mut damaged = Vec::new();
    let well = files.into_iter().filter_map(|file| match look(root, &file) {
        Ok(()) => Some(file),
        Err(reason) => {
            damaged.push(note(table, Arc::new(file), reason));
            None
        }
    });
    (well.collect(), damaged)
}

/// What a file is to be noted as that could not be read.
///
/// # Errors
/// The error itself, when the file is as it was written: then something else is wrong.
pub(crate) fn blame(table: Table, root: &Path, file: &DataFile, error: Error) -> Result<Damaged, Error> {
    match read(root, file) {
        Err(reason) => Ok(note(table, Arc::new(file.clone()), reason)),
        Ok(()) => Err(error),
    }
}

pub(crate) fn note(table: Table, file: Arc<DataFile>, reason: String) -> Damaged {
    tracing::error!(table = table.name(), file = file.path, rows = file.rows, reason, "a file is damaged; its rows are left out");
    Damaged { table, file, reason }
}

impl Store {
    /// The files that are left out of all answers, because they are damaged or missing.
    #[must_use]
    pub fn damaged(&self) -> Vec<Damaged> {
        self.read_state().damaged().cloned().collect()
    }

    /// Reads all files, leaves out those that are damaged and takes back those that are well again. Returns how many are left out now.
    ///
    /// # Errors
    /// `Closed` when the process ends.
    pub async fn examine(&self) -> Result<usize, Error> {
        let all = Table::ALL.into_iter().flat_map(|table| self.known_files(table)).map(|file| file.path.clone()).collect();
        self.examine_files(all).await
    }

    /// Has all files read soon: somebody could not read one. Without [`Store::compact_regularly`] nobody does.
    pub fn suspect_files(&self) {
        self.inner.suspicion.notify_one();
    }

    /// Looks at all files and reads the next one.
    pub(crate) async fn examine_next(&self) -> Result<usize, Error> {
        let mut next = self.inner.next_examined.lock().await;
        let paths = Table::ALL.into_iter().flat_map(|table| self.known_files(table)).map(|file| file.path.clone());
        let mut paths: Vec<String> = paths.collect();
        paths.sort_unstable();
        let chosen = paths.iter().find(|path| **path > *next).or_else(|| paths.first()).cloned();
        *next = chosen.clone().unwrap_or_default();
        self.examine_files(chosen.into_iter().collect()).await
    }

    fn known_files(&self, table: Table) -> Vec<Arc<DataFile>> {
        let state = self.read_state();
        let rows = state.table(table);
        rows.files.iter().chain(rows.damaged.iter().map(|damaged| &damaged.file)).cloned().collect()
    }

    /// Looks at all files, and reads those of `chosen` and those that were found damaged before.
    async fn examine_files(&self, chosen: HashSet<String>) -> Result<usize, Error> {
        let chosen = Arc::new(chosen);
        for table in Table::ALL {
            let (root, files, chosen) = (self.inner.folder.table(table), self.known_files(table), Arc::clone(&chosen));
            let known: HashSet<String> = self.read_state().table(table).damaged.iter().map(|damaged| damaged.file.path.clone()).collect();
            let examining = tokio::task::spawn_blocking(move || {
                let examined = files.into_iter().map(|file| {
                    // One that was found damaged by reading is well again only after reading.
                    let is_read = known.contains(&file.path) || chosen.contains(&file.path);
                    let outcome = if is_read { read(&root, &file) } else { look(&root, &file) };
                    (file, outcome)
                });
                examined.collect::<Vec<_>>()
            });
            let examined = examining.await.map_err(|_| Error::Closed)?;
            // What has been replaced meanwhile is no longer looked for.
            let mut state = self.write_state();
            let rows = state.table_mut(table);
            for (file, outcome) in examined {
                rows.note_examined(table, &file, outcome);
            }
        }
        Ok(self.damaged().len())
    }
}
