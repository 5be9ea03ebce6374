//! What a generator does and which mistakes it makes.

use super::*;
use crate::simulate::fleet::{Dialect, Fleet, FleetOptions};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};

const START_US: i64 = 1_780_000_000_000_000;

static FLEET: LazyLock<Arc<Fleet>> = LazyLock::new(|| Fleet::generate(FleetOptions { seed: 3, devices: 60, dialect: Dialect::Mixed }));

fn messages(faults: Faults, count: i64) -> Vec<Message> {
    let mut generator = Generator::new(Arc::clone(&FLEET), faults, START_US);
    (0..count).map(|step| generator.next_in_turn(START_US + step * 20_000).unwrap()).collect()
}

fn parsed(message: &Message) -> Value {
    serde_json::from_slice(&message.payload).unwrap()
}

#[test]
fn the_same_start_gives_the_same_bytes_and_another_start_new_sessions() {
    let bytes = |messages: Vec<Message>| messages.into_iter().map(|message| message.payload).collect::<Vec<_>>();
    assert_eq!(bytes(messages(Faults::default(), 500)), bytes(messages(Faults::default(), 500)));
    let ids = |start| {
        let mut generator = Generator::new(Arc::clone(&FLEET), Faults::none(), start);
        (0..500).filter_map(|_| generator.next_in_turn(start).unwrap().id).collect::<HashSet<_>>()
    };
    assert!(ids(START_US).is_disjoint(&ids(START_US + 1)), "a second run must not repeat identities of the first");
}

#[test]
fn a_perfect_network_counts_frames_without_gaps() {
    let mut last: HashMap<usize, u64> = HashMap::new();
    for message in messages(Faults::none(), 1_500).iter().filter(|message| message.kind == MessageKind::Uplink) {
        let value = parsed(message);
        let f_cnt = value["fCnt"].as_u64().or_else(|| value["uplink_message"]["f_cnt"].as_u64()).unwrap_or(0);
        if let Some(before) = last.insert(message.device, f_cnt) {
            assert_eq!(f_cnt, before + 1);
        } else {
            assert_eq!(f_cnt, 0);
        }
    }
    assert_eq!(last.len(), 60, "devices take turns");
}

#[test]
fn every_fault_happens_at_about_its_rate() {
    let faults = Faults {
        duplicate_delivery: 0.1,
        gateway_copy: 0.1,
        lost_frame: 0.1,
        rejoin: 0.05,
        late_frame: 0.05,
        status_event: 0.1,
        ..Faults::default()
    };
    let all = messages(faults, 4_000);
    let count = |kind| all.iter().filter(|message| message.kind == kind).count();
    assert!((250..500).contains(&count(MessageKind::Duplicate)), "{} duplicates", count(MessageKind::Duplicate));
    assert!(
        (80..450).contains(&count(MessageKind::GatewayCopy)),
        "{} copies; only devices with two gateways",
        count(MessageKind::GatewayCopy)
    );
    assert!((100..320).contains(&count(MessageKind::Status)), "{} status events; only ChirpStack", count(MessageKind::Status));
    assert!((60..250).contains(&count(MessageKind::Join)), "{} joins", count(MessageKind::Join));
}

fn f_cnt(value: &Value) -> i64 {
    value["fCnt"].as_i64().or_else(|| value["uplink_message"]["f_cnt"].as_i64()).unwrap_or(0)
}

#[test]
fn lost_frames_leave_gaps_and_restarts_take_counters_back_to_zero() {
    let (mut gaps, mut resets) = (0, 0);
    let mut last: HashMap<usize, i64> = HashMap::new();
    let faults = Faults { lost_frame: 0.1, counter_reset: 0.05, ..Faults::none() };
    for message in messages(faults, 4_000).iter().filter(|message| message.kind == MessageKind::Uplink) {
        let now = f_cnt(&parsed(message));
        match last.insert(message.device, now) {
            Some(before) if now <= before => resets += 1,
            Some(before) => gaps += now - before - 1,
            None => {}
        }
    }
    assert!((300..600).contains(&gaps), "{gaps} frames lost of about 4,400");
    // Only about two thirds of the devices are in ChirpStack.
    assert!((60..250).contains(&resets), "{resets} counters began again");
}

