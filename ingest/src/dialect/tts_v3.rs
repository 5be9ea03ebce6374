//! The Things Stack v3: `ApplicationUp` in proto3 JSON, over MQTT or as webhook body.
//!
//! Zero, false and empty fields are never written: the first frame of a session has no `f_cnt`, a frame without port no `f_port`,
//! a gateway that heard exactly 0 dB no `snr`. EUIs are in upper case, `frequency` is text. Which event a message is, is told by
//! the one key beside `end_device_ids`; the topic says the same once more.
//!
//! Source: The Things Stack, `api/ttn/lorawan/v3/{messages,metadata,identifiers}.proto`; facts on LoRaWAN, section 1.3.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use stadtwarte_model::uplink::{DeviceDescription, Radio, Reception, UplinkTimes};
use stadtwarte_model::{DevAddr, DevEui, Position, Uplink};

use super::fields::{Fields, Warnings};
use super::heard::{self, Heard};
use super::json::{Document, Shown};
use super::{DialectError, Event, EventKind, Parsed, malformed, place};

const IDS: &str = "end_device_ids";
const BODY: &str = "uplink_message";
const OBJECT: &str = "decoded_payload";

/// The other bodies an `ApplicationUp` can have: key, kind, detail, and how the topic of such a message ends.
const EVENTS: [(&str, EventKind, Option<&str>, &str); 10] = [
    ("uplink_normalized", EventKind::NormalizedUplink, None, "/up/normalized"),
    ("join_accept", EventKind::Join, None, "/join"),
    ("downlink_queued", EventKind::Downlink, Some("queued"), "/down/queued"),
    ("downlink_sent", EventKind::TxAck, Some("sent"), "/down/sent"),
    ("downlink_ack", EventKind::Ack, Some("acknowledged"), "/down/ack"),
    ("downlink_nack", EventKind::Ack, Some("not acknowledged"), "/down/nack"),
    ("downlink_failed", EventKind::Downlink, Some("failed"), "/down/failed"),
    ("downlink_queue_invalidated", EventKind::Downlink, Some("invalidated"), "/down/invalidated"),
    ("location_solved", EventKind::Location, None, "/location/solved"),
    ("service_data", EventKind::Integration, None, "/service/data"),
];

/// Whether `root` has the shape of an `ApplicationUp`.
pub(super) fn recognises(root: &Map<String, Value>) -> bool {
    root.contains_key(IDS) || root.contains_key(BODY) || EVENTS.iter().any(|(key, ..)| root.contains_key(*key))
}

/// Reads a message that is, or is supposed to be, from The Things Stack v3.
pub(super) fn parse(topic: &str, document: Document) -> Result<Parsed, DialectError> {
    let warnings = Warnings::of(&document);
    let message = Fields::root(&document.root, &warnings);
    if message.has(BODY) {
        return uplink(document).map(|uplink| Parsed::Uplink(Box::new(uplink)));
    }
    let by_body = EVENTS.iter().find(|(key, ..)| message.has(key));
    let found = by_body.or_else(|| EVENTS.iter().find(|(.., ending)| message.has(IDS) && topic.ends_with(ending)));
    match found {
        Some((key, kind, detail, _)) => Ok(Parsed::Event(event(&message, key, *kind, *detail))),
        None if message.has(IDS) => {
            let detail = "a message of The Things Stack with neither an uplink nor a known event in it".to_owned();
            Err(DialectError::UnknownMessage { detail })
        }
        None => Err(malformed(format!("{IDS}: missing"))),
    }
}

fn event(message: &Fields<'_>, key: &str, kind: EventKind, detail: Option<&str>) -> Event {
    let dev_eui = message.object(IDS).and_then(|ids| ids.id("dev_eui"));
    let cause = message.object(key).and_then(|body| match key {
        "downlink_failed" => body.object("error").and_then(|error| error.text("name")),
        "location_solved" | "service_data" => body.text("service"),
        _ => None,
    });
    let words: Vec<String> = detail.map(str::to_owned).into_iter().chain(cause.map(|cause| cause.chars().take(40).collect())).collect();
    Event { kind, dev_eui, detail: (!words.is_empty()).then(|| words.join(": ")) }
}

