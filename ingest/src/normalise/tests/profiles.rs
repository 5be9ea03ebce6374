//! The built-in files do what their examples say, and everything in them is used.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use stadtwarte_model::uplink::DeviceDescription;
use stadtwarte_model::{DevEui, Unit, Visibility};

use super::super::built_in::BUILT_IN;
use super::super::path::{PathTree, Target};
use super::super::{Catalogue, DEFAULT_PROFILE, ThingKind, Unlisted};
use super::{CATALOGUE, by_name, by_profile, lines};

#[test]
fn every_example_gives_what_it_says() {
    CATALOGUE.check_examples().unwrap_or_else(|errors| panic!("{errors}"));
}

#[test]
fn an_example_that_does_not_hold_is_reported_with_file_and_line() {
    let file = "name = \"x\"\nkind = \"other\"\ntitle = \"X\"\ntitle_de = \"X\"\n\n[[example]]\nobject = '{\"temperature\": 20}'\n\
        readings = [{ property = \"air_temperature\", value = 21, unit = \"Cel\" }]\n";
    let catalogue = Catalogue::load([("x.toml".to_owned(), file.to_owned())]).unwrap();
    let errors = catalogue.check_examples().unwrap_err().to_string();
    assert_eq!(errors, "x.toml:6: `example`: expected air_temperature = 21 Cel (good), found air_temperature = 20 Cel (good)");
}

/// The targets that the paths of an object lead to.
fn reached(tree: &PathTree, value: &Value, targets: &mut Vec<Target>) {
    targets.extend(&tree.targets);
    match value {
        Value::Object(map) => {
            for (tree, value) in map.iter().filter_map(|(key, value)| Some((tree.child(key)?.0, value))) {
                reached(tree, value, targets);
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                if let Some((tree, _)) = tree.child(&index.to_string()) {
                    reached(tree, value, targets);
                }
            }
        }
        _ => {}
    }
}

#[test]
fn every_path_of_every_profile_is_in_one_of_its_examples() {
    for profile in CATALOGUE.profiles() {
        let mut targets = Vec::new();
        for example in &profile.examples {
            reached(&profile.tree, &Value::Object(example.object.clone()), &mut targets);
        }
        for (index, field) in profile.fields.iter().enumerate() {
            assert!(targets.contains(&Target::Field(index)), "{}: no example has `{}`", profile.file, field.path);
        }
    }
}

#[test]
fn every_field_of_every_profile_gives_a_reading_in_one_of_its_examples() {
    for profile in CATALOGUE.profiles() {
        let found: Vec<_> = profile.examples.iter().flat_map(|example| example.run(&CATALOGUE, profile).readings).collect();
        for field in &profile.fields {
            let code = &field.quantity.property.code;
            assert!(found.iter().any(|reading| reading.property == *code), "{}: no example reads {code}", profile.file);
        }
    }
}

#[test]
fn every_name_of_every_rule_means_what_its_rule_says() {
    let (_, text) = BUILT_IN.iter().find(|(name, _)| *name == "default.toml").unwrap();
    let file: toml::Table = toml::from_str(text).unwrap();
    for rule in file["rule"].as_array().unwrap() {
        let first = rule.get("choices").map_or(rule, |choices| &choices[0]);
        let property = CATALOGUE.property(first["property"].as_str().unwrap()).unwrap();
        let number =
            |value: &toml::Value| value.as_float().or_else(|| value.as_integer().map(|integer| f64::from(i32::try_from(integer).unwrap())));
        let value = first.get("when").map_or(1.0, |when| number(&when[1]).unwrap());
        for name in rule["names"].as_array().unwrap() {
            let object: Map<String, Value> = [(name.as_str().unwrap().to_owned(), Value::from(value))].into_iter().collect();
            let found = by_profile("default", object);
            assert_eq!(
                found.readings.first().map(|reading| reading.property.as_str()),
                Some(property.code.as_str()),
                "{name:?}: {found:?}"
            );
        }
    }
}

