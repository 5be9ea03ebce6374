//! Decentlab DL-ATM41: all-in-one weather station.

use super::decentlab::{F_PORT, header_members, push_header, push_words, quantity, read_header};
use super::payload::{Cursor, DecodeError, Moment, Payload};
use super::spec::{Category, Field, Spec};
use crate::simulate::json::JsonWriter;
use crate::simulate::numeric::{seconds, to_u16};
use crate::simulate::world::{Site, World};

const FLAGS: u16 = 0b11;

/// Words are offset by 2^15 so that they can be negative.
const ZERO: f64 = 32_768.0;

/// Name, display name, divisor and unit of the seventeen words.
const QUANTITIES: [(&str, &str, f64, &str); 17] = [
    ("solar_radiation", "Solar radiation", 1.0, "W⋅m⁻²"),
    ("precipitation", "Precipitation", 1_000.0, "mm"),
    ("lightning_strike_count", "Lightning strike count", 1.0, ""),
    ("lightning_average_distance", "Lightning average distance", 1.0, "km"),
    ("wind_speed", "Wind speed", 100.0, "m⋅s⁻¹"),
    ("wind_direction", "Wind direction", 10.0, "°"),
    ("maximum_wind_speed", "Maximum wind speed", 100.0, "m⋅s⁻¹"),
    ("air_temperature", "Air temperature", 10.0, "°C"),
    ("vapor_pressure", "Vapor pressure", 100.0, "kPa"),
    ("atmospheric_pressure", "Atmospheric pressure", 100.0, "kPa"),
    ("relative_humidity", "Relative humidity", 10.0, "%"),
    ("sensor_temperature_internal", "Sensor temperature (internal)", 10.0, "°C"),
    ("x_orientation_angle", "X orientation angle", 10.0, "°"),
    ("y_orientation_angle", "Y orientation angle", 10.0, "°"),
    ("compass_heading", "Compass heading", 1.0, "°"),
    ("north_wind_speed", "North wind speed", 100.0, "m⋅s⁻¹"),
    ("east_wind_speed", "East wind speed", 100.0, "m⋅s⁻¹"),
];

/// One report: seventeen words of the station, then the battery.
///
/// Units on the wire: each word is (x − 32768) divided by the divisor in the table above; precipitation is the sum since the
/// previous report; battery `mV`.
/// Source: decentlab/decentlab-decoders, `DL-ATM41/DL-ATM41.js`; data sheet DL-ATM41, "Data format".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecentlabDlAtm41 {
    device_id: u16,
    words: [u16; 17],
    battery_mv: u16,
}

impl DecentlabDlAtm41 {
    fn value(&self, index: usize) -> f64 {
        (f64::from(self.words[index]) - ZERO) / QUANTITIES[index].2
    }
}

impl Payload for DecentlabDlAtm41 {
    const SPEC: Spec = Spec {
        brand: "Decentlab",
        model: "DL-ATM41",
        profile: "Decentlab DL-ATM41",
        brand_id: "decentlab",
        model_id: "dl-atm41",
        firmware: "1.0",
        category: Category::Weather,
        device_class: "CLASS_A",
        interval_s: 600,
        document: "decentlab/decentlab-decoders, DL-ATM41/DL-ATM41.js",
        fields: &[
            Field::number("solar_radiation.value", "solar_irradiance", "W/m2", "Global solar irradiance"),
            Field::number("precipitation.value", "precipitation", "mm", "Rain since the previous report"),
            Field::number("lightning_strike_count.value", "lightning_strikes", "1", "Lightning strikes since the previous report"),
            Field::number("lightning_average_distance.value", "lightning_distance", "km", "Mean distance of those strikes, 0 without"),
            Field::number("wind_speed.value", "wind_speed", "m/s", "Wind speed"),
            Field::number("wind_direction.value", "wind_direction", "deg", "Direction the wind comes from"),
            Field::number("maximum_wind_speed.value", "wind_gust", "m/s", "Strongest gust since the previous report"),
            Field::number("air_temperature.value", "air_temperature", "Cel", "Air temperature"),
            Field::number("vapor_pressure.value", "vapour_pressure", "kPa", "Partial pressure of water vapour"),
            Field::number("atmospheric_pressure.value", "air_pressure", "kPa", "Air pressure; note: kPa"),
            Field::number("relative_humidity.value", "relative_humidity", "%", "Relative humidity"),
            Field::number("sensor_temperature_internal.value", "device_temperature", "Cel", "Temperature inside the station"),
            Field::number("x_orientation_angle.value", "tilt_x", "deg", "Tilt of the mast"),
            Field::number("y_orientation_angle.value", "tilt_y", "deg", "Tilt of the mast"),
            Field::number("compass_heading.value", "compass_heading", "deg", "Orientation of the station"),
            Field::number("north_wind_speed.value", "wind_speed_north", "m/s", "Component of the wind towards north"),
            Field::number("east_wind_speed.value", "wind_speed_east", "m/s", "Component of the wind towards east"),
            Field::number("battery_voltage.value", "battery_voltage", "V", "Battery voltage"),
        ],
    };

