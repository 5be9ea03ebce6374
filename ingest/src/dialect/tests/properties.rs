//! Nothing that arrives can bring the parsers down, and what they make of it keeps its promises.

use proptest::prelude::*;
use serde_json::{Map, Value};
use stadtwarte_model::Position;

use super::super::{Dialect, Parsed, parse};
use super::golden;

const DIALECTS: [Dialect; 3] = [Dialect::Auto, Dialect::ChirpstackV4, Dialect::TtsV3];

/// Parses in every dialect; panics where a promise of [`parse`] is broken.
fn check(topic: &str, payload: &[u8]) {
    for dialect in DIALECTS {
        let Ok((matched, parsed)) = parse(dialect, topic, payload) else { continue };
        assert_ne!(matched, Dialect::Auto);
        assert!(dialect == Dialect::Auto || dialect == matched);
        let Parsed::Uplink(uplink) = parsed else { continue };
        assert_ne!(uplink.f_port, Some(0));
        assert!(uplink.warnings.len() <= 33 && uplink.warnings.iter().all(|warning| warning.chars().count() <= 243));
        let strength = |value: Option<f64>| value.unwrap_or(f64::NEG_INFINITY);
        assert!(uplink.receptions.is_sorted_by(|a, b| strength(a.snr_db) >= strength(b.snr_db)));
        let places = uplink.receptions.iter().map(|one| one.position).chain([uplink.device.position]);
        for place in places.flatten() {
            assert_eq!(Position::try_new(place.lon_deg, place.lat_deg, place.height_m), Some(place));
        }
    }
}

fn topics() -> impl Strategy<Value = String> {
    prop_oneof!["\\PC{0,40}", golden_texts(|golden| golden.topic)]
}

fn golden_texts(text: fn(golden::Golden) -> &'static str) -> impl Strategy<Value = String> {
    let texts: Vec<String> = golden::all().map(|golden| text(golden).to_owned()).collect();
    prop::sample::select(texts)
}

/// Every key and every text that occurs in a golden message.
fn words() -> Vec<String> {
    fn collect(value: &Value, words: &mut Vec<String>) {
        match value {
            Value::Object(map) => map.iter().for_each(|(key, value)| {
                words.push(key.clone());
                collect(value, words);
            }),
            Value::Array(list) => list.iter().for_each(|value| collect(value, words)),
            Value::String(text) => words.push(text.clone()),
            _ => (),
        }
    }
    let mut words = Vec::new();
    golden::all().for_each(|golden| collect(&serde_json::from_str(golden.payload).unwrap(), &mut words));
    words.sort();
    words.dedup();
    words
}

/// JSON made of the dialects' own words in any arrangement.
fn arrangements() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(words());
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.clone().prop_map(Value::String),
    ];
    leaf.prop_recursive(6, 96, 8, move |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            4 => prop::collection::vec((word.clone(), inner), 0..8).prop_map(|entries| Value::Object(Map::from_iter(entries))),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_on_any_topic_are_an_answer(topic in topics(), payload in prop::collection::vec(any::<u8>(), 0..200)) {
        check(&topic, &payload);
    }

    #[test]
    fn any_arrangement_of_the_dialects_words_is_an_answer(
        topic in topics(),
        mut message in arrangements(),
        chirpstack in arrangements(),
        things_stack in arrangements(),
        has_device in any::<bool>(),
    ) {
        if let Value::Object(root) = &mut message && has_device {
            root.insert("deviceInfo".to_owned(), serde_json::json!({"devEui": "24e124aabbccdd01", "tags": chirpstack.clone()}));
            root.insert("rxInfo".to_owned(), Value::Array(vec![chirpstack]));
            root.insert("end_device_ids".to_owned(), serde_json::json!({"dev_eui": "24e124aabbccdd01"}));
            root.insert("uplink_message".to_owned(), things_stack);
        }
        check(&topic, message.to_string().as_bytes());
    }

    #[test]
    fn a_damaged_message_is_an_answer(
        topic in topics(),
        text in golden_texts(|golden| golden.payload),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        end in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let mut payload = text.into_bytes();
        for (at, byte) in damage {
            let at = at.index(payload.len());
            payload[at] = byte;
        }
        if is_cut {
            payload.truncate(end.index(payload.len()));
        }
        check(&topic, &payload);
    }
}
