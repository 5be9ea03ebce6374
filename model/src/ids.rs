//! Identifiers. Each is a newtype whose `parse` and `Display` are inverse.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is not the identifier it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseIdError {
    /// An EUI is 16 hexadecimal digits, optionally separated by `-`, `:` or spaces.
    #[error("`{0}` is not an EUI-64: expected 16 hexadecimal digits")]
    Eui(String),
    /// A device address is 8 hexadecimal digits.
    #[error("`{0}` is not a device address: expected 8 hexadecimal digits")]
    DevAddr(String),
    /// A registry identifier is a whole number from 1 to 2^31 - 1.
    #[error("`{0}` is not an identifier: expected a whole number from 1 to 2147483647")]
    Number(String),
    /// An observation identifier is a whole number from 0 to 2^53 - 1.
    #[error("`{0}` is not an observation identifier: expected a whole number below 2^53")]
    Observation(String),
}

fn parse_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0_u8; N];
    let mut digits = text.bytes().filter(|byte| !matches!(byte, b'-' | b':' | b' '));
    for byte in &mut bytes {
        let high = char::from(digits.next()?).to_digit(16)?;
        let low = char::from(digits.next()?).to_digit(16)?;
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    digits.next().is_none().then_some(bytes)
}

fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

macro_rules! eui {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Printed as 16 lower-case hexadecimal digits, most significant byte first. Read in either case, with or without
        /// `-` or `:` between the bytes. Never read from a number: 64 bits do not survive JSON numbers.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; 8]);

        impl $name {
            /// From the eight bytes, most significant first.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 8]) -> Self {
                Self(bytes)
            }

            /// The eight bytes, most significant first.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 8] {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                parse_hex(text).map(Self).ok_or_else(|| ParseIdError::Eui(text.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

eui!(
    /// A LoRaWAN device identifier (LoRaWAN L2 1.0.4, section 6.2.2).
    DevEui
);
eui!(
    /// The identifier of a LoRaWAN join server (LoRaWAN L2 1.0.4, section 6.2.1; formerly `AppEUI`).
    JoinEui
);

/// A LoRaWAN device address: 32 bits, assigned at each join, not unique (LoRaWAN L2 1.0.4, section 6.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DevAddr(u32);

impl DevAddr {
    /// From its numeric value.
    #[must_use]
    pub const fn from_u32(value: u32) -> Self {
        Self(value)
    }

    /// Its numeric value.
    #[must_use]
    pub const fn as_u32(self) -> u32 {
        self.0
    }
}

impl FromStr for DevAddr {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        parse_hex(text).map(|bytes| Self(u32::from_be_bytes(bytes))).ok_or_else(|| ParseIdError::DevAddr(text.to_owned()))
    }
}

impl fmt::Display for DevAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

macro_rules! registry_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// From 1 to 2^31 - 1, because SensorThings clients (QGIS among them) read identifiers into 32-bit integers.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(i64);

        impl $name {
            /// From a number; `None` outside 1 to 2^31 - 1.
            #[must_use]
            pub const fn try_new(value: i64) -> Option<Self> {
                if value >= 1 && value <= i32::MAX as i64 { Some(Self(value)) } else { None }
            }

            /// The number.
            #[must_use]
            pub const fn as_i64(self) -> i64 {
                self.0
            }

            /// The number as a zero-based index into a dense array.
            #[must_use]
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 <= value < 2^31 by construction")]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                text.parse().ok().and_then(Self::try_new).ok_or_else(|| ParseIdError::Number(text.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

registry_id!(
    /// A Thing: the city object that is observed.
    ThingId
);
registry_id!(
    /// A Location of Things.
    LocationId
);
registry_id!(
    /// A Sensor: the instrument or procedure.
    SensorId
);
registry_id!(
    /// An observed property, such as air temperature.
    ObservedPropertyId
);
registry_id!(
    /// A Datastream: one Thing, one Sensor, one observed property, one unit.
    DatastreamId
);
registry_id!(
    /// A feature of interest.
    FeatureOfInterestId
);

/// The place of a record in the write-ahead log: 1, 2, 3, ... without gaps for one data folder, through every restart.
///
/// It names the uplink (`uplink_id`) and is the position that followers of the stream remember.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct LogSequence(u64);

impl LogSequence {
    /// Before the first record.
    pub const ZERO: Self = Self(0);
    /// The last sequence an [`ObservationId`] can carry: 2^44 - 1.
    pub const MAX: Self = Self((1 << 44) - 1);

    /// From its number.
    #[must_use]
    pub const fn from_u64(value: u64) -> Self {
        Self(value)
    }

    /// Its number.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// Its number as SQL shows it.
    #[must_use]
    pub const fn as_i64(self) -> i64 {
        self.0.cast_signed()
    }

    /// The sequence after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for LogSequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The identity of an observation, for ever.
///
/// | range | made of | meaning |
/// |---|---|---|
/// | below 2^52 | log sequence x 256 + index in its record | arrived through the log; `id / 256` is its `uplink_id` |
/// | from 2^52 to 2^53 - 1 | 2^52 + running number | imported history, never part of the live stream |
///
/// Deriving it from the log position means it is known before anything is written, equal after a replay, increasing in commit
/// order (so it is the cursor of the live stream) and findable through file statistics. Below 2^53 it survives JSON numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ObservationId(i64);

impl ObservationId {
    /// How many observations one log record may hold.
    pub const PER_RECORD: usize = 256;
    /// The first identifier of imported history.
    pub const FIRST_IMPORTED: Self = Self(1 << 52);

    /// The `index`-th observation of the record at `sequence`; `None` when either is out of range.
    #[must_use]
    pub fn try_new(sequence: LogSequence, index: usize) -> Option<Self> {
        if index >= Self::PER_RECORD || sequence > LogSequence::MAX {
            return None;
        }
        i64::try_from(index).ok().map(|index| Self(sequence.as_i64() * 256 + index))
    }

    /// The `number`-th imported observation, counted from 0; `None` beyond 2^52.
    #[must_use]
    pub fn imported(number: u64) -> Option<Self> {
        (number < 1 << 52).then(|| Self(Self::FIRST_IMPORTED.0 + number.cast_signed()))
    }

    /// From a stored number; `None` outside 0 to 2^53 - 1.
    #[must_use]
    pub const fn from_i64(value: i64) -> Option<Self> {
        if value >= 0 && value < 1 << 53 { Some(Self(value)) } else { None }
    }

    /// The number.
    #[must_use]
    pub const fn as_i64(self) -> i64 {
        self.0
    }

    /// The log record it came in; `None` for imported history.
    #[must_use]
    pub const fn sequence(self) -> Option<LogSequence> {
        if self.0 < Self::FIRST_IMPORTED.0 { Some(LogSequence((self.0 / 256).cast_unsigned())) } else { None }
    }

    /// The greatest identifier that a record at `sequence` could hold.
    #[must_use]
    pub const fn last_of(sequence: LogSequence) -> Self {
        Self(sequence.as_i64() * 256 + 255)
    }
}

impl FromStr for ObservationId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        text.parse().ok().and_then(Self::from_i64).ok_or_else(|| ParseIdError::Observation(text.to_owned()))
    }
}

