//! Messages in `ingest/testdata/`, each with the topic it comes on and, in the file beside it, what it must become.
//!
//! `STADTWARTE_BLESS=1 cargo test golden` rewrites the expectations; read the difference before you keep it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;
use stadtwarte_model::uplink::{EventTime, TimeSource};

use super::super::{Dialect, Parsed, parse};
use super::render;

/// One golden message.
pub(super) struct Golden {
    pub(super) dialect: Dialect,
    pub(super) name: &'static str,
    pub(super) topic: &'static str,
    pub(super) payload: &'static str,
    expected: &'static str,
}

macro_rules! golden {
    ($dialect:ident, $folder:literal: $($name:literal on $topic:literal,)*) => {
        [$(Golden {
            dialect: Dialect::$dialect,
            name: concat!($folder, "/", $name),
            topic: $topic,
            payload: include_str!(concat!("../../../testdata/", $folder, "/", $name, ".json")),
            expected: include_str!(concat!("../../../testdata/", $folder, "/", $name, ".expected.json")),
        },)*]
    };
}

/// All golden messages. The topics vary as installations do; those of `ChirpStack` can be anything.
pub(super) fn all() -> impl Iterator<Item = Golden> {
    let chirpstack = golden! { ChirpstackV4, "chirpstack_v4":
        "up_two_gateways" on "application/6f1c0a52-0000-4000-8000-0000000000a1/device/24e124aabbccdd01/event/up",
        "up_first_frame" on "application/6f1c0a52-0000-4000-8000-0000000000a1/device/24e124aabbccdd02/event/up",
        "up_zeros_omitted_before_2023" on "application/6f1c0a52-0000-4000-8000-0000000000a1/device/24e124aabbccdd03/event/up",
        "up_gateway_clock_three_years_wrong" on "stadt/lora/umwelt",
        "up_location_zero_zero" on "stadt/lora/umwelt",
        "up_without_gateways" on "stadt/lora/umwelt",
        "up_encrypted" on "stadt/lora/umwelt",
        "up_abp_with_location_tag" on "stadt/lora/umwelt",
        "up_port_zero" on "stadt/lora/umwelt",
        "up_satellite_clocks" on "stadt/lora/umwelt",
        "up_helium" on "stadt/lora/umwelt",
        "up_fsk" on "stadt/lora/umwelt",
        "up_numbers_as_text" on "stadt/lora/umwelt",
        "up_many_fields_unreadable" on "stadt/lora/umwelt",
        "up_without_identity" on "stadt/lora/umwelt",
        "join" on "stadt/lora/umwelt",
        "status" on "stadt/lora/umwelt",
        "status_zeros_omitted" on "application/6f1c0a52-0000-4000-8000-0000000000a1/device/24e124aabbccdd01/event/status",
        "ack" on "stadt/lora/umwelt",
        "txack" on "stadt/lora/umwelt",
        "log" on "stadt/lora/umwelt",
        "location" on "stadt/lora/umwelt",
        "integration" on "stadt/lora/umwelt",
    };
    let things_stack = golden! { TtsV3, "tts_v3":
        "up_decoded_and_located" on "v3/stadt-luft@musterhafen/devices/luft-12/up",
        "up_first_frame" on "v3/stadt-luft@musterhafen/devices/luft-13/up",
        "up_gateway_clock_three_years_wrong" on "v3/stadt-luft@musterhafen/devices/pegel-14/up",
        "up_packet_broker" on "v3/stadt-luft@musterhafen/devices/luft-15/up",
        "up_without_gateways" on "v3/stadt-luft@musterhafen/devices/luft-16/up",
        "up_encrypted" on "v3/stadt-luft@musterhafen/devices/zaehler-17/up",
        "up_abp" on "v3/stadt-luft/devices/tor-18/up",
        "up_without_port" on "v3/stadt-luft/devices/mast-19/up",
        "up_location_zero_zero" on "v3/stadt-luft@musterhafen/devices/tier-20/up",
        "up_tracker" on "v3/stadt-luft@musterhafen/devices/bus-21/up",
        "up_attributes" on "v3/stadt-luft@musterhafen/devices/luft-22/up",
        "up_simulated" on "v3/stadt-luft@musterhafen/devices/luft-23/up",
        "up_satellite_clock" on "v3/stadt-luft@musterhafen/devices/wetter-24/up",
        "up_lr_fhss" on "v3/stadt-luft@musterhafen/devices/fluss-25/up",
        "up_many_fields_unreadable" on "bridge/ttn",
        "up_without_identity" on "v3/stadt-luft@musterhafen/devices/tor-31/up",
        "up_normalized" on "v3/stadt-luft@musterhafen/devices/luft-12/up/normalized",
        "join" on "v3/stadt-luft@musterhafen/devices/luft-12/join",
        "down_queued" on "v3/stadt-luft@musterhafen/devices/luft-12/down/queued",
        "down_sent" on "v3/stadt-luft@musterhafen/devices/luft-12/down/sent",
        "down_ack" on "v3/stadt-luft@musterhafen/devices/luft-12/down/ack",
        "down_nack" on "v3/stadt-luft@musterhafen/devices/luft-12/down/nack",
        "down_failed" on "v3/stadt-luft@musterhafen/devices/luft-12/down/failed",
        "down_invalidated" on "v3/stadt-luft@musterhafen/devices/luft-12/down/invalidated",
        "location_solved" on "v3/stadt-luft@musterhafen/devices/luft-12/location/solved",
        "service_data" on "v3/stadt-luft@musterhafen/devices/luft-12/service/data",
    };
    chirpstack.into_iter().chain(things_stack)
}

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata")
}

