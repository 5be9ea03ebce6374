//! Milesight WTS506: weather station with a rain counter.

use super::milesight::{BATTERY, F_PORT, expect_port, next_channel, unknown};
use super::payload::{Cursor, DecodeError, Moment, Payload};
use super::spec::{Category, Field, Spec};
use crate::simulate::json::JsonWriter;
use crate::simulate::numeric::{seconds, to_i16, to_u8, to_u16, to_u32};
use crate::simulate::world::{Site, World};

const TEMPERATURE: [u8; 2] = [0x03, 0x67];
const HUMIDITY: [u8; 2] = [0x04, 0x68];
const WIND_DIRECTION: [u8; 2] = [0x05, 0x84];
const PRESSURE: [u8; 2] = [0x06, 0x73];
const WIND_SPEED: [u8; 2] = [0x07, 0x92];
const RAINFALL: [u8; 2] = [0x08, 0xec];

/// One report with all seven quantities.
///
/// Units on the wire: battery `%`; temperature `Cel`, wind direction `deg`, pressure `hPa` and wind speed `m/s` in steps of
/// 0.1; humidity `%` in steps of 0.5; rain since installation `mm` in steps of 0.01 (version 2, 32 bits) with a frame number.
/// Source: Milesight-IoT/SensorDecoders, `wts-series/wts506/README.md`, "Telemetry" and "Example".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MilesightWts506 {
    battery: u8,
    temperature: i16,
    humidity: u8,
    wind_direction: u16,
    pressure: u16,
    wind_speed: u16,
    rainfall: u32,
    rainfall_frame: u8,
}

impl Payload for MilesightWts506 {
    const SPEC: Spec = Spec {
        brand: "Milesight",
        model: "WTS506",
        profile: "Milesight WTS506",
        brand_id: "milesight-iot",
        model_id: "wts506",
        firmware: "1.1",
        category: Category::Weather,
        device_class: "CLASS_A",
        interval_s: 600,
        document: "Milesight-IoT/SensorDecoders, wts-series/wts506/README.md",
        fields: &[
            Field::number("temperature", "air_temperature", "Cel", "Air temperature"),
            Field::number("humidity", "relative_humidity", "%", "Relative humidity"),
            Field::number("wind_direction", "wind_direction", "deg", "Direction the wind comes from, clockwise from north"),
            Field::number("pressure", "air_pressure", "hPa", "Air pressure at the station"),
            Field::number("wind_speed", "wind_speed", "m/s", "Wind speed"),
            Field::number("rainfall_total", "precipitation_total", "mm", "Rain since installation (counter)"),
            Field::number("rainfall_counter", "", "1", "Frame number of the rain total, 0 to 255; no quantity"),
            Field::number("battery", "battery_level", "%", "Battery level"),
        ],
    };

    fn measure(world: &World, site: &Site, moment: Moment) -> Self {
        let at_s = seconds(moment.at_us);
        let now = world.now(at_s);
        let weather = now.weather;
        let air = world.air(site, &now);
        Self {
            battery: to_u8(world.battery_level(site, at_s) * 100.0),
            temperature: to_i16(air.temperature_cel * 10.0),
            humidity: to_u8(air.humidity_percent * 2.0),
            wind_direction: to_u16(weather.wind_direction_deg * 10.0),
            pressure: to_u16(weather.pressure_hpa * 10.0),
            wind_speed: to_u16(weather.wind_speed_m_s * 10.0),
            rainfall: to_u32((world.rain_since_installation_mm(site, at_s) * 100.0).floor()),
            rainfall_frame: moment.sequence.to_le_bytes()[0],
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
        for (channel, value) in [(WIND_DIRECTION, self.wind_direction), (PRESSURE, self.pressure), (WIND_SPEED, self.wind_speed)] {
            out.extend(channel);
            out.extend(value.to_le_bytes());
        }
        out.extend(RAINFALL);
        out.extend(self.rainfall.to_le_bytes());
        out.push(self.rainfall_frame);
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
                WIND_DIRECTION => report.wind_direction = cursor.u16_le()?,
                PRESSURE => report.pressure = cursor.u16_le()?,
                WIND_SPEED => report.wind_speed = cursor.u16_le()?,
                RAINFALL => (report.rainfall, report.rainfall_frame) = (cursor.u32_le()?, cursor.u8()?),
                other => return Err(unknown(other)),
            }
        }
        Ok(report)
    }

    fn object(&self, json: &mut JsonWriter) {
        json.number_member("battery", f64::from(self.battery));
        json.number_member("temperature", f64::from(self.temperature) / 10.0);
        json.number_member("humidity", f64::from(self.humidity) / 2.0);
        json.number_member("wind_direction", f64::from(self.wind_direction) / 10.0);
        json.number_member("pressure", f64::from(self.pressure) / 10.0);
        json.number_member("wind_speed", f64::from(self.wind_speed) / 10.0);
        json.number_member("rainfall_total", f64::from(self.rainfall) / 100.0);
        json.number_member("rainfall_counter", f64::from(self.rainfall_frame));
    }

    fn numbers(&self, out: &mut Vec<f64>) {
        out.extend([
            f64::from(self.temperature) / 10.0,
            f64::from(self.humidity) / 2.0,
            f64::from(self.wind_direction) / 10.0,
            f64::from(self.pressure) / 10.0,
            f64::from(self.wind_speed) / 10.0,
            f64::from(self.rainfall) / 100.0,
            f64::from(self.rainfall_frame),
            f64::from(self.battery),
        ]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::assert_vector;
    use super::*;
    use serde_json::json;

    #[test]
    fn the_vendors_examples_read_as_published() {
        // The two published examples, sent as one message.
        let expected = json!({"battery": 100, "temperature": 25.5, "humidity": 60.5, "wind_direction": 121, "pressure": 1006.3,
            "wind_speed": 0.1, "rainfall_total": 1.23, "rainfall_counter": 1});
        assert_vector::<MilesightWts506>(85, "0175640367FF000468790584BA0406734F270792010008EC7B00000001", &expected);
    }
}