    fn measure(world: &World, site: &Site, moment: Moment) -> Self {
        let at_s = seconds(moment.at_us);
        let now = world.now(at_s);
        let weather = now.weather;
        let air = world.air(site, &now);
        let rain_mm = world.rain_total_mm(at_s) - world.rain_total_mm(seconds(moment.since_us));
        let strikes = World::lightning_strikes(&weather);
        let (east, north) = (weather.wind_direction_deg + 180.0).to_radians().sin_cos();
        let values = [
            weather.solar_w_m2,
            rain_mm,
            strikes,
            if strikes > 0.0 { 9.0 } else { 0.0 },
            weather.wind_speed_m_s,
            weather.wind_direction_deg,
            weather.gust_m_s,
            air.temperature_cel,
            air.vapour_pressure_kpa(),
            weather.pressure_hpa / 10.0,
            air.humidity_percent,
            air.temperature_cel + weather.solar_w_m2 * 0.003,
            -0.2,
            0.1,
            0.0,
            weather.wind_speed_m_s * north,
            weather.wind_speed_m_s * east,
        ];
        let mut words = [0; 17];
        for (word, (value, quantity)) in words.iter_mut().zip(values.iter().zip(QUANTITIES)) {
            *word = to_u16(value * quantity.2 + ZERO);
        }
        let battery_mv = to_u16(3_200.0 + 400.0 * world.battery_level(site, at_s));
        Self { device_id: site.serial(), words, battery_mv }
    }

    fn f_port(&self) -> u8 {
        F_PORT
    }

    fn encode(&self, out: &mut Vec<u8>) {
        push_header(out, self.device_id, FLAGS);
        push_words(out, &self.words);
        push_words(out, &[self.battery_mv]);
    }

    fn decode(f_port: u8, bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut cursor = Cursor::new(bytes);
        let device_id = read_header(f_port, &mut cursor, FLAGS)?;
        let mut words = [0; 17];
        for word in &mut words {
            *word = cursor.u16_be()?;
        }
        let battery_mv = cursor.u16_be()?;
        cursor.finish()?;
        Ok(Self { device_id, words, battery_mv })
    }

    fn object(&self, json: &mut JsonWriter) {
        header_members(json, self.device_id);
        for (index, (name, display_name, _, unit)) in QUANTITIES.iter().enumerate() {
            quantity(json, name, display_name, self.value(index), unit);
        }
        quantity(json, "battery_voltage", "Battery voltage", f64::from(self.battery_mv) / 1_000.0, "V");
    }

    fn numbers(&self, out: &mut Vec<f64>) {
        out.extend((0..QUANTITIES.len()).map(|index| self.value(index)));
        out.push(f64::from(self.battery_mv) / 1_000.0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::assert_members;
    use super::*;
    use serde_json::json;

    #[test]
    fn the_vendors_example_reads_by_the_published_formulas() {
        let expected = json!({"protocol_version": 2, "device_id": 858,
            "solar_radiation": {"displayName": "Solar radiation", "value": 10, "unit": "W⋅m⁻²"},
            "wind_speed": {"displayName": "Wind speed", "value": 0.09, "unit": "m⋅s⁻¹"},
            "wind_direction": {"displayName": "Wind direction", "value": 29.9, "unit": "°"},
            "air_temperature": {"displayName": "Air temperature", "value": 26.4, "unit": "°C"},
            "lightning_strike_count": {"displayName": "Lightning strike count", "value": 0},
            "atmospheric_pressure": {"displayName": "Atmospheric pressure", "value": 95.96, "unit": "kPa"},
            "y_orientation_angle": {"displayName": "Y orientation angle", "value": -2.4, "unit": "°"},
            "battery_voltage": {"displayName": "Battery voltage", "value": 3.061, "unit": "V"}});
        let hex = "02035a0003800a8000800080008009812b8014810880b4a57c820c810980027fe88056800880040bf5";
        assert_members::<DecentlabDlAtm41>(1, hex, &expected);
    }
}
