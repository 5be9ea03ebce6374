//! Dragino `TrackerD`: GPS tracker, here on buses.

use super::payload::{Cursor, DecodeError, Moment, Payload};
use super::spec::{Category, Field, Spec};
use crate::simulate::json::JsonWriter;
use crate::simulate::numeric::{seconds, to_i32, to_u16};
use crate::simulate::world::{Site, World};
use std::fmt::Write as _;

const F_PORT: u8 = 2;
const ALARM: u16 = 0x4000;
const LED_ON: u8 = 0x20;
const MOVING: u8 = 0x10;

/// One position report on fPort 2: latitude, longitude, alarm and battery, flags, humidity, temperature.
///
/// Units on the wire: degrees in steps of 0.000001, battery `mV` in 14 bits, humidity `%` and temperature `Cel` in steps of 0.1.
/// Traps of the vendor's codec, repeated here: `Longitud` without e; the position three times (text, members, nested object);
/// booleans as the texts `TRUE`, `ON`, `MOVE`; `Date` and `Time` are 0 in this message.
/// Source: dragino/dragino-end-node-decoder, `TrackerD/TrackerD  Chirpstack V4 Decoder 1.4.9 .txt`; `TrackerD` user manual, "GPS
/// positioning".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DraginoTrackerd {
    latitude: i32,
    longitude: i32,
    battery_mv: u16,
    has_alarm: bool,
    flags: u8,
    humidity: u16,
    temperature: u16,
}

impl DraginoTrackerd {
    fn lat_deg(self) -> f64 {
        f64::from(self.latitude) / 1_000_000.0
    }

    fn lon_deg(self) -> f64 {
        f64::from(self.longitude) / 1_000_000.0
    }
}

impl Payload for DraginoTrackerd {
    const SPEC: Spec = Spec {
        brand: "Dragino",
        model: "TrackerD",
        profile: "Dragino TrackerD",
        brand_id: "dragino",
        model_id: "trackerd",
        firmware: "1.4.9",
        category: Category::Mobility,
        device_class: "CLASS_A",
        interval_s: 30,
        document: "dragino/dragino-end-node-decoder, TrackerD/TrackerD  Chirpstack V4 Decoder 1.4.9 .txt",
        fields: &[
            Field::number("Latitude", "", "deg", "Latitude, WGS 84; the position, no property"),
            Field::number("Longitud", "", "deg", "Longitude, WGS 84; the position, no property (the vendor's spelling)"),
            Field::number("location_tago.latitude", "", "deg", "Latitude again; do not map"),
            Field::number("location_tago.longitude", "", "deg", "Longitude again; do not map"),
            Field::number("Hum", "device_humidity", "%", "Relative humidity at the tracker"),
            Field::number("Tem", "device_temperature", "Cel", "Temperature at the tracker"),
            Field::number("BatV", "battery_voltage", "V", "Battery voltage"),
            Field::number("MD", "", "1", "Operating mode bits; do not map"),
            Field::number("Bg", "", "1", "0 in this message; do not map"),
            Field::number("Date", "", "1", "0 in this message; do not map"),
            Field::number("Time", "", "1", "0 in this message; do not map"),
            Field::text("Location", "", "Latitude and longitude as one text; do not map"),
            Field::text("ALARM_status", "alarm", "TRUE or FALSE"),
            Field::text("LON", "", "Indicator light, ON or OFF; do not map"),
            Field::text("Transport", "motion", "MOVE or STILL"),
        ],
    };

    fn measure(world: &World, site: &Site, moment: Moment) -> Self {
        let at_s = seconds(moment.at_us);
        let now = world.now(at_s);
        let bus = world.bus(site, &now);
        Self {
            latitude: to_i32(bus.lat_deg * 1e6),
            longitude: to_i32(bus.lon_deg * 1e6),
            battery_mv: to_u16(3_600.0 + 500.0 * world.battery_level(site, at_s)),
            has_alarm: false,
            flags: LED_ON | if bus.is_moving { MOVING } else { 0 },
            humidity: to_u16(bus.humidity_percent * 10.0),
            temperature: to_u16(bus.temperature_cel * 10.0),
        }
    }

