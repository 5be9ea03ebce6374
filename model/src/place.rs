//! Places on Earth.

use serde::{Deserialize, Serialize};

/// A position in WGS 84 (EPSG:4326): longitude first, degrees; height in metres above the ellipsoid where known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Degrees east, -180 to 180.
    pub lon_deg: f64,
    /// Degrees north, -90 to 90.
    pub lat_deg: f64,
    /// Metres, where known.
    pub height_m: Option<f64>,
}

impl Position {
    /// `None` for what is no place: not finite, outside the ranges, or exactly (0, 0), which devices and network servers send
    /// when they do not know where they are.
    #[must_use]
    pub fn try_new(lon_deg: f64, lat_deg: f64, height_m: Option<f64>) -> Option<Self> {
        let in_range = (-180.0..=180.0).contains(&lon_deg) && (-90.0..=90.0).contains(&lat_deg);
        #[allow(clippy::float_cmp, reason = "exactly zero is the marker for unknown")]
        let unknown = lon_deg == 0.0 && lat_deg == 0.0;
        (in_range && !unknown).then_some(Self { lon_deg, lat_deg, height_m: height_m.filter(|height| height.is_finite()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_place_is_refused() {
        for (lon, lat) in [(0.0, 0.0), (f64::NAN, 5.0), (181.0, 5.0), (9.0, -90.1), (f64::INFINITY, 0.0)] {
            assert_eq!(Position::try_new(lon, lat, None), None, "{lon} {lat}");
        }
        assert!(Position::try_new(0.0, 51.5, Some(f64::NAN)).is_some_and(|place| place.height_m.is_none()));
    }
}
