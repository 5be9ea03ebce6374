//! Network server envelopes: the JSON around a payload, as ChirpStack v4 and The Things Stack v3 publish it over MQTT.
//!
//! Messages are written straight into a buffer. What never changes for a device is rendered once ([`DeviceText`]).

pub mod chirpstack_v4;
mod identifiers;
mod radio;
#[cfg(test)]
mod tests;
pub mod tts_v3;

pub use identifiers::{MessageId, Session};
pub(crate) use radio::receive;
pub use radio::{GatewayClock, Radio, Reception};

use super::devices::Report;
use super::fleet::{Device, Gateway};

/// Everything about one uplink that an envelope shows.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// The device.
    pub device: &'a Device,
    /// Its session.
    pub session: &'a Session,
    /// Frame counter inside the session.
    pub f_cnt: u32,
    /// True when the device asked for an acknowledgement.
    pub is_confirmed: bool,
    /// When the network server had the frame, microseconds since 1970.
    pub received_us: i64,
    /// Radio settings.
    pub radio: Radio,
    /// The gateways that heard it, best first; never empty.
    pub receptions: &'a [Reception],
    /// Payload and decoded object.
    pub report: &'a Report,
    /// The gateways of the fleet, which receptions point into.
    pub gateways: &'a [Gateway],
    /// Random bits for identifiers of this message.
    pub entropy: u64,
}

/// Parts of a device's messages that never change.
#[derive(Debug, Clone)]
pub enum DeviceText {
    /// Rendered for ChirpStack v4.
    ChirpStack(chirpstack_v4::Text),
    /// Rendered for The Things Stack v3.
    Tts(tts_v3::Text),
}

impl DeviceText {
    /// Renders the constant parts for the network server of the device.
    #[must_use]
    pub fn new(fleet_seed: u64, device: &Device) -> Self {
        match device.network {
            super::fleet::Network::ChirpStack => Self::ChirpStack(chirpstack_v4::Text::new(fleet_seed, device)),
            super::fleet::Network::Tts => Self::Tts(tts_v3::Text::new(device)),
        }
    }
}
