//! A message ready to be published.

use crate::simulate::envelope::MessageId;

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// The first delivery of an uplink.
    Uplink,
    /// The same bytes again.
    Duplicate,
    /// Another message for the same frame, from another gateway.
    GatewayCopy,
    /// A device joined.
    Join,
    /// A device answered a status request.
    Status,
}

/// A message ready to be published.
#[derive(Debug, Clone)]
pub struct Message {
    /// MQTT topic.
    pub topic: String,
    /// JSON.
    pub payload: Vec<u8>,
    /// What it is.
    pub kind: MessageKind,
    /// Identity of the uplink; `None` for other events.
    pub id: Option<MessageId>,
    /// Device that sent it.
    pub device: usize,
}
