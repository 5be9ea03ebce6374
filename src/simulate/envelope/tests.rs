//! Envelopes against golden samples and against the rules of their servers.

use super::*;
use crate::simulate::devices::{DeviceType, Moment};
use crate::simulate::fleet::{Dialect, Fleet, FleetOptions, Network};
use crate::simulate::json::JsonWriter;
use crate::simulate::traffic::{Faults, Generator, MessageKind};
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};

const AT_US: i64 = 1_772_359_200_123_456;

static FLEET: LazyLock<Arc<Fleet>> = LazyLock::new(|| Fleet::generate(FleetOptions { seed: 1, devices: 120, dialect: Dialect::Mixed }));

fn device(network: Network, device_type: DeviceType) -> &'static Device {
    FLEET.devices.iter().find(|device| device.network == network && device.device_type == device_type).unwrap()
}

/// Renders one fixed frame of a device.
fn render(device: &Device, f_cnt: u32, receptions: &[Reception]) -> Value {
    let moment = Moment { at_us: AT_US, since_us: AT_US - 600_000_000, sequence: 4 };
    let report = device.device_type.sample(&FLEET.world, &device.site, moment);
    let session = Session::new(99, AT_US - 5_000_000);
    let frame = Frame {
        device,
        session: &session,
        f_cnt,
        is_confirmed: false,
        received_us: AT_US + 260_000,
        radio: Radio { spreading_factor: 9, channel: 0 },
        receptions,
        report: &report,
        gateways: &FLEET.gateways,
        entropy: 12_345,
    };
    let mut json = JsonWriter::default();
    match DeviceText::new(FLEET.seed, device) {
        DeviceText::ChirpStack(text) => chirpstack_v4::up(&text, &frame, &mut json),
        DeviceText::Tts(text) => tts_v3::up(&text, &frame, &mut json),
    }
    serde_json::from_str(json.as_str()).unwrap()
}

