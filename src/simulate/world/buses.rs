//! Buses on their lines, stop by stop.

use super::{Now, Site, World};
use crate::simulate::city::City;
use crate::simulate::geo::{LonLat, Point, along, length};
use crate::simulate::numeric::{floor_index, wrap};
use crate::simulate::random::{hash, noise, unit};

/// A bus at a moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bus {
    pub(crate) lon_deg: f64,
    pub(crate) lat_deg: f64,
    pub(crate) is_moving: bool,
    /// Temperature inside.
    pub(crate) temperature_cel: f64,
    /// Relative humidity inside.
    pub(crate) humidity_percent: f64,
}

/// The path of a line with positions in small equal steps, so that a look-up needs no search.
#[derive(Debug)]
pub(crate) struct Route {
    places: Vec<LonLat>,
    length_m: f64,
}

const STEP_M: f64 = 12.0;
/// Distance between stops.
const STOP_M: f64 = 420.0;
/// Part of the time between two departures that a bus stands at the stop.
const DWELL: f64 = 0.22;
/// First departure and end of service in local hours.
const SERVICE_H: (f64, f64) = (4.8, 23.6);
/// Mean speed with stops.
const SPEED_M_S: f64 = 5.4;

impl Route {
    pub(crate) fn new(city: &City, line: &[Point]) -> Self {
        let length_m = length(line);
        let count = floor_index(length_m / STEP_M) + 1;
        let places =
            (0..=count).map(|index| city.projection.to_lon_lat(along(line, STEP_M * crate::simulate::numeric::float_len(index)).0));
        Self { places: places.collect(), length_m: length_m.max(STEP_M) }
    }

    fn at(&self, distance_m: f64) -> LonLat {
        let steps = (distance_m / STEP_M).max(0.0);
        let index = floor_index(steps);
        match self.places.get(index..) {
            Some([a, b, ..]) => {
                let part = steps.fract();
                LonLat { lon_deg: a.lon_deg + (b.lon_deg - a.lon_deg) * part, lat_deg: a.lat_deg + (b.lat_deg - a.lat_deg) * part }
            }
            _ => self.places.last().copied().unwrap_or(LonLat { lon_deg: 0.0, lat_deg: 0.0 }),
        }
    }
}

impl World {
    /// Position of a bus. Each day it makes a whole number of round trips, so in the evening it stands where it starts the next
    /// morning.
    pub(crate) fn bus(&self, site: &Site, now: &Now) -> Bus {
        let Now { at_s, weather, local } = *now;
        let inside = 0.35 * weather.temperature_cel.max(0.0) + 14.5 + 0.8 * noise(site.seed, at_s / 3_000.0);
        let is_in_service = (SERVICE_H.0..SERVICE_H.1).contains(&local.hour);
        let Some(route) = self.routes.get(site.route) else {
            return Bus {
                lon_deg: site.position.lon_deg,
                lat_deg: site.position.lat_deg,
                is_moving: false,
                temperature_cel: inside,
                humidity_percent: 48.0,
            };
        };
        let round_m = 2.0 * route.length_m;
        let service_s = (SERVICE_H.1 - SERVICE_H.0) * 3_600.0;
        let rounds = (service_s * SPEED_M_S / round_m).round().max(1.0);
        let driven = if is_in_service { (local.hour - SERVICE_H.0) * 3_600.0 / service_s * rounds } else { 0.0 };
        let phase = unit(hash(site.seed, 111));
        let (distance_m, is_driving) = with_stops(wrap(driven + phase, 1.0) * round_m);
        let one_way_m = if distance_m > route.length_m { round_m - distance_m } else { distance_m };
        let place = route.at(one_way_m);
        Bus {
            lon_deg: place.lon_deg,
            lat_deg: place.lat_deg,
            is_moving: is_in_service && is_driving,
            temperature_cel: inside,
            humidity_percent: 46.0 + 8.0 * noise(site.seed ^ 0x70, at_s / 5_000.0),
        }
    }
}

/// Turns even progress into drives and stops.
fn with_stops(distance_m: f64) -> (f64, bool) {
    let legs = distance_m / STOP_M;
    let part = legs.fract();
    let is_driving = part < 1.0 - DWELL;
    let x = (part / (1.0 - DWELL)).min(1.0);
    ((legs.floor() + x * x * (3.0 - 2.0 * x)) * STOP_M, is_driving)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{WORLD, at, site};
    use super::super::{Place, Site};

    #[test]
    fn a_bus_moves_at_the_speed_of_a_bus_and_never_jumps() {
        for route in 0..3 {
            let bus = Site { route, ..site(Place::Vehicle) };
            for step in 0..10_000 {
                let at_s = at(2026, 5, 5, 0.0) + f64::from(step) * 5.0 + 14_000.0;
                let (here, next) = (WORLD.bus(&bus, &WORLD.now(at_s)), WORLD.bus(&bus, &WORLD.now(at_s + 5.0)));
                let metres = ((next.lon_deg - here.lon_deg) * 68_400.0).hypot((next.lat_deg - here.lat_deg) * 111_195.0);
                assert!(metres < 75.0, "{metres} m in 5 s on line {route} at {at_s}");
            }
        }
    }

    #[test]
    fn at_night_buses_stand() {
        let bus = site(Place::Vehicle);
        let place = |hour| {
            let bus = WORLD.bus(&bus, &WORLD.now(at(2026, 5, 5, hour)));
            (bus.lon_deg, bus.lat_deg, bus.is_moving)
        };
        assert_eq!(place(0.0), place(1.5));
        assert!(!place(0.0).2);
    }
}
