//! A stable JSON rendering of what a message turned out to be, for golden files. It is no public format.

use serde_json::{Value, json};
use stadtwarte_model::uplink::{DeviceDescription, Reception};
use stadtwarte_model::{Position, Uplink};

use super::super::{Dialect, DialectError, Parsed};

pub(super) fn outcome(outcome: &Result<(Dialect, Parsed), DialectError>) -> Value {
    match outcome {
        Ok((dialect, Parsed::Uplink(uplink))) => json!({"dialect": dialect.name(), "uplink": self::uplink(uplink)}),
        Ok((dialect, Parsed::Event(event))) => json!({
            "dialect": dialect.name(),
            "event": {"kind": event.kind.as_str(), "dev_eui": event.dev_eui, "detail": event.detail},
        }),
        Err(error) => json!({"error": error.to_string(), "reason": error.reason()}),
    }
}

pub(super) fn uplink(uplink: &Uplink) -> Value {
    let Uplink { device, deduplication_id, session, f_cnt, f_port, confirmed, frm_payload, .. } = uplink;
    json!({
        "device": self::device(device),
        "deduplication_id": deduplication_id,
        "session": session,
        "f_cnt": f_cnt,
        "f_port": f_port,
        "confirmed": confirmed,
        "frm_payload_hex": hex(frm_payload),
        "encrypted": uplink.encrypted,
        "object": uplink.object,
        "times": {
            "gps": uplink.times.gps,
            "network_server": uplink.times.network_server,
            "gateway": uplink.times.gateway,
            "reported": uplink.times.reported,
        },
        "radio": uplink.radio,
        "receptions": uplink.receptions.iter().map(reception).collect::<Vec<_>>(),
        "simulated": uplink.simulated,
        "warnings": uplink.warnings,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn device(device: &DeviceDescription) -> Value {
    json!({
        "dev_eui": device.dev_eui,
        "join_eui": device.join_eui,
        "name": device.name,
        "profile": device.profile,
        "brand_model": device.brand_model,
        "application": device.application,
        "tags": device.tags,
        "position": device.position.map(position),
    })
}

fn position(position: Position) -> Value {
    json!({"lon_deg": position.lon_deg, "lat_deg": position.lat_deg, "height_m": position.height_m})
}

fn reception(reception: &Reception) -> Value {
    json!({
        "gateway_id": reception.gateway_id,
        "rssi_dbm": reception.rssi_dbm,
        "snr_db": reception.snr_db,
        "gateway_time": reception.gateway_time,
        "position": reception.position.map(position),
    })
}
