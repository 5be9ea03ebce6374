//! The MQTT endpoint in our own process: MQTT 3.1.1 and 5 for publishers, acknowledged after the disk.
//!
//! ```text
//! accept ──▶ server (limits) ──▶ handshake (guards, login, takeover) ──▶ connection (the loop) ──▶ Intake
//!               ▲                                                            │
//!   WebSocket, TLS: Server::serve_stream                                     └──▶ in_flight (order, QoS 2), codec, outbound
//! ```
//!
//! What a publisher gets:
//!
//! | case | MQTT 3.1.1 | MQTT 5 |
//! |---|---|---|
//! | message is on disk | PUBACK / PUBREC, in arrival order | the same |
//! | store cannot take it now | earlier ones acknowledged, then closed without an acknowledgement, after a pause | the same, DISCONNECT 0x97: a negative acknowledgement would settle it |
//! | store has failed | closed without an acknowledgement | DISCONNECT 0x83, no acknowledgement: a negative one would settle it |
//! | topic outside the publisher's scope | as above, closed | PUBACK / PUBREC 0x87 in its turn |
//! | packet too large | closed, earlier ones acknowledged | DISCONNECT 0x95, earlier ones acknowledged |
//! | broken protocol | closed, earlier ones acknowledged | DISCONNECT with the reason, earlier ones acknowledged |
//! | too many in flight | not read until there is room | DISCONNECT 0x93 above the announced Receive Maximum |
//! | same client identifier again | the older connection is closed | DISCONNECT 0x8E |
//! | silence | closed after 1.5 keep-alives | DISCONNECT 0x8D |
//! | we shut down | what was read is acknowledged, closed | the same, DISCONNECT 0x8B |
//!
//! Decisions: a session ends with its connection (`session_present` is always 0), so after a reconnect publishers send
//! unacknowledged messages again and the pipeline recognises duplicates. A will is accepted and dropped: it says that a
//! connection died, it is not an uplink, and stored as one it would be a reading nobody measured. Nothing is retained
//! here, and a message that asks for it is an event like any other. QoS 0 is handed on and lost when the store refuses it, as its name says.
//!
//! Publishers are identified by login; a client identifier belongs to its principal.

mod accept;
mod admission;
mod auth;
mod codec;
mod connection;
mod ending;
mod failures;
mod guard;
mod handshake;
mod in_flight;
mod input;
mod options;
mod outbound;
mod peer;
mod server;
mod sessions;
mod subscriptions;
#[cfg(test)]
mod tests;
mod websocket;

use std::net::SocketAddr;
use std::sync::Arc;

use stadtwarte_model::Clock;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use auth::{
    AuthPolicy, AuthPolicyOptions, Authenticator, CredentialVerifier, Decision, Grant, Login, LoginRefusal, Principal, TopicScope,
    VerifierUnavailable,
};
pub use options::{ENDPOINT_SOURCE, EndpointOptions};
pub use peer::PeerAddr;
pub use server::Server;
pub use subscriptions::{NoSubscriptions, SubscribeDecision, Subscriptions};
pub use websocket::BinaryFrames;

use super::{Error, MqttMetrics};
use crate::message::Intake;

/// A [`Server`] with a TCP listener.
#[derive(Debug)]
pub struct Endpoint {
    server: Server,
    listener: TcpListener,
    local_addr: SocketAddr,
}

impl Endpoint {
    /// Begins to listen; connections wait until [`run`](Self::run). Subscriptions are refused.
    ///
    /// # Errors
    /// [`Error::Bind`] names the address that is occupied or not ours; [`Error::EndpointSetting`] names a bound out of range.
    pub async fn bind(
        options: EndpointOptions,
        intake: Arc<dyn Intake>,
        authenticator: Arc<dyn Authenticator>,
        clock: Arc<dyn Clock>,
        metrics: Arc<MqttMetrics>,
    ) -> Result<Self, Error> {
        Self::listen(Server::new(options, intake, authenticator, Arc::new(NoSubscriptions), clock, metrics)?).await
    }

    /// Begins to listen for a server that was built before, for example with [`Subscriptions`].
    ///
    /// # Errors
    /// [`Error::Bind`] names the address that is occupied or not ours.
    pub async fn listen(server: Server) -> Result<Self, Error> {
        let address = server.shared.options.address;
        let listener = TcpListener::bind(address).await.map_err(|source| Error::Bind { address, source })?;
        Self::over(listener, server)
    }

    /// As [`Endpoint::listen`], on an address that was bound before.
    ///
    /// # Errors
    /// [`Error::Bind`] when the listener does not know its address.
    pub fn over(listener: TcpListener, server: Server) -> Result<Self, Error> {
        let address = server.shared.options.address;
        let local_addr = listener.local_addr().map_err(|source| Error::Bind { address, source })?;
        if !local_addr.ip().is_loopback() && !server.shared.authenticator.admits_remote_peers() {
            tracing::warn!(
                address = %local_addr,
                "the MQTT endpoint is reachable from other machines, but no credential is configured: every remote publisher will be refused"
            );
        }
        Ok(Self { server, listener, local_addr })
    }

    /// The address in use, with the port that was picked.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The server behind this listener, for streams that come from elsewhere.
    #[must_use]
    pub fn server(&self) -> Server {
        self.server.clone()
    }

    /// Serves until `shutdown`, then ends all connections, those of [`Server::serve_stream`] included.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let server = self.server.clone();
        let accepting = accept::accept_loop(
            &mut self.listener,
            |_| {
                server.shared.metrics.endpoint.accept_errors.inc();
            },
            |stream, peer| {
                let connection = server.clone();
                server.shared.connections.spawn(async move { connection.serve_stream(stream, peer).await });
            },
        );
        tokio::select! {
            biased;
            () = shutdown.cancelled() => {}
            never = accepting => match never {},
        }
        drop(self.listener);
        self.server.shut_down().await;
    }
}
