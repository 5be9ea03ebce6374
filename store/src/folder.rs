//! The data folder: its layout, its lock, and how files reach the disk for good.
//!
//! ```text
//! <data>/lock  registry.sqlite  wal/*.wal  tables/<table>/{_delta_log/, date=.../*.parquet}  checkpoint.bin  layers/*.geojson
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use stadtwarte_model::schema::Table;

use crate::error::Error;

/// The paths of a data folder.
#[derive(Debug, Clone)]
pub struct DataFolder {
    root: PathBuf,
}

impl DataFolder {
    /// The folder at `root`, which need not exist yet.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the write-ahead log lives.
    #[must_use]
    pub fn wal(&self) -> PathBuf {
        self.root.join("wal")
    }

    /// The root of a table.
    #[must_use]
    pub fn table(&self, table: Table) -> PathBuf {
        self.root.join("tables").join(table.name())
    }

    /// The registry database.
    #[must_use]
    pub fn registry(&self) -> PathBuf {
        self.root.join("registry.sqlite")
    }

    /// The imported map layers.
    #[must_use]
    pub fn layers(&self) -> PathBuf {
        self.root.join("layers")
    }

    pub(crate) fn checkpoint(&self) -> PathBuf {
        self.root.join("checkpoint.bin")
    }

    fn lock_file(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// Creates what is missing and takes the exclusive lock.
    pub(crate) fn create_and_lock(&self) -> Result<FolderLock, Error> {
        let is_new = !self.root.exists();
        for folder in [self.root.clone(), self.wal(), self.root.join("tables"), self.layers()] {
            fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
        }
        sync_dir(&self.root.join("tables"))?;
        sync_dir(&self.root)?;
        if let Some(above) = self.root.canonicalize().map_err(Error::io(&self.root))?.parent().filter(|_| is_new) {
            sync_dir(above)?;
        }
        FolderLock::take(self)
    }
}

/// Holds the data folder for this process; released when dropped or when the process dies.
#[derive(Debug)]
pub(crate) struct FolderLock {
    _file: File,
}

impl FolderLock {
    fn take(folder: &DataFolder) -> Result<Self, Error> {
        let path = folder.lock_file();
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(Error::io(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let holder = match file.read_to_string(&mut pid) {
                    Ok(_) if !pid.trim().is_empty() => format!(" (process {})", pid.trim()),
                    _ => String::new(),
                };
                return Err(Error::InUse { path: folder.root.clone(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(Error::Io { path, source }),
        }
        let write_pid = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        write_pid(&mut file).map_err(Error::io(&path))?;
        Ok(Self { _file: file })
    }
}

/// Makes the entries of a directory durable: a file that was synced is only found again once its directory is too.
pub(crate) fn sync_dir(path: &Path) -> Result<(), Error> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(Error::io(path))
}

/// Replaces `path` by `content` so that after a power cut either the old or the new content is there, whole.
pub(crate) fn replace_file(path: &Path, content: &[u8]) -> Result<(), Error> {
    let temporary = path.with_extension("tmp");
    let write = || {
        let mut file = File::create(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(Error::io(path))?;
    path.parent().map_or(Ok(()), sync_dir)
}
