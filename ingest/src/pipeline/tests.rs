//! The pipeline over a real store: what is kept, what is kept once, and what is not believed.

use std::path::Path;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use stadtwarte_model::{ManualClock, Timestamp};
use stadtwarte_store::{DataFolder, Options, observation_at};
use tempfile::TempDir;

use super::*;

const NOON: Timestamp = Timestamp::from_millis(1_772_366_400_000);
const TOPIC: &str = "application/a/device/24e124aabbccdd01/event/up";
const ID: &str = "5f0c3a52-7d1b-4a8e-9c33-0b6a1f2e4d57";

async fn open(folder: &Path) -> Store {
    Store::open(DataFolder::new(folder), Options::default(), Arc::new(ManualClock::new(NOON))).await.expect("opens")
}

async fn pipeline(folder: &Path) -> Pipeline {
    let catalogue = Catalogue::built_in().unwrap_or_else(|errors| panic!("{errors}"));
    Pipeline::new(open(folder).await, catalogue, PipelineOptions::default(), Arc::default())
}

fn message(payload: impl Into<Bytes>) -> Message {
    Message {
        source: "endpoint".into(),
        topic: TOPIC.to_owned(),
        payload: payload.into(),
        retained: false,
        cut_from: None,
        is_repeat: false,
        received_at: NOON,
    }
}

fn repeated(payload: impl Into<Bytes>) -> Message {
    Message { is_repeat: true, ..message(payload) }
}

/// An uplink of one device with `fields` beside its identity.
fn uplink(fields: &Value) -> Vec<u8> {
    let mut uplink = json!({"deviceInfo": {"devEui": "24e124aabbccdd01", "deviceProfileName": "none of ours"}});
    uplink.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    uplink.to_string().into_bytes()
}

async fn submit(pipeline: &Pipeline, message: Message) -> Result<(), Refusal> {
    let mut receipts = pipeline.submit(vec![message]).await;
    receipts.remove(0).await
}

/// Rows of uplinks, observations and quarantine.
fn rows(pipeline: &Pipeline) -> [u64; 3] {
    let snapshot = pipeline.store.snapshot();
    [snapshot.uplinks.rows(), snapshot.observations.rows(), snapshot.quarantine.rows()]
}

#[tokio::test]
async fn an_example_whose_append_failed_is_made_up_for_by_the_next_message() {
    let folder = TempDir::new().unwrap();
    let closed = pipeline(folder.path()).await;
    closed.store.shut_down().await.unwrap();
    let unknown = |f_cnt| message(uplink(&json!({"fCnt": f_cnt, "data": "AQ==", "object": {"temperature": 20, "frobnication": 7}})));
    assert_eq!(submit(&closed, unknown(1)).await, Err(Refusal::Retry));
    let Pipeline { store, catalogue, options, metrics, seen, moves } = closed;
    drop(store);
    let reopened = Pipeline { store: open(folder.path()).await, catalogue, options, metrics, seen, moves };
    for f_cnt in 1..4 {
        assert_eq!(submit(&reopened, unknown(f_cnt)).await, Ok(()));
    }
    assert_eq!(rows(&reopened), [3, 3, 1]);
    assert_eq!(reopened.metrics.quarantined("unknown_field"), 1, "what was not kept is not counted");
}