fn reception(gateway: usize, clock: GatewayClock) -> Reception {
    Reception { gateway, rssi_dbm: -97, snr_quarters: 30, clock, shows_position: true, number: 4_711 }
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn a_chirpstack_uplink_looks_like_the_golden_sample() {
    let device = device(Network::ChirpStack, DeviceType::MilesightEm300Th);
    let up = render(
        device,
        0,
        &[
            reception(0, GatewayClock::Says(AT_US)),
            Reception { shows_position: false, snr_quarters: 0, ..reception(2, GatewayClock::Missing) },
        ],
    );
    let members = [
        "adr",
        "confirmed",
        "data",
        "deduplicationId",
        "devAddr",
        "deviceInfo",
        "dr",
        "fCnt",
        "fPort",
        "object",
        "regionConfigId",
        "rxInfo",
        "time",
        "txInfo",
    ];
    assert_eq!(keys(&up), members);
    assert_eq!(up["fCnt"], json!(0), "zero values of integration messages are shown");
    assert_eq!((&up["dr"], &up["fPort"], &up["confirmed"]), (&json!(3), &json!(85), &json!(false)));
    assert_eq!(up["time"], json!("2026-03-01T10:00:00.123456+00:00"));
    assert_eq!(
        up["txInfo"],
        json!({"frequency": 868_100_000, "modulation": {"lora": {"bandwidth": 125_000, "spreadingFactor": 9, "codeRate": "CR_4_5"}}})
    );
    assert_eq!(
        up["rxInfo"][0],
        json!({"gatewayId": "024757e1fbff8fd4", "uplinkId": 4711, "gwTime": "2026-03-01T10:00:00.123456+00:00",
            "nsTime": "2026-03-01T10:00:00.348745+00:00", "timeSinceGpsEpoch": "1456394418.123s", "rssi": -97, "snr": 7.5,
            "location": {"latitude": 52.030_531, "longitude": 9.929_848, "altitude": 168}, "context": "AAASZw==",
            "metadata": {"region_common_name": "EU868", "region_config_id": "eu868"}, "crcStatus": "CRC_OK"})
    );
    let second = &up["rxInfo"][1];
    assert_eq!(second["location"], json!({}));
    assert!(
        second.get("gwTime").is_none() && second.get("snr").is_none() && second.get("channel").is_none(),
        "zero values of gateway messages are left out"
    );
    let info = &up["deviceInfo"];
    assert_eq!((&info["deviceProfileName"], &info["deviceClassEnabled"]), (&json!("Milesight EM300-TH"), &json!("CLASS_A")));
    assert_eq!(info["tags"]["lat"], json!(format!("{:.6}", device.site.position.lat_deg)));
    assert_eq!(info["tags"]["kind"], json!("weather"));
}

#[test]
fn a_things_stack_uplink_looks_like_the_golden_sample() {
    let device = device(Network::Tts, DeviceType::MilesightWs302);
    let up = render(device, 0, &[reception(2, GatewayClock::Says(AT_US))]);
    assert_eq!(keys(&up), ["correlation_ids", "end_device_ids", "received_at", "uplink_message"]);
    let message = &up["uplink_message"];
    let members = [
        "attributes",
        "consumed_airtime",
        "decoded_payload",
        "f_port",
        "frm_payload",
        "locations",
        "network_ids",
        "received_at",
        "rx_metadata",
        "session_key_id",
        "settings",
        "version_ids",
    ];
    assert_eq!(keys(message), members, "f_cnt 0 and unconfirmed are left out");
    let bin = self::device(Network::Tts, DeviceType::MilesightEm400Mud);
    assert_eq!(render(bin, 1, &[])["uplink_message"]["attributes"]["container-depth"], json!("1200 mm"));
    assert_eq!(render(device, 7, &[])["uplink_message"]["f_cnt"], json!(7));
    let ids = &up["end_device_ids"];
    assert_eq!(ids["dev_eui"], json!(ids["dev_eui"].as_str().unwrap().to_uppercase()));
    assert!(ids["dev_addr"].as_str().unwrap().starts_with("260B"));
    assert_eq!(
        message["settings"],
        json!({"data_rate": {"lora": {"bandwidth": 125_000, "spreading_factor": 9, "coding_rate": "4/5"}}, "frequency": "868100000",
            "timestamp": 4711, "time": "2026-03-01T10:00:00.123456Z"})
    );
    assert_eq!(message["version_ids"]["model_id"], json!("ws302"));
    assert_eq!(message["locations"]["user"]["source"], json!("SOURCE_REGISTRY"));
    assert!(message["received_at"].as_str().unwrap() < up["received_at"].as_str().unwrap(), "the application server is later");
    assert!(message["consumed_airtime"].as_str().unwrap().ends_with('s'));
    assert!(message["decoded_payload"]["LAeq"].is_number());
}

#[test]
fn chirpstack_uses_a_gateways_time_only_when_it_is_plausible() {
    let device = device(Network::ChirpStack, DeviceType::MilesightEm300Th);
    let years = AT_US - 2_000 * 86_400_000_000;
    // Gateway 2 has no satellite time, gateway 0 has.
    let time = |receptions: &[Reception]| render(device, 1, receptions)["time"].as_str().unwrap().to_owned();
    assert_eq!(time(&[reception(2, GatewayClock::Says(years))]), "2026-03-01T10:00:00.383456+00:00", "server time");
    assert_eq!(
        time(&[reception(2, GatewayClock::Says(years)), reception(3, GatewayClock::Says(AT_US + 1))]),
        "2026-03-01T10:00:00.123457+00:00"
    );
    assert_eq!(
        time(&[reception(0, GatewayClock::Says(AT_US - 1_200_000_000))]),
        "2026-03-01T09:40:00.123456+00:00",
        "satellite time is believed"
    );
}

#[test]
fn all_messages_are_valid_json_with_payload_and_object() {
    let mut generator = Generator::new(Arc::clone(&FLEET), Faults { lost_frame: 0.0, ..Faults::default() }, AT_US);
    for step in 0..2_000 {
        let message = generator.next_in_turn(AT_US + step * 50_000).unwrap();
        let value: Value = serde_json::from_slice(&message.payload).unwrap();
        assert!(message.payload.len() < 8_000, "{} bytes", message.payload.len());
        if matches!(message.kind, MessageKind::Join | MessageKind::Status) {
            continue;
        }
        let (object, payload) = match FLEET.devices[message.device].network {
            Network::ChirpStack => (&value["object"], &value["data"]),
            Network::Tts => (&value["uplink_message"]["decoded_payload"], &value["uplink_message"]["frm_payload"]),
        };
        assert!(object.as_object().is_some_and(|members| !members.is_empty()));
        assert!(payload.as_str().is_some_and(|text| !text.is_empty()));
    }
}
