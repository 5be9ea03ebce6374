//! The river: it rises hours after rain and falls over days. And the rain itself, as gauges count it.

use super::climate::summer;
use super::{Site, World};
use crate::simulate::random::{hash, signed};

impl World {
    /// Height of the river above the zero of its gauge in metres.
    pub(crate) fn river_level_m(&self, at_s: f64) -> f64 {
        let [quick, slow, _] = &self.climate.basins;
        let rain = &self.climate.rain;
        // The wave of the catchment arrives four hours after the rain.
        let quick_mm = quick.level_mm(rain, at_s - 14_400.0);
        let slow_mm = slow.level_mm(rain, at_s - 14_400.0);
        0.42 + 0.28 * (1.0 - summer(at_s)) + 0.021 * quick_mm + 0.000_35 * quick_mm * quick_mm + 0.011 * slow_mm
    }

    /// Temperature of the river.
    pub(crate) fn water_temperature_cel(&self, at_s: f64) -> f64 {
        (1.5 + 0.98 * self.climate.lagged_cel(at_s, 1.5 * 86_400.0)).max(0.2)
    }

    /// Rain over the town since the start of the covered years, millimetres.
    pub(crate) fn rain_total_mm(&self, at_s: f64) -> f64 {
        self.climate.rain.total_mm(at_s)
    }

    /// Rain a gauge has counted since it was installed, millimetres; gauges differ by a few percent.
    pub(crate) fn rain_since_installation_mm(&self, site: &Site, at_s: f64) -> f64 {
        let share = 1.0 + 0.06 * signed(hash(site.seed, 51));
        share * (self.rain_total_mm(at_s) - self.rain_total_mm(site.installed_s)).max(0.0)
    }

    /// Lightning strikes nearby during a report interval: only in heavy summer rain.
    pub(crate) fn lightning_strikes(weather: &super::Weather) -> f64 {
        if weather.temperature_cel > 14.0 { ((weather.rain_mm_h - 4.0) * 1.5).clamp(0.0, 60.0).round() } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{WORLD, at};

    #[test]
    fn the_river_stays_in_its_bed_and_moves_slowly() {
        let mut highest: f64 = 0.0;
        for step in 0..30_000 {
            let at_s = at(2024, 1, 1, 0.0) + f64::from(step) * 1_800.0;
            let level = WORLD.river_level_m(at_s);
            assert!((0.4..4.0).contains(&level), "{level} m");
            assert!((WORLD.river_level_m(at_s + 900.0) - level).abs() < 0.2);
            highest = highest.max(level);
        }
        assert!(highest > 1.4, "two years without high water: {highest} m");
    }
}
