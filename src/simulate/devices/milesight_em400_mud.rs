//! Milesight EM400-MUD: distance to the surface, here the filling of waste containers.

use super::milesight::{BATTERY, F_PORT, expect_port, next_channel, unknown};
use super::payload::{Cursor, DecodeError, Moment, Payload};
use super::spec::{Category, Field, Spec};
use crate::simulate::json::JsonWriter;
use crate::simulate::numeric::{seconds, to_i16, to_u8, to_u16};
use crate::simulate::world::{Site, World};

const TEMPERATURE: [u8; 2] = [0x03, 0x67];
const DISTANCE: [u8; 2] = [0x04, 0x82];
const POSITION: [u8; 2] = [0x05, 0x00];

/// One report: `01 75` battery, `03 67` temperature, `04 82` distance, `05 00` position.
///
/// Units on the wire: battery `%`, temperature `Cel` in steps of 0.1, distance `mm`, position 0 upright or 1 tilted.
/// Source: Milesight-IoT/SensorDecoders, `EM_Series/EM400_Series/EM400-MUD/README.md`, "Payload Definition".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MilesightEm400Mud {
    battery: u8,
    temperature: i16,
    distance: u16,
    is_tilted: bool,
}

impl Payload for MilesightEm400Mud {
    const SPEC: Spec = Spec {
        brand: "Milesight",
        model: "EM400-MUD",
        profile: "Milesight EM400-MUD",
        brand_id: "milesight-iot",
        model_id: "em400-mud",
        firmware: "1.0",
        category: Category::Waste,
        device_class: "CLASS_A",
        interval_s: 3_600,
        document: "Milesight-IoT/SensorDecoders, EM_Series/EM400_Series/EM400-MUD/README.md",
        fields: &[
            Field::number("distance", "distance", "mm", "Distance from the lid to the waste; the container is 1,200 mm deep"),
            Field::number("temperature", "container_temperature", "Cel", "Temperature under the lid"),
            Field::number("battery", "battery_level", "%", "Battery level"),
            Field::text("position", "position", "normal or tilt"),
        ],
    };

    fn measure(world: &World, site: &Site, moment: Moment) -> Self {
        let at_s = seconds(moment.at_us);
        let now = world.now(at_s);
        let bin = world.bin(site, &now);
        Self {
            battery: to_u8(world.battery_level(site, at_s) * 100.0),
            temperature: to_i16(bin.temperature_cel * 10.0),
            distance: to_u16(bin.distance_mm),
            is_tilted: bin.is_tilted,
        }
    }

    fn f_port(&self) -> u8 {
        F_PORT
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(BATTERY);
        out.push(self.battery);
        out.extend(TEMPERATURE);
        out.extend(self.temperature.to_le_bytes());
        out.extend(DISTANCE);
        out.extend(self.distance.to_le_bytes());
        out.extend(POSITION);
        out.push(u8::from(self.is_tilted));
    }

    fn decode(f_port: u8, bytes: &[u8]) -> Result<Self, DecodeError> {
        expect_port(f_port)?;
        let mut cursor = Cursor::new(bytes);
        let mut report = Self::default();
        while let Some(channel) = next_channel(&mut cursor)? {
            match channel {
                BATTERY => report.battery = cursor.u8()?,
                TEMPERATURE => report.temperature = cursor.i16_le()?,
                DISTANCE => report.distance = cursor.u16_le()?,
                POSITION => report.is_tilted = cursor.u8()? == 1,
                other => return Err(unknown(other)),
            }
        }
        Ok(report)
    }

    fn object(&self, json: &mut JsonWriter) {
        json.number_member("battery", f64::from(self.battery));
        json.number_member("temperature", f64::from(self.temperature) / 10.0);
        json.number_member("distance", f64::from(self.distance));
        json.text_member("position", if self.is_tilted { "tilt" } else { "normal" });
    }

    fn numbers(&self, out: &mut Vec<f64>) {
        out.extend([f64::from(self.distance), f64::from(self.temperature) / 10.0, f64::from(self.battery)]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::assert_vector;
    use super::*;
    use serde_json::json;

    #[test]
    fn the_vendors_example_reads_as_published() {
        let expected = json!({"battery": 92, "temperature": 25.7, "distance": 2116, "position": "tilt"});
        assert_vector::<MilesightEm400Mud>(85, "01755C0367010104824408050001", &expected);
    }
}
