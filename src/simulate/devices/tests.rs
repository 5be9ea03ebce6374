//! Claims about all device types at once.

use super::testing::assert_same;
use super::{DeviceType, FieldKind, Moment};
use crate::simulate::world::testing::{WORLD, at, site};
use crate::simulate::world::{Place, Site};
use serde_json::Value;

/// The value at a path like `a.b[0].c`.
fn at_path<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(object, |value, part| match part.split_once('[') {
        Some((name, index)) => value.get(name)?.get(index.trim_end_matches(']').parse::<usize>().ok()?),
        None => value.get(part),
    })
}

fn moments() -> impl Iterator<Item = Moment> {
    // Every 37 hours through a year: all seasons, weekdays and times of day.
    (0..236_u32).map(|step| {
        let at_us = crate::simulate::numeric::micros(at(2026, 1, 1, 37.0 * f64::from(step)));
        Moment { at_us, since_us: at_us - 600_000_000, sequence: u64::from(step) }
    })
}

fn sites() -> impl Iterator<Item = Site> {
    [Place::MainRoad, Place::Park, Place::School, Place::PedestrianZone].into_iter().map(|place| Site { height_m: 5.0, ..site(place) })
}

#[test]
fn decoding_the_bytes_gives_the_object_that_was_sent() {
    for &device_type in DeviceType::ALL {
        for site in sites() {
            for moment in moments() {
                let report = device_type.sample(&WORLD, &site, moment);
                let decoded = device_type.decode(report.f_port, &report.payload).unwrap();
                assert_eq!(decoded, report.object(), "{device_type:?}");
            }
        }
    }
}

#[test]
fn history_numbers_are_the_numbers_in_the_object() {
    for &device_type in DeviceType::ALL {
        for moment in moments() {
            let site = site(Place::SideStreet);
            let object: Value = serde_json::from_str(device_type.sample(&WORLD, &site, moment).object()).unwrap();
            let mut numbers = Vec::new();
            device_type.numbers(&WORLD, &site, moment, &mut numbers);
            let fields: Vec<_> = device_type.spec().numeric_fields().collect();
            assert_eq!(fields.len(), numbers.len(), "{device_type:?}");
            for (field, number) in fields.into_iter().zip(numbers) {
                let found = match (field.kind, at_path(&object, field.path)) {
                    (FieldKind::Number, Some(value)) => value.as_f64().unwrap(),
                    (FieldKind::NumberText, Some(value)) => value.as_str().unwrap().parse().unwrap(),
                    (FieldKind::Flag, Some(value)) => f64::from(u8::from(value.as_bool().unwrap())),
                    _ => f64::NAN,
                };
                assert!(
                    (found - number).abs() < 1e-9 || (found.is_nan() && number.is_nan()),
                    "{device_type:?} {}: {found}, {number}",
                    field.path
                );
            }
        }
    }
}

#[test]
fn every_field_occurs_in_some_message() {
    for &device_type in DeviceType::ALL {
        let objects: Vec<Value> =
            moments().map(|m| serde_json::from_str(device_type.sample(&WORLD, &site(Place::Park), m).object()).unwrap()).collect();
        for field in device_type.spec().fields {
            assert!(objects.iter().any(|object| at_path(object, field.path).is_some()), "{device_type:?} never sends {}", field.path);
        }
    }
}

#[test]
fn payloads_fit_into_the_slowest_common_data_rate() {
    for &device_type in DeviceType::ALL {
        for moment in moments().take(8) {
            let report = device_type.sample(&WORLD, &site(Place::MainRoad), moment);
            assert!((1..=51).contains(&report.payload.len()), "{device_type:?}: {} bytes, EU868 DR0 allows 51", report.payload.len());
            assert!((1..=223).contains(&report.f_port));
        }
    }
}

#[test]
fn no_bytes_make_a_decoder_panic() {
    let mut dice = crate::simulate::random::Dice::new(1, "bytes");
    for &device_type in DeviceType::ALL {
        for _ in 0..3_000 {
            let bytes: Vec<u8> = (0..dice.index(40)).map(|_| dice.bits().to_le_bytes()[0]).collect();
            let f_port = dice.bits().to_le_bytes()[0];
            let _ = device_type.decode(f_port, &bytes);
            let own_port = device_type.sample(&WORLD, &site(Place::Park), moments().next().unwrap()).f_port;
            let _ = device_type.decode(own_port, &bytes);
        }
    }
}

#[test]
fn whole_numbers_can_be_written_as_chirpstack_does() {
    use super::Report;
    use crate::simulate::json::Integers;
    let mut report = Report::default();
    let moment = moments().next().unwrap();
    DeviceType::DecentlabDlMbx.report(&WORLD, &Site { height_m: 5.0, ..site(Place::River) }, moment, Integers::WithPoint, &mut report);
    assert!(report.object().contains(".0,\"unit\":\"mm\""), "{}", report.object());
    let bare = DeviceType::DecentlabDlMbx.sample(&WORLD, &Site { height_m: 5.0, ..site(Place::River) }, moment);
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_same(&read(report.object()), &read(bare.object()), "");
}
