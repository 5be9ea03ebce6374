//! Decentlab DL-PM: particulate matter, air temperature, humidity and pressure.

use super::decentlab::{F_PORT, header_members, push_header, push_words, quantity, read_header};
use super::payload::{Cursor, DecodeError, Moment, Payload};
use super::spec::{Category, Field, Spec};
use crate::simulate::json::JsonWriter;
use crate::simulate::numeric::{seconds, to_u16};
use crate::simulate::world::{Site, World};

const FLAGS: u16 = 0b1111;

/// Name, display name and unit of the ten words of the particle sensor; the fifth is a size and not divided by ten.
const PARTICLES: [(&str, &str, &str); 10] = [
    ("pm1_0_mass_concentration", "PM1.0 mass concentration", "µg⋅m⁻³"),
    ("pm2_5_mass_concentration", "PM2.5 mass concentration", "µg⋅m⁻³"),
    ("pm4_mass_concentration", "PM4 mass concentration", "µg⋅m⁻³"),
    ("pm10_mass_concentration", "PM10 mass concentration", "µg⋅m⁻³"),
    ("typical_particle_size", "Typical particle size", "nm"),
    ("pm0_5_number_concentration", "PM0.5 number concentration", ""),
    ("pm1_0_number_concentration", "PM1.0 number concentration", ""),
    ("pm2_5_number_concentration", "PM2.5 number concentration", ""),
    ("pm4_number_concentration", "PM4 number concentration", ""),
    ("pm10_number_concentration", "PM10 number concentration", ""),
];
const TYPICAL_SIZE: usize = 4;

/// One report: battery, ten particle words, temperature and humidity, pressure.
///
/// Units on the wire: battery `mV`; mass `ug/m3` and number `/cm3` in steps of 0.1; size `nm`; temperature 175.72·x/65536 −
/// 46.85 `Cel`; humidity 125·x/65536 − 6 `%`; pressure in steps of 2 `Pa`.
/// Source: decentlab/decentlab-decoders, `DL-PM/DL-PM.js`; data sheet DL-PM, "Data format".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecentlabDlPm {
    device_id: u16,
    battery_mv: u16,
    particles: [u16; 10],
    temperature: u16,
    humidity: u16,
    pressure: u16,
}

impl DecentlabDlPm {
    fn particle(&self, index: usize) -> f64 {
        let word = f64::from(self.particles[index]);
        if index == TYPICAL_SIZE { word } else { word / 10.0 }
    }

    fn temperature_cel(self) -> f64 {
        175.72 * f64::from(self.temperature) / 65_536.0 - 46.85
    }

    fn humidity_percent(self) -> f64 {
        125.0 * f64::from(self.humidity) / 65_536.0 - 6.0
    }

    fn pressure_pa(self) -> f64 {
        f64::from(self.pressure) * 2.0
    }
}

impl Payload for DecentlabDlPm {
    const SPEC: Spec = Spec {
        brand: "Decentlab",
        model: "DL-PM",
        profile: "Decentlab DL-PM",
        brand_id: "decentlab",
        model_id: "dl-pm",
        firmware: "1.0",
        category: Category::AirQuality,
        device_class: "CLASS_A",
        interval_s: 600,
        document: "decentlab/decentlab-decoders, DL-PM/DL-PM.js",
        fields: &[
            Field::number("pm1_0_mass_concentration.value", "pm1", "ug/m3", "Particles up to 1 µm, mass"),
            Field::number("pm2_5_mass_concentration.value", "pm2_5", "ug/m3", "Particles up to 2.5 µm, mass"),
            Field::number("pm4_mass_concentration.value", "pm4", "ug/m3", "Particles up to 4 µm, mass"),
            Field::number("pm10_mass_concentration.value", "pm10", "ug/m3", "Particles up to 10 µm, mass"),
            Field::number("typical_particle_size.value", "particle_size", "nm", "Typical particle size"),
            Field::number("pm0_5_number_concentration.value", "pm0_5_count", "/cm3", "Particles up to 0.5 µm, number"),
            Field::number("pm1_0_number_concentration.value", "pm1_count", "/cm3", "Particles up to 1 µm, number"),
            Field::number("pm2_5_number_concentration.value", "pm2_5_count", "/cm3", "Particles up to 2.5 µm, number"),
            Field::number("pm4_number_concentration.value", "pm4_count", "/cm3", "Particles up to 4 µm, number"),
            Field::number("pm10_number_concentration.value", "pm10_count", "/cm3", "Particles up to 10 µm, number"),
            Field::number("air_temperature.value", "air_temperature", "Cel", "Air temperature"),
            Field::number("air_humidity.value", "relative_humidity", "%", "Relative humidity"),
            Field::number("barometric_pressure.value", "air_pressure", "Pa", "Air pressure; note: Pa, others send hPa or kPa"),
            Field::number("battery_voltage.value", "battery_voltage", "V", "Battery voltage"),
        ],
    };

