//! Elsys ERS CO2: climate, light, motion and carbon dioxide in rooms, here in schools.

use super::payload::{Cursor, DecodeError, Moment, Payload};
use super::spec::{Category, Field, Spec};
use crate::simulate::json::JsonWriter;
use crate::simulate::numeric::{seconds, to_i16, to_u8, to_u16};
use crate::simulate::world::{Site, World};

const F_PORT: u8 = 5;
const TEMPERATURE: u8 = 0x01;
const HUMIDITY: u8 = 0x02;
const LIGHT: u8 = 0x04;
const MOTION: u8 = 0x05;
const CARBON_DIOXIDE: u8 = 0x06;
const SUPPLY: u8 = 0x07;

/// One report: a list of `[type u8][value, big endian]`.
///
/// Units on the wire: temperature `Cel` in steps of 0.1, relative humidity `%`, light `lx`, motion events since the last report,
/// carbon dioxide `ppm`, supply `mV` (note: the codec keeps millivolts).
/// Source: Elsys "Sensor payload", `elsys.se/public/documents/Sensor_payload.pdf`, table of types 0x01 to 0x07.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ElsysErsCo2 {
    temperature: i16,
    humidity: u8,
    light: u16,
    motion: u8,
    carbon_dioxide: u16,
    supply_mv: u16,
}

impl Payload for ElsysErsCo2 {
    const SPEC: Spec = Spec {
        brand: "Elsys",
        model: "ERS CO2",
        profile: "Elsys ERS CO2",
        brand_id: "elsys",
        model_id: "ers-co2",
        firmware: "1.0",
        category: Category::Indoor,
        device_class: "CLASS_A",
        interval_s: 300,
        document: "Elsys Sensor payload, elsys.se/public/documents/Sensor_payload.pdf",
        fields: &[
            Field::number("temperature", "room_temperature", "Cel", "Room temperature"),
            Field::number("humidity", "relative_humidity", "%", "Relative humidity"),
            Field::number("light", "illuminance", "lx", "Illuminance"),
            Field::number("motion", "motion_events", "1", "Movements since the previous report"),
            Field::number("co2", "co2", "[ppm]", "Carbon dioxide in the air of the room"),
            Field::number("vdd", "battery_voltage", "mV", "Supply voltage; note: mV"),
        ],
    };

    fn measure(world: &World, site: &Site, moment: Moment) -> Self {
        let at_s = seconds(moment.at_us);
        let now = world.now(at_s);
        let room = world.room(site, &now);
        Self {
            temperature: to_i16(room.temperature_cel * 10.0),
            humidity: to_u8(room.humidity_percent),
            light: to_u16(room.light_lx),
            motion: to_u8(room.motion_per_s * (at_s - seconds(moment.since_us)).min(300.0)),
            carbon_dioxide: to_u16(room.carbon_dioxide_ppm),
            supply_mv: to_u16(3_000.0 + 640.0 * world.battery_level(site, at_s)),
        }
    }

    fn f_port(&self) -> u8 {
        F_PORT
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.push(TEMPERATURE);
        out.extend(self.temperature.to_be_bytes());
        out.extend([HUMIDITY, self.humidity, LIGHT]);
        out.extend(self.light.to_be_bytes());
        out.extend([MOTION, self.motion, CARBON_DIOXIDE]);
        out.extend(self.carbon_dioxide.to_be_bytes());
        out.push(SUPPLY);
        out.extend(self.supply_mv.to_be_bytes());
    }

    fn decode(f_port: u8, bytes: &[u8]) -> Result<Self, DecodeError> {
        if f_port != F_PORT {
            return Err(DecodeError::UnknownPort(f_port));
        }
        let mut cursor = Cursor::new(bytes);
        let mut report = Self::default();
        while !cursor.is_at_end() {
            match cursor.u8()? {
                TEMPERATURE => report.temperature = cursor.i16_be()?,
                HUMIDITY => report.humidity = cursor.u8()?,
                LIGHT => report.light = cursor.u16_be()?,
                MOTION => report.motion = cursor.u8()?,
                CARBON_DIOXIDE => report.carbon_dioxide = cursor.u16_be()?,
                SUPPLY => report.supply_mv = cursor.u16_be()?,
                other => return Err(DecodeError::UnknownIdentifier(u16::from(other))),
            }
        }
        Ok(report)
    }

    fn object(&self, json: &mut JsonWriter) {
        json.number_member("temperature", f64::from(self.temperature) / 10.0);
        json.number_member("humidity", f64::from(self.humidity));
        json.number_member("light", f64::from(self.light));
        json.number_member("motion", f64::from(self.motion));
        json.number_member("co2", f64::from(self.carbon_dioxide));
        json.number_member("vdd", f64::from(self.supply_mv));
    }

    fn numbers(&self, out: &mut Vec<f64>) {
        out.extend([f64::from(self.temperature) / 10.0, f64::from(self.humidity), f64::from(self.light)]);
        out.extend([f64::from(self.motion), f64::from(self.carbon_dioxide), f64::from(self.supply_mv)]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::assert_vector;
    use super::*;
    use serde_json::json;

    #[test]
    fn a_published_message_reads_by_the_published_table() {
        // AQDnAiEEACQFAgYBsAcOTQ==, the example in a public Python port of the vendor's decoder.
        let expected = json!({"temperature": 23.1, "humidity": 33, "light": 36, "motion": 2, "co2": 432, "vdd": 3661});
        assert_vector::<ElsysErsCo2>(5, "0100E7022104002405020601B0070E4D", &expected);
    }
}
