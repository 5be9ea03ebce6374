//! Dialects: what network servers publish, made into one [`Uplink`] each.
//!
//! ```text
//! (topic, bytes) ─▶ Document ─▶ which dialect? ─▶ its parser ─▶ Parsed::Uplink ─▶ decode ...
//!                      │              │               │       └▶ Parsed::Event, counted
//!                      └──────────────┴───────────────┴─▶ DialectError ─▶ quarantine
//! ```
//!
//! A parser is a function of topic and bytes: no clock, no network, no registry, no logging. The shape of the JSON decides what
//! a message is, because topics are whatever an operator configured; the topic breaks ties between events of the same shape.
//!
//! | what is wrong | what happens |
//! |---|---|
//! | not UTF-8, not JSON, not an object, nested deeper than 64 | [`DialectError::Malformed`] with the place |
//! | no device identifier, or one that cannot be read or is ambiguous | [`DialectError::Malformed`] with its JSON path |
//! | an object that no dialect claims | [`DialectError::UnknownMessage`] with a guess at what it is |
//! | any other field | the field is left out and named in [`Uplink::warnings`]; the rest is kept |
//!
//! `null` means absent everywhere, numbers may come as text (`"fPort":"85"`), identifiers never come as numbers.

mod chirpstack_v4;
mod fields;
mod foreign;
mod heard;
mod json;
mod place;
#[cfg(test)]
mod tests;
mod tts_v3;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use stadtwarte_model::quarantine::QuarantineReason;
use stadtwarte_model::{DevEui, Uplink};

use json::Document;

/// What a message turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub enum Parsed {
    /// A frame of a device.
    Uplink(Box<Uplink>),
    /// Anything else a network server tells about a device: accepted and counted.
    Event(Event),
}

/// A message about a device that carries no frame of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The device, where the message names one.
    pub dev_eui: Option<DevEui>,
    /// A few words more, for people: level and code of a log event, the fate of a downlink, the battery of a status.
    pub detail: Option<String>,
}

/// What an [`Event`] tells. Equal things have equal kinds, whichever network server tells them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum EventKind {
    /// The device joined the network and has a new session.
    Join,
    /// The device reported battery and radio margin in a MAC command.
    Status,
    /// A confirmed downlink was acknowledged by the device, or was not.
    Ack,
    /// A gateway took a downlink for transmission, or the network server sent it.
    TxAck,
    /// The network server logged something about the device, such as a frame it dropped.
    Log,
    /// The network server, or a service behind it, located the device.
    Location,
    /// Another integration of the network server published something.
    Integration,
    /// A downlink was queued, failed or became invalid.
    Downlink,
    /// The same uplink once more in a vendor-neutral form (`uplink_normalized`); storing it would double every reading.
    NormalizedUplink,
    /// Something else about a device.
    Other,
}

impl EventKind {
    /// Its stable name, as in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Status => "status",
            Self::Ack => "ack",
            Self::TxAck => "txack",
            Self::Log => "log",
            Self::Location => "location",
            Self::Integration => "integration",
            Self::Downlink => "downlink",
            Self::NormalizedUplink => "normalized_uplink",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a message is neither an uplink nor an event. The message goes whole into quarantine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DialectError {
    /// A JSON object, but of no shape that a dialect knows. Choose the dialect in the settings, or stop subscribing to it.
    #[error("no dialect recognises this message: {detail}")]
    UnknownMessage {
        /// What the message looks like, or which keys it has.
        detail: String,
    },
    /// Not the JSON that the dialect demands, or without a usable device identifier.
    #[error("{detail}")]
    Malformed {
        /// What is wrong and where: a byte offset, a line and column, or the JSON path of a field.
        detail: String,
    },
}

impl DialectError {
    /// The reason under which the message is kept in quarantine.
    #[must_use]
    pub const fn reason(&self) -> QuarantineReason {
        match self {
            Self::UnknownMessage { .. } => QuarantineReason::UnknownMessage,
            Self::Malformed { .. } => QuarantineReason::Malformed,
        }
    }
}

/// A way to read messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// Whichever of the others recognises the shape of the message.
    #[default]
    Auto,
    /// `ChirpStack` v4 with `json=true`.
    ChirpstackV4,
    /// The Things Stack v3, over MQTT or as webhook body.
    TtsV3,
}

impl Dialect {
    const ALL: [Self; 3] = [Self::Auto, Self::ChirpstackV4, Self::TtsV3];

    /// Its name in settings and as stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::ChirpstackV4 => "chirpstack_v4",
            Self::TtsV3 => "tts_v3",
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Dialect {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|dialect| dialect.name() == text)
            .ok_or_else(|| format!("`{text}` is not a dialect: expected `auto`, `chirpstack_v4` or `tts_v3`"))
    }
}

/// Reads one message: its MQTT topic and its payload, any bytes.
///
/// Answers the dialect that matched (never [`Dialect::Auto`]) and what the message is. Times, units and places in an uplink are
/// as [`stadtwarte_model::uplink`] describes them; which of its times to believe is decided later, by
/// [`UplinkTimes::event_time`](stadtwarte_model::uplink::UplinkTimes::event_time).
///
/// # Errors
/// [`DialectError::Malformed`] for what is not a JSON object or does not name its device; [`DialectError::UnknownMessage`] for an
/// object that is neither an uplink nor an event of the dialect, or of any dialect when asked with [`Dialect::Auto`].
///
/// # Examples
/// ```
/// use stadtwarte_ingest::dialect::{Dialect, Parsed, parse};
///
/// let payload = br#"{"deviceInfo":{"devEui":"24e124aabbccdd01"},"fPort":85,"data":"AXVk","rxInfo":"?"}"#;
/// let (dialect, parsed) = parse(Dialect::Auto, "any/topic", payload)?;
/// let Parsed::Uplink(uplink) = parsed else { panic!("an event") };
/// assert_eq!(dialect, Dialect::ChirpstackV4);
/// assert_eq!((uplink.f_port, uplink.frm_payload), (Some(85), vec![0x01, 0x75, 0x64]));
/// assert_eq!(uplink.warnings, [r#"rxInfo: expected a list, found "?""#]);
/// # Ok::<(), stadtwarte_ingest::dialect::DialectError>(())
/// ```
pub fn parse(dialect: Dialect, topic: &str, payload: &[u8]) -> Result<(Dialect, Parsed), DialectError> {
    let document = Document::parse(payload).map_err(|error| foreign::explain(payload).unwrap_or(error))?;
    let matched = match dialect {
        Dialect::Auto => recognise(&document)?,
        chosen => chosen,
    };
    let parsed = match matched {
        Dialect::TtsV3 => tts_v3::parse(topic, document),
        Dialect::Auto | Dialect::ChirpstackV4 => chirpstack_v4::parse(topic, document),
    }?;
    Ok((matched, parsed))
}

/// Whether a message that was not understood carries an identity of its own, so that an equal message is the same one again.
pub(crate) fn names_itself(payload: &[u8]) -> bool {
    foreign::names_itself(payload)
}

fn recognise(document: &Document) -> Result<Dialect, DialectError> {
    if chirpstack_v4::recognises(&document.root) {
        Ok(Dialect::ChirpstackV4)
    } else if tts_v3::recognises(&document.root) {
        Ok(Dialect::TtsV3)
    } else {
        Err(DialectError::UnknownMessage { detail: foreign::describe(&document.root) })
    }
}

fn malformed(detail: impl Into<String>) -> DialectError {
    DialectError::Malformed { detail: detail.into() }
}
