//! Messages that could not be understood: kept whole, with the reason.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::DevEui;

/// Why a message is in quarantine. The stored name is stable; the detail beside it is for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum QuarantineReason {
    /// No dialect recognises the topic or the shape of the message.
    UnknownMessage,
    /// The payload is not the JSON, UTF-8 or structure that its dialect demands.
    Malformed,
    /// A well-formed uplink of a device that the registry does not know, while settings forbid adding it.
    UnknownDevice,
    /// The uplink has no decoded object, and no decoder is known for its device.
    Undecoded,
    /// The payload is encrypted end to end.
    Encrypted,
    /// The uplink was decoded, but no field of it is known to the device's profile.
    NothingUnderstood,
    /// A known field carries a value that cannot be read; its other fields were stored.
    UnreadableValue,
    /// A field that no profile knows, kept once as an example; the fields that are known were stored.
    UnknownField,
    /// More readings in one message than a log record can hold; the first were stored.
    TooManyReadings,
    /// The message is larger than the log takes; its beginning is kept.
    Oversized,
    /// A retained message: a snapshot without a time of its own, not a new event.
    Retained,
    /// An operator simulated the uplink in the network server; no device sent it.
    Simulated,
}

impl QuarantineReason {
    const ALL: [Self; 12] = [
        Self::UnknownMessage,
        Self::Malformed,
        Self::UnknownDevice,
        Self::Undecoded,
        Self::Encrypted,
        Self::NothingUnderstood,
        Self::UnreadableValue,
        Self::UnknownField,
        Self::TooManyReadings,
        Self::Oversized,
        Self::Retained,
        Self::Simulated,
    ];

    /// Its name as stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownMessage => "unknown_message",
            Self::Malformed => "malformed",
            Self::UnknownDevice => "unknown_device",
            Self::Undecoded => "undecoded",
            Self::Encrypted => "encrypted",
            Self::NothingUnderstood => "nothing_understood",
            Self::UnreadableValue => "unreadable_value",
            Self::UnknownField => "unknown_field",
            Self::TooManyReadings => "too_many_readings",
            Self::Oversized => "oversized",
            Self::Retained => "retained",
            Self::Simulated => "simulated",
        }
    }
}

impl fmt::Display for QuarantineReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for QuarantineReason {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text).ok_or_else(|| format!("`{text}` is not a quarantine reason"))
    }
}

/// A verdict of the pipeline on one message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The reason.
    pub reason: QuarantineReason,
    /// What exactly and where, for people: names the field, the offset or the value.
    pub detail: String,
    /// The device, where it could be told.
    pub dev_eui: Option<DevEui>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_reasons_are_inverse() {
        for reason in QuarantineReason::ALL {
            assert_eq!(reason.to_string().parse(), Ok(reason));
        }
        assert!("retaine".parse::<QuarantineReason>().is_err());
    }
}
