//! Identifiers in envelopes, all derived from hashed numbers so that runs can be repeated.

use crate::simulate::json::{push_hex, push_integer};
use crate::simulate::numeric::low_u32;
use crate::simulate::random::hash;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

/// A LoRaWAN session: what a join gives to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// Device address without its prefix; the envelope adds the prefix of its network.
    pub address: u32,
    /// Identifier of the session keys in The Things Stack.
    pub key_id: [u8; 16],
    /// When the device joined, microseconds since 1970.
    pub joined_us: i64,
}

impl Session {
    /// The session that a seed stands for.
    #[must_use]
    pub fn new(seed: u64, joined_us: i64) -> Self {
        let mut key_id = [0; 16];
        key_id[..8].copy_from_slice(&hash(seed, 1).to_be_bytes());
        key_id[8..].copy_from_slice(&hash(seed, 2).to_be_bytes());
        // The Things Stack uses ULIDs of this decade, which begin with 01.
        key_id[0] = 0x01;
        Self { address: low_u32(hash(seed, 3)), key_id, joined_us }
    }

    pub(crate) fn push_key_id(&self, text: &mut String) {
        STANDARD.encode_string(self.key_id, text);
    }
}

/// What identifies an uplink for whoever compares sent with stored.
///
/// Printed as the `deduplicationId` for ChirpStack, and as `tts:<dev_eui>:<session_key_id>:<f_cnt>` for The Things Stack, which has
/// no identifier of its own. Copies of a message share its identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageId {
    /// A ChirpStack `deduplicationId`.
    Deduplication([u8; 16]),
    /// Device, session keys and frame counter.
    Frame {
        /// DevEUI.
        dev_eui: [u8; 8],
        /// Session key identifier.
        key_id: [u8; 16],
        /// Frame counter.
        f_cnt: u32,
    },
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(64);
        match self {
            Self::Deduplication(bytes) => push_uuid(&mut text, bytes),
            Self::Frame { dev_eui, key_id, f_cnt } => {
                text.push_str("tts:");
                push_hex(&mut text, dev_eui);
                text.push(':');
                STANDARD.encode_string(key_id, &mut text);
                text.push(':');
                push_integer(&mut text, i64::from(*f_cnt));
            }
        }
        f.write_str(&text)
    }
}

/// Sixteen bytes of a random UUID (RFC 9562, version 4).
pub(crate) fn uuid(entropy: u64, purpose: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&hash(entropy, purpose).to_be_bytes());
    bytes[8..].copy_from_slice(&hash(entropy, purpose ^ 0xffff).to_be_bytes());
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    bytes
}

/// Appends a UUID in its usual form.
pub(crate) fn push_uuid(text: &mut String, bytes: &[u8; 16]) {
    for (index, part) in [&bytes[..4], &bytes[4..6], &bytes[6..8], &bytes[8..10], &bytes[10..]].into_iter().enumerate() {
        if index > 0 {
            text.push('-');
        }
        push_hex(text, part);
    }
}

/// Appends a ULID (github.com/ulid/spec): 48 bits of milliseconds, 80 random bits, in Crockford's base 32.
pub(crate) fn push_ulid(text: &mut String, at_us: i64, entropy: u64) {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let millis = u128::from(at_us.div_euclid(1_000).unsigned_abs()) & 0xffff_ffff_ffff;
    let random = (u128::from(hash(entropy, 0x0711d)) << 16) | u128::from(entropy & 0xffff);
    let value = (millis << 80) | random;
    for place in (0..26).rev() {
        let digit = usize::try_from(value >> (5 * place) & 31).unwrap_or(0);
        text.push(char::from(DIGITS[digit]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_have_their_published_forms() {
        let mut text = String::new();
        push_uuid(&mut text, &uuid(7, 1));
        assert_eq!((text.len(), &text[14..15]), (36, "4"));
        assert!(matches!(&text[19..20], "8" | "9" | "a" | "b"));
        let mut text = String::new();
        push_ulid(&mut text, 1_772_359_200_000_000, 5);
        assert_eq!(text.len(), 26);
        assert!(text.starts_with("01K"), "{text}");
    }

    #[test]
    fn a_frame_without_server_identifier_is_named_by_device_session_and_counter() {
        let id = MessageId::Frame { dev_eui: [2, 0, 0, 0, 0, 0, 0, 9], key_id: [1; 16], f_cnt: 42 };
        assert_eq!(id.to_string(), "tts:0200000000000009:AQEBAQEBAQEBAQEBAQEBAQ==:42");
    }
}