#[test]
fn late_frames_carry_the_time_at_which_they_were_heard() {
    let at = |text: &Value| text.as_str().and_then(|text| text.parse::<stadtwarte_model::Timestamp>().ok());
    let late = messages(Faults { late_frame: 0.05, ..Faults::none() }, 4_000).into_iter().map(|message| parsed(&message)).filter(|value| {
        let chirpstack = (at(&value["rxInfo"][0]["gwTime"]), at(&value["rxInfo"][0]["nsTime"]));
        let things_stack = (at(&value["uplink_message"]["rx_metadata"][0]["time"]), at(&value["uplink_message"]["received_at"]));
        let (gateway, server) = if chirpstack.0.is_some() { chirpstack } else { things_stack };
        gateway.zip(server).is_some_and(|(gateway, server)| server.micros_since(gateway) > 500_000_000)
    });
    let late = late.count();
    assert!((100..300).contains(&late), "{late} late frames");
}

#[test]
fn a_duplicate_has_the_same_bytes_and_a_copy_the_same_frame() {
    let faults = Faults { duplicate_delivery: 0.2, gateway_copy: 0.2, ..Faults::none() };
    let all = messages(faults, 2_000);
    let first = |message: &Message| all.iter().find(|m| m.kind == MessageKind::Uplink && m.device == message.device && m.id == message.id);
    for message in all.iter().filter(|message| message.kind == MessageKind::Duplicate) {
        assert_eq!(first(message).map(|m| &m.payload), Some(&message.payload));
    }
    // Device, frame counter and payload, in the spelling of either server.
    let frame = |message: &Message| {
        let value = parsed(message);
        (
            message.device,
            [&value["fCnt"], &value["data"], &value["uplink_message"]["f_cnt"], &value["uplink_message"]["frm_payload"]]
                .map(Value::to_string),
        )
    };
    let sent: HashSet<_> = all.iter().filter(|message| message.kind == MessageKind::Uplink).map(frame).collect();
    let copies: Vec<_> = all.iter().filter(|message| message.kind == MessageKind::GatewayCopy).collect();
    assert!(copies.iter().all(|copy| sent.contains(&frame(copy))), "a copy repeats a frame that was sent");
    assert!(copies.len() > 50);
}

#[test]
fn a_rejoin_starts_a_new_session_at_zero() {
    let all = messages(Faults { rejoin: 0.2, ..Faults::none() }, 3_000);
    let mut addresses: HashMap<usize, String> = HashMap::new();
    let mut rejoins = 0;
    for message in all.iter().filter(|message| message.kind == MessageKind::Uplink) {
        let value = parsed(message);
        let (address, f_cnt) = match value["devAddr"].as_str() {
            Some(address) => (address.to_owned(), value["fCnt"].as_u64().unwrap()),
            None => (
                value["uplink_message"]["session_key_id"].as_str().unwrap().to_owned(),
                value["uplink_message"]["f_cnt"].as_u64().unwrap_or(0),
            ),
        };
        if addresses.insert(message.device, address.clone()).is_some_and(|before| before != address) {
            assert_eq!(f_cnt, 0);
            rejoins += 1;
        }
    }
    assert!(rejoins > 200, "{rejoins}");
}

#[test]
fn wrong_clocks_are_years_off_and_only_where_there_is_no_satellite_time() {
    let all = messages(Faults { wrong_gateway_clock: 0.5, ..Faults::none() }, 1_000);
    let mut wrong = 0;
    for message in all.iter().filter(|message| message.kind == MessageKind::Uplink) {
        let value = parsed(message);
        for reception in value["rxInfo"].as_array().into_iter().flatten() {
            if reception["gwTime"].as_str().is_some_and(|time| time < "2025") {
                assert!(reception.get("timeSinceGpsEpoch").is_none());
                wrong += 1;
            }
        }
    }
    assert!(wrong > 100, "{wrong}");
}
