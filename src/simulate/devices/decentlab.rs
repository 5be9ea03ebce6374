//! The framing shared by Decentlab devices: version 2, device number, flags, then 16-bit words, big endian, on fPort 1.
//!
//! Each flag announces one sensor with a fixed number of words. The codec wraps every quantity into an object with
//! `displayName`, `value` and, where there is one, `unit`, so profiles have to look for `<name>.value`.
//! Source: decentlab/decentlab-decoders, data sheets at decentlab.com/support, section "Data format".

use super::super::json::JsonWriter;
use super::payload::{Cursor, DecodeError};

/// The fPort of Decentlab uplinks.
pub(crate) const F_PORT: u8 = 1;

const PROTOCOL_VERSION: u8 = 2;

/// Appends the header of a message with the given sensors present.
pub(crate) fn push_header(out: &mut Vec<u8>, device_id: u16, flags: u16) {
    out.push(PROTOCOL_VERSION);
    push_words(out, &[device_id, flags]);
}

/// Appends words, most significant byte first.
pub(crate) fn push_words(out: &mut Vec<u8>, words: &[u16]) {
    for word in words {
        out.extend_from_slice(&word.to_be_bytes());
    }
}

/// Reads port and header and returns the device number; all sensors in `flags` must be present and no others.
pub(crate) fn read_header(f_port: u8, cursor: &mut Cursor<'_>, flags: u16) -> Result<u16, DecodeError> {
    if f_port != F_PORT {
        return Err(DecodeError::UnknownPort(f_port));
    }
    if cursor.u8()? != PROTOCOL_VERSION {
        return Err(DecodeError::InvalidByte { position: 0 });
    }
    let device_id = cursor.u16_be()?;
    match cursor.u16_be()? {
        found if found == flags => Ok(device_id),
        other => Err(DecodeError::UnknownIdentifier(other)),
    }
}

/// Writes the members that every Decentlab object starts with.
pub(crate) fn header_members(json: &mut JsonWriter, device_id: u16) {
    json.integer_member("protocol_version", i64::from(PROTOCOL_VERSION));
    json.integer_member("device_id", i64::from(device_id));
}

/// Writes one quantity; an empty unit is left out, as the codec does.
pub(crate) fn quantity(json: &mut JsonWriter, name: &str, display_name: &str, value: f64, unit: &str) {
    json.key(name);
    json.begin_object();
    json.text_member("displayName", display_name);
    json.number_member("value", value);
    if !unit.is_empty() {
        json.text_member("unit", unit);
    }
    json.end_object();
}
