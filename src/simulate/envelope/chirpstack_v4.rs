//! ChirpStack v4 events as JSON (chirpstack/chirpstack, api/proto/integration and gw, proto3 JSON mapping).
//!
//! `integration` messages show zero values (`"fCnt":0`), `gw` messages leave them out: `channel`, `snr` and `location` members.
//! `data` is standard base64, EUIs and addresses are lower-case hexadecimal.

use super::identifiers::{MessageId, Session, push_uuid, uuid};
use super::radio::{GatewayClock, Reception};
use super::{Frame, Radio};
use crate::simulate::devices::Category;
use crate::simulate::fleet::Device;
use crate::simulate::json::{JsonWriter, push_hex};
use crate::simulate::random::hash;
use crate::simulate::text_time::push_offset;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write as _;

/// Gateway times farther from the server's are not used as the time of the event (`rx_timestamp_max_drift`).
const MAX_DRIFT_US: i64 = 30_000_000;
/// Seconds between the Unix and GPS epochs, and leap seconds since.
const GPS_EPOCH_OFFSET_S: i64 = 315_964_800 - 18;

/// The constant parts of a device's events.
#[derive(Debug, Clone)]
pub struct Text {
    topic: String,
    device_info: String,
}

impl Text {
    /// Renders topic and `deviceInfo`.
    #[must_use]
    pub fn new(fleet_seed: u64, device: &Device) -> Self {
        let spec = device.device_type.spec();
        let (application, application_name) = application(fleet_seed, spec.category);
        let mut topic = String::from("application/");
        push_uuid(&mut topic, &application);
        topic.push_str("/device/");
        push_hex(&mut topic, &device.dev_eui);
        topic.push_str("/event/");
        let mut json = JsonWriter::default();
        json.begin_object();
        uuid_member(&mut json, "tenantId", &uuid(fleet_seed, 0x7e4a));
        json.text_member("tenantName", "Stadt Seedorf an der Warte");
        uuid_member(&mut json, "applicationId", &application);
        json.text_member("applicationName", application_name);
        let profile = spec.profile.bytes().fold(fleet_seed, |sum, byte| hash(sum, u64::from(byte)));
        uuid_member(&mut json, "deviceProfileId", &uuid(profile, 0x9f0f));
        json.text_member("deviceProfileName", spec.profile);
        json.text_member("deviceName", &device.name);
        json.key("devEui");
        json.text_with(|text| push_hex(text, &device.dev_eui));
        json.text_member("deviceClassEnabled", spec.device_class);
        json.key("tags");
        json.begin_object();
        for (name, value) in &device.tags {
            json.text_member(name, value);
        }
        json.end_object();
        json.end_object();
        Self { topic, device_info: json.into_text() }
    }

    /// Topic of an event: `application/{id}/device/{devEui}/event/{event}`.
    #[must_use]
    pub fn topic(&self, event: &str) -> String {
        let mut topic = String::with_capacity(self.topic.len() + event.len());
        topic.push_str(&self.topic);
        topic.push_str(event);
        topic
    }
}

/// Identity of a frame: its `deduplicationId`.
#[must_use]
pub fn message_id(frame: &Frame<'_>) -> MessageId {
    MessageId::Deduplication(uuid(frame.entropy, 0xdedb))
}

/// Writes the `up` event of a frame.
pub fn up(text: &Text, frame: &Frame<'_>, json: &mut JsonWriter) {
    json.begin_object();
    uuid_member(json, "deduplicationId", &uuid(frame.entropy, 0xdedb));
    time_member(json, "time", event_time_us(frame));
    json.key("deviceInfo");
    json.raw(&text.device_info);
    address_member(json, frame.session);
    json.boolean_member("adr", true);
    json.integer_member("dr", i64::from(frame.radio.data_rate()));
    json.integer_member("fCnt", i64::from(frame.f_cnt));
    json.integer_member("fPort", i64::from(frame.report.f_port));
    json.boolean_member("confirmed", frame.is_confirmed);
    json.key("data");
    json.text_with(|text| STANDARD.encode_string(&frame.report.payload, text));
    json.key("object");
    json.raw(frame.report.object());
    json.key("rxInfo");
    json.begin_array();
    for reception in frame.receptions {
        rx_info(json, frame, reception);
    }
    json.end_array();
    tx_info(json, frame.radio);
    json.text_member("regionConfigId", "eu868");
    json.end_object();
}

/// Writes the `join` event, which ChirpStack sends with the first uplink of a session.
pub fn join(text: &Text, session: &Session, entropy: u64, json: &mut JsonWriter) {
    json.begin_object();
    uuid_member(json, "deduplicationId", &uuid(entropy, 0x301));
    time_member(json, "time", session.joined_us);
    json.key("deviceInfo");
    json.raw(&text.device_info);
    address_member(json, session);
    json.text_member("regionConfigId", "eu868");
    json.end_object();
}

/// Writes a `status` event: what the device answered to `DevStatusReq`.
pub fn status(text: &Text, at_us: i64, battery_percent: f64, margin_db: i32, entropy: u64, json: &mut JsonWriter) {
    json.begin_object();
    uuid_member(json, "deduplicationId", &uuid(entropy, 0x302));
    time_member(json, "time", at_us);
    json.key("deviceInfo");
    json.raw(&text.device_info);
    json.integer_member("margin", i64::from(margin_db));
    json.boolean_member("externalPowerSource", false);
    json.boolean_member("batteryLevelUnavailable", false);
    // The device reports 1 to 254; ChirpStack turns that into percent, a 32-bit float.
    json.number_member("batteryLevel", (battery_percent * 2.54).round() / 2.54);
    json.end_object();
}

