//! Decentlab DL-PR26: pressure probe at the river bed.

use super::decentlab::{F_PORT, header_members, push_header, push_words, quantity, read_header};
use super::payload::{Cursor, DecodeError, Moment, Payload};
use super::spec::{Category, Field, Spec};
use crate::simulate::json::JsonWriter;
use crate::simulate::numeric::{seconds, to_u16};
use crate::simulate::world::{Site, World};

const FLAGS: u16 = 0b11;

/// Pressure of one metre of water in bar.
const BAR_PER_METRE: f64 = 0.098_066_5;

/// One report: pressure, temperature, battery, for the variant with a range of 0 to 1 bar.
///
/// Units on the wire: pressure (x − 16384)/32768 `bar`; temperature (x − 384)·0.003125 − 50 `Cel`; battery `mV`.
/// Source: decentlab/decentlab-decoders, `DL-PR26/DL-PR26 (Pmin=0.0,Pmax=1.0).js`; data sheet DL-PR26, "Data format".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecentlabDlPr26 {
    device_id: u16,
    pressure: u16,
    temperature: u16,
    battery_mv: u16,
}

impl DecentlabDlPr26 {
    fn pressure_bar(self) -> f64 {
        (f64::from(self.pressure) - 16_384.0) / 32_768.0
    }

    fn temperature_cel(self) -> f64 {
        (f64::from(self.temperature) - 384.0) * 0.003_125 - 50.0
    }
}

impl Payload for DecentlabDlPr26 {
    const SPEC: Spec = Spec {
        brand: "Decentlab",
        model: "DL-PR26",
        profile: "Decentlab DL-PR26",
        brand_id: "decentlab",
        model_id: "dl-pr26",
        firmware: "1.0",
        category: Category::WaterLevel,
        device_class: "CLASS_A",
        interval_s: 600,
        document: "decentlab/decentlab-decoders, DL-PR26/DL-PR26 (Pmin=0.0,Pmax=1.0).js",
        fields: &[
            Field::number(
                "pressure.value",
                "water_pressure",
                "bar",
                "Pressure of the water above the probe; level in m = pressure / 0.0980665",
            ),
            Field::number("temperature.value", "water_temperature", "Cel", "Water temperature"),
            Field::number("battery_voltage.value", "battery_voltage", "V", "Battery voltage"),
        ],
    };

    fn measure(world: &World, site: &Site, moment: Moment) -> Self {
        let at_s = seconds(moment.at_us);
        let depth_m = world.river_level_m(at_s) + 0.004 * world.ripple(site, at_s);
        Self {
            device_id: site.serial(),
            pressure: to_u16(depth_m * BAR_PER_METRE * 32_768.0 + 16_384.0),
            temperature: to_u16((world.water_temperature_cel(at_s) + 50.0) / 0.003_125 + 384.0),
            battery_mv: to_u16(2_700.0 + 500.0 * world.battery_level(site, at_s)),
        }
    }

    fn f_port(&self) -> u8 {
        F_PORT
    }

    fn encode(&self, out: &mut Vec<u8>) {
        push_header(out, self.device_id, FLAGS);
        push_words(out, &[self.pressure, self.temperature, self.battery_mv]);
    }

    fn decode(f_port: u8, bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut cursor = Cursor::new(bytes);
        let device_id = read_header(f_port, &mut cursor, FLAGS)?;
        let (pressure, temperature, battery_mv) = (cursor.u16_be()?, cursor.u16_be()?, cursor.u16_be()?);
        cursor.finish()?;
        Ok(Self { device_id, pressure, temperature, battery_mv })
    }

    fn object(&self, json: &mut JsonWriter) {
        header_members(json, self.device_id);
        quantity(json, "pressure", "Pressure", self.pressure_bar(), "bar");
        quantity(json, "temperature", "Temperature", self.temperature_cel(), "°C");
        quantity(json, "battery_voltage", "Battery voltage", f64::from(self.battery_mv) / 1_000.0, "V");
    }

    fn numbers(&self, out: &mut Vec<f64>) {
        out.extend([self.pressure_bar(), self.temperature_cel(), f64::from(self.battery_mv) / 1_000.0]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::assert_vector;
    use super::*;
    use serde_json::json;

    #[test]
    fn the_vendors_example_reads_by_the_published_formulas() {
        let expected = json!({"protocol_version": 2, "device_id": 359,
            "pressure": {"displayName": "Pressure", "value": (16_000.0 - 16_384.0) / 32_768.0, "unit": "bar"},
            "temperature": {"displayName": "Temperature", "value": (24_599.0 - 384.0) * 0.003_125 - 50.0, "unit": "°C"},
            "battery_voltage": {"displayName": "Battery voltage", "value": 3.199, "unit": "V"}});
        assert_vector::<DecentlabDlPr26>(1, "02016700033e8060170c7f", &expected);
    }
}