#[test]
fn golden_messages_become_what_is_written_beside_them() {
    let bless = std::env::var_os("STADTWARTE_BLESS").is_some();
    let mut wrong = Vec::new();
    for golden in all() {
        let found = render::outcome(&parse(Dialect::Auto, golden.topic, golden.payload.as_bytes()));
        let expected: Value = serde_json::from_str(golden.expected).unwrap_or_default();
        if found == expected {
            continue;
        }
        let text = serde_json::to_string_pretty(&found).unwrap() + "\n";
        if bless {
            std::fs::write(testdata().join(format!("{}.expected.json", golden.name)), &text).unwrap();
        }
        wrong.push(format!("{} became {text}", golden.name));
    }
    assert!(bless || wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_time_of_a_golden_uplink_is_that_of_the_best_believable_clock() {
    let received_at = "2026-03-02T09:00:00Z".parse().unwrap();
    let server = "2026-03-01T10:00:00.123456Z";
    for (name, time, source, clock_suspect) in [
        ("chirpstack_v4/up_two_gateways", server, TimeSource::NetworkServer, false),
        ("chirpstack_v4/up_gateway_clock_three_years_wrong", server, TimeSource::NetworkServer, true),
        ("chirpstack_v4/up_without_gateways", server, TimeSource::NetworkServer, false),
        ("chirpstack_v4/up_zeros_omitted_before_2023", "2022-11-21T09:30:00.500Z", TimeSource::NetworkServer, false),
        ("chirpstack_v4/up_satellite_clocks", "2026-03-02T08:58:41.125417Z", TimeSource::Gps, true),
        ("chirpstack_v4/up_many_fields_unreadable", "2026-03-02T09:00:00Z", TimeSource::Received, true),
        ("tts_v3/up_gateway_clock_three_years_wrong", "2026-03-01T10:00:00.412345Z", TimeSource::NetworkServer, true),
        ("tts_v3/up_satellite_clock", "2026-03-01T10:00:00.207Z", TimeSource::Gps, false),
    ] {
        let golden = all().find(|golden| golden.name == name).unwrap();
        let Ok((_, Parsed::Uplink(uplink))) = parse(Dialect::Auto, golden.topic, golden.payload.as_bytes()) else { panic!("{name}") };
        let expected = EventTime { time: time.parse().unwrap(), source, clock_suspect };
        assert_eq!(uplink.times.event_time(received_at), expected, "{name}");
    }
}

#[test]
fn naming_the_dialect_gives_what_detecting_it_gives() {
    for golden in all() {
        let detected = parse(Dialect::Auto, golden.topic, golden.payload.as_bytes());
        assert_eq!(parse(golden.dialect, golden.topic, golden.payload.as_bytes()), detected, "{}", golden.name);
        if let Ok((dialect, _)) = detected {
            assert_eq!(dialect, golden.dialect, "{}", golden.name);
        }
    }
}

#[test]
fn every_golden_file_is_tested_and_in_the_index() {
    let readme = std::fs::read_to_string(testdata().join("README.md")).unwrap();
    let tested: BTreeSet<String> = all().map(|golden| golden.name.to_owned()).collect();
    for folder in ["chirpstack_v4", "tts_v3"] {
        for entry in std::fs::read_dir(testdata().join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let stem = name.trim_end_matches(".json").trim_end_matches(".expected");
            assert!(tested.contains(&format!("{folder}/{stem}")), "{folder}/{name} is not tested");
            assert!(readme.contains(&format!("`{stem}`")), "{folder}/{name} is not in README.md");
        }
    }
}
