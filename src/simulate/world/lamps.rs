//! Street lights: on at dusk, dimmed late at night, off at dawn.

use super::{Now, Site, World};
use crate::simulate::calendar::HOUR_S;
use crate::simulate::random::{hash, noise, signed, unit};

/// A street light.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lamp {
    /// Dimming level in percent, 0 when off.
    pub(crate) level_percent: f64,
    /// Power in watts.
    pub(crate) power_w: f64,
    /// Energy since installation in watt hours.
    pub(crate) energy_wh: f64,
    /// Time with light since installation in seconds.
    pub(crate) on_s: f64,
}

/// Power of the controller itself.
const STANDBY_W: f64 = 0.8;

impl World {
    /// State and counters of a street light.
    pub(crate) fn lamp(&self, site: &Site, now: &Now) -> Lamp {
        let Now { at_s, weather, local } = *now;
        let rated_w =
            [27.0, 36.0, 48.0, 63.0][usize::from(site.traffic > 0.2) + usize::from(site.traffic > 0.6) + usize::from(site.urbanity > 0.8)];
        let is_on = is_dark(weather.sun_sine, signed(hash(site.seed, 21)));
        let level = if is_on { dimming(local.hour) } else { 0.0 };
        let since = |sum: &super::hourly::HourlySum| (sum.up_to(at_s) - sum.up_to(site.installed_s)).max(0.0);
        let age_h = ((at_s - site.installed_s) / HOUR_S).max(0.0);
        Lamp {
            level_percent: level * 100.0,
            power_w: STANDBY_W + rated_w * level * (1.0 + 0.015 * noise(site.seed, at_s / 7_200.0)),
            energy_wh: rated_w * since(&self.loads.light) + STANDBY_W * age_h,
            on_s: since(&self.loads.light_on) * HOUR_S * (0.995 + 0.01 * unit(hash(site.seed, 22))),
        }
    }
}

/// True when lights are on: the sun is more than three and a half degrees down, give or take the sensor of the lamp (-1 to 1).
pub(crate) fn is_dark(sun_sine: f64, sensor: f64) -> bool {
    sun_sine < -0.061 + 0.012 * sensor
}

/// Share of full light by local hour.
pub(crate) fn dimming(hour: f64) -> f64 {
    match hour {
        late if late >= 22.5 => 0.7,
        evening_or_morning if evening_or_morning >= 5.0 => 1.0,
        night if night >= 0.5 => 0.4,
        _ => 0.7,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Place;
    use super::super::testing::{WORLD, at, site};
    use super::*;

    #[test]
    fn lights_follow_the_sun() {
        let site = site(Place::SideStreet);
        let level = |hour| WORLD.lamp(&site, &WORLD.now(at(2026, 11, 21, hour))).level_percent;
        assert!((level(18.0) - 100.0).abs() < 1e-9, "evening");
        assert!((level(2.0) - 40.0).abs() < 1e-9, "deep night");
        assert!(level(12.0).abs() < 1e-9, "noon");
    }

    #[test]
    fn late_evening_and_midnight_are_dimmed_a_little() {
        for (hour, level) in [(0.2, 0.7), (3.0, 0.4), (5.5, 1.0), (21.0, 1.0), (23.0, 0.7)] {
            assert!((dimming(hour) - level).abs() < 1e-9, "at {hour}");
        }
    }

    #[test]
    fn counters_of_a_lamp_never_run_backwards() {
        let site = site(Place::MainRoad);
        let mut last = WORLD.lamp(&site, &WORLD.now(at(2025, 12, 1, 0.0)));
        for step in 1..4_000 {
            let lamp = WORLD.lamp(&site, &WORLD.now(at(2025, 12, 1, 0.25 * f64::from(step))));
            assert!(lamp.energy_wh >= last.energy_wh && lamp.on_s >= last.on_s);
            last = lamp;
        }
        let year = WORLD.lamp(&site, &WORLD.now(at(2026, 1, 1, 0.0))).on_s - WORLD.lamp(&site, &WORLD.now(at(2025, 1, 1, 0.0))).on_s;
        assert!((3_900.0..4_400.0).contains(&(year / 3_600.0)), "{} burning hours a year", year / 3_600.0);
    }
}
