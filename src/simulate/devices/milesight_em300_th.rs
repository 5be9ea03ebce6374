//! Milesight EM300-TH: air temperature and humidity.

use super::milesight::{BATTERY, F_PORT, expect_port, next_channel, unknown};
use super::payload::{Cursor, DecodeError, Moment, Payload};
use super::spec::{Category, Field, Spec};
use crate::simulate::json::JsonWriter;
use crate::simulate::numeric::{seconds, to_i16, to_u8};
use crate::simulate::world::{Site, World};

const TEMPERATURE: [u8; 2] = [0x03, 0x67];
const HUMIDITY: [u8; 2] = [0x04, 0x68];

/// One report: `01 75` battery, `03 67` temperature, `04 68` humidity.
///
/// Units on the wire: battery `%`, temperature `Cel` in steps of 0.1, relative humidity `%` in steps of 0.5.
/// Source: Milesight-IoT/SensorDecoders, `em-series/em300-th/README.md`, "Telemetry" and "Example".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MilesightEm300Th {
    battery: u8,
    temperature: i16,
    humidity: u8,
}

impl Payload for MilesightEm300Th {
    const SPEC: Spec = Spec {
        brand: "Milesight",
        model: "EM300-TH",
        profile: "Milesight EM300-TH",
        brand_id: "milesight-iot",
        model_id: "em300-th",
        firmware: "1.0",
        category: Category::Weather,
        device_class: "CLASS_A",
        interval_s: 600,
        document: "Milesight-IoT/SensorDecoders, em-series/em300-th/README.md",
        fields: &[
            Field::number("temperature", "air_temperature", "Cel", "Air temperature"),
            Field::number("humidity", "relative_humidity", "%", "Relative humidity"),
            Field::number("battery", "battery_level", "%", "Battery level"),
        ],
    };

    fn measure(world: &World, site: &Site, moment: Moment) -> Self {
        let at_s = seconds(moment.at_us);
        let now = world.now(at_s);
        let air = world.air(site, &now);
        Self {
            battery: to_u8(world.battery_level(site, at_s) * 100.0),
            temperature: to_i16(air.temperature_cel * 10.0),
            humidity: to_u8(air.humidity_percent * 2.0),
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
        out.extend(HUMIDITY);
        out.push(self.humidity);
    }

    fn decode(f_port: u8, bytes: &[u8]) -> Result<Self, DecodeError> {
        expect_port(f_port)?;
        let mut cursor = Cursor::new(bytes);
        let mut report = Self::default();
        while let Some(channel) = next_channel(&mut cursor)? {
            match channel {
                BATTERY => report.battery = cursor.u8()?,
                TEMPERATURE => report.temperature = cursor.i16_le()?,
                HUMIDITY => report.humidity = cursor.u8()?,
                other => return Err(unknown(other)),
            }
        }
        Ok(report)
    }

    fn object(&self, json: &mut JsonWriter) {
        json.number_member("battery", f64::from(self.battery));
        json.number_member("temperature", f64::from(self.temperature) / 10.0);
        json.number_member("humidity", f64::from(self.humidity) / 2.0);
    }

    fn numbers(&self, out: &mut Vec<f64>) {
        out.extend([f64::from(self.temperature) / 10.0, f64::from(self.humidity) / 2.0, f64::from(self.battery)]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::assert_vector;
    use super::*;
    use serde_json::json;

    #[test]
    fn the_vendors_example_reads_as_published() {
        assert_vector::<MilesightEm300Th>(85, "01755C03673401046865", &json!({"battery": 92, "temperature": 30.8, "humidity": 50.5}));
    }

    #[test]
    fn err_a_value_cut_short() {
        assert_eq!(MilesightEm300Th::decode(85, &[0x03, 0x67, 0x34]), Err(DecodeError::Truncated { length: 3 }));
    }

    #[test]
    fn err_a_channel_of_another_product() {
        assert_eq!(MilesightEm300Th::decode(85, &[0x05, 0x7d, 0, 0]), Err(DecodeError::UnknownIdentifier(0x057d)));
    }
}
