//! Dragino LSE01: soil moisture, temperature and conductivity, here in beds.

use super::payload::{Cursor, DecodeError, Moment, Payload};
use super::spec::{Category, Field, Spec};
use crate::simulate::json::JsonWriter;
use crate::simulate::numeric::{seconds, to_i16, to_u16};
use crate::simulate::world::{Site, World};

const F_PORT: u8 = 2;

/// Bit 4 of the last byte: the probe was recognised. Bit 7 would select raw values, which are not used here.
const PROBE_PRESENT: u8 = 0x10;

/// One report in mode 0: battery, external probe, moisture, temperature, conductivity, flags.
///
/// Units on the wire: battery `mV` in 14 bits, external temperature `Cel` in steps of 0.1 (0 when no probe is plugged in),
/// moisture `%` in steps of 0.01, temperature `Cel` in steps of 0.01, conductivity `uS/cm`.
/// Trap: the vendor's codec writes three of the numbers as text with two decimals, and subtracts 65535 instead of 65536 from
/// negative soil temperatures, so they read 0.01 too high; the object here does the same.
/// Source: dragino/dragino-end-node-decoder, `LSE01/LSE01_ChirpstackV4_Decoder V1.2.1.txt`; LSE01 user manual, "Uplink Payload".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DraginoLse01 {
    battery_mv: u16,
    external_temperature: i16,
    moisture: u16,
    temperature: i16,
    conductivity: u16,
    flags: u8,
}

impl DraginoLse01 {
    fn temperature_cel(self) -> f64 {
        let steps = if self.temperature < 0 { i32::from(self.temperature) + 1 } else { i32::from(self.temperature) };
        f64::from(steps) / 100.0
    }
}

impl Payload for DraginoLse01 {
    const SPEC: Spec = Spec {
        brand: "Dragino",
        model: "LSE01",
        profile: "Dragino LSE01",
        brand_id: "dragino",
        model_id: "lse01",
        firmware: "1.2.1",
        category: Category::Soil,
        device_class: "CLASS_A",
        interval_s: 1_200,
        document: "dragino/dragino-end-node-decoder, LSE01/LSE01_ChirpstackV4_Decoder V1.2.1.txt",
        fields: &[
            Field::number_text("water_SOIL", "soil_moisture", "%", "Volumetric soil moisture"),
            Field::number_text("temp_SOIL", "soil_temperature", "Cel", "Soil temperature"),
            Field::number("conduct_SOIL", "soil_conductivity", "uS/cm", "Electrical conductivity of the soil"),
            Field::number_text("temp_DS18B20", "", "Cel", "External probe, always 0.00 because none is plugged in; do not map"),
            Field::number("BatV", "battery_voltage", "V", "Battery voltage"),
            Field::number("s_flag", "", "1", "1 when the soil probe was recognised; do not map"),
            Field::number("i_flag", "", "1", "1 when an interrupt caused the report; do not map"),
            Field::number("Mod", "", "1", "Message mode, 0; do not map"),
        ],
    };

    fn measure(world: &World, site: &Site, moment: Moment) -> Self {
        let at_s = seconds(moment.at_us);
        let soil = world.soil(site, at_s);
        Self {
            battery_mv: to_u16(3_250.0 + 350.0 * world.battery_level(site, at_s)),
            external_temperature: 0,
            moisture: to_u16(soil.moisture_percent * 100.0),
            temperature: to_i16(soil.temperature_cel * 100.0),
            conductivity: to_u16(soil.conductivity_us_cm),
            flags: PROBE_PRESENT,
        }
    }

    fn f_port(&self) -> u8 {
        F_PORT
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.battery_mv.to_be_bytes());
        out.extend(self.external_temperature.to_be_bytes());
        out.extend(self.moisture.to_be_bytes());
        out.extend(self.temperature.to_be_bytes());
        out.extend(self.conductivity.to_be_bytes());
        out.push(self.flags);
    }

    fn decode(f_port: u8, bytes: &[u8]) -> Result<Self, DecodeError> {
        if f_port != F_PORT {
            return Err(DecodeError::UnknownPort(f_port));
        }
        let mut cursor = Cursor::new(bytes);
        let report = Self {
            battery_mv: cursor.u16_be()? & 0x3fff,
            external_temperature: cursor.i16_be()?,
            moisture: cursor.u16_be()?,
            temperature: cursor.i16_be()?,
            conductivity: cursor.u16_be()?,
            flags: cursor.u8()?,
        };
        cursor.finish()?;
        Ok(report)
    }

    fn object(&self, json: &mut JsonWriter) {
        json.number_member("BatV", f64::from(self.battery_mv) / 1_000.0);
        json.fixed_member("temp_DS18B20", f64::from(self.external_temperature) / 10.0, 2);
        json.fixed_member("temp_SOIL", self.temperature_cel(), 2);
        json.fixed_member("water_SOIL", f64::from(self.moisture) / 100.0, 2);
        json.number_member("conduct_SOIL", f64::from(self.conductivity));
        json.number_member("s_flag", f64::from(self.flags >> 4 & 1));
        json.number_member("i_flag", f64::from(self.flags & 0x0f));
        json.number_member("Mod", f64::from(self.flags >> 7));
    }

    fn numbers(&self, out: &mut Vec<f64>) {
        out.extend([
            f64::from(self.moisture) / 100.0,
            self.temperature_cel(),
            f64::from(self.conductivity),
            f64::from(self.external_temperature) / 10.0,
            f64::from(self.battery_mv) / 1_000.0,
            f64::from(self.flags >> 4 & 1),
            f64::from(self.flags & 0x0f),
            f64::from(self.flags >> 7),
        ]);
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
        let expected = json!({"BatV": 3.316, "temp_DS18B20": "0.00", "temp_SOIL": "8.24", "water_SOIL": "34.05", "conduct_SOIL": 211,
            "s_flag": 1, "i_flag": 0, "Mod": 0});
        assert_vector::<DraginoLse01>(2, "0CF400000D4D033800D310", &expected);
    }

    #[test]
    fn negative_soil_temperatures_repeat_the_vendors_mistake() {
        let report = DraginoLse01::decode(2, &[0x0c, 0xf4, 0, 0, 0x0d, 0x4d, 0xff, 0x9c, 0, 0xd3, 0x10]).unwrap();
        assert!((report.temperature_cel() - -0.99).abs() < 1e-9, "-1.00 is written as -0.99");
    }

    #[test]
    fn err_another_port() {
        assert_eq!(DraginoLse01::decode(3, &[]), Err(DecodeError::UnknownPort(3)));
    }
}
