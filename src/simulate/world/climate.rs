//! Weather over the whole town: smooth in time, with seasons, days, and depressions that bring cloud, wind and rain together.

use super::rain::{Basin, Rain};
use super::sun::sine_of_elevation;
use crate::simulate::calendar::{Calendar, HOUR_S, SPAN_START_S};
use crate::simulate::geo::LonLat;
use crate::simulate::numeric::{float, wrap};
use crate::simulate::random::{fractal, hash, noise};
use std::f64::consts::TAU;

/// Mean length of a year.
const YEAR_S: f64 = 31_556_952.0;
const DAY: f64 = 86_400.0;

/// The weather at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weather {
    /// Air temperature in the open, degrees Celsius.
    pub temperature_cel: f64,
    /// Relative humidity in percent.
    pub humidity_percent: f64,
    /// Air pressure at the height of the town, hectopascal.
    pub pressure_hpa: f64,
    /// Wind speed, metres per second.
    pub wind_speed_m_s: f64,
    /// Strongest gust of the last minutes, metres per second.
    pub gust_m_s: f64,
    /// Direction the wind comes from, degrees clockwise from north.
    pub wind_direction_deg: f64,
    /// Cloud cover, 0 to 1.
    pub cloud: f64,
    /// Rain intensity, millimetres per hour.
    pub rain_mm_h: f64,
    /// Global irradiance, watts per square metre.
    pub solar_w_m2: f64,
    /// Sine of the sun's elevation.
    pub sun_sine: f64,
}

/// The weather of a town for all times.
#[derive(Debug)]
pub(crate) struct Climate {
    seed: u64,
    centre: LonLat,
    pub(crate) calendar: Calendar,
    pub(crate) rain: Rain,
    /// Run-off of hours, run-off of days, water in the soil.
    pub(crate) basins: [Basin; 3],
}

impl Climate {
    pub(crate) fn new(seed: u64, centre: LonLat) -> Self {
        let rain = Rain::new(hash(seed, 1), |at_s| depression(seed, at_s), summer);
        let basins = [rain.basin(20.0 * HOUR_S), rain.basin(11.0 * DAY), rain.basin(8.0 * DAY)];
        Self { seed, centre, calendar: Calendar::new(), rain, basins }
    }

    pub(crate) fn weather(&self, at_s: f64) -> Weather {
        let depression = depression(self.seed, at_s);
        let summer = summer(at_s);
        let rain_mm_h = self.rain.rate_mm_h(at_s);
        let cloud = self.cloud(at_s, depression, rain_mm_h);
        let solar_hour = self.solar_hour(at_s);
        let swing = (1.8 + 3.6 * summer) * (1.0 - 0.62 * cloud) * (TAU * (solar_hour - 14.6) / 24.0).cos();
        let temperature_cel = seasonal_cel(summer) + self.slow_anomaly(at_s) + swing + 0.7 * noise(self.seed ^ 4, at_s / 9_000.0)
            - 1.8 * (rain_mm_h / 4.0).min(1.0) * summer;
        let sun_sine = sine_of_elevation(year_part(at_s), solar_hour, self.centre.lat_deg);
        let wind_speed_m_s = self.wind(at_s, depression, sun_sine);
        Weather {
            temperature_cel,
            humidity_percent: (77.0 - 9.0 * summer + 9.0 * depression - 3.6 * swing
                + (9.0 * rain_mm_h).min(16.0)
                + 4.0 * noise(self.seed ^ 5, at_s / 14_400.0))
            .clamp(24.0, 100.0),
            pressure_hpa: 1_004.5 - 14.0 * depression + 2.0 * noise(self.seed ^ 6, at_s / 40_000.0),
            wind_speed_m_s,
            gust_m_s: wind_speed_m_s * (1.6 + 0.3 * noise(self.seed ^ 7, at_s / 900.0)) + 0.4,
            wind_direction_deg: wrap(
                238.0 + 95.0 * noise(self.seed ^ 8, at_s / 110_000.0) + 16.0 * noise(self.seed ^ 9, at_s / 2_700.0),
                360.0,
            ),
            cloud,
            rain_mm_h,
            solar_w_m2: if sun_sine > 0.0 { 1_060.0 * sun_sine.powf(1.12) * (1.0 - 0.8 * cloud * cloud) } else { 0.0 },
            sun_sine,
        }
    }

    /// Only the sine of the sun's elevation, much cheaper than all of the weather.
    pub(crate) fn sun_sine(&self, at_s: f64) -> f64 {
        sine_of_elevation(year_part(at_s), self.solar_hour(at_s), self.centre.lat_deg)
    }

