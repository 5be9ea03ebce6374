//! Connections: HTTP/1.1 over TCP, bounded in number and in patience.
//!
//! HTTP/2 and TLS are a reverse proxy's business; without HTTP/2 its reset floods are none of ours.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::options::ApiLimits;

/// The largest head of a request, and how much of a response waits in memory for its reader.
const BUFFER_BYTES: usize = 64 << 10;
/// The most headers of a request.
const MAX_HEADERS: usize = 100;

/// Why serving did not end well.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Requests were still running when the time for shutting down was over; their connections were cut.
    #[error("{connections} connections had to be cut at shutdown")]
    Unfinished {
        /// How many.
        connections: usize,
    },
}

/// Answers on `listener` until `shutdown` is cancelled, then lets running requests finish for at most `limits.shutdown_timeout`.
///
/// Pass the token that is in [`crate::ApiOptions::shutdown`], too: it ends the live streams.
///
/// # Errors
/// `Unfinished` when that was not long enough.
pub async fn serve(listener: TcpListener, router: Router, limits: ApiLimits, shutdown: CancellationToken) -> Result<(), ServeError> {
    let limits = Arc::new(limits);
    let places = Arc::new(Semaphore::new(limits.max_connections.max(1)));
    let connections = TaskTracker::new();
    while let Some((stream, peer, place)) = accept(&listener, &places, &shutdown).await {
        let connection = Connection { router: router.clone(), peer, limits: Arc::clone(&limits), shutdown: shutdown.clone() };
        connections.spawn(async move {
            connection.run(stream).await;
            drop(place);
        });
    }
    drop(listener);
    connections.close();
    // Every connection ends itself in time; the second more is for those that are just ending.
    let finished = timeout(limits.shutdown_timeout + Duration::from_secs(1), connections.wait()).await;
    finished.map_err(|_| ServeError::Unfinished { connections: connections.len() })
}

/// The next connection, once there is a place for it; `None` at shutdown.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    shutdown: &CancellationToken,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let next = async {
        let place = Arc::clone(places).acquire_owned().await.ok()?;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => return Some((stream, peer, place)),
                Err(error) => {
                    // A connection that broke before it was taken, or no file descriptors left: the latter needs a moment.
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
    };
    tokio::select! {
        () = shutdown.cancelled() => None,
        accepted = next => accepted,
    }
}

struct Connection {
    router: Router,
    peer: SocketAddr,
    limits: Arc<ApiLimits>,
    shutdown: CancellationToken,
}

impl Connection {
    async fn run(self, stream: TcpStream) {
        // Events are small and must not wait for each other.
        let _ = stream.set_nodelay(true);
        let Self { router, peer, limits, shutdown } = self;
        let io = TokioIo::new(Patient::new(stream, limits.write_timeout));
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            let router = router.clone();
            async move { Ok::<_, Infallible>(router.oneshot(request.map(Body::new)).await.unwrap_or_else(|never| match never {})) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_timeout)
            .max_headers(MAX_HEADERS)
            .max_buf_size(BUFFER_BYTES)
            .serve_connection(io, service)
            .with_upgrades();
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = shutdown.cancelled() => {
                connection.as_mut().graceful_shutdown();
                match timeout(limits.shutdown_timeout, connection).await {
                    Ok(ended) => ended,
                    Err(_) => return tracing::warn!("a connection was cut at shutdown"),
                }
            }
        };
        if let Err(error) = ended {
            // Clients come and go in every way; only who looks for it wants to read it.
            tracing::debug!(%error, "a connection ended with an error");
        }
    }
}

/// A stream that fails when its reader takes nothing for too long.
struct Patient<S> {
    inner: S,
    max_stall: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    fn new(inner: S, max_stall: Duration) -> Self {
        Self { inner, max_stall, stalled: None }
    }

    /// Starts, or watches, the time while nothing can be written.
    fn watch<T>(&mut self, outcome: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.stalled = None;
            return outcome;
        }
        let max_stall = self.max_stall;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(max_stall)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.watch(outcome, context)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write_vectored(context, bytes);
        self.watch(outcome, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.inner).poll_flush(context);
        self.watch(outcome, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.inner).poll_shutdown(context);
        self.watch(outcome, context)
    }
}