fn uplink(mut document: Document) -> Result<Uplink, DialectError> {
    let warnings = Warnings::of(&document);
    let object = document.root.get_mut(BODY).and_then(Value::as_object_mut).and_then(|body| body.remove(OBJECT));
    let message = Fields::root(&document.root, &warnings);
    let ids = identifiers(&document, &message)?;
    let body = message.demand_object(BODY)?;
    let device = device(&ids, &message, &body)?;
    let session = body.text("session_key_id").or_else(|| ids.id::<DevAddr>("dev_addr").map(|address| address.to_string()));
    let f_cnt = frame_counter(&body, session.is_some());
    let radio = radio(&body);
    let times = times(&message, &body);
    let settled = heard::settle(receptions(&body, &radio), times.network_server, |index, problem| {
        body.warn(&format!("rx_metadata[{index}].gps_time"), problem);
    });
    if let Some(warning) = settled.warning() {
        body.warn("rx_metadata", warning);
    }
    let gateway = settled.gateway.or(times.gateway);
    let object = object.filter(|object| !object.is_null()).and_then(|object| match object {
        Value::Object(object) => Some(object),
        other => {
            body.warn(OBJECT, format_args!("expected an object, found {}", Shown(&other)));
            None
        }
    });
    let (f_port, confirmed) = (body.whole("f_port", 0..=255).filter(|port| *port > 0), body.flag("confirmed"));
    let frm_payload = body.bytes("frm_payload").unwrap_or_default();
    let (encrypted, simulated) = (is_encrypted(&body), message.flag("simulated"));
    Ok(Uplink {
        device,
        deduplication_id: None,
        session,
        f_cnt,
        f_port,
        confirmed,
        frm_payload,
        encrypted,
        object,
        times: UplinkTimes { gps: settled.gps, gateway, has_unset_clock: warnings.has_unset_clock(), ..times },
        radio,
        receptions: settled.receptions,
        simulated,
        warnings: warnings.into_texts(),
    })
}

/// The frame counter; absent means zero. Without a session nothing says which zero that would be, so none is made up.
fn frame_counter(body: &Fields<'_>, has_session: bool) -> Option<u32> {
    if body.has("f_cnt") || !has_session { body.whole("f_cnt", 0..=u64::from(u32::MAX)) } else { Some(0) }
}

/// `app_s_key` comes only with devices whose payload the application server does not decrypt (`skip_payload_crypto`). If it is
/// there but cannot be read, decoding ciphertext would be the worse mistake.
fn is_encrypted(body: &Fields<'_>) -> bool {
    body.object("app_s_key").is_some() || body.has("app_s_key")
}

fn identifiers<'a>(document: &Document, message: &'a Fields<'a>) -> Result<Fields<'a>, DialectError> {
    let path = "end_device_ids.dev_eui";
    if document.is_ambiguous(path) {
        return Err(malformed(format!("{path}: given twice with different values")));
    }
    message.demand_object(IDS)
}

fn device(ids: &Fields<'_>, message: &Fields<'_>, body: &Fields<'_>) -> Result<DeviceDescription, DialectError> {
    let dev_eui: DevEui = ids.demand_id("dev_eui")?;
    // Since 3.34 in the body; some integrations lift them to the top.
    let holder = if body.has("attributes") { body } else { message };
    let tags = holder.texts("attributes");
    let locations = locations(body);
    // What an operator entered, what a service computed. `frm-payload` is the last that the device said in any message; what it says in
    // this one is in its object.
    let position = place::of_tags(&tags, |tag, problem| holder.warn(&format!("attributes.{tag}"), problem))
        .or_else(|| locations.get("user").copied())
        .or_else(|| locations.iter().find(|(name, _)| *name != "frm-payload").map(|(_, position)| *position));
    let version = body.object("version_ids");
    let (brand, model) = version.map_or((None, None), |version| (version.text("brand_id"), version.text("model_id")));
    let (profile, brand_model) = match (brand, model) {
        (Some(brand), Some(model)) => (None, Some((brand, model))),
        (None, model) => (model, None),
        (Some(_), None) => (None, None),
    };
    Ok(DeviceDescription {
        dev_eui,
        join_eui: ids.id("join_eui"),
        name: ids.text("device_id"),
        profile,
        brand_model,
        application: ids.object("application_ids").and_then(|application| application.text("application_id")),
        tags,
        position,
    })
}

