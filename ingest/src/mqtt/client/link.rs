//! The seam to a client library: one broker, its connections, and what can be asked of a connection.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;

/// A broker that can be connected to. Every [`Link`] starts afresh; nothing of the one before it is left.
pub(super) trait Broker: Send + Sync {
    /// Begins a connection; it is made while [`Link::poll`] is polled.
    fn link(&self) -> Box<dyn Link>;
}

/// One connection, from its first packet to its end. It never reconnects: after an error it is dropped.
pub(super) trait Link: Send {
    /// The next event. Pings leave while this is polled, so it must be polled all the time. Dropping the future ends the link.
    fn poll(&mut self) -> BoxFuture<'_, Result<LinkEvent, LinkError>>;

    /// A handle for requests, valid as long as the link.
    fn requests(&self) -> Arc<dyn Requests>;
}

/// What can be asked of a connection from other tasks. Nothing here waits: the answer is whether there was room in the queue.
/// Requests to a link that is gone are swallowed; they never reach another connection.
pub(super) trait Requests: Send + Sync {
    /// Acknowledges a message.
    #[must_use]
    fn try_ack(&self, ack: AckId) -> bool;

    /// Subscribes to all filters of the settings in one packet.
    #[must_use]
    fn try_subscribe(&self) -> bool;

    /// Says goodbye; requests before it are sent first.
    #[must_use]
    fn try_disconnect(&self) -> bool;
}

/// What happened on a connection.
#[derive(Debug)]
pub(super) enum LinkEvent {
    /// CONNACK came.
    Connected {
        /// The broker had kept our session: it sends again what was not acknowledged.
        session_present: bool,
    },
    /// SUBACK came: per filter, in order, the granted quality of service or why it was refused.
    Subscribed(Vec<Result<u8, String>>),
    /// PUBLISH came.
    Message(Incoming),
    /// Something was sent, so the broker knows that we are alive.
    Sent,
    /// Anything else.
    Other,
}

/// One message of a broker.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) topic: String,
    pub(super) payload: Bytes,
    pub(super) retained: bool,
    /// DUP: the broker may have sent it before.
    pub(super) is_repeat: bool,
    /// What to acknowledge; none for QoS 0.
    pub(super) ack: Option<AckId>,
    /// Size of topic and payload.
    pub(super) size: usize,
}

/// What a message is acknowledged with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AckId {
    pub(super) packet_id: u16,
    /// QoS 2, which we never ask for: PUBREC instead of PUBACK; the library completes the exchange. See `orphans`.
    pub(super) is_exactly_once: bool,
}

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LinkError {
    /// The broker refused the login.
    Refused(String),
    /// Another client connected with our identifier.
    TakenOver,
    /// A packet of this many bytes, more than the connection reads. The broker sends it again on every connection.
    TooLarge(usize),
    /// Everything else.
    Lost(String),
}