#[tokio::test]
async fn a_message_that_is_no_uplink_is_kept_once_however_often_it_is_delivered_again() {
    let named = format!(r#"{{"deduplicationId":"{ID}","deviceInfo":7,"data":"AQ=="}}"#);
    let cut_off = format!(r#"{{"deduplicationId":"{ID}","devi"#);
    for (payload, again) in [
        ("off", repeated("off")),
        ("", repeated("")),
        (r#"{"hello":"world"}"#, repeated(r#"{"hello":"world"}"#)),
        (named.as_str(), message(named.clone())),
        (cut_off.as_str(), message(cut_off.clone())),
    ] {
        let folder = TempDir::new().unwrap();
        let first = pipeline(folder.path()).await;
        assert_eq!(submit(&first, message(payload.to_owned())).await, Ok(()));
        assert_eq!(submit(&first, again.clone()).await, Ok(()));
        assert_eq!(rows(&first), [0, 0, 1], "{payload}: in one process");
        drop(first);
        let after_a_crash = pipeline(folder.path()).await;
        assert_eq!(submit(&after_a_crash, again.clone()).await, Ok(()));
        assert_eq!(rows(&after_a_crash), [0, 0, 1], "{payload}: from the log");
        after_a_crash.store.shut_down().await.unwrap();
        drop(after_a_crash);
        let after_a_flush = pipeline(folder.path()).await;
        assert_eq!(submit(&after_a_flush, again).await, Ok(()));
        assert_eq!(rows(&after_a_flush), [0, 0, 1], "{payload}: from the files");
    }
}

#[tokio::test]
async fn equal_messages_that_were_sent_twice_are_both_kept() {
    let folder = TempDir::new().unwrap();
    let pipeline = pipeline(folder.path()).await;
    for _ in 0..2 {
        assert_eq!(submit(&pipeline, message("off")).await, Ok(()));
    }
    assert_eq!(submit(&pipeline, Message { topic: "other".to_owned(), ..repeated("off") }).await, Ok(()));
    assert_eq!(rows(&pipeline), [0, 0, 3]);
}

#[tokio::test]
async fn uplinks_without_id_counter_and_time_are_news_unless_they_are_delivered_again() {
    let folder = TempDir::new().unwrap();
    let pipeline = pipeline(folder.path()).await;
    let only_decoded = uplink(&json!({"object": {"temperature": 20}}));
    let with_payload = uplink(&json!({"data": "AQ==", "object": {"temperature": 20}}));
    for payload in [&only_decoded, &only_decoded, &with_payload, &with_payload] {
        assert_eq!(submit(&pipeline, message(payload.clone())).await, Ok(()));
    }
    assert_eq!(rows(&pipeline), [4, 4, 0]);
    assert_eq!(submit(&pipeline, repeated(with_payload)).await, Ok(()));
    assert_eq!(rows(&pipeline), [4, 4, 0]);
}

#[tokio::test]
async fn a_counter_that_began_again_long_after_is_news_and_at_once_a_copy() {
    let folder = TempDir::new().unwrap();
    let pipeline = pipeline(folder.path()).await;
    for (time, expected) in [("10:00", [1, 1, 0]), ("10:04", [2, 1, 0]), ("11:00", [3, 2, 0])] {
        let fields = json!({"fCnt": 0, "devAddr": "01abcdef", "data": "AQ==", "time": format!("2026-02-01T{time}:00Z"), "object": {"temperature": 20}});
        assert_eq!(submit(&pipeline, message(uplink(&fields))).await, Ok(()));
        assert_eq!(rows(&pipeline), expected, "{time}");
    }
}

/// An uplink of a vehicle's tracker, registered at its depot by an operator.
fn tracker(f_cnt: u32, object: &Value) -> Vec<u8> {
    let device = json!({"devEui": "24e124aabbccdd01", "deviceProfileName": "TrackerD", "tags": {"lat": "52.5", "lon": "9.5"}});
    json!({"deviceInfo": device, "devAddr": "01abcdef", "fCnt": f_cnt, "data": "AQ==", "object": object}).to_string().into_bytes()
}

/// Where the observations were made, as longitudes, by time of storing.
fn longitudes(pipeline: &Pipeline) -> Vec<Option<f64>> {
    let snapshot = pipeline.store.snapshot();
    let mut rows: Vec<_> =
        snapshot.observations.hot.iter().flat_map(|batch| (0..batch.num_rows()).filter_map(|row| observation_at(batch, row))).collect();
    rows.sort_by_key(|row| row.id);
    rows.iter().map(|row| row.position.map(|place| place.lon_deg)).collect()
}

/// Where the only Thing is registered.
fn registered(pipeline: &Pipeline) -> f64 {
    let registry = pipeline.store.registry().state();
    let thing = registry.things.values().next().unwrap();
    registry.location_of(thing).unwrap().position.lon_deg
}

#[tokio::test]
async fn what_a_tracker_says_of_its_place_holds_for_that_message_alone() {
    let folder = TempDir::new().unwrap();
    let pipeline = pipeline(folder.path()).await;
    let fix = json!({"Latitude": 52.1, "Longitud": 9.1, "Transport": "MOVE"});
    let no_fix = json!({"Latitude": 0, "Longitud": 0, "Transport": "MOVE"});
    for (f_cnt, object) in [(1, &fix), (2, &no_fix)] {
        assert_eq!(submit(&pipeline, message(tracker(f_cnt, object))).await, Ok(()));
    }
    assert_eq!(longitudes(&pipeline), [Some(9.1), None]);
    assert!((registered(&pipeline) - 9.5).abs() < 1e-9, "the depot");
}

#[tokio::test]
async fn a_device_that_an_operator_moves_is_registered_at_its_new_place() {
    let folder = TempDir::new().unwrap();
    let pipeline = pipeline(folder.path()).await;
    let at = |f_cnt: u32, lon: &str, minutes: i64, source: &str| {
        let device = json!({"devEui": "24e124aabbccdd01", "deviceProfileName": "x", "tags": {"lat": "52.5", "lon": lon}});
        let uplink = json!({"deviceInfo": device, "devAddr": "01abcdef", "fCnt": f_cnt, "data": "AQ==", "object": {"temperature": 20}});
        Message { source: source.into(), received_at: NOON.plus_micros(minutes * 60_000_000), ..message(uplink.to_string().into_bytes()) }
    };
    for (message, expected) in [
        (at(1, "9.5", 0, "ours"), 9.5),
        (at(2, "9.6", 1, "ours"), 9.6),
        (at(3, "9.7", 2, "ours"), 9.6),
        (at(4, "9.7", 12, "ours"), 9.7),
        (at(5, "9.9", 30, "another network server"), 9.7),
    ] {
        assert_eq!(submit(&pipeline, message).await, Ok(()));
        assert!((registered(&pipeline) - expected).abs() < 1e-9, "{expected}");
    }
    assert_eq!(longitudes(&pipeline), [Some(9.5), Some(9.6), Some(9.6), Some(9.7), Some(9.7)]);
}

#[tokio::test]
async fn made_up_devices_and_series_are_registered_up_to_a_bound_and_their_messages_kept() {
    let folder = TempDir::new().unwrap();
    let options = PipelineOptions { max_devices: 2, max_datastreams_per_device: 3, ..PipelineOptions::default() };
    let pipeline = Pipeline { options, ..pipeline(folder.path()).await };
    for number in 1..=4 {
        let uplink = json!({"deviceInfo": {"devEui": format!("24e124aabbccdd{number:02}")}, "fCnt": number, "object": {"temperature": 20}});
        assert_eq!(submit(&pipeline, message(uplink.to_string().into_bytes())).await, Ok(()));
    }
    assert_eq!(pipeline.store.registry().state().devices.len(), 2);
    assert_eq!(rows(&pipeline), [4, 2, 2]);
    let many = json!({"fCnt": 9, "object": {"temperature_1": 20, "temperature_2": 20, "temperature_3": 20, "temperature_4": 20}});
    assert_eq!(submit(&pipeline, message(uplink(&many))).await, Ok(()));
    assert_eq!(pipeline.store.registry().state().datastreams.len(), 4, "one of the second device, three of the first");
    assert_eq!(rows(&pipeline), [5, 4, 3], "two of four readings, and the message");
    assert_eq!(pipeline.metrics.quarantined("too_many_readings"), 1);
    let in_all = Pipeline { options: PipelineOptions { max_datastreams: 4, ..PipelineOptions::default() }, ..pipeline };
    assert_eq!(submit(&in_all, message(uplink(&json!({"fCnt": 10, "object": {"temperature_5": 20}})))).await, Ok(()));
    assert_eq!(in_all.store.registry().state().datastreams.len(), 4);
}

#[tokio::test]
async fn messages_with_very_many_parts_are_kept_whole_and_not_unpacked() {
    let folder = TempDir::new().unwrap();
    let pipeline = pipeline(folder.path()).await;
    let parts = vec![r#"{"":0}"#; 20_000].join(",");
    let many = format!(r#"{{"deviceInfo": {{"devEui": "24e124aabbccdd01"}}, "fCnt": 1, "object": {{"a": [{parts}]}}}}"#);
    assert_eq!(submit(&pipeline, message(many.into_bytes())).await, Ok(()));
    assert_eq!(rows(&pipeline), [0, 0, 1]);
}

#[tokio::test]
async fn a_large_batch_is_taken_in_parts_and_answered_in_order() {
    let folder = TempDir::new().unwrap();
    let pipeline = pipeline(folder.path()).await;
    let batch: Vec<Message> = (0..10).map(|number| message(vec![number; 300_000])).collect();
    let receipts = pipeline.submit(batch).await;
    assert_eq!(receipts.len(), 10);
    assert_eq!(futures::future::join_all(receipts).await, vec![Ok(()); 10]);
    assert_eq!(rows(&pipeline), [0, 0, 10]);
}

#[tokio::test]
async fn a_simulated_uplink_registers_nothing_and_is_no_reading() {
    let folder = TempDir::new().unwrap();
    let pipeline = pipeline(folder.path()).await;
    let simulated = include_str!("../../testdata/tts_v3/up_simulated.json");
    for _ in 0..2 {
        assert_eq!(submit(&pipeline, message(simulated)).await, Ok(()));
    }
    assert_eq!(rows(&pipeline), [0, 0, 1]);
    assert_eq!(pipeline.metrics.quarantined("simulated"), 1);
    assert!(pipeline.store.registry().state().devices.is_empty());
}

#[tokio::test]
async fn a_message_larger_than_is_read_is_acknowledged_and_its_beginning_kept() {
    let folder = TempDir::new().unwrap();
    let pipeline = pipeline(folder.path()).await;
    let huge = uplink(&json!({"object": {"temperature": 20, "note": "x".repeat(17 << 20)}}));
    assert_eq!(submit(&pipeline, message(huge)).await, Ok(()));
    assert_eq!(rows(&pipeline), [0, 0, 1]);
    assert_eq!(pipeline.metrics.quarantined("oversized"), 1);
    let largest = uplink(&json!({"object": {"frobnication": "\u{1}".repeat(MAX_MESSAGE_BYTES / 6 - 200)}}));
    assert!(largest.len() < MAX_MESSAGE_BYTES);
    assert_eq!(submit(&pipeline, message(largest)).await, Ok(()), "what is read always fits the log");
    assert_eq!(rows(&pipeline), [1, 0, 2]);
}

#[tokio::test]
async fn names_with_control_characters_and_without_end_are_registered_as_one_short_line() {
    let folder = TempDir::new().unwrap();
    let pipeline = pipeline(folder.path()).await;
    let name = format!("Pegel\u{0}\n{}", "x".repeat(100_000));
    let fields = json!({
        "deviceInfo": {"devEui": "24e124aabbccdd01", "deviceName": name, "tags": {"site": name}},
        "fCnt": 1, "data": "AQ==", "object": {"temperature": 20},
    });
    assert_eq!(submit(&pipeline, message(uplink(&fields))).await, Ok(()));
    let registry = pipeline.store.registry().state();
    let (thing, device) = (registry.things.values().next().unwrap(), registry.devices.values().next().unwrap());
    for text in [&thing.name, &device.name, thing.properties["site"].as_str().unwrap()] {
        assert!(text.starts_with("Pegel  x") && text.chars().count() == 200, "{text}");
    }
}

/// The messages in `ingest/testdata/`, but for those in which neither an identity nor a time nor a payload can be read: nothing tells
/// two of them apart.
fn golden() -> Vec<Vec<u8>> {
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let folders = ["chirpstack_v4", "tts_v3"].map(|folder| std::fs::read_dir(testdata.join(folder)).unwrap());
    let mut paths: Vec<_> = folders.into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| {
        let path = path.to_str().unwrap();
        !path.ends_with(".expected.json") && !path.contains("many_fields_unreadable")
    });
    paths.sort();
    paths.into_iter().map(|path| std::fs::read(path).unwrap()).collect()
}

#[tokio::test]
async fn ingesting_every_golden_message_twice_equals_ingesting_it_once() {
    let folder = TempDir::new().unwrap();
    let first = pipeline(folder.path()).await;
    for payload in golden() {
        assert_eq!(submit(&first, message(payload)).await, Ok(()));
    }
    let once = rows(&first);
    assert!(once.iter().all(|rows| *rows > 0), "{once:?}");
    for payload in golden() {
        assert_eq!(submit(&first, repeated(payload)).await, Ok(()));
    }
    assert_eq!(rows(&first), once);
    drop(first);
    let restarted = pipeline(folder.path()).await;
    for payload in golden() {
        assert_eq!(submit(&restarted, repeated(payload)).await, Ok(()));
    }
    assert_eq!(rows(&restarted), once, "after a restart");
}

#[test]
fn whatever_arrives_is_acknowledged_and_kept_or_counted() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = TempDir::new().unwrap();
    let pipeline = runtime.block_on(pipeline(folder.path()));
    let bytes = prop::collection::vec(any::<u8>(), 0..100);
    let damaged = (prop::sample::select(golden()), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(mut payload, at, byte)| {
        let at = at.index(payload.len());
        payload[at] = byte;
        payload
    });
    let payloads = prop_oneof![bytes, damaged];
    let messages = ("\\PC{0,30}", payloads).prop_map(|(topic, payload)| Message { topic, ..message(payload) });
    let redelivered = || pipeline.store.counters().redelivered.value();
    let account = || {
        let [uplinks, _, quarantined] = rows(&pipeline);
        (uplinks + quarantined, pipeline.metrics.all_events() + redelivered())
    };
    let mut runner = TestRunner::new(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() });
    let outcome = runner.run(&messages, |message| {
        let (kept, counted) = account();
        prop_assert_eq!(runtime.block_on(submit(&pipeline, message)), Ok(()));
        let (kept_after, counted_after) = account();
        prop_assert!(kept_after > kept || counted_after == counted + 1);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}