/// The device's `locations` by name. A guess from the network address of a gateway is no place of a device.
fn locations(body: &Fields<'_>) -> BTreeMap<String, Position> {
    let mut found = BTreeMap::new();
    if let Some(locations) = body.object("locations") {
        locations.each_value(|name, location| {
            let position = place::of_coordinates(location, "latitude", "longitude", "altitude");
            if location.text("source").as_deref() != Some("SOURCE_IP_GEOLOCATION") {
                found.extend(position.map(|position| (name.to_owned(), position)));
            }
        });
    }
    found
}

/// The times apart from the receptions'. The Things Stack chooses none of them as the uplink's own, so `reported` stays empty; the
/// network server's is about 0.2 s before the application server's at the top of the message, which stands in for it.
fn times(message: &Fields<'_>, body: &Fields<'_>) -> UplinkTimes {
    let network_server = body.trusted_time("received_at").or_else(|| message.trusted_time("received_at"));
    let gateway = body.object("settings").and_then(|settings| settings.time("time"));
    UplinkTimes { network_server, gateway, ..UplinkTimes::default() }
}

fn radio(body: &Fields<'_>) -> Radio {
    let Some(settings) = body.object("settings") else { return Radio::default() };
    // The index was removed in 3.20; before, zero was left out as always.
    let mut radio = Radio { data_rate: settings.whole("data_rate_index", 0..=15), ..Radio::default() };
    radio.frequency_hz = settings.whole("frequency", 1..=10_000_000_000);
    if let Some(data_rate) = settings.object("data_rate")
        && let Some(lora) = data_rate.object("lora")
    {
        radio.spreading_factor = lora.whole("spreading_factor", 5..=12);
        radio.bandwidth_hz = lora.whole("bandwidth", 1..=u64::from(u32::MAX));
    }
    radio
}

fn receptions(body: &Fields<'_>, radio: &Radio) -> Vec<Heard> {
    let mut heard = Vec::new();
    let is_lora = radio.spreading_factor.is_some();
    body.each("rx_metadata", |index, gateway| heard.push(reception(index, gateway, is_lora)));
    heard
}

fn reception(index: usize, gateway: &Fields<'_>, is_lora: bool) -> Heard {
    let satellite = gateway.trusted_time("gps_time");
    let gateway_time = gateway.time("time").or(satellite);
    let rssi_dbm = gateway.real("rssi").or_else(|| gateway.real("channel_rssi"));
    let snr_db = if gateway.has("snr") { gateway.real("snr") } else { heard::omitted_snr(is_lora, rssi_dbm) };
    let position = place::of_location(gateway, "location");
    let reception = Reception { gateway_id: gateway_id(gateway), rssi_dbm, snr_db, gateway_time, position };
    Heard { index, reception, satellite, server: None }
}

/// The gateway's EUI, else its name. A frame that came through Packet Broker was heard by the forwarder's gateway, not by the
/// gateway called `packetbroker`.
fn gateway_id(gateway: &Fields<'_>) -> String {
    let forwarder = gateway.object("packet_broker").and_then(|broker| {
        let eui = broker.id::<DevEui>("forwarder_gateway_eui").map(|eui| eui.to_string());
        eui.or_else(|| broker.text("forwarder_gateway_id").map(heard::gateway_id))
    });
    let own = || {
        let ids = gateway.object("gateway_ids")?;
        let eui = ids.id::<DevEui>("eui").map(|eui| eui.to_string());
        eui.or_else(|| ids.text("gateway_id").map(heard::gateway_id))
    };
    forwarder.or_else(own).unwrap_or_default()
}