    /// The daily rhythm, -1 to 1, highest at the given solar hour.
    pub(crate) fn day_wave(&self, at_s: f64, highest_hour: f64) -> f64 {
        (TAU * (self.solar_hour(at_s) - highest_hour) / 24.0).cos()
    }

    /// Temperature of the season and of the last days, without day and night: what soil, water and walls follow.
    pub(crate) fn lagged_cel(&self, at_s: f64, lag_s: f64) -> f64 {
        seasonal_cel(summer(at_s - lag_s)) + 0.7 * self.slow_anomaly(at_s - lag_s)
    }

    fn slow_anomaly(&self, at_s: f64) -> f64 {
        6.2 * fractal(self.seed ^ 3, at_s / (4.7 * DAY))
    }

    fn cloud(&self, at_s: f64, depression: f64, rain_mm_h: f64) -> f64 {
        let sky = (0.5 + 0.75 * depression + 0.3 * noise(self.seed ^ 2, at_s / 19_000.0)).clamp(0.02, 1.0);
        sky + (0.95_f64.max(sky) - sky) * (rain_mm_h / 3.0).min(1.0)
    }

    fn wind(&self, at_s: f64, depression: f64, sun_sine: f64) -> f64 {
        let flutter = noise(self.seed ^ 0xb, at_s / 420.0);
        let base = 2.5 + 2.4 * depression + 1.1 * noise(self.seed ^ 0xa, at_s / 14_000.0) + 1.2 * sun_sine.max(0.0);
        (base + 0.5 * flutter).max(0.1 + 0.1 * flutter.abs())
    }

    fn solar_hour(&self, at_s: f64) -> f64 {
        wrap(at_s / HOUR_S + self.centre.lon_deg / 15.0, 24.0)
    }
}

/// Part of the year that has passed, 0 at the turn of the year (within a day).
pub(crate) fn year_part(at_s: f64) -> f64 {
    wrap((at_s - float(SPAN_START_S)) / YEAR_S, 1.0)
}

/// 0 in the middle of January, 1 in the middle of July.
pub(crate) fn summer(at_s: f64) -> f64 {
    0.5 - 0.5 * (TAU * (year_part(at_s) - 0.05)).cos()
}

fn seasonal_cel(summer: f64) -> f64 {
    0.6 + 18.4 * summer
}

fn depression(seed: u64, at_s: f64) -> f64 {
    // Three octaves rarely come near the bounds; stretched, highs and lows are as distinct as in reality.
    (1.5 * fractal(seed ^ 1, at_s / (3.4 * DAY))).clamp(-1.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn climate() -> Climate {
        Climate::new(3, LonLat { lon_deg: 9.93, lat_deg: 52.03 })
    }

    #[test]
    fn a_year_has_the_climate_of_northern_germany() {
        let climate = climate();
        let start = float(SPAN_START_S) + 5.0 * YEAR_S;
        let year: Vec<Weather> = (0..8_760).map(|hour| climate.weather(start + f64::from(hour) * HOUR_S)).collect();
        let mean = |value: fn(&Weather) -> f64| year.iter().map(value).sum::<f64>() / 8_760.0;
        let extreme = |value: fn(&Weather) -> f64, pick: fn(f64, f64) -> f64| year.iter().map(value).fold(value(&year[0]), pick);
        assert!((8.0..12.0).contains(&mean(|w| w.temperature_cel)));
        assert!((24.0..38.0).contains(&extreme(|w| w.temperature_cel, f64::max)));
        assert!((-16.0..-2.0).contains(&extreme(|w| w.temperature_cel, f64::min)));
        assert!((65.0..85.0).contains(&mean(|w| w.humidity_percent)));
        assert!((2.0..4.5).contains(&mean(|w| w.wind_speed_m_s)));
        assert!((90.0..150.0).contains(&mean(|w| w.solar_w_m2)), "{}", mean(|w| w.solar_w_m2));
        assert!((970.0..1_000.0).contains(&extreme(|w| w.pressure_hpa, f64::min)));
    }

    #[test]
    fn weather_is_smooth() {
        let climate = climate();
        let start = 1_780_000_000.0;
        for minute in 0..20_000 {
            let at_s = start + f64::from(minute) * 60.0;
            let (now, next) = (climate.weather(at_s), climate.weather(at_s + 60.0));
            assert!((now.temperature_cel - next.temperature_cel).abs() < 1.2, "temperature jumps at {at_s}");
            assert!((now.pressure_hpa - next.pressure_hpa).abs() < 0.3);
        }
    }
}
