//! A local object store whose writes are on disk when they return.
//!
//! `object_store` 0.13's `LocalFileSystem` never syncs, so a Delta commit that it reports as written can vanish in a power cut. This
//! wrapper syncs the file and its directory after every write. It may go once the Arrow family moves to `object_store` 0.14, whose local
//! store can do so itself.

use std::fmt;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result, UploadPart,
};

/// The local file system under a root folder, with durable writes.
#[derive(Debug, Clone)]
pub struct DurableFileSystem {
    inner: Arc<LocalFileSystem>,
    /// Whether a sync has failed: files that can be read may not be on disk then, and a later sync does not tell.
    has_failed: Arc<AtomicBool>,
}

impl DurableFileSystem {
    /// The store whose paths are absolute paths of this machine.
    #[must_use]
    pub fn new() -> Self {
        Self { inner: Arc::new(LocalFileSystem::new()), has_failed: Arc::default() }
    }

    async fn sync(&self, location: &Path) -> Result<()> {
        let path = self.inner.path_to_filesystem(location)?;
        sync(path, &self.has_failed).await
    }

    /// Whether a sync has failed since this was made. What was written then may look written and be gone after a power cut.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Acquire)
    }

    /// As if a sync had failed just now.
    #[cfg(test)]
    pub(crate) fn fail(&self) {
        self.has_failed.store(true, Ordering::Release);
    }
}

async fn sync(path: PathBuf, has_failed: &AtomicBool) -> Result<()> {
    let synced = tokio::task::spawn_blocking(move || sync_file_and_folder(&path)).await;
    let synced = synced.unwrap_or_else(|source| Err(object_store::Error::JoinError { source }));
    synced.inspect_err(|_| has_failed.store(true, Ordering::Release))
}

impl Default for DurableFileSystem {
    fn default() -> Self {
        Self::new()
    }
}

fn sync_file_and_folder(path: &std::path::Path) -> Result<()> {
    let failed = |source: std::io::Error| object_store::Error::Generic { store: "DurableFileSystem", source: Box::new(source) };
    File::open(path).and_then(|file| file.sync_all()).map_err(failed)?;
    // The folder itself may be new as well, so its parent is synced too.
    for folder in path.ancestors().skip(1).take(2) {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    }
    Ok(())
}

impl fmt::Display for DurableFileSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DurableFileSystem")
    }
}

#[async_trait]
impl ObjectStore for DurableFileSystem {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let result = self.inner.put_opts(location, payload, options).await?;
        self.sync(location).await?;
        Ok(result)
    }

    async fn put_multipart_opts(&self, location: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        let inner = self.inner.put_multipart_opts(location, options).await?;
        let path = self.inner.path_to_filesystem(location)?;
        Ok(Box::new(DurableUpload { inner, path, has_failed: Arc::clone(&self.has_failed) }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await?;
        self.sync(to).await
    }
}

#[derive(Debug)]
struct DurableUpload {
    inner: Box<dyn MultipartUpload>,
    path: PathBuf,
    has_failed: Arc<AtomicBool>,
}

#[async_trait]
impl MultipartUpload for DurableUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.inner.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let result = self.inner.complete().await?;
        sync(self.path.clone(), &self.has_failed).await?;
        Ok(result)
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}
