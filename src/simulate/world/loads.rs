//! Loads that many devices share in shape: light at night, heat in winter, people in the streets, cars that charge.

use super::air::bump;
use super::climate::{Climate, Weather};
use super::hourly::HourlySum;
use super::lamps::{dimming, is_dark};
use crate::simulate::calendar::{DayKind, HOUR_S, LocalTime};
use crate::simulate::numeric::bits;
use crate::simulate::random::{hash, unit};

/// The sums of all shared loads. One unit each; devices scale them.
#[derive(Debug)]
pub(crate) struct Loads {
    /// Hours of full light, dimmed hours counting less.
    pub(crate) light: HourlySum,
    /// Hours with light, dimmed or not.
    pub(crate) light_on: HourlySum,
    /// Kilowatt hours of a building that needs one kilowatt on a cold day.
    pub(crate) heat: HourlySum,
    /// Ampere hours of a charging column.
    pub(crate) charging: HourlySum,
    /// Shoppers: one unit is the best hour of a Saturday.
    pub(crate) shoppers: HourlySum,
    /// Commuters: one unit is the best hour of a working day.
    pub(crate) commuters: HourlySum,
    /// Waste thrown away, one unit per average day.
    pub(crate) litter: HourlySum,
}

impl Loads {
    pub(crate) fn new(climate: &Climate) -> Self {
        let [light, light_on, heat, charging, shoppers, commuters, litter] = HourlySum::together(|at_s| {
            let (weather, local) = (climate.weather(at_s), climate.calendar.local(at_s));
            let [light, light_on] = light(climate, at_s);
            let outdoors = outdoors(&weather);
            [
                light,
                light_on,
                heating(weather.temperature_cel, local),
                charging(local) * (0.6 + 0.8 * unit(hash(0xca2, bits(local.day)))),
                outdoors * shopping(local),
                commuting(local),
                outdoors * littering(local),
            ]
        });
        Self { light, light_on, heat, charging, shoppers, commuters, litter }
    }
}

/// Full-light hours and hours with light of one hour. Lamps switch within the hour, so it is looked at every ten minutes.
fn light(climate: &Climate, middle_s: f64) -> [f64; 2] {
    let mut sums = [0.0; 2];
    for step in 0..6 {
        let at_s = middle_s + (f64::from(step) - 2.5) * HOUR_S / 6.0;
        if is_dark(climate.sun_sine(at_s), 0.0) {
            sums[0] += dimming(climate.calendar.local(at_s).hour) / 6.0;
            sums[1] += 1.0 / 6.0;
        }
    }
    sums
}

/// How much people like to be outside: warm and dry draws them out.
fn outdoors(weather: &Weather) -> f64 {
    (0.72 + 0.018 * weather.temperature_cel) / (1.0 + 0.5 * weather.rain_mm_h)
}

fn shopping(local: LocalTime) -> f64 {
    let evening = 0.16 * bump(local.hour, 20.0, 4.0);
    match local.kind {
        DayKind::Workday => 0.005 + 0.52 * bump(local.hour, 12.6, 3.4) + 0.62 * bump(local.hour, 16.6, 3.2) + evening,
        DayKind::Saturday => 0.008 + 1.0 * bump(local.hour, 12.4, 4.4) + 0.35 * bump(local.hour, 16.0, 3.0) + evening,
        DayKind::Sunday => 0.006 + 0.34 * bump(local.hour, 15.0, 4.2) + 0.5 * evening,
    }
}

fn commuting(local: LocalTime) -> f64 {
    let day = 0.22 * bump(local.hour, 13.5, 8.5);
    match local.kind {
        DayKind::Workday => 0.01 + day + 0.85 * bump(local.hour, 7.4, 1.7) + 0.7 * bump(local.hour, 16.9, 2.3),
        DayKind::Saturday => 0.012 + 1.4 * day,
        DayKind::Sunday => 0.01 + day,
    }
}

fn littering(local: LocalTime) -> f64 {
    // The bell has an area of 16/15 of its half width, so this is about one per day.
    let weekend = if local.kind == DayKind::Workday { 1.0 } else { 1.35 };
    weekend * (0.004 + 0.104 * bump(local.hour, 15.5, 8.0))
}

fn charging(local: LocalTime) -> f64 {
    match local.kind {
        DayKind::Workday => 1.2 + 11.0 * bump(local.hour, 10.0, 4.5) + 13.0 * bump(local.hour, 18.5, 4.0),
        _ => 1.0 + 9.0 * bump(local.hour, 14.0, 6.0),
    }
}

fn heating(outside_cel: f64, local: LocalTime) -> f64 {
    let occupied = match local.kind {
        DayKind::Workday => 0.62 + 0.38 * bump(local.hour, 10.5, 6.5) + 0.2 * bump(local.hour, 6.2, 1.8),
        _ => 0.55,
    };
    let hot_water = 0.025 + 0.03 * bump(local.hour, 11.0, 5.0);
    occupied * ((17.0 - outside_cel) / 27.0).clamp(0.0, 1.3) + hot_water
}
