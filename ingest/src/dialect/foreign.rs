//! Messages that no dialect reads: what they probably are, so that the person who finds them in quarantine knows what to do.

use serde_json::{Map, Value};

use super::{DialectError, malformed};

/// How many keys of an unknown object are listed.
const MAX_KEYS: usize = 8;

/// A key that gives a known publisher away, and what to do.
const SIGNS: [(&str, &str); 11] = [
    ("devEUI", "ChirpStack v3 or a gateway with a built-in network server, which are not supported yet"),
    ("phyPayload", "a frame between gateway and network server, encrypted; subscribe to the application's topic instead"),
    ("DevEUI_uplink", "Actility ThingPark, which is not supported yet"),
    ("EUI", "LORIOT, which is not supported yet"),
    ("endDevice", "Kerlink Wanesy, which is not supported yet"),
    ("deveui", "a MultiTech gateway, which is not supported yet"),
    ("WirelessDeviceId", "AWS IoT Core for LoRaWAN, which is not supported yet"),
    ("PayloadData", "AWS IoT Core for LoRaWAN, which is not supported yet"),
    ("devEui", "a downlink command to ChirpStack, or an uplink that lost its `deviceInfo`"),
    ("downlinks", "a downlink command to The Things Stack"),
    ("linkquality", "Zigbee2MQTT, which is not supported yet"),
];

/// One sentence about an object without a dialect: a guess, or the keys it has.
pub(super) fn describe(root: &Map<String, Value>) -> String {
    if let Some((_, guess)) = SIGNS.iter().find(|(key, _)| root.contains_key(*key)) {
        return format!("it looks like {guess}");
    }
    if root.is_empty() {
        return "it is an empty object".to_owned();
    }
    let mut keys: Vec<String> = root.keys().take(MAX_KEYS).map(|key| key.chars().take(40).collect()).collect();
    if root.len() > MAX_KEYS {
        keys.push("...".to_owned());
    }
    format!("it has the keys {}", keys.join(", "))
}

/// A better error for a payload that is not JSON, where its beginning tells what it is.
///
/// `ChirpStack` publishes protobuf on the same topics unless told otherwise, and it is the first thing that goes wrong: field 1
/// (tag 0x0a) of every event but `log` is the deduplication id, a UUID of 36 (0x24) characters.
pub(super) fn explain(payload: &[u8]) -> Option<DialectError> {
    is_protobuf_event(payload)
        .then(|| malformed("a ChirpStack event in protobuf; set `json=true` under `[integration.mqtt]` in chirpstack.toml"))
}

fn is_protobuf_event(payload: &[u8]) -> bool {
    let is_uuid = |uuid: &[u8]| {
        uuid.iter().enumerate().all(|(at, byte)| if [8, 13, 18, 23].contains(&at) { *byte == b'-' } else { byte.is_ascii_hexdigit() })
    };
    payload.strip_prefix(b"\x0a\x24").and_then(|rest| rest.get(..36)).is_some_and(is_uuid)
}

/// Keys whose value a network server gives to one message only, and how the value begins.
const IDENTITIES: [(&[u8], &[u8]); 2] = [(br#""deduplicationId""#, b"\""), (br#""correlation_ids""#, b"[\"")];

/// The least length of such a value that is taken for one.
const MIN_IDENTITY_BYTES: usize = 8;

/// Whether the message carries an identity that its sender gives to no other, so that an equal message is the same message. Found
/// also in what is not JSON, such as the beginning of a message that was cut off.
pub(super) fn names_itself(payload: &[u8]) -> bool {
    is_protobuf_event(payload) || IDENTITIES.iter().any(|(key, begin)| has_identity(payload, key, begin))
}

fn has_identity(payload: &[u8], key: &[u8], begin: &[u8]) -> bool {
    let Some(at) = payload.windows(key.len()).position(|window| window == key) else { return false };
    let mut rest = payload[at + key.len()..].iter().filter(|byte| !byte.is_ascii_whitespace());
    rest.next() == Some(&b':')
        && begin.iter().all(|expected| rest.next() == Some(expected))
        && rest.take_while(|byte| **byte != b'"').count() >= MIN_IDENTITY_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_objects_are_described() {
        for (text, expected) in [
            ("{}", "it is an empty object"),
            (r#"{"devEUI":"x"}"#, "it looks like ChirpStack v3 or a gateway with a built-in network server, which are not supported yet"),
            (r#"{"b":1,"a":2}"#, "it has the keys a, b"),
            (r#"{"1":0,"2":0,"3":0,"4":0,"5":0,"6":0,"7":0,"8":0,"9":0}"#, "it has the keys 1, 2, 3, 4, 5, 6, 7, 8, ..."),
        ] {
            assert_eq!(describe(&serde_json::from_str(text).unwrap()), expected);
        }
    }

    #[test]
    fn messages_that_name_themselves_are_told_apart_from_those_that_do_not() {
        for named in [
            &br#"{"deduplicationId":"5f0c3a52-7d1b-4a8e-9c33-0b6a1f2e4d57","deviceInfo":7}"#[..],
            br#"{"deduplicationId" : "5f0c3a52-7d"#,
            b"{\"correlation_ids\": [\n \"gs:uplink:01K00000000000000000000000\"]}",
            b"\x0a\x245f0c3a52-7d1b-4a8e-9c33-0b6a1f2e4d57\x12\x0c",
        ] {
            assert!(names_itself(named), "{}", named.escape_ascii());
        }
        for nameless in [
            &b"off"[..],
            b"",
            br#"{"deduplicationId":"""#,
            br#"{"deduplicationId":7777777777}"#,
            br#"{"correlation_ids":[]}"#,
            br#""deduplicationId""#,
        ] {
            assert!(!names_itself(nameless), "{}", nameless.escape_ascii());
        }
    }

    #[test]
    fn protobuf_from_chirpstack_is_told_apart_from_noise() {
        let event = b"\x0a\x245f0c3a52-7d1b-4a8e-9c33-0b6a1f2e4d57\x12\x0c";
        assert!(explain(event).is_some());
        for noise in [&event[..20], b"\x0a\x24", b"", b"\x0a\x245f0c3a52-7d1b-4a8e-9c33-0b6a1f2e4d5z"] {
            assert!(explain(noise).is_none());
        }
    }
}
