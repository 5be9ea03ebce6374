//! Height of the sun.

use std::f64::consts::TAU;

/// Sine of the elevation of the sun above the horizon, without the equation of time (at most a quarter of an hour off).
///
/// `year_part` runs from 0 at the turn of the year to 1; `solar_hour` is 12 at local noon.
pub(crate) fn sine_of_elevation(year_part: f64, solar_hour: f64, lat_deg: f64) -> f64 {
    let declination = (-23.44_f64).to_radians() * (TAU * (year_part + 0.027_4)).cos();
    let hour_angle = TAU * (solar_hour - 12.0) / 24.0;
    let (lat_sin, lat_cos) = lat_deg.to_radians().sin_cos();
    let (sin, cos) = declination.sin_cos();
    lat_sin * sin + lat_cos * cos * hour_angle.cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noon_in_june_is_high_and_midnight_is_dark() {
        let degrees = |year_part, hour| sine_of_elevation(year_part, hour, 52.0).asin().to_degrees();
        assert!((degrees(0.47, 12.0) - 61.4).abs() < 0.5);
        assert!((degrees(0.973, 12.0) - 14.6).abs() < 0.5);
        assert!(degrees(0.47, 0.0) < -10.0);
    }
}
