//! Messages of every kind that devices, gateways and strangers send: nothing vanishes, the process lives.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::publisher::publish;
use crate::harness::server::Server;
use crate::harness::uplinks::{chirpstack, climate};

#[test]
fn what_is_not_understood_is_kept_whole_with_the_reason() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(&folder);
    let key = server.key("operator");
    let (topic, good) = chirpstack(1, 1, &climate(21.5, 48.0));
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("malformed", b"not json".to_vec()),
        ("malformed", b"".to_vec()),
        ("malformed", b"\xff\xfe\x00\x01".to_vec()),
        ("malformed", good[..good.len() / 2].to_vec()),
        ("malformed", b"[1,2,3]".to_vec()),
        ("malformed", format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)).into_bytes()),
        ("unknown_message", br#"{"hello":"world"}"#.to_vec()),
        ("unreadable_value", chirpstack(2, 1, &json!({ "temperature": "warm", "humidity": 50 })).1),
        ("nothing_understood", chirpstack(3, 1, &json!({ "frobnication": 7 })).1),
        ("undecoded", chirpstack(4, 1, &Value::Null).1),
    ];
    let messages: Vec<_> = cases.iter().map(|(_, payload)| (topic.clone(), payload.clone())).collect();
    assert_eq!(publish(server.mqtt, &messages), cases.len(), "each is acknowledged, because each is kept");
    let kept = server.rows("SELECT reason, detail, encode(raw, 'hex') AS raw FROM quarantine ORDER BY quarantine_id", Some(&key));
    assert_eq!(kept.len(), cases.len(), "{kept:#?}");
    for ((reason, payload), row) in cases.iter().zip(&kept) {
        assert_eq!(row["reason"], *reason, "{row}");
        assert!(!row["detail"].as_str().unwrap().is_empty());
        assert_eq!(row["raw"], hex(payload), "kept byte for byte");
    }
    let stored = server.rows("SELECT value FROM readings WHERE property = 'relative_humidity'", None);
    assert_eq!(stored, [json!({ "value": 50.0 })], "the readable field of a half-readable message is stored");
    assert_eq!(publish(server.mqtt, &[(topic, good)]), 1, "the process lives");
}

#[test]
fn numbers_that_are_no_numbers_never_reach_a_reading() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(&folder);
    let objects = [
        json!({ "temperature": "NaN" }),
        json!({ "temperature": 1e300 }),
        json!({ "temperature": -1e300 }),
        json!({ "temperature": true }),
    ];
    let messages: Vec<_> = objects.iter().zip(1..).map(|(object, f_cnt)| chirpstack(1, f_cnt, object)).collect();
    assert_eq!(publish(server.mqtt, &messages), messages.len());
    let bad = "SELECT value FROM readings WHERE property = 'air_temperature' AND quality NOT LIKE '%out_of_range%'";
    assert_eq!(server.rows(bad, None), Vec::<Value>::new());
}

#[test]
fn a_12_kb_message_is_stored_and_a_2_mb_message_is_refused_without_harm() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(&folder);
    let mut large = climate(21.5, 48.0);
    large["note"] = Value::String("x".repeat(12_000));
    assert_eq!(publish(server.mqtt, &[chirpstack(1, 1, &large)]), 1);
    let mut oversized = climate(21.5, 48.0);
    oversized["note"] = Value::String("x".repeat(2 << 20));
    assert_eq!(publish(server.mqtt, &[chirpstack(1, 2, &oversized)]), 0, "not acknowledged");
    assert_eq!(publish(server.mqtt, &[chirpstack(1, 3, &climate(22.0, 48.0))]), 1, "the next publisher is served");
    let rows = server.rows("SELECT value FROM readings WHERE property = 'air_temperature' ORDER BY value", None);
    assert_eq!(rows, [json!({ "value": 21.5 }), json!({ "value": 22.0 })]);
}

#[test]
fn events_of_the_network_server_are_acknowledged_and_counted() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(&folder);
    let topic = "application/a/device/0200000000000001/event/join".to_owned();
    let join = json!({
        "deduplicationId": "5f0c2b44-0000-4000-8000-000000000001", "time": "2026-11-20T10:00:00Z",
        "deviceInfo": { "devEui": "0200000000000001", "deviceName": "x" }, "devAddr": "01abcdef", "regionConfigId": "eu868"
    });
    assert_eq!(publish(server.mqtt, &[(topic, serde_json::to_vec(&join).unwrap())]), 1);
    let metrics = server.get("/metrics").2;
    assert!(
        metrics.lines().any(|line| line.starts_with("stadtwarte_ingest_events_total") && line.contains("join") && line.ends_with(" 1")),
        "{metrics}"
    );
}

#[test]
fn a_redelivered_message_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(&folder);
    let message = chirpstack(1, 1, &climate(21.5, 48.0));
    for _ in 0..3 {
        assert_eq!(publish(server.mqtt, std::slice::from_ref(&message)), 1);
    }
    assert_eq!(server.rows("SELECT count(*) AS n FROM readings", None), [json!({ "n": 2 })]);
}

#[test]
fn devices_are_not_added_when_settings_forbid_it() {
    let folder = TempDir::new().unwrap();
    let server = Server::start_with(&folder, "[ingest]\nprovision = false\n", &[]);
    let key = server.key("operator");
    assert_eq!(publish(server.mqtt, &[chirpstack(1, 1, &climate(21.5, 48.0))]), 1);
    let rows = server.rows("SELECT reason FROM quarantine", Some(&key));
    assert_eq!(rows, [json!({ "reason": "unknown_device" })]);
    assert_eq!(server.rows("SELECT count(*) AS n FROM things", Some(&key)), [json!({ "n": 0 })]);
}

#[test]
fn the_live_stream_resumes_without_gap_or_double() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(&folder);
    let mut live = server.follow("/api/v1/live?property=air_temperature", None);
    publish(server.mqtt, &[chirpstack(1, 1, &climate(1.0, 50.0)), chirpstack(1, 2, &climate(2.0, 50.0))]);
    let first = live.next();
    assert_eq!(first.data["value"], 1.0);
    drop(live);
    publish(server.mqtt, &[chirpstack(1, 3, &climate(3.0, 50.0))]);
    let mut resumed = server.follow("/api/v1/live?property=air_temperature", Some(&first.id));
    assert_eq!([resumed.next().data["value"].clone(), resumed.next().data["value"].clone()], [json!(2.0), json!(3.0)]);
    let position = server.json("/api/v1/twin/state")["position"].as_str().map(str::to_owned).expect("a position");
    publish(server.mqtt, &[chirpstack(1, 4, &climate(4.0, 50.0))]);
    let mut followed = server.follow("/api/v1/live?property=air_temperature", Some(&position));
    assert_eq!(followed.next().data["value"], 4.0, "a twin that loaded the state misses nothing after it");
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes everything");
        text
    })
}
