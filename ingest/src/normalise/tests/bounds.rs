//! Any object is survived, within bounds, and gives the same readings in any order of its members.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use stadtwarte_model::uplink::{EventTime, TimeSource};
use stadtwarte_model::{ObservationId, ResultValue};

use super::super::example::uplink;
use super::super::{LATE_AFTER_MICROS, MAX_PATH_CHARS, MAX_PROBLEMS, Normalised, normalise};
use super::{CATALOGUE, NOON, by_name, by_profile, lines, on_time};

/// Names that mean something somewhere, and others.
fn name() -> impl Strategy<Value = String> {
    const KNOWN: &[&str] = &[
        "temperature",
        "Bat",
        "battery",
        "value",
        "unit",
        "energyUnit",
        "energy",
        "lat",
        "lon",
        "distance",
        "soil",
        "air",
        "data",
        "history",
        "time",
        "ch1",
        "line_2_total_in",
        "dimming_source",
        "consumption",
        "power_factor",
        "distance.value",
        "level_max_2",
        "PM2.5",
        "motion",
        "Latitude",
        "position",
    ];
    prop_oneof![3 => prop::sample::select(KNOWN).prop_map(str::to_owned), 1 => ".{0,12}", 1 => "[a-z]{1,4}[_ ]?[A-Z0-9]{0,3}"]
}

fn any_json() -> impl Strategy<Value = Value> {
    let text = prop_oneof![".{0,8}", "[0-9,.eE+-]{1,8} ?(°C|V|%|mm|)", Just("NaN".to_owned()), Just("ON".to_owned())];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        any::<i64>().prop_map(Value::from),
        (-100..5000_i32).prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(10, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((name(), inner), 0..6).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn any_object() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::vec((name(), any_json()), 0..10).prop_map(|members| members.into_iter().collect())
}

fn is_sound(found: &Normalised) -> bool {
    let is_finite = |value: &ResultValue| value.as_number().is_none_or(f64::is_finite);
    let mut streams: Vec<_> = found.readings.iter().map(|reading| (&reading.property, &reading.channel)).collect();
    let count = streams.len();
    streams.sort_unstable();
    streams.dedup();
    let knows = |code: &str, unit| CATALOGUE.property(code).is_some_and(|property| property.unit == unit);
    streams.len() == count
        && count <= ObservationId::PER_RECORD
        && found.readings.iter().all(|reading| is_finite(&reading.value) && knows(&reading.property, reading.unit.clone()))
}

proptest! {
    #[test]
    fn any_object_gives_only_finite_numbers_of_known_properties_in_their_units(object in any_object()) {
        for profile in CATALOGUE.profiles() {
            let found = by_profile(&profile.name, object.clone());
            prop_assert!(is_sound(&found), "{}: {found:?}", profile.name);
        }
    }

    #[test]
    fn numbers_in_the_units_own_label_survive(number in -50.0..60.0_f64) {
        let found = by_name(&json!({"temperature": format!("{number} °C")}).to_string());
        prop_assert_eq!(found.readings[0].value.as_number(), Some(number));
    }
}

#[test]
fn the_order_of_listed_fields_is_that_of_the_profile_and_of_others_that_of_their_paths() {
    let object = json!({"zz_temp": 1, "battery": 90, "humidity": 40, "temperature": 20, "aa_temp": 2});
    let found = by_profile("Milesight EM300-TH", object.as_object().unwrap().clone());
    let expected = ["air_temperature = 20 Cel", "relative_humidity = 40 %", "battery_level = 90 %"];
    assert_eq!(lines(&found), expected);
    assert_eq!(found.unknown_fields, ["aa_temp", "zz_temp"]);
}

#[test]
fn deep_objects_are_cut_and_reported() {
    let mut deep = json!({"temperature": 3});
    for _ in 0..100 {
        deep = json!({"a": deep});
    }
    let found = by_name(&deep.to_string());
    assert_eq!(found.unknown_fields, ["a.a.a.a.a.a.a.a"]);
    let mut list = json!(3);
    for _ in 0..100 {
        list = json!([list]);
    }
    assert_eq!(by_name(&json!({"temperature": list}).to_string()).unknown_fields, ["temperature[0][0][0][0][0][0][0]"]);
}

#[test]
fn wide_objects_are_cut_and_say_so() {
    let many: Map<String, Value> = (0..900).map(|index| (format!("temperature_{index}"), json!(index))).collect();
    let found = by_profile("default", many);
    assert!(found.truncated && found.readings.len() == ObservationId::PER_RECORD);
    let unknown: Map<String, Value> = (0..100_000).map(|index| (format!("x{index:06}"), json!(index))).collect();
    let found = by_profile("default", unknown);
    assert!(found.truncated && found.unknown_fields.len() == MAX_PROBLEMS);
    let list = by_name(&json!({"temperature": vec![20; 1000]}).to_string());
    assert!(list.truncated && list.readings.len() == ObservationId::PER_RECORD);
}

#[test]
fn long_names_and_texts_are_cut_in_reports() {
    let found = by_name(&json!({"ä".repeat(100_000): {"temperature": 1, "x": 1}, "temperature": "x".repeat(100_000)}).to_string());
    assert!(found.readings.is_empty() && found.unknown_fields.len() == 2);
    assert!(found.unknown_fields.iter().all(|path| path.chars().count() == MAX_PATH_CHARS + 1));
    assert!(found.unreadable[0].detail.chars().count() < 150, "{}", found.unreadable[0].detail);
}

#[test]
fn what_is_known_against_the_uplink_is_known_against_each_reading() {
    let object = json!({"temperature": 99}).as_object().unwrap().clone();
    let mut uplink = uplink(object, BTreeMap::new());
    uplink.simulated = true;
    let suspect = EventTime { time: NOON.plus_micros(-LATE_AFTER_MICROS - 1), source: TimeSource::NetworkServer, clock_suspect: true };
    let found = normalise(&CATALOGUE, CATALOGUE.default_profile(), &uplink, suspect, NOON);
    assert_eq!(found.readings[0].quality.to_string(), "out_of_range,clock_suspect,late,simulated");
    assert_eq!(found.readings[0].phenomenon_time, suspect.time);
    let punctual = EventTime { time: NOON.plus_micros(-LATE_AFTER_MICROS), ..on_time() };
    uplink.simulated = false;
    let found = normalise(&CATALOGUE, CATALOGUE.default_profile(), &uplink, punctual, NOON);
    assert_eq!(found.readings[0].quality.to_string(), "out_of_range");
}

#[test]
fn an_uplink_without_an_object_gives_nothing() {
    let mut uplink = uplink(Map::new(), BTreeMap::new());
    assert_eq!(normalise(&CATALOGUE, CATALOGUE.default_profile(), &uplink, on_time(), NOON), Normalised::default());
    uplink.object = None;
    assert_eq!(normalise(&CATALOGUE, CATALOGUE.default_profile(), &uplink, on_time(), NOON), Normalised::default());
}
