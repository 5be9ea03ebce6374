//! Rooms: class rooms and offices with people in them, and meters that feed them.

use super::air::bump;
use super::{Now, Place, Site, World};
use crate::simulate::calendar::{DayKind, LocalTime};
use crate::simulate::numeric::bits;
use crate::simulate::random::{hash, noise, unit};

/// The climate of a room.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    pub(crate) temperature_cel: f64,
    pub(crate) humidity_percent: f64,
    pub(crate) light_lx: f64,
    /// Movements seen per second.
    pub(crate) motion_per_s: f64,
    pub(crate) carbon_dioxide_ppm: f64,
}

/// District heating of a building.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heat {
    pub(crate) energy_kwh: f64,
    pub(crate) volume_m3: f64,
    pub(crate) power_kw: f64,
    pub(crate) flow_m3_h: f64,
    pub(crate) forward_cel: f64,
    pub(crate) return_cel: f64,
}

/// A charging column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Charging {
    pub(crate) current_a: f64,
    pub(crate) charge_ah: f64,
}

/// Start and end of the blocks of lessons in local hours; windows are opened in between.
const LESSONS: [(f64, f64); 4] = [(7.83, 9.42), (9.75, 11.33), (11.58, 13.17), (14.0, 15.5)];

/// Heat in a cubic metre of water that cools by one degree, kilowatt hours.
const KWH_PER_M3_K: f64 = 1.163;
/// Mean difference between flow and return, which turns heat into volume.
const SPREAD_K: f64 = 30.0;

impl World {
    /// A class room (or an office, for other buildings).
    pub(crate) fn room(&self, site: &Site, now: &Now) -> Room {
        let Now { at_s, weather, local } = *now;
        let (presence, carbon_dioxide_ppm) =
            if site.place == Place::School { self.lessons(site, at_s, local) } else { Self::office(site, at_s, local) };
        let is_used = presence > 0.05;
        let warmth = 0.5 * (weather.temperature_cel - 20.0).max(0.0) + weather.solar_w_m2 * 0.002_5;
        let heated = if local.kind == DayKind::Workday { 20.4 + 0.9 * bump(local.hour, 12.0, 6.5) } else { 18.2 };
        Room {
            temperature_cel: heated + warmth + 1.1 * presence + 0.3 * noise(site.seed, at_s / 5_400.0),
            humidity_percent: (30.0
                + 0.9 * weather.temperature_cel.max(-5.0)
                + 9.0 * presence
                + 2.0 * noise(site.seed ^ 0x5b, at_s / 9_000.0))
            .clamp(15.0, 75.0),
            light_lx: (weather.solar_w_m2 * 0.55 + if is_used { 330.0 } else { 0.0 }).max(0.0),
            motion_per_s: presence * (0.05 + 0.05 * unit(hash(site.seed, bits(local.day)))),
            carbon_dioxide_ppm: carbon_dioxide_ppm + 8.0 * noise(site.seed ^ 0x5c, at_s / 700.0),
        }
    }

    /// Presence (0 to 1) and carbon dioxide of a class room: it rises during lessons and falls when the windows are open.
    fn lessons(&self, site: &Site, at_s: f64, local: LocalTime) -> (f64, f64) {
        if !local.school {
            return (0.0, 425.0);
        }
        let outside_cel = self.climate.lagged_cel(at_s, 0.0);
        // In the cold windows stay shut.
        let peak = 620.0 + 70.0 * (16.0 - outside_cel).clamp(0.0, 16.0) + 220.0 * unit(hash(site.seed, 93));
        let mut level = 425.0;
        let mut presence = 0.0;
        for (index, &(start, end)) in LESSONS.iter().enumerate() {
            // The afternoon block takes place on some days only.
            let takes_place = index < 3 || unit(hash(hash(site.seed, 94), bits(local.day))) < 0.4;
            if !takes_place || local.hour < start {
                continue;
            }
            let length = local.hour.min(end) - start;
            let at_end = level + (425.0 + peak - level) * (1.0 - (-length / 0.75).exp());
            level = if local.hour <= end { at_end } else { 425.0 + (at_end - 425.0) * (-(local.hour - end) / 0.3).exp() };
            if local.hour <= end {
                presence = 0.75 + 0.25 * noise(site.seed ^ 0x5f, at_s / 2_700.0).abs();
            }
        }
        (presence, level)
    }