#[test]
fn every_property_has_a_unit_the_platform_can_convert_and_is_in_use() {
    let used: BTreeSet<&str> = BUILT_IN.iter().filter(|(name, _)| *name != "properties.toml").map(|(_, text)| *text).collect();
    for property in CATALOGUE.properties() {
        let known = Unit::from_label(property.unit.code());
        assert_eq!(known.as_ref(), Some(&property.unit), "{}", property.code);
        let mention = format!("\"{}\"", property.code);
        assert!(used.iter().any(|text| text.contains(&mention)), "{} is measured by nothing", property.code);
    }
}

#[test]
fn persons_rooms_meters_and_devices_are_not_public() {
    for code in ["people_in", "people_present", "co2", "presence", "motion_events", "electric_energy_total", "battery_level", "light_on"] {
        assert_ne!(CATALOGUE.property(code).unwrap().visibility, Visibility::Public, "{code}");
    }
    for code in ["air_temperature", "pm10", "water_level", "soil_moisture", "sound_level", "parking_occupied", "vehicle_speed"] {
        assert_eq!(CATALOGUE.property(code).unwrap().visibility, Visibility::Public, "{code}");
    }
}

fn device(profile: Option<&str>, model: Option<(&str, &str)>) -> DeviceDescription {
    DeviceDescription {
        dev_eui: DevEui::from_bytes([0; 8]),
        join_eui: None,
        name: None,
        profile: profile.map(str::to_owned),
        brand_model: model.map(|(brand, model)| (brand.to_owned(), model.to_owned())),
        application: None,
        tags: BTreeMap::new(),
        position: None,
    }
}

#[test]
fn the_readme_lists_every_profile_and_its_example_holds() {
    let readme = include_str!("../../../../config/profiles/README.md");
    for profile in CATALOGUE.profiles().filter(|profile| profile.name != DEFAULT_PROFILE) {
        let row = format!("| {} | {} | {} |", profile.file, profile.name, profile.kind);
        assert!(readme.contains(&row), "missing: {row}");
    }
    let example = readme.split("```toml").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let catalogue = Catalogue::load([("README.md".to_owned(), example.to_owned())]).unwrap_or_else(|errors| panic!("{errors}"));
    catalogue.check_examples().unwrap_or_else(|errors| panic!("{errors}"));
}

