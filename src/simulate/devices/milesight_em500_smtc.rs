//! Milesight EM500-SMTC: soil moisture, temperature and conductivity, here at trees.

use super::milesight::{BATTERY, F_PORT, expect_port, next_channel, unknown};
use super::payload::{Cursor, DecodeError, Moment, Payload};
use super::spec::{Category, Field, Spec};
use crate::simulate::json::JsonWriter;
use crate::simulate::numeric::{seconds, to_i16, to_u8, to_u16};
use crate::simulate::world::{Site, World};

const TEMPERATURE: [u8; 2] = [0x03, 0x67];
const MOISTURE_COARSE: [u8; 2] = [0x04, 0x68];
const MOISTURE_FINE: [u8; 2] = [0x04, 0xca];
const CONDUCTIVITY: [u8; 2] = [0x05, 0x7f];

/// One report: `01 75` battery, `03 67` temperature, `04 CA` moisture, `05 7F` conductivity.
///
/// Units on the wire: battery `%`, temperature `Cel` in steps of 0.1, moisture `%` in steps of 0.01 (older hardware sends
/// `04 68` in steps of 0.5), conductivity `uS/cm`.
/// Source: Milesight-IoT/SensorDecoders, `EM_Series/EM500_Series/EM500-SMTC/README.md`, "Payload Definition".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MilesightEm500Smtc {
    battery: u8,
    temperature: i16,
    moisture_hundredths: u16,
    conductivity: u16,
    is_coarse: bool,
}

impl MilesightEm500Smtc {
    fn moisture(self) -> f64 {
        // Both encodings are exact here: hundredths are kept, and half percents are whole hundredths.
        f64::from(self.moisture_hundredths) / 100.0
    }
}

impl Payload for MilesightEm500Smtc {
    const SPEC: Spec = Spec {
        brand: "Milesight",
        model: "EM500-SMTC",
        profile: "Milesight EM500-SMTC",
        brand_id: "milesight-iot",
        model_id: "em500-smtc",
        firmware: "1.0",
        category: Category::Soil,
        device_class: "CLASS_A",
        interval_s: 1_800,
        document: "Milesight-IoT/SensorDecoders, EM_Series/EM500_Series/EM500-SMTC/README.md",
        fields: &[
            Field::number("moisture", "soil_moisture", "%", "Volumetric soil moisture"),
            Field::number("temperature", "soil_temperature", "Cel", "Soil temperature"),
            Field::number("ec", "soil_conductivity", "uS/cm", "Electrical conductivity of the soil"),
            Field::number("battery", "battery_level", "%", "Battery level"),
        ],
    };

    fn measure(world: &World, site: &Site, moment: Moment) -> Self {
        let at_s = seconds(moment.at_us);
        let soil = world.soil(site, at_s);
        Self {
            battery: to_u8(world.battery_level(site, at_s) * 100.0),
            temperature: to_i16(soil.temperature_cel * 10.0),
            moisture_hundredths: to_u16(soil.moisture_percent * 100.0),
            conductivity: to_u16(soil.conductivity_us_cm),
            is_coarse: false,
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
        if self.is_coarse {
            out.extend(MOISTURE_COARSE);
            out.push(to_u8(self.moisture() * 2.0));
        } else {
            out.extend(MOISTURE_FINE);
            out.extend(self.moisture_hundredths.to_le_bytes());
        }
        out.extend(CONDUCTIVITY);
        out.extend(self.conductivity.to_le_bytes());
    }

    fn decode(f_port: u8, bytes: &[u8]) -> Result<Self, DecodeError> {
        expect_port(f_port)?;
        let mut cursor = Cursor::new(bytes);
        let mut report = Self::default();
        while let Some(channel) = next_channel(&mut cursor)? {
            match channel {
                BATTERY => report.battery = cursor.u8()?,
                TEMPERATURE => report.temperature = cursor.i16_le()?,
                MOISTURE_COARSE => {
                    report.moisture_hundredths = u16::from(cursor.u8()?) * 50;
                    report.is_coarse = true;
                }
                MOISTURE_FINE => report.moisture_hundredths = cursor.u16_le()?,
                CONDUCTIVITY => report.conductivity = cursor.u16_le()?,
                other => return Err(unknown(other)),
            }
        }
        Ok(report)
    }

    fn object(&self, json: &mut JsonWriter) {
        json.number_member("battery", f64::from(self.battery));
        json.number_member("temperature", f64::from(self.temperature) / 10.0);
        json.number_member("moisture", self.moisture());
        json.number_member("ec", f64::from(self.conductivity));
    }

    fn numbers(&self, out: &mut Vec<f64>) {
        let temperature = f64::from(self.temperature) / 10.0;
        out.extend([self.moisture(), temperature, f64::from(self.conductivity), f64::from(self.battery)]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::assert_vector;
    use super::*;
    use serde_json::json;

    #[test]
    fn the_vendors_example_reads_as_published() {
        let expected = json!({"battery": 100, "temperature": 28.1, "moisture": 57.5, "ec": 240});
        assert_vector::<MilesightEm500Smtc>(85, "01756403671901046873057FF000", &expected);
    }
}
