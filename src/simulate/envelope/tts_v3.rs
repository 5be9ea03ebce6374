//! The Things Stack v3 application uplinks as JSON (lorawan-stack, `ApplicationUp`, proto3 JSON mapping).
//!
//! Zero values are left out: the first frame of a session has no `f_cnt`, an unconfirmed one no `confirmed`. EUIs and addresses are
//! upper-case hexadecimal, `frequency` is text, the airtime is text with an `s`.

use super::Frame;
use super::identifiers::{MessageId, Session, push_ulid};
use super::radio::{GatewayClock, Reception};
use crate::simulate::devices::Category;
use crate::simulate::fleet::{Device, Gateway};
use crate::simulate::json::{JsonWriter, push_hex_upper, push_integer, push_padded};
use crate::simulate::numeric::low_u32;
use crate::simulate::random::hash;
use crate::simulate::text_time::push_nanos;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Bytes of a frame around the payload: header, port, integrity code.
const FRAME_OVERHEAD: usize = 13;

/// Time from the network server to the application server.
const HANDOVER_US: i64 = 210_000;

/// The constant parts of a device's messages.
#[derive(Debug, Clone)]
pub struct Text {
    topic: String,
    ids: String,
    tail: String,
}

impl Text {
    /// Renders topic, identifiers, position, version and attributes.
    #[must_use]
    pub fn new(device: &Device) -> Self {
        let spec = device.device_type.spec();
        let application = application(spec.category);
        let topic = format!("v3/{application}@seedorf/devices/{}/", device.device_id);
        Self { topic, ids: ids(device, application), tail: tail(device) }
    }

    /// Topic of a message: `v3/{application}@{tenant}/devices/{device}/{event}`.
    #[must_use]
    pub fn topic(&self, event: &str) -> String {
        let mut topic = String::with_capacity(self.topic.len() + event.len());
        topic.push_str(&self.topic);
        topic.push_str(event);
        topic
    }
}

/// Identifiers without the address, which changes with the session. Members only.
fn ids(device: &Device, application: &str) -> String {
    let mut json = JsonWriter::default();
    json.text_member("device_id", &device.device_id);
    json.key("application_ids");
    json.begin_object();
    json.text_member("application_id", application);
    json.end_object();
    json.key("dev_eui");
    json.text_with(|text| push_hex_upper(text, &device.dev_eui));
    json.key("join_eui");
    json.text_with(|text| push_hex_upper(text, &device.join_eui));
    json.into_text()
}

