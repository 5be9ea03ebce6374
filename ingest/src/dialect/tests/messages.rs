//! Which dialect a message is of, and what happens to messages of none.

use serde_json::json;
use stadtwarte_model::quarantine::QuarantineReason;
use stadtwarte_model::uplink::TimeSource;
use stadtwarte_model::{Timestamp, Uplink};

use super::super::{Dialect, DialectError, EventKind, Parsed, parse};

const DEVICE: &str = r#""deviceInfo":{"devEui":"24e124aabbccdd01"}"#;
const IDS: &str = r#""end_device_ids":{"device_id":"a","dev_eui":"24E124AABBCCDD01"}"#;

/// Kind of event, `None` for an uplink.
fn kind(topic: &str, fields: &str, identity: &str) -> Result<Option<EventKind>, DialectError> {
    let payload = format!("{{{identity}{}{fields}}}", if fields.is_empty() { "" } else { "," });
    parse(Dialect::Auto, topic, payload.as_bytes()).map(|(_, parsed)| match parsed {
        Parsed::Uplink(_) => None,
        Parsed::Event(event) => Some(event.kind),
    })
}

#[test]
fn ok_chirpstack_messages_are_told_apart_by_shape_then_by_topic() {
    let cases = [
        ("x", r#""data":"AQ==""#, None),
        ("x", r#""rxInfo":[]"#, None),
        ("x", r#""object":{"t":1}"#, None),
        ("x", r#""fCnt":0,"fPort":0"#, None),
        ("a/event/up", "", None),
        ("a/event/status", r#""data":"AQ==""#, None),
        ("x", r#""fCnt":7,"description":"added by a rule engine""#, None),
        ("a/event/up", r#""devAddr":"01abcdef""#, Some(EventKind::Join)),
        ("x", r#""devAddr":"01abcdef""#, Some(EventKind::Join)),
        ("x", r#""margin":0"#, Some(EventKind::Status)),
        ("a/event/status", "", Some(EventKind::Status)),
        ("status/a", "", Some(EventKind::Status)),
        ("a/event/status", r#""rxInfo":null,"data":null,"object":null,"fCnt":0,"fPort":0,"margin":7"#, Some(EventKind::Status)),
        ("x", r#""queueItemId":"q""#, Some(EventKind::Ack)),
        ("x", r#""queueItemId":"q","downlinkId":1"#, Some(EventKind::TxAck)),
        ("x", r#""level":"ERROR","code":"UPLINK_CODEC""#, Some(EventKind::Log)),
        ("x", r#""code":"UPLINK_CODEC""#, Some(EventKind::Log)),
        ("x", r#""location":{}"#, Some(EventKind::Location)),
        ("x", r#""integrationName":"i","object":{}"#, Some(EventKind::Integration)),
    ];
    for (topic, fields, expected) in cases {
        assert_eq!(kind(topic, fields, DEVICE), Ok(expected), "{topic} {fields}");
    }
}

#[test]
fn ok_things_stack_messages_are_told_apart_by_shape_then_by_topic() {
    let cases = [
        ("x", r#""uplink_message":{}"#, None),
        ("v3/a/devices/b/down/ack", r#""uplink_message":{}"#, None),
        ("x", r#""uplink_message":null,"join_accept":{}"#, Some(EventKind::Join)),
        ("x", r#""downlink_failed":{}"#, Some(EventKind::Downlink)),
        ("v3/a/devices/b/join", "", Some(EventKind::Join)),
        ("v3/a/devices/b/up/normalized", "", Some(EventKind::NormalizedUplink)),
    ];
    for (topic, fields, expected) in cases {
        assert_eq!(kind(topic, fields, IDS), Ok(expected), "{topic} {fields}");
    }
}

#[test]
fn err_messages_without_a_dialect_or_a_device_name_the_reason() {
    use QuarantineReason::{Malformed, UnknownMessage};
    let cases = [
        ("{}", UnknownMessage, "no dialect recognises this message: it is an empty object"),
        (r#"{"temperature":21.5}"#, UnknownMessage, "no dialect recognises this message: it has the keys temperature"),
        (
            r#"{"deviceInfo":{"devEui":"24e124aabbccdd01"}}"#,
            UnknownMessage,
            "no dialect recognises this message: a ChirpStack message with neither the fields nor the topic of an uplink or an event",
        ),
        (
            r#"{"end_device_ids":{"dev_eui":"24E124AABBCCDD01"}}"#,
            UnknownMessage,
            "no dialect recognises this message: a message of The Things Stack with neither an uplink nor a known event in it",
        ),
        (r#"{"deduplicationId":"d","data":"AQ=="}"#, Malformed, "deviceInfo: missing"),
        (r#"{"deduplicationId":"d","data":"AQ==","deviceInfo":7}"#, Malformed, "deviceInfo: expected an object, found 7"),
        (r#"{"deviceInfo":{"devEui":""},"data":"AQ=="}"#, Malformed, "deviceInfo.devEui: missing"),
        (r#"{"deviceInfo":{"devEui":null},"data":"AQ=="}"#, Malformed, "deviceInfo.devEui: missing"),
        (
            r#"{"deviceInfo":{"devEui":2657810000000001},"data":"AQ=="}"#,
            Malformed,
            "deviceInfo.devEui: expected an identifier as hexadecimal text, found 2657810000000001",
        ),
        (
            r#"{"deviceInfo":{"devEui":"24e124aabbccdd"},"data":"AQ=="}"#,
            Malformed,
            "deviceInfo.devEui: `24e124aabbccdd` is not an EUI-64: expected 16 hexadecimal digits",
        ),
        (
            r#"{"deviceInfo":{"devEui":"24e124aabbccdd01","devEui":"24e124aabbccdd02"},"data":"AQ=="}"#,
            Malformed,
            "deviceInfo.devEui: given twice with different values",
        ),
        (r#"{"uplink_message":{}}"#, Malformed, "end_device_ids: missing"),
        (r#"{"end_device_ids":{"device_id":"a"},"uplink_message":{}}"#, Malformed, "end_device_ids.dev_eui: missing"),
        (
            r#"{"end_device_ids":{"dev_eui":"24E124AABBCCDD01"},"uplink_message":[]}"#,
            Malformed,
            "uplink_message: expected an object, found a list",
        ),
        (
            r#"{"end_device_ids":{"dev_eui":"24E124AABBCCDD01"},"end_device_ids":{},"uplink_message":{}}"#,
            Malformed,
            "end_device_ids.dev_eui: given twice with different values",
        ),
        (
            "\n$5f0c3a52-7d1b-4a8e-9c33-0b6a1f2e4d57",
            Malformed,
            "a ChirpStack event in protobuf; set `json=true` under `[integration.mqtt]` in chirpstack.toml",
        ),
        ("", Malformed, "the payload is empty"),
    ];
    for (payload, reason, text) in cases {
        let error = parse(Dialect::Auto, "city/lora", payload.as_bytes()).unwrap_err();
        assert_eq!((error.reason(), error.to_string().as_str()), (reason, text), "{payload}");
    }
}

#[test]
fn a_chosen_dialect_says_what_it_misses() {
    for (dialect, text) in [(Dialect::ChirpstackV4, "deviceInfo: missing"), (Dialect::TtsV3, "end_device_ids: missing")] {
        let error = parse(dialect, "city/lora", br#"{"temperature":21.5}"#).unwrap_err();
        assert_eq!((error.reason(), error.to_string().as_str()), (QuarantineReason::Malformed, text));
    }
}

#[test]
fn a_value_given_twice_is_kept_with_a_warning() {
    let payload = br#"{"deviceInfo":{"devEui":"24e124aabbccdd01"},"object":{"t":1,"t":2},"data":"AQ=="}"#;
    let Ok((Dialect::ChirpstackV4, Parsed::Uplink(uplink))) = parse(Dialect::Auto, "x", payload) else { panic!("not an uplink") };
    assert_eq!(uplink.object.map(serde_json::Value::Object), Some(json!({"t": 2})));
    assert_eq!(uplink.warnings, ["object.t: given twice with different values; the last one counts"]);
}

#[test]
fn no_frame_counter_is_made_up_where_zeros_are_not_left_out() {
    for (payload, f_cnt) in [
        (r#"{"deviceInfo":{"devEui":"24e124aabbccdd01"},"data":"AQ==","deduplicationId":"d"}"#, Some(0)),
        (r#"{"deviceInfo":{"devEui":"24e124aabbccdd01"},"data":"AQ=="}"#, None),
        (r#"{"deviceInfo":{"devEui":"24e124aabbccdd01"},"data":"AQ==","deduplicationId":"d","fCnt":"x"}"#, None),
        (r#"{"end_device_ids":{"dev_eui":"24E124AABBCCDD01","dev_addr":"260B1234"},"uplink_message":{}}"#, Some(0)),
        (r#"{"end_device_ids":{"dev_eui":"24E124AABBCCDD01"},"uplink_message":{}}"#, None),
    ] {
        let Ok((_, Parsed::Uplink(uplink))) = parse(Dialect::Auto, "x", payload.as_bytes()) else { panic!("not an uplink: {payload}") };
        assert_eq!(uplink.f_cnt, f_cnt, "{payload}");
    }
}

/// The uplink of a Things Stack message with `fields` in its body.
fn things_stack(fields: &str) -> Uplink {
    let payload = format!(
        r#"{{"end_device_ids":{{"device_id":"","dev_eui":"24E124AABBCCDD01","dev_addr":"260B1234"}},"uplink_message":{{{fields}}}}}"#
    );
    match parse(Dialect::Auto, "x", payload.as_bytes()) {
        Ok((Dialect::TtsV3, Parsed::Uplink(uplink))) => *uplink,
        other => panic!("{other:?}"),
    }
}

#[test]
fn clocks_in_1970_and_2106_give_way_to_the_time_of_receipt_and_are_kept_and_flagged() {
    let received: Timestamp = "2026-03-01T10:00:00Z".parse().unwrap();
    for time in ["1970-01-01T00:00:12Z", "2106-02-07T06:28:15Z", "2026-03-01T10:05:01Z"] {
        let chirpstack = format!(r#"{{{DEVICE},"data":"AQ==","time":"{time}","rxInfo":[{{"nsTime":"{time}","gwTime":"{time}"}}]}}"#);
        let stack =
            format!(r#"{{{IDS},"received_at":"{time}","uplink_message":{{"received_at":"{time}","rx_metadata":[{{"time":"{time}"}}]}}}}"#);
        for payload in [chirpstack, stack] {
            let Ok((_, Parsed::Uplink(uplink))) = parse(Dialect::Auto, "x", payload.as_bytes()) else { panic!("{payload}") };
            let event_time = uplink.times.event_time(received);
            assert_eq!((event_time.time, event_time.source, event_time.clock_suspect), (received, TimeSource::Received, true), "{payload}");
            let original = time.parse().unwrap();
            let is_kept = uplink.times.network_server == Some(original) || uplink.warnings.iter().any(|warning| warning.contains(time));
            assert!(is_kept && uplink.times.gateway == Some(original), "{payload}");
        }
    }
}

#[test]
fn a_server_clock_that_was_never_set_flags_the_uplink_also_where_another_time_is_believed() {
    let payload = format!(r#"{{{DEVICE},"data":"AQ==","time":"2026-03-01T10:00:00Z","rxInfo":[{{"nsTime":"1970-01-01T00:00:12Z"}}]}}"#);
    let Ok((_, Parsed::Uplink(uplink))) = parse(Dialect::Auto, "x", payload.as_bytes()) else { panic!("{payload}") };
    let event_time = uplink.times.event_time("2026-03-01T10:00:01Z".parse().unwrap());
    assert_eq!((event_time.source, event_time.clock_suspect), (TimeSource::NetworkServer, true));
}

#[test]
fn a_payload_is_not_decoded_when_it_may_be_encrypted() {
    let chirpstack = |context: &str| {
        let payload = format!(r#"{{{DEVICE},"data":"AQ==","joinServerContext":{context}}}"#);
        let Ok((_, Parsed::Uplink(uplink))) = parse(Dialect::Auto, "x", payload.as_bytes()) else { panic!("{context}") };
        (uplink.encrypted, uplink.warnings.len())
    };
    let stack = |key: &str| {
        let uplink = things_stack(&format!(r#""app_s_key":{key}"#));
        (uplink.encrypted, uplink.warnings.len())
    };
    for (value, expected) in [("null", (false, 0)), (r#"{"key":"AAAA"}"#, (true, 0)), (r#""?""#, (true, 1))] {
        assert_eq!((chirpstack(value), stack(value)), (expected, expected), "{value}");
    }
}

#[test]
fn empty_text_is_no_name_and_no_session_and_port_zero_is_no_port() {
    let uplink = things_stack(r#""session_key_id":"","f_port":0"#);
    assert_eq!((uplink.device.name, uplink.session.as_deref(), uplink.f_port), (None, Some("260b1234"), None));
    assert!(uplink.warnings.is_empty());
}

#[test]
fn a_place_is_what_operators_and_services_say_but_not_a_guess_from_an_internet_address_nor_an_old_fix() {
    let lon_deg = |name: &str, source: &str| {
        let place = format!(r#""locations":{{"{name}":{{"latitude":54.5,"longitude":9.5,"source":"{source}"}}}}"#);
        things_stack(&place).device.position.map(|position| position.lon_deg)
    };
    assert_eq!(lon_deg("as-geo", "SOURCE_LORA_TDOA_GEOLOCATION"), Some(9.5));
    assert_eq!(lon_deg("as-geo", "SOURCE_IP_GEOLOCATION"), None);
    assert_eq!(lon_deg("frm-payload", "SOURCE_GPS"), None, "it may be of any message before");
}

#[test]
fn names_of_dialects_are_the_same_in_text_and_in_settings() {
    for dialect in [Dialect::Auto, Dialect::ChirpstackV4, Dialect::TtsV3] {
        assert_eq!(dialect.name().parse(), Ok(dialect));
        assert_eq!(serde_json::to_value(dialect).unwrap(), json!(dialect.to_string()));
    }
    assert!("chirpstack".parse::<Dialect>().is_err());
}
