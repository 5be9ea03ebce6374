//! Sound levels: streets by day, quiet parks, and now and then something loud.

use super::air::{bump, traffic};
use super::{Now, Place, Site, World};
use crate::simulate::numeric::{bits, floor_i64};
use crate::simulate::random::{hash, noise, normal, unit};

/// A-weighted sound levels in decibels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sound {
    pub(crate) fast: f64,
    pub(crate) equivalent: f64,
    pub(crate) maximum: f64,
}

impl World {
    /// Sound at a site over the last five minutes.
    #[expect(clippy::unused_self, reason = "asked of the world like everything else")]
    pub(crate) fn sound(&self, site: &Site, now: &Now) -> Sound {
        let Now { at_s, weather, local } = *now;
        let crowd = if site.place == Place::PedestrianZone { 9.0 * bump(local.hour, 15.0, 9.0) } else { 0.0 };
        let rain = 5.0 * (weather.rain_mm_h / 3.0).min(1.0);
        let wind = (weather.gust_m_s - 5.0).max(0.0) * 0.6;
        let equivalent = 35.5
            + 4.0 * site.urbanity
            + 7.0 * site.traffic
            + (5.0 + 13.0 * site.traffic) * traffic(local).sqrt()
            + crowd
            + rain
            + wind
            + 2.2 * noise(site.seed, at_s / 1_100.0)
            + 1.1 * noise(site.seed ^ 0x1f, at_s / 240.0);
        let moment = hash(site.seed, bits(floor_i64(at_s)));
        // Sirens, horns, motorcycles: rarer at night.
        let event = if unit(hash(moment, 32)) < 0.05 * (0.3 + traffic(local)) { 9.0 + 9.0 * unit(hash(moment, 33)) } else { 0.0 };
        Sound {
            fast: (equivalent - 1.5 + 2.6 * normal(moment)).max(28.0),
            equivalent: equivalent + event * 0.15,
            maximum: equivalent + 7.5 + 1.8 * normal(hash(moment, 34)).abs() + 6.0 * site.traffic + event,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{WORLD, at, site};
    use super::*;

    #[test]
    fn levels_are_ordered_and_plausible() {
        for place in [Place::MainRoad, Place::Park, Place::PedestrianZone] {
            let site = site(place);
            for step in 0..3_000 {
                let sound = WORLD.sound(&site, &WORLD.now(at(2026, 2, 1, f64::from(step) * 0.2)));
                assert!((28.0..95.0).contains(&sound.equivalent) && sound.maximum < 110.0, "{sound:?}");
                assert!(sound.maximum > sound.equivalent && sound.maximum > sound.fast - 6.0);
            }
        }
    }

    #[test]
    fn nights_are_quieter_and_parks_too() {
        let mean = |place, hour| {
            (0..200).map(|day| WORLD.sound(&site(place), &WORLD.now(at(2026, 3, 2, hour + 24.0 * f64::from(day)))).equivalent).sum::<f64>()
                / 200.0
        };
        assert!(mean(Place::MainRoad, 2.0) + 8.0 < mean(Place::MainRoad, 15.0));
        assert!(mean(Place::Park, 13.0) + 8.0 < mean(Place::MainRoad, 13.0));
    }
}
