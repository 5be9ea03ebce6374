//! What every device type can do: measure, encode, decode, and show the decoded object.
//!
//! ```text
//! World, Site, Moment ──measure──▶ wire integers ──encode──▶ bytes + fPort
//!                                       │  ▲                      │
//!                                       │  └────────decode────────┘
//!                                       ├──object──▶ JSON of the vendor's codec
//!                                       └──numbers─▶ history
//! ```
//!
//! A type keeps the integers that travel on the air, so the decoded object shows the resolution of the device and not that of
//! the model behind it.

use super::super::json::JsonWriter;
use super::super::world::{Site, World};
use super::spec::Spec;

/// The moment of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Time of the measurement, microseconds since 1970, UTC.
    pub at_us: i64,
    /// Time of the previous report of the same device, for values that describe an interval.
    pub since_us: i64,
    /// Running number of the report; devices with several message kinds take turns by it.
    pub sequence: u64,
}

/// A type of device with a published payload format.
pub trait Payload: Sized {
    /// Constant facts.
    const SPEC: Spec;

    /// Measures the world at a place and a moment and rounds to the resolution of the device.
    fn measure(world: &World, site: &Site, moment: Moment) -> Self;

    /// The fPort this message uses.
    fn f_port(&self) -> u8;

    /// Appends the bytes the device would send.
    fn encode(&self, out: &mut Vec<u8>);

    /// Reads bytes as the vendor's codec does.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes do not follow the format; nothing is half decoded.
    fn decode(f_port: u8, bytes: &[u8]) -> Result<Self, DecodeError>;

    /// Writes the decoded object, members only, as the vendor's public codec names them.
    fn object(&self, json: &mut JsonWriter);

    /// Appends one number per numeric field of the specification, in its order; NaN where this message does not carry it.
    fn numbers(&self, out: &mut Vec<f64>);
}

/// Why bytes are not a message of a device type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes end inside a value.
    #[error("payload ends after {length} bytes, inside a value")]
    Truncated {
        /// Length of the payload.
        length: usize,
    },
    /// More bytes than the format has.
    #[error("{count} bytes follow after the end of the message")]
    Trailing {
        /// Number of bytes left over.
        count: usize,
    },
    /// No message of this type uses the port.
    #[error("fPort {0} is not used by this device type")]
    UnknownPort(u8),
    /// A channel, type or message identifier that the format does not define.
    #[error("identifier 0x{0:04x} is not defined for this device type")]
    UnknownIdentifier(u16),
    /// A value outside the encoding, for example a decimal digit above 9.
    #[error("byte {position} is not valid in this place")]
    InvalidByte {
        /// Index of the byte.
        position: usize,
    },
}

/// Reads values from a payload, front to back.
#[derive(Debug)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    pub(crate) const fn is_at_end(&self) -> bool {
        self.position >= self.bytes.len()
    }

    pub(crate) const fn position(&self) -> usize {
        self.position
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let truncated = DecodeError::Truncated { length: self.bytes.len() };
        let end = self.position + N;
        let taken = self.bytes.get(self.position..end).and_then(|slice| slice.try_into().ok()).ok_or(truncated)?;
        self.position = end;
        Ok(taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.take::<1>().map(|[byte]| byte)
    }

    pub(crate) fn i8(&mut self) -> Result<i8, DecodeError> {
        self.take().map(i8::from_be_bytes)
    }

    pub(crate) fn u16_be(&mut self) -> Result<u16, DecodeError> {
        self.take().map(u16::from_be_bytes)
    }

    pub(crate) fn i16_be(&mut self) -> Result<i16, DecodeError> {
        self.take().map(i16::from_be_bytes)
    }

    pub(crate) fn i32_be(&mut self) -> Result<i32, DecodeError> {
        self.take().map(i32::from_be_bytes)
    }

    pub(crate) fn u16_le(&mut self) -> Result<u16, DecodeError> {
        self.take().map(u16::from_le_bytes)
    }

    pub(crate) fn i16_le(&mut self) -> Result<i16, DecodeError> {
        self.take().map(i16::from_le_bytes)
    }

    pub(crate) fn u32_le(&mut self) -> Result<u32, DecodeError> {
        self.take().map(u32::from_le_bytes)
    }

    /// Fails unless the whole payload was read.
    pub(crate) const fn finish(&self) -> Result<(), DecodeError> {
        if self.is_at_end() { Ok(()) } else { Err(DecodeError::Trailing { count: self.bytes.len() - self.position }) }
    }
}
