//! One world for all tests, because building it takes a moment.

use super::{Place, Site, World};
use crate::simulate::calendar::{Date, days_from_date};
use crate::simulate::city::City;
use crate::simulate::numeric::float;
use std::sync::LazyLock;

/// The world of seed 1.
pub(crate) static WORLD: LazyLock<World> = LazyLock::new(|| World::new(1, &City::generate(1)));

/// A site in the middle of the town.
pub(crate) fn site(place: Place) -> Site {
    Site::new(77, WORLD.centre(), place)
}

/// Seconds since 1970 of an hour (UTC) of a date.
pub(crate) fn at(year: i32, month: u32, day: u32, hour: f64) -> f64 {
    float(days_from_date(Date { year, month, day }) * 86_400) + hour * 3_600.0
}