    fn f_port(&self) -> u8 {
        F_PORT
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.latitude.to_be_bytes());
        out.extend(self.longitude.to_be_bytes());
        out.extend((self.battery_mv & 0x3fff | if self.has_alarm { ALARM } else { 0 }).to_be_bytes());
        out.push(self.flags);
        out.extend(self.humidity.to_be_bytes());
        out.extend(self.temperature.to_be_bytes());
    }

    fn decode(f_port: u8, bytes: &[u8]) -> Result<Self, DecodeError> {
        if f_port != F_PORT {
            return Err(DecodeError::UnknownPort(f_port));
        }
        let mut cursor = Cursor::new(bytes);
        let (latitude, longitude) = (cursor.i32_be()?, cursor.i32_be()?);
        let battery = cursor.u16_be()?;
        let report = Self {
            latitude,
            longitude,
            battery_mv: battery & 0x3fff,
            has_alarm: battery & ALARM != 0,
            flags: cursor.u8()?,
            humidity: cursor.u16_be()?,
            temperature: cursor.u16_be()?,
        };
        cursor.finish()?;
        Ok(report)
    }

    fn object(&self, json: &mut JsonWriter) {
        let (lat_deg, lon_deg) = (self.lat_deg(), self.lon_deg());
        json.key("Location");
        json.text_with(|text| {
            let _ = write!(text, "{lat_deg},{lon_deg}");
        });
        json.number_member("Latitude", lat_deg);
        json.number_member("Longitud", lon_deg);
        json.key("location_tago");
        json.begin_object();
        json.number_member("latitude", lat_deg);
        json.number_member("longitude", lon_deg);
        json.end_object();
        json.number_member("Hum", f64::from(self.humidity) / 10.0);
        json.number_member("Tem", f64::from(self.temperature) / 10.0);
        json.number_member("BatV", f64::from(self.battery_mv) / 1_000.0);
        json.text_member("ALARM_status", if self.has_alarm { "TRUE" } else { "FALSE" });
        json.number_member("MD", f64::from(self.flags & 0xc0));
        json.number_member("Bg", f64::from(self.flags >> 3 & 1));
        json.number_member("Date", 0.0);
        json.number_member("Time", 0.0);
        json.text_member("LON", if self.flags & LED_ON == 0 { "OFF" } else { "ON" });
        json.text_member("Transport", if self.flags & MOVING == 0 { "STILL" } else { "MOVE" });
    }

    fn numbers(&self, out: &mut Vec<f64>) {
        out.extend([self.lat_deg(), self.lon_deg(), self.lat_deg(), self.lon_deg()]);
        out.extend([f64::from(self.humidity) / 10.0, f64::from(self.temperature) / 10.0, f64::from(self.battery_mv) / 1_000.0]);
        out.extend([f64::from(self.flags & 0xc0), f64::from(self.flags >> 3 & 1), 0.0, 0.0]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::assert_vector;
    use super::*;
    use serde_json::json;

    #[test]
    fn the_object_has_the_vendors_names_and_texts() {
        // Worked out by hand from the published decoder.
        let expected = json!({"Location": "52.031234,9.930001", "Latitude": 52.031_234, "Longitud": 9.930_001,
            "location_tago": {"latitude": 52.031_234, "longitude": 9.930_001}, "Hum": 43.2, "Tem": 21.5, "BatV": 4.012,
            "ALARM_status": "FALSE", "MD": 0, "Bg": 0, "Date": 0, "Time": 0, "LON": "ON", "Transport": "MOVE"});
        assert_vector::<DraginoTrackerd>(2, "0319EF0200978511 0FAC 30 01B0 00D7", &expected);
    }
}
