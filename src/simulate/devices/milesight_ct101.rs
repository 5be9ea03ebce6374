//! Milesight CT101: clamp-on current transformer, here at charging columns and pumps.

use super::milesight::{F_PORT, expect_port, next_channel, unknown};
use super::payload::{Cursor, DecodeError, Moment, Payload};
use super::spec::{Category, Field, Spec};
use crate::simulate::json::JsonWriter;
use crate::simulate::numeric::{seconds, to_i16, to_u16, to_u32};
use crate::simulate::world::{Site, World};

const TOTAL_CURRENT: [u8; 2] = [0x03, 0x97];
const CURRENT: [u8; 2] = [0x04, 0x98];
const TEMPERATURE: [u8; 2] = [0x09, 0x67];

/// One report: `03 97` charge, `04 98` current, `09 67` temperature.
///
/// Units on the wire: charge `A.h` in steps of 0.01, current `A` in steps of 0.01 (FFFF means the reading failed), temperature
/// `Cel` in steps of 0.1. The device feeds itself from the cable, so there is no battery level.
/// Source: Milesight-IoT/SensorDecoders, `ct-series/ct101/README.md`, "Telemetry".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MilesightCt101 {
    charge: u32,
    current: u16,
    temperature: i16,
}

impl Payload for MilesightCt101 {
    const SPEC: Spec = Spec {
        brand: "Milesight",
        model: "CT101",
        profile: "Milesight CT101",
        brand_id: "milesight-iot",
        model_id: "ct101",
        firmware: "1.1",
        category: Category::Energy,
        device_class: "CLASS_A",
        interval_s: 600,
        document: "Milesight-IoT/SensorDecoders, ct-series/ct101/README.md",
        fields: &[
            Field::number("total_current", "electric_charge_total", "A.h", "Charge since installation (counter)"),
            Field::number("current", "electric_current", "A", "Current, root mean square"),
            Field::number("temperature", "device_temperature", "Cel", "Temperature in the cabinet"),
        ],
    };

    fn measure(world: &World, site: &Site, moment: Moment) -> Self {
        let at_s = seconds(moment.at_us);
        let now = world.now(at_s);
        let line = world.charging(site, at_s);
        Self {
            charge: to_u32((line.charge_ah * 100.0).floor()),
            current: to_u16(line.current_a * 100.0).min(0xfffe),
            temperature: to_i16((world.air(site, &now).temperature_cel + 4.0 + line.current_a * 0.2) * 10.0),
        }
    }

    fn f_port(&self) -> u8 {
        F_PORT
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(TOTAL_CURRENT);
        out.extend(self.charge.to_le_bytes());
        out.extend(CURRENT);
        out.extend(self.current.to_le_bytes());
        out.extend(TEMPERATURE);
        out.extend(self.temperature.to_le_bytes());
    }

    fn decode(f_port: u8, bytes: &[u8]) -> Result<Self, DecodeError> {
        expect_port(f_port)?;
        let mut cursor = Cursor::new(bytes);
        let mut report = Self::default();
        while let Some(channel) = next_channel(&mut cursor)? {
            match channel {
                TOTAL_CURRENT => report.charge = cursor.u32_le()?,
                CURRENT => report.current = cursor.u16_le()?,
                TEMPERATURE => report.temperature = cursor.i16_le()?,
                other => return Err(unknown(other)),
            }
        }
        Ok(report)
    }

    fn object(&self, json: &mut JsonWriter) {
        json.number_member("total_current", f64::from(self.charge) / 100.0);
        json.number_member("current", f64::from(self.current) / 100.0);
        json.number_member("temperature", f64::from(self.temperature) / 10.0);
    }

    fn numbers(&self, out: &mut Vec<f64>) {
        out.extend([f64::from(self.charge) / 100.0, f64::from(self.current) / 100.0, f64::from(self.temperature) / 10.0]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::assert_vector;
    use super::*;
    use serde_json::json;

    #[test]
    fn the_vendors_examples_read_as_published() {
        // Charge and current are the two published examples; the temperature follows the table (int16 / 10).
        let expected = json!({"total_current": 100, "current": 30, "temperature": 24.6});
        assert_vector::<MilesightCt101>(85, "0397102700000498B80B0967F600", &expected);
    }
}
