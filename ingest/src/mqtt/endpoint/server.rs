//! What all connections share, and the door for streams that other listeners accepted.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use stadtwarte_model::Clock;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::admission::{Admission, Full};
use super::auth::Authenticator;
use super::connection::{Connection, linger};
use super::handshake::{TurnedAway, establish};
use super::options::EndpointOptions;
use super::peer::PeerAddr;
use super::sessions::Sessions;
use super::subscriptions::Subscriptions;
use crate::message::Intake;
use crate::mqtt::log_gate::LogGate;
use crate::mqtt::{Error, MqttMetrics};

/// What all connections share.
pub(super) struct Shared {
    pub(super) options: EndpointOptions,
    pub(super) intake: Arc<dyn Intake>,
    pub(super) authenticator: Arc<dyn Authenticator>,
    pub(super) subscriptions: Arc<dyn Subscriptions>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metrics: Arc<MqttMetrics>,
    pub(super) sessions: Arc<Sessions>,
    pub(super) admission: Arc<Admission>,
    pub(super) total_in_flight_bytes: Arc<AtomicUsize>,
    pub(super) shutdown: CancellationToken,
    pub(super) connections: TaskTracker,
    pub(super) log: LogGate,
}

/// Serves MQTT on byte streams. Cheap to clone; all clones share connections, limits and client identifiers.
#[derive(Clone)]
pub struct Server {
    pub(super) shared: Arc<Shared>,
}

impl Server {
    /// A server without a listener of its own.
    ///
    /// # Errors
    /// [`Error::EndpointSetting`] when a bound is out of range.
    pub fn new(
        options: EndpointOptions,
        intake: Arc<dyn Intake>,
        authenticator: Arc<dyn Authenticator>,
        subscriptions: Arc<dyn Subscriptions>,
        clock: Arc<dyn Clock>,
        metrics: Arc<MqttMetrics>,
    ) -> Result<Self, Error> {
        options.validate()?;
        let admission = Arc::new(Admission::new(options.max_connections, options.max_connections_per_peer));
        Ok(Self {
            shared: Arc::new(Shared {
                options,
                intake,
                authenticator,
                subscriptions,
                clock,
                metrics,
                sessions: Arc::default(),
                admission,
                total_in_flight_bytes: Arc::default(),
                shutdown: CancellationToken::new(),
                connections: TaskTracker::new(),
                log: LogGate::default(),
            }),
        })
    }

    /// Serves one connection until it is closed: a TCP stream, a TLS stream, or a WebSocket behind
    /// [`BinaryFrames`](super::BinaryFrames). Shutdown of the endpoint ends it as it ends its own connections.
    pub async fn serve_stream<S>(&self, stream: S, peer: PeerAddr)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        self.shared.connections.track_future(self.serve(stream, peer)).await;
    }

    async fn serve<S>(&self, mut stream: S, peer: PeerAddr)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let shared = &self.shared;
        let metrics = &shared.metrics.endpoint;
        if shared.shutdown.is_cancelled() {
            return;
        }
        metrics.connections.inc();
        let _slot = match shared.admission.admit(&peer) {
            Ok(slot) => slot,
            Err(full) => {
                let reason = if full == Full::Endpoint { "limit" } else { "peer_limit" };
                metrics.refused(reason);
                if shared.log.admits() {
                    tracing::warn!(%peer, reason, "too many MQTT connections, one was turned away");
                }
                return;
            }
        };
        metrics.connections_open.inc();
        let _open = OnDrop(|| {
            metrics.connections_open.dec();
        });
        let established = tokio::select! {
            biased;
            () = shared.shutdown.cancelled() => return,
            established = establish(shared, &mut stream, &peer) => established,
        };
        match established {
            None => {}
            Some(Ok(established)) => {
                tracing::debug!(%peer, client_id = ?established.client_id, "MQTT client connected");
                Connection::new(shared, stream, peer, established).run().await;
            }
            Some(Err(turned_away)) => self.turn_away(stream, &peer, turned_away).await,
        }
    }

    async fn turn_away<S>(&self, mut stream: S, peer: &PeerAddr, turned_away: TurnedAway)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let TurnedAway { reason, detail, answer } = turned_away;
        self.shared.metrics.endpoint.refused(reason);
        if self.shared.log.admits() {
            tracing::warn!(%peer, reason, detail, "MQTT client turned away");
        }
        let goodbye = async {
            stream.write_all(&answer).await?;
            stream.flush().await?;
            stream.shutdown().await
        };
        if matches!(timeout(self.shared.options.write_timeout, goodbye).await, Ok(Ok(()))) && !answer.is_empty() {
            linger(&mut stream, self.shared.options.linger_timeout).await;
        }
    }

    /// Ends all connections: nothing more is read, receipts get `drain_timeout`, acknowledgements leave, MQTT 5 clients are told.
    pub async fn shut_down(&self) {
        self.shared.shutdown.cancel();
        self.shared.connections.close();
        let options = &self.shared.options;
        // Each connection keeps its own deadlines; this one only guards against a defect in them.
        let limit = options.refusal_pause + options.drain_timeout + options.write_timeout + options.linger_timeout;
        if timeout(limit, self.shared.connections.wait()).await.is_err() {
            tracing::error!(connections = self.shared.connections.len(), "MQTT connections did not end in time");
        }
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("options", &self.shared.options).finish_non_exhaustive()
    }
}

/// Runs a closure when dropped, also when the connection's task panics.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
