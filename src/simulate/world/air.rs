//! Air at a site: the town's weather with the warmth of buildings, and particulate matter.

use super::{Now, Place, Site, World};
use crate::simulate::calendar::{DayKind, LocalTime, date_from_days};
use crate::simulate::numeric::wrap;
use crate::simulate::random::{fractal, hash, noise, signed};

/// Air where a device hangs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Air {
    pub(crate) temperature_cel: f64,
    pub(crate) humidity_percent: f64,
}

impl Air {
    /// Partial pressure of water vapour (Magnus formula, WMO No. 8, annex 4.B).
    pub(crate) fn vapour_pressure_kpa(self) -> f64 {
        self.humidity_percent / 100.0 * 0.611_2 * (17.62 * self.temperature_cel / (243.12 + self.temperature_cel)).exp()
    }
}

/// Mass of particles per cubic metre of air, micrograms, by size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Particulates {
    pub(crate) pm1: f64,
    pub(crate) pm2_5: f64,
    pub(crate) pm4: f64,
    pub(crate) pm10: f64,
}

impl World {
    /// Air at a site: warmer between buildings on calm nights, cooler in parks and at the river.
    #[expect(clippy::unused_self, reason = "asked of the world like everything else")]
    pub(crate) fn air(&self, site: &Site, now: &Now) -> Air {
        let Now { at_s, weather, .. } = *now;
        let calm = 1.0 / (1.0 + 0.35 * weather.wind_speed_m_s);
        let night = (0.4 - weather.sun_sine).clamp(0.0, 0.6) / 0.6;
        let green = if matches!(site.place, Place::Park | Place::River) { 1.0 } else { 0.0 };
        let warmer =
            3.4 * site.urbanity * calm * night - 0.7 * green + 0.25 * signed(hash(site.seed, 11)) + 0.25 * noise(site.seed, at_s / 2_400.0);
        Air {
            temperature_cel: weather.temperature_cel + warmer,
            humidity_percent: (weather.humidity_percent - 2.4 * warmer + 2.0 * green).clamp(15.0, 100.0),
        }
    }

    /// Particulate matter: heating in cold evenings, traffic, fireworks; wind and rain clean the air.
    #[expect(clippy::unused_self, reason = "asked of the world like everything else")]
    pub(crate) fn particulates(&self, site: &Site, now: &Now) -> Particulates {
        let Now { at_s, weather, local } = *now;
        let cold = ((11.0 - weather.temperature_cel) / 18.0).clamp(0.0, 1.0);
        let evening = 0.6 + 0.4 * bump(local.hour, 20.5, 4.0) + 0.15 * bump(local.hour, 7.0, 2.0);
        let sources = 3.6 + 12.0 * cold * evening + 7.5 * site.traffic * traffic(local) + fireworks(local) * (0.4 + site.urbanity);
        let mixing = 1.9 / (0.7 + 0.38 * weather.wind_speed_m_s);
        let washed = 1.0 / (1.0 + 0.5 * weather.rain_mm_h);
        let episode = 1.0 + 0.45 * fractal(0x0d11, at_s / 260_000.0) + 0.22 * fractal(site.seed, at_s / 5_400.0);
        let pm2_5 = (sources * mixing * washed * episode.max(0.2)).max(0.6);
        let dust = (0.22 + 0.4 * site.traffic * traffic(local)) * (1.0 - 0.5 * (weather.humidity_percent / 100.0)) * washed;
        let pm10 = pm2_5 * 1.28 + 14.0 * dust * (0.6 + 0.12 * weather.wind_speed_m_s);
        Particulates { pm1: pm2_5 * 0.83, pm2_5, pm4: pm2_5 + 0.45 * (pm10 - pm2_5), pm10 }
    }
}

/// Road traffic, 0 to 1, with the rush hours of working days.
pub(crate) fn traffic(local: LocalTime) -> f64 {
    let day = bump(local.hour, 13.5, 7.5);
    match local.kind {
        DayKind::Workday => 0.06 + 0.5 * day + 0.5 * bump(local.hour, 7.6, 1.6) + 0.44 * bump(local.hour, 16.8, 2.2),
        DayKind::Saturday => 0.05 + 0.55 * day,
        DayKind::Sunday => 0.04 + 0.36 * day,
    }
}

/// A bell around an hour of the day, 1 at the centre, 0 beyond `width` hours.
pub(crate) fn bump(hour: f64, centre: f64, width: f64) -> f64 {
    let apart = wrap(hour - centre + 12.0, 24.0) - 12.0;
    let x = (apart / width).clamp(-1.0, 1.0);
    (1.0 - x * x).powi(2)
}

/// The first hours of the year.
fn fireworks(local: LocalTime) -> f64 {
    let date = date_from_days(local.day);
    if (date.month, date.day) == (1, 1) && local.hour < 8.0 { 320.0 * (local.hour * 6.0).min(1.0) * (-local.hour / 1.3).exp() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{WORLD, at, site};
    use super::*;

    #[test]
    fn finer_particles_are_part_of_coarser_ones() {
        let site = site(Place::MainRoad);
        for hour in 0..5_000 {
            let matter = WORLD.particulates(&site, &WORLD.now(at(2026, 1, 2, 0.0) + f64::from(hour) * 5_000.0));
            assert!(0.0 < matter.pm1 && matter.pm1 < matter.pm2_5 && matter.pm2_5 < matter.pm4 && matter.pm4 < matter.pm10);
            assert!(matter.pm10 < 160.0, "{matter:?}");
        }
    }

    #[test]
    fn winter_is_worse_than_summer_and_new_year_is_worst() {
        let site = site(Place::SideStreet);
        let mean = |from: f64| {
            (0..2_000).map(|i| WORLD.particulates(&site, &WORLD.now(from + f64::from(i) * 1_800.0)).pm2_5).sum::<f64>() / 2_000.0
        };
        assert!(mean(at(2026, 1, 5, 0.0)) > 1.5 * mean(at(2026, 6, 25, 0.0)));
        assert!(WORLD.particulates(&site, &WORLD.now(at(2026, 1, 1, -0.5))).pm2_5 > 60.0);
    }

    #[test]
    fn vapour_pressure_matches_the_tables() {
        let air = Air { temperature_cel: 20.0, humidity_percent: 100.0 };
        assert!((air.vapour_pressure_kpa() - 2.339).abs() < 0.01);
    }
}