    fn office(site: &Site, at_s: f64, local: LocalTime) -> (f64, f64) {
        if local.kind != DayKind::Workday {
            return (0.0, 420.0);
        }
        let presence = bump(local.hour, 12.2, 5.6) * (0.8 + 0.2 * noise(site.seed ^ 0x60, at_s / 3_600.0));
        (presence, 425.0 + 430.0 * presence.sqrt() * (0.8 + 0.4 * unit(hash(site.seed, 97))))
    }

    /// Heat meter of a building. Volume follows energy with a constant mean spread, so that both counters only rise.
    pub(crate) fn heat(&self, site: &Site, at_s: f64) -> Heat {
        let rated_kw = 95.0 * site.scale;
        let bent = Self::bent(site, 98, at_s);
        let energy_kwh = rated_kw * (self.loads.heat.up_to(bent) - self.loads.heat.up_to(Self::bent(site, 98, site.installed_s))).max(0.0);
        let power_kw = rated_kw * self.loads.heat.rate(bent);
        let return_cel = 41.0 + 3.0 * noise(site.seed, at_s / 10_000.0);
        let spread = SPREAD_K + 3.0 * noise(site.seed ^ 0x63, at_s / 7_000.0);
        Heat {
            energy_kwh,
            volume_m3: energy_kwh / (KWH_PER_M3_K * SPREAD_K),
            power_kw,
            flow_m3_h: power_kw / (KWH_PER_M3_K * spread),
            forward_cel: return_cel + spread,
            return_cel,
        }
    }

    /// A charging column or pump.
    pub(crate) fn charging(&self, site: &Site, at_s: f64) -> Charging {
        let bent = Self::bent(site, 100, at_s);
        let sum = &self.loads.charging;
        Charging {
            current_a: site.scale * sum.rate(bent),
            charge_ah: site.scale * (sum.up_to(bent) - sum.up_to(Self::bent(site, 100, site.installed_s))).max(0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{WORLD, at, site};
    use super::*;

    #[test]
    fn air_in_class_rooms_gets_stale_during_lessons_only() {
        let room = |year, month, day, hour| WORLD.room(&site(Place::School), &WORLD.now(at(year, month, day, hour)));
        let lesson = room(2026, 1, 14, 8.2);
        assert!(lesson.carbon_dioxide_ppm > 1_100.0 && lesson.motion_per_s > 0.0, "{lesson:?}");
        assert!(room(2026, 1, 14, 3.0).carbon_dioxide_ppm < 460.0, "night");
        assert!(room(2026, 1, 11, 9.0).carbon_dioxide_ppm < 460.0, "Sunday");
        assert!(room(2026, 7, 20, 9.0).carbon_dioxide_ppm < 460.0, "summer break");
    }

    #[test]
    fn heat_counters_rise_and_winter_needs_more() {
        let site = site(Place::PublicBuilding);
        let mut last = WORLD.heat(&site, at(2026, 1, 1, 0.0));
        for step in 1..5_000 {
            let now = WORLD.heat(&site, at(2026, 1, 1, 0.1 * f64::from(step)));
            assert!(now.energy_kwh >= last.energy_kwh && now.volume_m3 >= last.volume_m3);
            last = now;
        }
        let month = |month| WORLD.heat(&site, at(2026, month, 28, 0.0)).energy_kwh - WORLD.heat(&site, at(2026, month, 1, 0.0)).energy_kwh;
        assert!(month(1) > 4.0 * month(7));
    }
}
