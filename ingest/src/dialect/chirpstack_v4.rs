//! `ChirpStack` v4, JSON (`json=true` under `[integration.mqtt]`).
//!
//! The JSON is the proto3 mapping of `integration.UplinkEvent` and its siblings. Zero values:
//!
//! | part | zero, false, "" are | so an absent field means |
//! |---|---|---|
//! | `integration.*` (the message itself) since mid 2023 | written | a publisher that is not `ChirpStack` |
//! | `integration.*` before that | left out | zero |
//! | `gw.*` (`rxInfo`, `txInfo`) | left out | zero |
//!
//! Source: `ChirpStack` repository, `api/proto/{integration,gw}`, versions 4.0 to 4.20; facts on LoRaWAN, section 1.1.

use serde_json::{Map, Value};
use stadtwarte_model::uplink::{DeviceDescription, Radio, Reception, UplinkTimes};
use stadtwarte_model::{DevAddr, Position, Timestamp, Uplink};

use super::fields::{Fields, Warnings};
use super::heard::{self, Heard};
use super::json::{Document, Shown};
use super::{DialectError, Event, EventKind, Parsed, malformed, place};

const DEVICE: &str = "deviceInfo";
const OBJECT: &str = "object";

/// Keys that only an uplink has.
const UPLINK_KEYS: [&str; 8] = ["rxInfo", "data", "fPort", "fCnt", "dr", "adr", "confirmed", "joinServerContext"];

/// Those of an uplink that hold something to keep.
const CONTENT_KEYS: [&str; 3] = ["rxInfo", "data", OBJECT];

/// What a message is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Uplink,
    Event(EventKind),
}

/// The `event` of `ChirpStack`'s topics, and the keys by which its message is known, most telling first.
const EVENTS: [(&str, EventKind, &[&str]); 7] = [
    ("log", EventKind::Log, &["level", "code", "description"]),
    ("integration", EventKind::Integration, &["integrationName", "eventType"]),
    ("location", EventKind::Location, &["location"]),
    ("txack", EventKind::TxAck, &["downlinkId", "gatewayId", "txInfo"]),
    ("ack", EventKind::Ack, &["acknowledged", "queueItemId", "fCntDown"]),
    ("status", EventKind::Status, &["margin", "batteryLevel", "externalPowerSource", "batteryLevelUnavailable"]),
    ("join", EventKind::Join, &["devAddr"]),
];

/// Whether `root` has the shape of a `ChirpStack` v4 event.
pub(super) fn recognises(root: &Map<String, Value>) -> bool {
    root.contains_key("deduplicationId")
        || root
            .get(DEVICE)
            .and_then(Value::as_object)
            .is_some_and(|device| device.contains_key("devEui") || device.contains_key("applicationId"))
}

/// Reads a message that is, or is supposed to be, from `ChirpStack` v4.
pub(super) fn parse(topic: &str, document: Document) -> Result<Parsed, DialectError> {
    let warnings = Warnings::of(&document);
    let message = Fields::root(&document.root, &warnings);
    match kind(topic, &message)? {
        Kind::Event(kind) => Ok(Parsed::Event(event(kind, &message))),
        Kind::Uplink => uplink(document).map(|uplink| Parsed::Uplink(Box::new(uplink))),
    }
}

/// An uplink is looked for first: taking one for an event would lose it. Software that re-publishes messages may write the keys of
/// all events into each, empty; then there is nothing of an uplink to lose, and the topic decides.
fn kind(topic: &str, message: &Fields<'_>) -> Result<Kind, DialectError> {
    let by_topic = || topic.rsplit('/').find_map(named);
    if message.has_any(&UPLINK_KEYS) {
        let is_empty = !message.has_any(&CONTENT_KEYS);
        return Ok(by_topic().filter(|_| is_empty).unwrap_or(Kind::Uplink));
    }
    if let Some((_, kind, _)) = EVENTS.iter().find(|(_, _, keys)| message.has_any(keys)) {
        return Ok(Kind::Event(*kind));
    }
    if message.has(OBJECT) {
        return Ok(Kind::Uplink);
    }
    // A status of zeros, say, from a version that leaves zeros out: only the topic knows.
    by_topic().ok_or_else(|| {
        if message.has(DEVICE) {
            let detail = "a ChirpStack message with neither the fields nor the topic of an uplink or an event".to_owned();
            DialectError::UnknownMessage { detail }
        } else {
            malformed(format!("{DEVICE}: missing"))
        }
    })
}

