//! What can go wrong before the first message: an occupied address, a setting that makes no sense.

use std::net::SocketAddr;

/// Why an MQTT door could not be opened. What happens later is logged, counted and visible as state, not returned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address of the endpoint cannot be listened on.
    #[error("cannot listen for MQTT on {address}: {source}")]
    Bind {
        /// The address as it was asked for.
        address: SocketAddr,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A setting of the endpoint is out of range.
    #[error("MQTT endpoint setting `{key}`: {reason}")]
    EndpointSetting {
        /// Name of the field of `EndpointOptions`.
        key: &'static str,
        /// What is wrong with it, and what would be right.
        reason: String,
    },
    /// A setting of an external broker is missing or out of range.
    #[error("broker `{broker}`, setting `{key}`: {reason}")]
    BrokerSetting {
        /// Name of the broker in the settings.
        broker: String,
        /// Name of the field of `BrokerOptions`.
        key: &'static str,
        /// What is wrong with it, and what would be right.
        reason: String,
    },
}
