//! Threads of their own for queries: however busy they are, the doors and the commits keep theirs.

use std::future::Future;
use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use tokio::runtime::{Builder, Runtime};
use tokio::task::AbortHandle;

/// Planning walks deep expressions recursively; pages that are never touched cost nothing.
const STACK_BYTES: usize = 64 << 20;
/// Threads that read files at the same time.
const READERS: usize = 32;

/// The threads; dropping it abandons what still runs on them.
pub(crate) struct Workers(Option<Runtime>);

impl Workers {
    /// One thread per processor, at least two: one that computes long must not hold up all others.
    pub fn new(name: &'static str) -> std::io::Result<Self> {
        let threads = available_parallelism().map_or(1, NonZeroUsize::get).max(2);
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads)
            .max_blocking_threads(READERS)
            .thread_name(name)
            .thread_stack_size(STACK_BYTES)
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    /// Starts a query. It ends at its next pause after [`AbortHandle::abort`].
    pub fn spawn(&self, query: impl Future<Output = ()> + Send + 'static) -> Option<AbortHandle> {
        self.0.as_ref().map(|runtime| runtime.spawn(query).abort_handle())
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        // Waiting for threads is not allowed where this may be dropped, inside another runtime.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