#[test]
fn devices_find_their_profile_by_name_model_pattern_or_fields() {
    let soil: Map<String, Value> = serde_json::from_str(r#"{"water_SOIL": "1", "temp_SOIL": "2", "conduct_SOIL": 3, "BatV": 3}"#).unwrap();
    for (profile, model, object, expected) in [
        (Some("Milesight EM300-TH"), None, None, "Milesight EM300-TH"),
        (Some("milesight em300 th"), None, None, "Milesight EM300-TH"),
        (Some("em300-th"), None, None, "Milesight EM300-TH"),
        (Some("EU868 EM300-TH v2"), None, None, "Milesight EM300-TH"),
        (None, Some(("milesight-iot", "em300-th")), None, "Milesight EM300-TH"),
        (Some("whatever"), Some(("decentlab", "dl-tbrg-001")), None, "Decentlab DL-TBRG"),
        (Some("Dragino LSE01"), Some(("milesight-iot", "em300-th")), None, "Dragino LSE01"),
        (Some("whatever"), None, Some(&soil), "Dragino LSE01"),
        (Some("whatever"), Some(("acme", "one")), None, "default"),
        (None, None, None, "default"),
    ] {
        assert_eq!(CATALOGUE.profile_for(&device(profile, model), object).name, expected, "{profile:?} {model:?}");
    }
}

#[test]
fn every_device_type_of_the_demo_has_a_profile_by_name_and_by_model() {
    for (profile, brand, model, kind) in [
        ("Decentlab DL-PM", "decentlab", "dl-pm", "air_quality"),
        ("Decentlab DL-ATM41", "decentlab", "dl-atm41", "weather"),
        ("Milesight WTS506", "milesight-iot", "wts506", "weather"),
        ("Milesight EM300-TH", "milesight-iot", "em300-th", "weather"),
        ("Decentlab DL-TBRG", "decentlab", "dl-tbrg-001", "weather"),
        ("Dragino LSE01", "dragino", "lse01", "soil"),
        ("Milesight EM500-SMTC", "milesight-iot", "em500-smtc", "soil"),
        ("Decentlab DL-MBX", "decentlab", "dl-mbx", "water_level"),
        ("Decentlab DL-PR26", "decentlab", "dl-pr26", "water_level"),
        ("Milesight WS302", "milesight-iot", "ws302", "noise"),
        ("Bosch TPS110 Parking Lot Sensor", "bosch", "tps110", "parking"),
        ("Milesight EM400-MUD", "milesight-iot", "em400-mud", "waste"),
        ("Milesight VS133", "milesight-iot", "vs133", "people"),
        ("NAS UL2020 Luminaire Controller", "nas", "ul2020", "street_light"),
        ("Milesight CT101", "milesight-iot", "ct101", "energy"),
        ("Elvaco CMi4110", "elvaco", "cmi4110", "energy"),
        ("Dragino TrackerD", "dragino", "trackerd", "mobility"),
        ("Elsys ERS CO2", "elsys", "ers-co2", "indoor"),
    ] {
        for device in [device(Some(profile), None), device(None, Some((brand, model)))] {
            let found = CATALOGUE.profile_for(&device, None);
            assert_eq!((found.name.as_str(), found.kind.as_str()), (profile, kind));
        }
    }
}

#[test]
fn a_thing_is_what_its_profile_or_else_its_readings_say() {
    let hint = |object: &str| CATALOGUE.thing_hint(CATALOGUE.default_profile(), &by_name(object).readings);
    for (object, kind, visibility) in [
        (r#"{"temperature": 20}"#, ThingKind::Weather, Visibility::Public),
        (r#"{"temperature": 20, "pm10": 3}"#, ThingKind::AirQuality, Visibility::Public),
        (r#"{"temperature": 20, "co2": 600}"#, ThingKind::Indoor, Visibility::Internal),
        (r#"{"battery": 92}"#, ThingKind::Other, Visibility::Public),
    ] {
        let hint = hint(object);
        assert_eq!((hint.kind, hint.visibility), (kind, visibility), "{object}");
    }
    let room = CATALOGUE.profile("elsys ers co2").unwrap();
    assert_eq!(CATALOGUE.thing_hint(room, &[]).visibility, Visibility::Internal);
}

#[test]
fn a_later_file_replaces_one_of_the_same_name_and_adds_properties_of_its_own() {
    let file = r#"
        name = "Acme One"
        kind = "other"
        title = "Thing"
        title_de = "Ding"
        unlisted = "report"
        match = { profiles = ["EM300-TH"] }
        field = [
            { path = "h", property = "honey", unit = "kW.h", scale = 0.001, invalid = [-1, "err"] },
            { path = "mood", property = "mood", map = { 1 = "good", 2 = "bad" } },
        ]
        [[property]]
        code = "honey"
        name = "Honey"
        name_de = "Honig"
        description = "Honey in the hive."
        unit = "kW.h"
        visibility = "public"
        [[property]]
        code = "mood"
        name = "Mood"
        name_de = "Laune"
        description = "Mood of the bees."
        result = "text"
        visibility = "internal"
    "#;
    let catalogue = Catalogue::load([("town/elsys-ers-co2.toml".to_owned(), file.to_owned())]).unwrap();
    assert!(catalogue.profile("Elsys ERS CO2").is_none() && catalogue.property("honey").is_some());
    let profile = catalogue.profile_for(&device(Some("EM300-TH"), None), None);
    assert_eq!((profile.name.as_str(), profile.unlisted), ("Acme One", Unlisted::Report), "the later file has the device");
    let run = |object: &str| {
        let uplink = super::uplink(serde_json::from_str(object).unwrap(), BTreeMap::new());
        super::normalise(&catalogue, profile, &uplink, super::on_time(), super::NOON)
    };
    assert_eq!(lines(&run(r#"{"h": 1500, "mood": 2}"#)), ["honey = 1.5 kW.h", "mood = \"bad\""]);
    let found = run(r#"{"h": -1, "mood": 3, "temperature": 20}"#);
    assert!(found.readings.is_empty());
    assert_eq!(found.unreadable[0].detail, "3 is none of 1, 2");
    assert_eq!(found.unknown_fields, ["temperature"]);
    assert!(run(r#"{"h": "ERR"}"#).unreadable.is_empty());
}
