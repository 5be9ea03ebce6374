//! What a transport hands to the pipeline, and what it gets back.
//!
//! ```text
//! endpoint / client ──Message──▶ Intake ──Receipt──▶ PUBACK (only once the receipt resolved to Ok)
//! ```

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use stadtwarte_model::Timestamp;

/// One message as a transport received it, nothing interpreted yet.
#[derive(Debug, Clone)]
pub struct Message {
    /// Name of the connection it came through: `endpoint`, or the name of an external broker in the settings.
    pub source: Arc<str>,
    /// MQTT topic, UTF-8, without wildcards.
    pub topic: String,
    /// Application payload, any bytes.
    pub payload: Bytes,
    /// Whether the broker delivered it as a retained message: a snapshot, not a new event.
    pub retained: bool,
    /// The size it had, when it was too large and the transport kept only the beginning of its payload.
    pub cut_from: Option<usize>,
    /// Whether the sender says that it may have sent it before (MQTT: DUP).
    pub is_repeat: bool,
    /// When this process read it from the socket.
    pub received_at: Timestamp,
}

/// Why a message was not made durable. The transport must not acknowledge it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The store cannot take it now (disk full, shutting down): do not acknowledge, let the sender try again later.
    #[error("the store cannot accept messages at the moment")]
    Retry,
    /// The log failed in a way that only a restart mends: do not acknowledge, close.
    #[error("the write-ahead log has failed; restart the process")]
    Fatal,
}

/// Resolves once the message is on disk (stored, quarantined or recognised as a duplicate of something on disk).
pub type Receipt = BoxFuture<'static, Result<(), Refusal>>;

/// The role of the pipeline as transports see it.
///
/// `submit` takes messages in arrival order and returns one receipt per message, in the same order. Awaiting `submit`
/// itself is the back-pressure: it returns once every message has its place in the log's bounded queue. Receipts may resolve in
/// any order; acknowledging in arrival order is the transport's duty.
pub trait Intake: Send + Sync + 'static {
    /// Hands over messages; one receipt each.
    fn submit(&self, messages: Vec<Message>) -> BoxFuture<'_, Vec<Receipt>>;
}