/// Position of the device, version and network identifiers, attributes (in uplinks since 3.34). Members only.
fn tail(device: &Device) -> String {
    let spec = device.device_type.spec();
    let mut json = JsonWriter::default();
    json.key("locations");
    json.begin_object();
    json.key("user");
    json.begin_object();
    json.number_member("latitude", rounded(device.site.position.lat_deg));
    json.number_member("longitude", rounded(device.site.position.lon_deg));
    json.integer_member("altitude", i64::from(device.altitude_m()));
    json.text_member("source", "SOURCE_REGISTRY");
    json.end_object();
    json.end_object();
    json.key("version_ids");
    json.begin_object();
    json.text_member("brand_id", spec.brand_id);
    json.text_member("model_id", spec.model_id);
    json.text_member("hardware_version", "1.0");
    json.text_member("firmware_version", spec.firmware);
    json.text_member("band_id", "EU_863_870");
    json.end_object();
    json.key("network_ids");
    json.raw(r#"{"net_id":"000013","ns_id":"EC656E0000000181","tenant_id":"seedorf","cluster_id":"eu1","cluster_address":"eu1.cloud.thethings.network"}"#);
    json.key("attributes");
    json.begin_object();
    for (name, value) in &device.tags {
        // Attribute names take small letters, digits and hyphens only.
        json.text_member(&name.replace('_', "-"), value);
    }
    json.end_object();
    json.into_text()
}

/// Identity of a frame: device, session keys, counter.
#[must_use]
pub fn message_id(frame: &Frame<'_>) -> MessageId {
    MessageId::Frame { dev_eui: frame.device.dev_eui, key_id: frame.session.key_id, f_cnt: frame.f_cnt }
}

/// Writes the `up` message of a frame.
pub fn up(text: &Text, frame: &Frame<'_>, json: &mut JsonWriter) {
    json.begin_object();
    head(text, frame.session, frame.received_us, frame.entropy, json);
    time_member(json, "received_at", frame.received_us + HANDOVER_US, frame.entropy);
    json.key("uplink_message");
    json.begin_object();
    json.key("session_key_id");
    json.text_with(|text| frame.session.push_key_id(text));
    json.integer_member("f_port", i64::from(frame.report.f_port));
    if frame.f_cnt != 0 {
        json.integer_member("f_cnt", i64::from(frame.f_cnt));
    }
    json.key("frm_payload");
    json.text_with(|text| STANDARD.encode_string(&frame.report.payload, text));
    json.key("decoded_payload");
    json.raw(frame.report.object());
    json.key("rx_metadata");
    json.begin_array();
    for reception in frame.receptions {
        rx_metadata(json, frame, reception);
    }
    json.end_array();
    settings(json, frame);
    time_member(json, "received_at", frame.received_us, hash(frame.entropy, 1));
    if frame.is_confirmed {
        json.boolean_member("confirmed", true);
    }
    json.key("consumed_airtime");
    let airtime_us = frame.radio.airtime_us(frame.report.payload.len() + FRAME_OVERHEAD);
    json.text_with(|text| push_airtime(text, airtime_us));
    json.members(&text.tail);
    json.end_object();
    json.end_object();
}

/// Writes the `join` message of a session.
pub fn join(text: &Text, session: &Session, entropy: u64, json: &mut JsonWriter) {
    json.begin_object();
    head(text, session, session.joined_us, entropy, json);
    time_member(json, "received_at", session.joined_us + HANDOVER_US, entropy);
    json.key("join_accept");
    json.begin_object();
    json.key("session_key_id");
    json.text_with(|text| session.push_key_id(text));
    time_member(json, "received_at", session.joined_us, hash(entropy, 1));
    json.end_object();
    json.end_object();
}

fn head(text: &Text, session: &Session, at_us: i64, entropy: u64, json: &mut JsonWriter) {
    json.key("end_device_ids");
    json.begin_object();
    json.members(&text.ids);
    json.key("dev_addr");
    // 260B0000/16 is the block of the European community cluster, NetID 000013.
    json.text_with(|text| push_hex_upper(text, &(session.address & 0xffff | 0x260b_0000).to_be_bytes()));
    json.end_object();
    json.key("correlation_ids");
    json.begin_array();
    json.text_with(|text| {
        text.push_str("gs:uplink:");
        push_ulid(text, at_us, entropy);
    });
    json.end_array();
}

fn rx_metadata(json: &mut JsonWriter, frame: &Frame<'_>, reception: &Reception) {
    let Some(gateway) = frame.gateways.get(reception.gateway) else { return };
    json.begin_object();
    json.key("gateway_ids");
    json.begin_object();
    json.text_member("gateway_id", &gateway.id);
    json.key("eui");
    json.text_with(|text| push_hex_upper(text, &gateway.eui));
    json.end_object();
    if let GatewayClock::Says(time) = reception.clock {
        time_member(json, "time", time, 0);
    }
    json.integer_member("timestamp", i64::from(reception.number));
    json.integer_member("rssi", i64::from(reception.rssi_dbm));
    json.integer_member("channel_rssi", i64::from(reception.rssi_dbm));
    if reception.snr_quarters != 0 {
        json.number_member("snr", f64::from(reception.snr_quarters) / 4.0);
    }
    location(json, gateway, reception);
    json.key("uplink_token");
    json.text_with(|text| push_token(text, frame, reception));
    if frame.radio.channel != 0 {
        json.integer_member("channel_index", i64::from(frame.radio.channel));
    }
    if let (true, GatewayClock::Says(time)) = (gateway.has_gps, reception.clock) {
        time_member(json, "gps_time", time, 0);
    }
    time_member(json, "received_at", frame.received_us - 20_000 - i64::from(reception.number % 30_000), u64::from(reception.number));
    json.end_object();
}

fn location(json: &mut JsonWriter, gateway: &Gateway, reception: &Reception) {
    let Some(position) = gateway.position.filter(|_| reception.shows_position) else { return };
    json.key("location");
    json.begin_object();
    json.number_member("latitude", rounded(position.lat_deg));
    json.number_member("longitude", rounded(position.lon_deg));
    json.integer_member("altitude", i64::from(gateway.altitude_m));
    json.text_member("source", "SOURCE_REGISTRY");
    json.end_object();
}

fn settings(json: &mut JsonWriter, frame: &Frame<'_>) {
    let first = frame.receptions.first();
    json.key("settings");
    json.begin_object();
    json.key("data_rate");
    json.begin_object();
    json.key("lora");
    json.begin_object();
    json.integer_member("bandwidth", 125_000);
    json.integer_member("spreading_factor", i64::from(frame.radio.spreading_factor));
    json.text_member("coding_rate", "4/5");
    json.end_object();
    json.end_object();
    json.key("frequency");
    json.text_with(|text| push_integer(text, i64::from(frame.radio.frequency_hz())));
    if let Some(reception) = first {
        json.integer_member("timestamp", i64::from(reception.number));
        if let GatewayClock::Says(time) = reception.clock {
            time_member(json, "time", time, 0);
        }
    }
    json.end_object();
}

fn time_member(json: &mut JsonWriter, name: &str, at_us: i64, entropy: u64) {
    json.key(name);
    json.text_with(|text| push_nanos(text, at_us, low_u32(entropy)));
}

/// Opaque to everyone but the gateway server: reception and gateway, about 60 bytes.
fn push_token(text: &mut String, frame: &Frame<'_>, reception: &Reception) {
    let mut token = [0; 45];
    for (index, part) in token.chunks_mut(8).enumerate() {
        let bits = hash(frame.entropy ^ u64::from(reception.number), crate::simulate::numeric::len_u64(index)).to_be_bytes();
        part.copy_from_slice(&bits[..part.len()]);
    }
    STANDARD.encode_string(token, text);
}

/// `0.061696s`: seconds with as many digits as needed, in groups of three.
fn push_airtime(text: &mut String, airtime_us: i64) {
    push_integer(text, airtime_us / 1_000_000);
    text.push('.');
    push_padded(text, u32::try_from(airtime_us % 1_000_000).unwrap_or(0), 6);
    text.push('s');
}

fn rounded(degrees: f64) -> f64 {
    (degrees * 1e6).round() / 1e6
}

/// Applications group devices by department.
const fn application(category: Category) -> &'static str {
    match category {
        Category::AirQuality | Category::Weather | Category::Noise | Category::Soil => "seedorf-umwelt",
        Category::WaterLevel => "seedorf-hochwasser",
        Category::Parking | Category::People | Category::Mobility => "seedorf-verkehr",
        Category::Waste => "seedorf-reinigung",
        Category::StreetLight | Category::Energy => "seedorf-stadtwerke",
        Category::Indoor => "seedorf-gebaeude",
    }
}
