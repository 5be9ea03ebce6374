//! What must be checked on the bytes of the first packet before `mqtt-protocol-core` may see them.
//!
//! | guard | why | where |
//! |---|---|---|
//! | 1 | MQTT 5 CONNECT with Topic Alias Maximum 0, which is legal, panics inside the core (value_allocator.rs:91 by way of core.rs:2684) | [`neutralise_topic_alias_maximum`] |
//! | 2 | the first packet must be CONNECT; the core reports errors without asking to close | [`first_packet`], and every violation closes in `connection` |
//! | 3 | the core delivers PUBLISH before CONNACK: it gets no bytes while the login is checked | `handshake` reads exactly one CONNECT, the rest waits |
//! | 4 | topics with wildcards, empty topics and packet identifier 0 pass the core | `codec` |
//! | 5 | the core allocates what a header announces | `codec` sets the size limit; CONNECT has its own here |
//! | 6 | a resend of a message that is still in flight is delivered again | `in_flight` |

/// What the bytes received so far are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FirstPacket {
    /// The beginning of a CONNECT.
    Incomplete,
    /// A CONNECT of this many bytes.
    Connect {
        /// Length of the packet, header included.
        len: usize,
        /// Protocol level the client asks for: 4 is 3.1.1, 5 is 5.
        level: u8,
    },
    /// A CONNECT larger than we take from strangers.
    TooLarge,
    /// Something else, or not MQTT.
    NotConnect,
}

/// Fixed header of CONNECT; its flag bits are reserved and zero (2.1.2).
const CONNECT: u8 = 0x10;
/// Bytes of a remaining length at most (2.1.4).
const MAX_LENGTH_BYTES: usize = 4;
/// Where the connect flags stand in the variable header: after the name with its length, and the level.
const FLAGS_AT: usize = 7;
/// Where the properties stand in the variable header of MQTT 5: after the flags and the keep-alive.
const PROPERTIES_AT: usize = 10;
/// Property identifier of Topic Alias Maximum (2.2.2.2).
const TOPIC_ALIAS_MAXIMUM: u8 = 0x22;

/// Looks at the first bytes of a connection without consuming them.
pub(super) fn first_packet(bytes: &[u8], max_bytes: usize) -> FirstPacket {
    match bytes.first() {
        None => return FirstPacket::Incomplete,
        Some(&CONNECT) => {}
        Some(_) => return FirstPacket::NotConnect,
    }
    let (remaining, length_bytes) = match variable_integer(&bytes[1..]) {
        Integer::Value(value, size) => (value, size),
        Integer::Incomplete => return FirstPacket::Incomplete,
        Integer::Malformed => return FirstPacket::NotConnect,
    };
    let header = 1 + length_bytes;
    let len = header + remaining;
    if len > max_bytes {
        return FirstPacket::TooLarge;
    }
    if bytes.len() < len {
        return FirstPacket::Incomplete;
    }
    let body = &bytes[header..len];
    // MQTT 3.1 wrote `MQIsdp` and level 3 here; its clients get an answer they understand.
    if body.starts_with(b"\x00\x06MQIsdp") {
        return FirstPacket::Connect { len, level: 3 };
    }
    match body {
        [0, 4, b'M', b'Q', b'T', b'T', level, ..] if body.len() >= PROPERTIES_AT && flags_are_legal(body[FLAGS_AT]) => {
            FirstPacket::Connect { len, level: *level }
        }
        _ => FirstPacket::NotConnect,
    }
}

/// Bit 0 is reserved; quality of service and retain of the will need the will flag, and quality 3 does not exist (3.1.2.3 to
/// 3.1.2.7). The core checks none of it.
fn flags_are_legal(flags: u8) -> bool {
    let reserved = flags & 0b0000_0001 != 0;
    let will = flags & 0b0000_0100 != 0;
    let will_qos = (flags & 0b0001_1000) >> 3;
    let will_retain = flags & 0b0010_0000 != 0;
    !reserved && will_qos != 3 && (will || (will_qos == 0 && !will_retain))
}

/// Guard 1: writes 1 where an MQTT 5 CONNECT says Topic Alias Maximum 0. We never send a topic alias, so the client cannot
/// tell the difference. Input: one complete packet, as [`first_packet`] measured it.
pub(super) fn neutralise_topic_alias_maximum(packet: &mut [u8]) {
    let Some(Integer::Value(_, length_bytes)) = packet.get(1..).map(variable_integer) else { return };
    let Some(body) = packet.get_mut(1 + length_bytes..) else { return };
    if body.get(FLAGS_AT - 1) != Some(&5) {
        return;
    }
    let Some(Integer::Value(properties_len, size)) = body.get(PROPERTIES_AT..).map(variable_integer) else { return };
    let begin = PROPERTIES_AT + size;
    let Some(mut properties) = body.get_mut(begin..begin + properties_len) else { return };
    while let Some((&id, value)) = properties.split_first() {
        let Some(len) = property_value_len(id, value) else { return };
        if id == TOPIC_ALIAS_MAXIMUM && value.starts_with(&[0, 0]) {
            properties[2] = 1;
        }
        let Some(rest) = properties.get_mut(1 + len..) else { return };
        properties = rest;
    }
}

