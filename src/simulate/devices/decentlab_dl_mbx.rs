//! Decentlab DL-MBX: ultrasonic distance, here from a bridge down to the river.

use super::decentlab::{F_PORT, header_members, push_header, push_words, quantity, read_header};
use super::payload::{Cursor, DecodeError, Moment, Payload};
use super::spec::{Category, Field, Spec};
use crate::simulate::json::JsonWriter;
use crate::simulate::numeric::{seconds, to_u16};
use crate::simulate::world::{Site, World};

const FLAGS: u16 = 0b11;

/// One report: distance, number of valid samples, battery.
///
/// Units on the wire: distance `mm` from the sensor to the surface (so a rising river gives a falling number), battery `mV`.
/// Source: decentlab/decentlab-decoders, `DL-MBX/DL-MBX.js`; data sheet DL-MBX, "Data format".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecentlabDlMbx {
    device_id: u16,
    distance_mm: u16,
    valid_samples: u16,
    battery_mv: u16,
}

impl Payload for DecentlabDlMbx {
    const SPEC: Spec = Spec {
        brand: "Decentlab",
        model: "DL-MBX",
        profile: "Decentlab DL-MBX",
        brand_id: "decentlab",
        model_id: "dl-mbx",
        firmware: "1.0",
        category: Category::WaterLevel,
        device_class: "CLASS_A",
        interval_s: 600,
        document: "decentlab/decentlab-decoders, DL-MBX/DL-MBX.js",
        fields: &[
            Field::number("distance.value", "distance", "mm", "Distance from the sensor to the water; level = mounting height - distance"),
            Field::number("number_of_valid_samples.value", "valid_samples", "1", "Echoes that were used"),
            Field::number("battery_voltage.value", "battery_voltage", "V", "Battery voltage"),
        ],
    };

    fn measure(world: &World, site: &Site, moment: Moment) -> Self {
        let at_s = seconds(moment.at_us);
        let surface_mm = (site.height_m - world.river_level_m(at_s)) * 1_000.0 + world.ripple(site, at_s) * 8.0;
        Self {
            device_id: site.serial(),
            distance_mm: to_u16(surface_mm.max(500.0)),
            valid_samples: to_u16(10.0 - world.ripple(site, at_s + 1.0).abs() * 3.0),
            battery_mv: to_u16(2_700.0 + 500.0 * world.battery_level(site, at_s)),
        }
    }

    fn f_port(&self) -> u8 {
        F_PORT
    }

    fn encode(&self, out: &mut Vec<u8>) {
        push_header(out, self.device_id, FLAGS);
        push_words(out, &[self.distance_mm, self.valid_samples, self.battery_mv]);
    }

    fn decode(f_port: u8, bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut cursor = Cursor::new(bytes);
        let device_id = read_header(f_port, &mut cursor, FLAGS)?;
        let (distance_mm, valid_samples, battery_mv) = (cursor.u16_be()?, cursor.u16_be()?, cursor.u16_be()?);
        cursor.finish()?;
        Ok(Self { device_id, distance_mm, valid_samples, battery_mv })
    }

    fn object(&self, json: &mut JsonWriter) {
        header_members(json, self.device_id);
        quantity(json, "distance", "Distance", f64::from(self.distance_mm), "mm");
        quantity(json, "number_of_valid_samples", "Number of valid samples", f64::from(self.valid_samples), "");
        quantity(json, "battery_voltage", "Battery voltage", f64::from(self.battery_mv) / 1_000.0, "V");
    }

    fn numbers(&self, out: &mut Vec<f64>) {
        out.extend([f64::from(self.distance_mm), f64::from(self.valid_samples), f64::from(self.battery_mv) / 1_000.0]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::assert_vector;
    use super::*;
    use serde_json::json;

    #[test]
    fn the_vendors_example_reads_by_the_published_formulas() {
        let expected = json!({"protocol_version": 2, "device_id": 303,
            "distance": {"displayName": "Distance", "value": 1234, "unit": "mm"},
            "number_of_valid_samples": {"displayName": "Number of valid samples", "value": 1},
            "battery_voltage": {"displayName": "Battery voltage", "value": 2.993, "unit": "V"}});
        assert_vector::<DecentlabDlMbx>(1, "02012f000304d200010bb1", &expected);
    }
}
