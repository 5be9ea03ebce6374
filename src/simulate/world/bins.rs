//! Waste containers: they fill and are emptied on collection days.

use super::{Now, Place, Site, World};
use crate::simulate::calendar::{DayKind, HOUR_S, weekday};
use crate::simulate::numeric::{bits, float, floor_i64};
use crate::simulate::random::{hash, noise, signed, unit};

/// A waste container as its sensor sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bin {
    /// Distance from the lid to the waste.
    pub(crate) distance_mm: f64,
    /// Temperature under the lid.
    pub(crate) temperature_cel: f64,
    /// True while the container is tipped over.
    pub(crate) is_tilted: bool,
}

/// Depth of the containers.
pub const CONTAINER_DEPTH_MM: f64 = 1_200.0;

impl World {
    /// A container at a moment.
    pub(crate) fn bin(&self, site: &Site, now: &Now) -> Bin {
        let Now { at_s, weather, local } = *now;
        // A container falls over on one day in 700, for a few hours.
        let accident = hash(hash(site.seed, 81), bits(local.day));
        let is_tilted = unit(accident) < 1.0 / 700.0 && (8.0..14.0).contains(&local.hour);
        let filling = self.filling(site, at_s);
        Bin {
            distance_mm: (CONTAINER_DEPTH_MM * (1.0 - 0.93 * filling) + 7.0 * noise(site.seed, at_s / 5_000.0))
                .clamp(60.0, CONTAINER_DEPTH_MM),
            temperature_cel: self.air(site, now).temperature_cel + 2.0 * filling + weather.solar_w_m2 * 0.006,
            is_tilted,
        }
    }

    /// How full a container is: 0 empty, 1 to the rim, a little more when it overflows.
    fn filling(&self, site: &Site, at_s: f64) -> f64 {
        let per_day = site.scale * if site.place == Place::PedestrianZone { 0.62 } else { 0.14 };
        let since = self.last_collection_s(site, at_s);
        let rest = 0.03 + 0.03 * signed(hash(site.seed, bits(floor_i64(since))));
        (rest + per_day * (self.loads.litter.up_to(at_s) - self.loads.litter.up_to(since))).min(1.06)
    }

    /// The last time the lorry came: daily but Sunday in the pedestrian zone, else once a week.
    fn last_collection_s(&self, site: &Site, at_s: f64) -> f64 {
        let calendar = &self.climate.calendar;
        let hour = 6.0 + 5.0 * unit(hash(site.seed, 82));
        let today = calendar.local(at_s).day;
        let is_daily = site.place == Place::PedestrianZone;
        let own_weekday = floor_i64(5.0 * unit(hash(site.seed, 83)));
        for back in 0..15 {
            let day = today - back;
            // Noon is on the same local day whether or not it is summer time.
            let noon = float(day * 86_400) + 12.0 * HOUR_S;
            let collected_s = float(day * 86_400) + hour * HOUR_S - float(calendar.offset_s(floor_i64(noon)));
            let is_due = if is_daily { calendar.local(noon).kind != DayKind::Sunday } else { weekday(day) == own_weekday };
            if is_due && collected_s <= at_s {
                return collected_s;
            }
        }
        at_s
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{WORLD, at};
    use super::*;

    #[test]
    fn containers_fill_until_they_are_emptied() {
        for number in 0..40 {
            let place = if number % 2 == 0 { Place::PedestrianZone } else { Place::Park };
            let site = Site::new(number, WORLD.centre(), place);
            let mut last = WORLD.filling(&site, at(2026, 5, 1, 0.0));
            let mut emptied = 0;
            for step in 1..24 * 28 {
                let now = WORLD.filling(&site, at(2026, 5, 1, f64::from(step)));
                assert!((0.0..1.1).contains(&now));
                if now < last {
                    emptied += 1;
                }
                last = now;
            }
            assert!(if number % 2 == 0 { (15..26).contains(&emptied) } else { (3..5).contains(&emptied) }, "{emptied} collections");
        }
    }
}