/// Length of the value of a property of CONNECT (3.1.2.11), or `None` when it is not one or cut short.
fn property_value_len(id: u8, value: &[u8]) -> Option<usize> {
    let string_len = |at: usize| Some(2 + usize::from(u16::from_be_bytes([*value.get(at)?, *value.get(at + 1)?])));
    match id {
        // Session Expiry Interval, Maximum Packet Size.
        0x11 | 0x27 => Some(4),
        // Receive Maximum, Topic Alias Maximum.
        0x21 | TOPIC_ALIAS_MAXIMUM => Some(2),
        // Request Response Information, Request Problem Information.
        0x19 | 0x17 => Some(1),
        // Authentication Method, Authentication Data.
        0x15 | 0x16 => string_len(0),
        // User Property: a pair of strings.
        0x26 => {
            let name = string_len(0)?;
            Some(name + string_len(name)?)
        }
        _ => None,
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Integer {
    Value(usize, usize),
    Incomplete,
    Malformed,
}

/// A variable byte integer (1.5.5): its value and how many bytes it takes.
fn variable_integer(bytes: &[u8]) -> Integer {
    let mut value = 0;
    for (index, byte) in bytes.iter().take(MAX_LENGTH_BYTES).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Integer::Value(value, index + 1);
        }
    }
    if bytes.len() < MAX_LENGTH_BYTES { Integer::Incomplete } else { Integer::Malformed }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::mqtt::testing::wire;

    #[test]
    fn ok_connect_packets_are_measured() {
        for (packet, level) in [(wire::connect_v4("a"), 4), (wire::connect_v5("a", &[]), 5)] {
            for cut in 0..packet.len() {
                assert_eq!(first_packet(&packet[..cut], 1000), FirstPacket::Incomplete, "{cut}");
            }
            let mut followed = packet.clone();
            followed.extend_from_slice(&[0xc0, 0]);
            assert_eq!(first_packet(&followed, 1000), FirstPacket::Connect { len: packet.len(), level });
        }
    }

    #[test]
    fn err_first_packets_that_are_not_a_connect() {
        for bytes in [
            &b"GET / HTTP/1.1\r\n"[..],
            // PUBLISH, PINGREQ, CONNECT with reserved flag bits.
            &[0x30, 5, 0, 1, b'a', b'h', b'i'],
            &[0xc0, 0],
            &[0x11, 0],
            // A remaining length of five bytes.
            &[0x10, 0xff, 0xff, 0xff, 0xff, 0x01],
            // A wrong protocol name, and a body that ends after it.
            &[0x10, 10, 0, 4, b'M', b'Q', b'T', b'X', 4, 2, 0, 0],
            &[0x10, 6, 0, 4, b'M', b'Q', b'T', b'T'],
            // The reserved connect flag; will quality 3; will retain without a will.
            &[0x10, 12, 0, 4, b'M', b'Q', b'T', b'T', 4, 0b0000_0011, 0, 0, 0, 0],
            &[0x10, 12, 0, 4, b'M', b'Q', b'T', b'T', 4, 0b0001_1110, 0, 0, 0, 0],
            &[0x10, 12, 0, 4, b'M', b'Q', b'T', b'T', 4, 0b0010_0010, 0, 0, 0, 0],
        ] {
            assert_eq!(first_packet(bytes, 1000), FirstPacket::NotConnect, "{bytes:?}");
        }
        assert_eq!(first_packet(&[0x10, 0xff, 0x7f], 1000), FirstPacket::TooLarge);
    }

    #[test]
    fn a_topic_alias_maximum_of_zero_becomes_one_wherever_it_stands() {
        let user_property = [0x26, 0, 1, b'k', 0, 2, b'v', b'w'];
        let session_expiry = [0x11, 0, 0, 0, 9];
        for prefix in [&[][..], &user_property, &session_expiry] {
            let with = |alias_maximum: u8| {
                let mut properties = prefix.to_vec();
                properties.extend_from_slice(&[TOPIC_ALIAS_MAXIMUM, 0, alias_maximum]);
                wire::connect_v5("client", &properties)
            };
            let mut zero = with(0);
            neutralise_topic_alias_maximum(&mut zero);
            assert_eq!(zero, with(1));
            let mut seven = with(7);
            neutralise_topic_alias_maximum(&mut seven);
            assert_eq!(seven, with(7));
        }
        let mut v4 = wire::connect_v4("\u{22}\0\0");
        let before = v4.clone();
        neutralise_topic_alias_maximum(&mut v4);
        assert_eq!(v4, before);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = first_packet(&bytes, 1000);
            neutralise_topic_alias_maximum(&mut bytes);
        }

        #[test]
        fn any_properties_are_survived(properties in proptest::collection::vec(any::<u8>(), 0..100)) {
            neutralise_topic_alias_maximum(&mut wire::connect_v5("c", &properties));
        }
    }
}
