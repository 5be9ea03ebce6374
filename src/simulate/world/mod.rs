//! The world the sensors measure: weather, air, water, soil, people, traffic and buildings of the town.
//!
//! Every quantity is a function of (seed, place, time) without state, so a value does not depend on when or how often somebody
//! asks. That is what makes a generated year of history meet the live stream without a seam. Counters are integrals with a
//! closed form: a table of hourly sums of a shared load, read at the individual, slightly bent time of the device.
//!
//! Tables cover the years 2020 to 2035; outside of them counters stand still and it does not rain.

mod air;
mod bins;
mod buses;
mod climate;
mod hourly;
mod lamps;
mod loads;
mod parking;
mod people;
mod rain;
mod rooms;
mod site;
mod soil;
mod sound;
mod sun;
#[cfg(test)]
pub(crate) mod testing;
mod water;

pub use bins::CONTAINER_DEPTH_MM;
pub use climate::Weather;
pub use site::{Place, Site};

use super::calendar::LocalTime;
use super::city::City;
use super::geo::LonLat;
use super::numeric::wrap;
use super::random::{hash, noise, unit};
use buses::Route;
use climate::Climate;
use loads::Loads;

/// A moment, with what everybody needs to know about it. Made once per report, because the weather is the costly part.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    pub(crate) at_s: f64,
    pub(crate) weather: Weather,
    pub(crate) local: LocalTime,
}

/// Everything that is shared between the devices of one town. Cheap to ask, 0.2 s and 10 MB to build.
#[derive(Debug)]
pub struct World {
    centre: LonLat,
    climate: Climate,
    loads: Loads,
    routes: Vec<Route>,
}

impl World {
    /// Builds the tables for a town. The same seed gives the same world.
    #[must_use]
    pub fn new(seed: u64, city: &City) -> Self {
        let centre = city.centre();
        let climate = Climate::new(hash(seed, 0xc11a), centre);
        let loads = Loads::new(&climate);
        let routes = city.bus_lines.iter().map(|line| Route::new(city, &line.line)).collect();
        Self { centre, climate, loads, routes }
    }

    /// The market square.
    #[must_use]
    pub const fn centre(&self) -> LonLat {
        self.centre
    }

    /// The weather over the town at a moment (seconds since 1970, UTC).
    #[must_use]
    pub fn weather(&self, at_s: f64) -> Weather {
        self.climate.weather(at_s)
    }

    /// What holds for the whole town at a moment (seconds since 1970, UTC).
    pub(crate) fn now(&self, at_s: f64) -> Now {
        Now { at_s, weather: self.climate.weather(at_s), local: self.climate.calendar.local(at_s) }
    }

    /// Charge of a device's battery, 0 to 1: it sinks over five years, then the battery is replaced.
    #[expect(clippy::unused_self, reason = "asked of the world like everything else")]
    pub(crate) fn battery_level(&self, site: &Site, at_s: f64) -> f64 {
        const LIFE_S: f64 = 5.2 * 31_556_952.0;
        let age = wrap((at_s - site.installed_s) / LIFE_S + 0.5 * unit(hash(site.seed, 0xba7)), 1.0);
        (1.0 - 0.8 * age * age + 0.01 * noise(site.seed, at_s / 14_400.0)).clamp(0.05, 1.0)
    }

    /// Small individual disturbance in [-1, 1] that changes within seconds.
    #[expect(clippy::unused_self, reason = "asked of the world like everything else")]
    pub(crate) fn ripple(&self, site: &Site, at_s: f64) -> f64 {
        noise(site.seed ^ 0x0021_bb1e, at_s / 40.0)
    }

    /// Time as one device lives it: ahead or behind by up to 25 minutes, but always running forward.
    fn bent(site: &Site, salt: u64, at_s: f64) -> f64 {
        // The slope of the noise is at most 3.75 per 21,600 s, so time never slows below three quarters.
        at_s + 1_500.0 * noise(hash(site.seed, salt), at_s / 21_600.0)
    }
}