/// The kind of message that a segment of a topic names.
fn named(segment: &str) -> Option<Kind> {
    if segment == "up" {
        return Some(Kind::Uplink);
    }
    EVENTS.iter().find(|(name, ..)| *name == segment).map(|(_, kind, _)| Kind::Event(*kind))
}

fn uplink(mut document: Document) -> Result<Uplink, DialectError> {
    let warnings = Warnings::of(&document);
    let object = document.root.remove(OBJECT).filter(|object| !object.is_null());
    let message = Fields::root(&document.root, &warnings);
    let device = device(&document, &message)?;
    let deduplication_id = message.text("deduplicationId");
    let session = message.id::<DevAddr>("devAddr").map(|address| address.to_string());
    let radio = radio(&message);
    let heard = receptions(&message, &radio);
    // The first copy's; all copies are stamped by the same clock.
    let server = heard.iter().filter_map(|gateway| gateway.server).min();
    let settled = heard::settle(heard, server, |index, problem| {
        message.warn(&format!("rxInfo[{index}].timeSinceGpsEpoch"), problem);
    });
    if let Some(warning) = settled.warning() {
        message.warn("rxInfo", warning);
    }
    let times = UplinkTimes {
        gps: settled.gps,
        network_server: server,
        gateway: settled.gateway,
        reported: message.trusted_time("time"),
        // Known once all times above have been read.
        has_unset_clock: warnings.has_unset_clock(),
    };
    let object = object.and_then(|object| match object {
        Value::Object(object) => Some(object),
        other => {
            message.warn(OBJECT, format_args!("expected an object, found {}", Shown(&other)));
            None
        }
    });
    let (f_cnt, f_port) = (frame_counter(&message), message.whole("fPort", 0..=255).filter(|port| *port > 0));
    let (confirmed, frm_payload) = (message.flag("confirmed"), message.bytes("data").unwrap_or_default());
    let encrypted = is_encrypted(&message);
    let receptions = settled.receptions;
    Ok(Uplink {
        device,
        deduplication_id,
        session,
        f_cnt,
        f_port,
        confirmed,
        frm_payload,
        encrypted,
        object,
        times,
        radio,
        receptions,
        simulated: false,
        warnings: warnings.into_texts(),
    })
}

/// The frame counter. Versions that leave zeros out write no counter for the first frame; without a deduplication id the message
/// is not from `ChirpStack` itself, and a made-up zero would make equal payloads look like copies of one frame.
fn frame_counter(message: &Fields<'_>) -> Option<u32> {
    if message.has("fCnt") || !message.has("deduplicationId") { message.whole("fCnt", 0..=u64::from(u32::MAX)) } else { Some(0) }
}

/// End-to-end encrypted devices come with a `joinServerContext`. If it is there but cannot be read, decoding ciphertext would be
/// the worse mistake.
fn is_encrypted(message: &Fields<'_>) -> bool {
    message.object("joinServerContext").is_some() || message.has("joinServerContext")
}

fn device(document: &Document, message: &Fields<'_>) -> Result<DeviceDescription, DialectError> {
    let path = "deviceInfo.devEui";
    if document.is_ambiguous(path) {
        return Err(malformed(format!("{path}: given twice with different values")));
    }
    let info = message.demand_object(DEVICE)?;
    let tags = info.texts("tags");
    let position = place::of_tags(&tags, |tag, problem| info.warn(&format!("tags.{tag}"), problem));
    Ok(DeviceDescription {
        dev_eui: info.demand_id("devEui")?,
        join_eui: None,
        name: info.text("deviceName"),
        profile: info.text("deviceProfileName"),
        brand_model: None,
        application: info.text("applicationName").or_else(|| info.text("applicationId")),
        tags,
        position,
    })
}

