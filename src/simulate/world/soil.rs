//! Soil: rain wets it, sun and roots dry it, and temperature follows slowly.

use super::climate::summer;
use super::{Site, World};
use crate::simulate::random::{hash, noise, signed, unit};

/// Soil at root depth.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Soil {
    pub(crate) moisture_percent: f64,
    pub(crate) temperature_cel: f64,
    pub(crate) conductivity_us_cm: f64,
}

impl World {
    /// Soil at a site. Sandy and loamy places differ in how much water they hold.
    pub(crate) fn soil(&self, site: &Site, at_s: f64) -> Soil {
        let [quick, _, slow] = &self.climate.basins;
        let rain = &self.climate.rain;
        let summer = summer(at_s);
        let holding = 0.75 + 0.5 * unit(hash(site.seed, 41));
        let wet = 0.34 * slow.level_mm(rain, at_s) + 0.16 * quick.level_mm(rain, at_s);
        let moisture_percent =
            (holding * (30.0 - 16.5 * summer + wet * (1.1 - 0.35 * summer)) + 0.3 * noise(site.seed, at_s / 20_000.0)).clamp(4.0, 52.0);
        let day_swing = (0.25 + 0.9 * summer) * self.climate.day_wave(at_s, 18.0);
        let temperature_cel =
            (1.2 + 0.96 * self.climate.lagged_cel(at_s, 3.0 * 86_400.0) + day_swing + 0.4 * signed(hash(site.seed, 42))).max(-4.0);
        Soil {
            moisture_percent,
            temperature_cel,
            conductivity_us_cm: moisture_percent * (5.5 + 4.0 * unit(hash(site.seed, 43))) * (1.0 + 0.019 * (temperature_cel - 25.0))
                + 20.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Place;
    use super::super::testing::{WORLD, at, site};
    use super::*;

    #[test]
    fn winter_is_wet_and_summer_is_dry_and_warm() {
        let mean = |month, value: fn(Soil) -> f64| {
            (0..300).map(|i| value(WORLD.soil(&site(Place::Park), at(2026, month, 1, f64::from(i) * 2.0)))).sum::<f64>() / 300.0
        };
        assert!(mean(1, |soil| soil.moisture_percent) > mean(7, |soil| soil.moisture_percent) + 5.0);
        assert!(mean(7, |soil| soil.temperature_cel) > mean(1, |soil| soil.temperature_cel) + 10.0);
    }
}