/// Time of the event: satellite time whatever it is, else a gateway's time that is near the server's, else the server's (rules in
/// chirpstack, `uplink/helpers.rs`).
fn event_time_us(frame: &Frame<'_>) -> i64 {
    let near = |reception: &Reception| match reception.clock {
        GatewayClock::Says(time) if (time - frame.received_us).abs() < MAX_DRIFT_US => Some(time),
        _ => None,
    };
    let by_satellite = frame.receptions.iter().find_map(|reception| match reception.clock {
        GatewayClock::Says(time) if has_gps(frame, reception) => Some(time),
        _ => None,
    });
    by_satellite.or_else(|| frame.receptions.iter().find_map(near)).unwrap_or(frame.received_us)
}

fn has_gps(frame: &Frame<'_>, reception: &Reception) -> bool {
    frame.gateways.get(reception.gateway).is_some_and(|gateway| gateway.has_gps)
}

fn rx_info(json: &mut JsonWriter, frame: &Frame<'_>, reception: &Reception) {
    let Some(gateway) = frame.gateways.get(reception.gateway) else { return };
    json.begin_object();
    json.key("gatewayId");
    json.text_with(|text| push_hex(text, &gateway.eui));
    json.integer_member("uplinkId", i64::from(reception.number));
    if let GatewayClock::Says(time) = reception.clock {
        time_member(json, "gwTime", time);
    }
    time_member(json, "nsTime", frame.received_us - 30_000 - i64::from(reception.number % 40_000));
    if let (true, GatewayClock::Says(time)) = (gateway.has_gps, reception.clock) {
        json.key("timeSinceGpsEpoch");
        json.text_with(|text| push_gps_duration(text, time));
    }
    json.integer_member("rssi", i64::from(reception.rssi_dbm));
    if reception.snr_quarters != 0 {
        json.number_member("snr", f64::from(reception.snr_quarters) / 4.0);
    }
    if frame.radio.channel != 0 {
        json.integer_member("channel", i64::from(frame.radio.channel));
    }
    if frame.radio.channel > 3 {
        json.integer_member("rfChain", 1);
    }
    json.key("location");
    json.begin_object();
    if let Some(position) = gateway.position.filter(|_| reception.shows_position) {
        json.number_member("latitude", rounded(position.lat_deg));
        json.number_member("longitude", rounded(position.lon_deg));
        json.integer_member("altitude", i64::from(gateway.altitude_m));
    }
    json.end_object();
    json.key("context");
    json.text_with(|text| STANDARD.encode_string(reception.number.to_be_bytes(), text));
    json.key("metadata");
    json.raw(r#"{"region_common_name":"EU868","region_config_id":"eu868"}"#);
    json.text_member("crcStatus", "CRC_OK");
    json.end_object();
}

fn tx_info(json: &mut JsonWriter, radio: Radio) {
    json.key("txInfo");
    json.begin_object();
    json.integer_member("frequency", i64::from(radio.frequency_hz()));
    json.key("modulation");
    json.begin_object();
    json.key("lora");
    json.begin_object();
    json.integer_member("bandwidth", 125_000);
    json.integer_member("spreadingFactor", i64::from(radio.spreading_factor));
    json.text_member("codeRate", "CR_4_5");
    json.end_object();
    json.end_object();
    json.end_object();
}

/// Private networks have `NetID` 000000, so addresses begin with seven zero bits.
fn address_member(json: &mut JsonWriter, session: &Session) {
    json.key("devAddr");
    json.text_with(|text| push_hex(text, &(session.address & 0x01ff_ffff).to_be_bytes()));
}

fn uuid_member(json: &mut JsonWriter, name: &str, bytes: &[u8; 16]) {
    json.key(name);
    json.text_with(|text| push_uuid(text, bytes));
}

fn time_member(json: &mut JsonWriter, name: &str, at_us: i64) {
    json.key(name);
    json.text_with(|text| push_offset(text, at_us));
}

/// A duration as protobuf writes it in JSON: `1456394400.123s`.
fn push_gps_duration(text: &mut String, at_us: i64) {
    let since = at_us - GPS_EPOCH_OFFSET_S * 1_000_000;
    let _ = write!(text, "{}.{:03}s", since.div_euclid(1_000_000), since.rem_euclid(1_000_000) / 1_000);
}

fn rounded(degrees: f64) -> f64 {
    (degrees * 1e6).round() / 1e6
}

/// Applications group devices by department.
fn application(fleet_seed: u64, category: Category) -> ([u8; 16], &'static str) {
    let (number, name) = match category {
        Category::AirQuality | Category::Weather | Category::Noise | Category::Soil => (1, "Umwelt"),
        Category::WaterLevel => (2, "Hochwasser"),
        Category::Parking | Category::People | Category::Mobility => (3, "Verkehr"),
        Category::Waste => (4, "Stadtreinigung"),
        Category::StreetLight | Category::Energy => (5, "Stadtwerke"),
        Category::Indoor => (6, "Gebäude"),
    };
    (uuid(fleet_seed, 0xa991 + number), name)
}