impl fmt::Display for ObservationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ok_eui_in_every_spelling_seen_in_the_wild() {
        for text in ["24e124aabbccdd01", "24E124AABBCCDD01", "24-E1-24-AA-BB-CC-DD-01", "24:e1:24:aa:bb:cc:dd:01"] {
            assert_eq!(text.parse::<DevEui>().unwrap().to_string(), "24e124aabbccdd01", "{text}");
        }
    }

    #[test]
    fn err_eui_that_is_empty_short_long_or_not_hexadecimal() {
        for text in ["", "24e124aabbccdd0", "24e124aabbccdd0101", "24e124aabbccddxx", "ä4e124aabbccdd01"] {
            assert_eq!(text.parse::<DevEui>(), Err(ParseIdError::Eui(text.to_owned())));
        }
    }

    #[test]
    fn err_registry_ids_outside_32_bits() {
        for text in ["0", "-1", "2147483648", "1.5", ""] {
            assert!(text.parse::<ThingId>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn eui_and_address_survive_printing(bytes: [u8; 8], address: u32) {
            let eui = DevEui::from_bytes(bytes);
            prop_assert_eq!(eui.to_string().parse::<DevEui>().unwrap(), eui);
            let address = DevAddr::from_u32(address);
            prop_assert_eq!(address.to_string().parse::<DevAddr>().unwrap(), address);
        }

        #[test]
        fn registry_ids_survive_printing(value in 1..=i64::from(i32::MAX)) {
            let thing = ThingId::try_new(value).unwrap();
            prop_assert_eq!(thing.to_string().parse::<ThingId>().unwrap(), thing);
            prop_assert_eq!(DatastreamId::try_new(value).unwrap().index().to_string(), value.to_string());
        }

        #[test]
        fn any_text_is_an_identifier_that_prints_and_parses_alike_or_an_error(text in ".{0,40}|[0-9a-fA-F:-]{0,30}|[0-9]{0,20}") {
            let is_stable = [
                text.parse::<DevEui>().map(|id| id.to_string().parse() == Ok(id)),
                text.parse::<JoinEui>().map(|id| id.to_string().parse() == Ok(id)),
                text.parse::<DevAddr>().map(|id| id.to_string().parse() == Ok(id)),
                text.parse::<ThingId>().map(|id| id.to_string().parse() == Ok(id)),
                text.parse::<ObservationId>().map(|id| id.to_string().parse() == Ok(id)),
            ];
            prop_assert!(is_stable.iter().all(|stable| *stable.as_ref().unwrap_or(&true)), "{text}");
        }

        #[test]
        fn an_observation_id_leads_back_to_its_record(sequence in 0..1_u64 << 44, index in 0..256_usize) {
            let sequence = LogSequence::from_u64(sequence);
            let id = ObservationId::try_new(sequence, index).unwrap();
            prop_assert_eq!(id.sequence(), Some(sequence));
            prop_assert!(id <= ObservationId::last_of(sequence) && id < ObservationId::FIRST_IMPORTED);
            prop_assert_eq!(id.to_string().parse::<ObservationId>().unwrap(), id);
        }
    }
}
