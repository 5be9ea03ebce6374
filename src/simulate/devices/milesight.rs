//! The framing shared by Milesight devices: `[channel u8][type u8][value, little endian]`, repeated, on fPort 85.
//!
//! Source: Milesight-IoT/SensorDecoders, README of each product, section "Payload".

use super::payload::{Cursor, DecodeError};

/// The fPort of Milesight uplinks.
pub(crate) const F_PORT: u8 = 85;

/// Channel and type of the battery level in percent.
pub(crate) const BATTERY: [u8; 2] = [0x01, 0x75];

/// Reads the next channel and type, or `None` at the end.
pub(crate) fn next_channel(cursor: &mut Cursor<'_>) -> Result<Option<[u8; 2]>, DecodeError> {
    if cursor.is_at_end() {
        return Ok(None);
    }
    Ok(Some([cursor.u8()?, cursor.u8()?]))
}

/// Fails unless the port is Milesight's.
pub(crate) const fn expect_port(f_port: u8) -> Result<(), DecodeError> {
    if f_port == F_PORT { Ok(()) } else { Err(DecodeError::UnknownPort(f_port)) }
}

/// The error for a channel the type does not have.
pub(crate) const fn unknown(channel: [u8; 2]) -> DecodeError {
    DecodeError::UnknownIdentifier(u16::from_be_bytes(channel))
}