fn radio(message: &Fields<'_>) -> Radio {
    let mut radio = Radio { data_rate: message.whole("dr", 0..=15), ..Radio::default() };
    if let Some(sent) = message.object("txInfo") {
        radio.frequency_hz = sent.whole("frequency", 1..=10_000_000_000);
        if let Some(modulation) = sent.object("modulation")
            && let Some(lora) = modulation.object("lora")
        {
            radio.spreading_factor = lora.whole("spreadingFactor", 5..=12);
            radio.bandwidth_hz = lora.whole("bandwidth", 1..=u64::from(u32::MAX));
        }
    }
    radio
}

fn receptions(message: &Fields<'_>, radio: &Radio) -> Vec<Heard> {
    let mut heard = Vec::new();
    let is_lora = radio.spreading_factor.is_some();
    message.each("rxInfo", |index, gateway| heard.push(reception(index, gateway, is_lora)));
    heard
}

fn reception(index: usize, gateway: &Fields<'_>, is_lora: bool) -> Heard {
    let satellite = satellite_time(gateway, "fineTimeSinceGpsEpoch").or_else(|| satellite_time(gateway, "timeSinceGpsEpoch"));
    // Versions before 4.6 call it `time`.
    let gateway_time = gateway.time("gwTime").or_else(|| gateway.time("time")).or(satellite);
    let rssi_dbm = gateway.real("rssi");
    let snr_db = if gateway.has("snr") { gateway.real("snr") } else { heard::omitted_snr(is_lora, rssi_dbm) };
    let gateway_id = gateway.text("gatewayId").map(heard::gateway_id).unwrap_or_default();
    let reception = Reception { gateway_id, rssi_dbm, snr_db, gateway_time, position: gateway_position(gateway) };
    Heard { index, reception, satellite, server: gateway.trusted_time("nsTime") }
}

fn satellite_time(gateway: &Fields<'_>, key: &str) -> Option<Timestamp> {
    let text = gateway.text(key)?;
    let time = heard::time_of_gps_duration(&text);
    if time.is_none() {
        gateway.warn(key, format_args!("expected seconds since the GPS epoch such as \"1456477139.125s\", found {text:?}"));
    }
    gateway.plausible(key, time?)
}

/// `location`; where that is empty, what Helium's packet router writes into the metadata.
fn gateway_position(gateway: &Fields<'_>) -> Option<Position> {
    place::of_location(gateway, "location").or_else(|| {
        let metadata = gateway.object("metadata")?;
        place::of_coordinates(&metadata, "gateway_lat", "gateway_long", "gateway_altitude")
    })
}

fn event(kind: EventKind, message: &Fields<'_>) -> Event {
    let dev_eui = message.object(DEVICE).and_then(|device| device.id("devEui"));
    let detail = match kind {
        EventKind::Log => Some(log_detail(message)),
        EventKind::Ack => Some(if message.flag("acknowledged") { "acknowledged" } else { "not acknowledged" }.to_owned()),
        EventKind::Status => Some(status_detail(message)),
        EventKind::Integration => message.text("integrationName"),
        _ => None,
    };
    Event { kind, dev_eui, detail }
}

/// Level and code; a version that leaves zeros out leaves out `INFO` and `UNKNOWN`.
fn log_detail(message: &Fields<'_>) -> String {
    let word = |key, zero: &str| message.text(key).map_or_else(|| zero.to_owned(), |text| text.chars().take(40).collect());
    format!("{} {}", word("level", "INFO"), word("code", "UNKNOWN"))
}

fn status_detail(message: &Fields<'_>) -> String {
    let margin = message.real("margin").unwrap_or(0.0);
    let battery = if message.flag("externalPowerSource") {
        "external power".to_owned()
    } else if message.flag("batteryLevelUnavailable") {
        "battery unknown".to_owned()
    } else {
        format!("battery {:.1} %", message.real("batteryLevel").unwrap_or(0.0))
    };
    format!("margin {margin} dB, {battery}")
}
