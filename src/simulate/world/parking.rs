//! Parking spaces: a car comes, stays a while, goes.

use super::air::bump;
use super::{Place, Site, World};
use crate::simulate::calendar::{DayKind, LocalTime};
use crate::simulate::numeric::{bits, float, floor_i64};
use crate::simulate::random::{hash, noise, unit};

impl World {
    /// True while a vehicle stands on the space.
    ///
    /// Time is cut into stays; whether a stay is taken is a coin weighted with the demand in its middle.
    pub(crate) fn is_parked(&self, site: &Site, at_s: f64) -> bool {
        let mean_stay_s = if site.place == Place::SideStreet { 9_600.0 } else { 2_700.0 + 3_000.0 * unit(hash(site.seed, 61)) };
        let bent = at_s + 0.2 * mean_stay_s * noise(hash(site.seed, 62), at_s / mean_stay_s);
        let stays = bent / mean_stay_s + unit(hash(site.seed, 63));
        let stay = floor_i64(stays);
        let middle_s = at_s + (0.5 - (stays - float(stay))) * mean_stay_s;
        let demand = demand(site.place, self.climate.calendar.local(middle_s)) * (0.85 + 0.25 * site.urbanity);
        unit(hash(site.seed ^ 0x9a7c, bits(stay))) < demand
    }
}

/// Share of spaces that are taken.
fn demand(place: Place, local: LocalTime) -> f64 {
    let hour = local.hour;
    match (place, local.kind) {
        // Residents are at home in the evening and at night.
        (Place::SideStreet, DayKind::Workday) => 0.86 - 0.42 * bump(hour, 12.0, 7.5),
        (Place::SideStreet, _) => 0.84 - 0.18 * bump(hour, 14.0, 6.0),
        (Place::Station, DayKind::Workday) => 0.08 + 0.86 * bump(hour, 12.0, 8.5).sqrt(),
        (_, DayKind::Workday) => 0.1 + 0.62 * bump(hour, 11.2, 4.6) + 0.5 * bump(hour, 17.0, 4.2),
        (_, DayKind::Saturday) => 0.1 + 0.9 * bump(hour, 12.4, 6.5),
        (_, DayKind::Sunday) => 0.12 + 0.3 * bump(hour, 15.0, 5.5),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{WORLD, at};
    use super::*;

    #[test]
    fn spaces_in_the_centre_fill_by_day_and_cars_stay_a_while() {
        let mut taken_by_day = 0;
        let mut taken_at_night = 0;
        let mut changes = 0;
        for number in 0..200 {
            let site = Site::new(number, WORLD.centre(), Place::PedestrianZone);
            taken_by_day += i32::from(WORLD.is_parked(&site, at(2026, 5, 5, 9.5)));
            taken_at_night += i32::from(WORLD.is_parked(&site, at(2026, 5, 5, 1.0)));
            for quarter in 0..96 {
                let now = at(2026, 5, 5, 0.25 * f64::from(quarter));
                changes += i32::from(WORLD.is_parked(&site, now) != WORLD.is_parked(&site, now + 900.0));
            }
        }
        assert!(taken_by_day > 110 && taken_at_night < 60, "{taken_by_day} by day, {taken_at_night} at night");
        assert!((200 * 3..200 * 16).contains(&changes), "{changes} changes");
    }
}