    fn measure(world: &World, site: &Site, moment: Moment) -> Self {
        let at_s = seconds(moment.at_us);
        let now = world.now(at_s);
        let matter = world.particulates(site, &now);
        let air = world.air(site, &now);
        let count = matter.pm2_5 * 7.1;
        let tenths = |value: f64| to_u16(value * 10.0);
        Self {
            device_id: site.serial(),
            battery_mv: to_u16(2_700.0 + 500.0 * world.battery_level(site, at_s)),
            particles: [
                tenths(matter.pm1),
                tenths(matter.pm2_5),
                tenths(matter.pm4),
                tenths(matter.pm10),
                to_u16(420.0 + 260.0 * (matter.pm10 - matter.pm2_5) / matter.pm10),
                tenths(count * 0.84),
                tenths(count * 0.97),
                tenths(count * 0.995),
                tenths(count * 0.999),
                tenths(count),
            ],
            temperature: to_u16((air.temperature_cel + 46.85) * 65_536.0 / 175.72),
            humidity: to_u16((air.humidity_percent + 6.0) * 65_536.0 / 125.0),
            pressure: to_u16(now.weather.pressure_hpa * 50.0),
        }
    }

    fn f_port(&self) -> u8 {
        F_PORT
    }

    fn encode(&self, out: &mut Vec<u8>) {
        push_header(out, self.device_id, FLAGS);
        push_words(out, &[self.battery_mv]);
        push_words(out, &self.particles);
        push_words(out, &[self.temperature, self.humidity, self.pressure]);
    }

    fn decode(f_port: u8, bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut cursor = Cursor::new(bytes);
        let device_id = read_header(f_port, &mut cursor, FLAGS)?;
        let battery_mv = cursor.u16_be()?;
        let mut particles = [0; 10];
        for word in &mut particles {
            *word = cursor.u16_be()?;
        }
        let (temperature, humidity, pressure) = (cursor.u16_be()?, cursor.u16_be()?, cursor.u16_be()?);
        cursor.finish()?;
        Ok(Self { device_id, battery_mv, particles, temperature, humidity, pressure })
    }

    fn object(&self, json: &mut JsonWriter) {
        header_members(json, self.device_id);
        quantity(json, "battery_voltage", "Battery voltage", f64::from(self.battery_mv) / 1_000.0, "V");
        for (index, (name, display_name, unit)) in PARTICLES.iter().enumerate() {
            quantity(json, name, display_name, self.particle(index), unit);
        }
        quantity(json, "air_temperature", "Air temperature", self.temperature_cel(), "°C");
        quantity(json, "air_humidity", "Air humidity", self.humidity_percent(), "%");
        quantity(json, "barometric_pressure", "Barometric pressure", self.pressure_pa(), "Pa");
    }

    fn numbers(&self, out: &mut Vec<f64>) {
        out.extend((0..PARTICLES.len()).map(|index| self.particle(index)));
        out.extend([self.temperature_cel(), self.humidity_percent(), self.pressure_pa(), f64::from(self.battery_mv) / 1_000.0]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::assert_members;
    use super::*;
    use serde_json::json;

    #[test]
    fn the_vendors_example_reads_by_the_published_formulas() {
        let expected = json!({"protocol_version": 2, "device_id": 6992,
            "battery_voltage": {"displayName": "Battery voltage", "value": 3.109, "unit": "V"},
            "pm2_5_mass_concentration": {"displayName": "PM2.5 mass concentration", "value": 3.9, "unit": "µg⋅m⁻³"},
            "typical_particle_size": {"displayName": "Typical particle size", "value": 501, "unit": "nm"},
            "pm10_number_concentration": {"displayName": "PM10 number concentration", "value": 30.1},
            "barometric_pressure": {"displayName": "Barometric pressure", "value": 96_800, "unit": "Pa"}});
        let hex = "021b50000f0c25002500270027002701f50107012c012d012d012d67bd618dbd10";
        assert_members::<DecentlabDlPm>(1, hex, &expected);
    }

    #[test]
    fn err_a_message_without_the_particle_sensor() {
        let bytes = [0x02, 0x1b, 0x50, 0x00, 0x01, 0x0c, 0x25];
        assert_eq!(DecentlabDlPm::decode(1, &bytes), Err(DecodeError::UnknownIdentifier(1)));
    }
}
