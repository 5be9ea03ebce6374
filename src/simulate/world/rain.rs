//! Rain as a fixed list of showers, so that sums and run-off have closed forms.
//!
//! Every quarter of a day may hold one shower. How likely it is follows the weather's depressions, how heavy it is the season.

use crate::simulate::calendar::{HOUR_S, SPAN_END_S, SPAN_START_S};
use crate::simulate::numeric::{bits, float, float_len, floor_i64, index};
use crate::simulate::random::{hash, unit};
use std::f64::consts::TAU;

const WINDOW_S: f64 = 6.0 * HOUR_S;

/// One shower inside its window.
#[derive(Debug, Clone, Copy, Default)]
struct Shower {
    start_s: f64,
    length_s: f64,
    amount_mm: f64,
    /// Rain before this window since the start of the table.
    before_mm: f64,
}

/// All showers of the years covered.
#[derive(Debug)]
pub(crate) struct Rain {
    showers: Vec<Shower>,
}

impl Rain {
    /// Draws the showers. `depression` is -1 to 1, `summer` 0 to 1, both at the middle of a window.
    pub(crate) fn new(seed: u64, depression: impl Fn(f64) -> f64, summer: impl Fn(f64) -> f64) -> Self {
        let count = (SPAN_END_S - SPAN_START_S) / floor_i64(WINDOW_S);
        let mut before_mm = 0.0;
        let showers = (0..count).map(|window| {
            let start = float(SPAN_START_S) + float(window) * WINDOW_S;
            let middle = start + WINDOW_S / 2.0;
            let mut shower = draw(hash(seed, bits(window)), depression(middle), summer(middle));
            shower.start_s += start;
            shower.before_mm = before_mm;
            before_mm += shower.amount_mm;
            shower
        });
        Self { showers: showers.collect() }
    }

    /// Rain since the start of the table in millimetres; never decreases.
    pub(crate) fn total_mm(&self, at_s: f64) -> f64 {
        match self.shower(at_s) {
            Some(shower) => shower.before_mm + shower.amount_mm * fallen(shower.part(at_s)),
            None if at_s < float(SPAN_START_S) => 0.0,
            None => self.showers.last().map_or(0.0, |last| last.before_mm + last.amount_mm),
        }
    }

    /// Intensity in millimetres per hour.
    pub(crate) fn rate_mm_h(&self, at_s: f64) -> f64 {
        let Some(shower) = self.shower(at_s).filter(|shower| shower.length_s > 0.0) else { return 0.0 };
        let part = shower.part(at_s);
        shower.amount_mm / (shower.length_s / HOUR_S) * (1.0 - (TAU * part).cos())
    }

    /// A basin that rain fills and that empties with the given time constant.
    pub(crate) fn basin(&self, time_constant_s: f64) -> Basin {
        let mut state = 0.0;
        let states = self.showers.iter().enumerate().map(|(window, shower)| {
            let here = state;
            let end = float(SPAN_START_S) + float_len(window + 1) * WINDOW_S;
            state = here * (-WINDOW_S / time_constant_s).exp() + shower.inflow(end, time_constant_s);
            here
        });
        Basin { time_constant_s, states: states.collect() }
    }

    fn shower(&self, at_s: f64) -> Option<&Shower> {
        self.showers.get(window(at_s)?)
    }
}

impl Shower {
    /// How far the shower has got, 0 to 1.
    fn part(&self, at_s: f64) -> f64 {
        if self.length_s > 0.0 { ((at_s - self.start_s) / self.length_s).clamp(0.0, 1.0) } else { 0.0 }
    }

    /// What is left at `at_s` in a basin of the rain that fell so far, with constant intensity during the shower.
    fn inflow(&self, at_s: f64, time_constant_s: f64) -> f64 {
        if self.length_s <= 0.0 || at_s <= self.start_s {
            return 0.0;
        }
        let end = at_s.min(self.start_s + self.length_s);
        let rate = self.amount_mm / self.length_s;
        rate * time_constant_s * ((-(at_s - end) / time_constant_s).exp() - (-(at_s - self.start_s) / time_constant_s).exp())
    }
}

/// Water that arrived with the rain and drains slowly.
#[derive(Debug)]
pub(crate) struct Basin {
    time_constant_s: f64,
    states: Vec<f64>,
}

impl Basin {
    /// Water in the basin in millimetres of rain.
    pub(crate) fn level_mm(&self, rain: &Rain, at_s: f64) -> f64 {
        let Some(window) = window(at_s).filter(|window| *window < self.states.len()) else { return 0.0 };
        let start = float(SPAN_START_S) + float_len(window) * WINDOW_S;
        self.states[window] * (-(at_s - start) / self.time_constant_s).exp() + rain.showers[window].inflow(at_s, self.time_constant_s)
    }
}

fn window(at_s: f64) -> Option<usize> {
    let window = floor_i64((at_s - float(SPAN_START_S)) / WINDOW_S);
    (window >= 0).then(|| index(window))
}

/// Start relative to the window, length and amount of one shower, or none.
fn draw(bits: u64, depression: f64, summer: f64) -> Shower {
    let probability = (0.16 + 0.55 * depression).clamp(0.015, 0.85);
    if unit(bits) >= probability {
        return Shower::default();
    }
    let amount_mm = -(1.0 - unit(hash(bits, 2))).ln() * (1.7 + 2.3 * summer);
    // Even a cloudburst stays below 10 mm/h on average.
    let length_h = ((0.5 + 4.5 * unit(hash(bits, 1))) * (1.0 - 0.45 * summer)).max(amount_mm / 10.0).min(5.9);
    Shower { start_s: unit(hash(bits, 3)) * (WINDOW_S - length_h * HOUR_S), length_s: length_h * HOUR_S, amount_mm, before_mm: 0.0 }
}

/// Share of a shower that has fallen: it swells and fades.
fn fallen(part: f64) -> f64 {
    part - (TAU * part).sin() / TAU
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rain() -> Rain {
        Rain::new(5, |at_s| (at_s / 400_000.0).sin(), |_| 0.5)
    }

    #[test]
    fn the_sum_never_decreases_and_matches_the_intensity() {
        let rain = rain();
        let start = float(SPAN_START_S) + 40.0 * 86_400.0;
        let (mut last, mut integral) = (rain.total_mm(start), rain.total_mm(start));
        for step in 1..200_000 {
            let at_s = start + f64::from(step) * 30.0;
            integral += rain.rate_mm_h(at_s - 15.0) / 120.0;
            let total = rain.total_mm(at_s);
            assert!(total >= last, "rain fell upwards at {at_s}");
            last = total;
        }
        assert!((last - integral).abs() < 0.01 * last, "{last} against {integral}");
    }

    #[test]
    fn a_year_has_a_plausible_amount() {
        let rain = rain();
        let start = float(SPAN_START_S);
        let amount = rain.total_mm(start + 365.0 * 86_400.0) - rain.total_mm(start);
        assert!((400.0..1_100.0).contains(&amount), "{amount} mm");
    }

    #[test]
    fn a_basin_has_no_steps() {
        let rain = rain();
        let basin = rain.basin(72_000.0);
        let start = float(SPAN_START_S) + 30.0 * 86_400.0;
        for step in 0..20_000 {
            let at_s = start + f64::from(step) * 60.0;
            let difference = basin.level_mm(&rain, at_s + 60.0) - basin.level_mm(&rain, at_s);
            assert!(difference.abs() < 0.8, "step of {difference} at {at_s}");
        }
    }

    #[test]
    fn outside_the_covered_years_it_is_dry() {
        let rain = rain();
        assert!(rain.total_mm(0.0).abs() < f64::EPSILON && rain.rate_mm_h(0.0).abs() < f64::EPSILON);
        assert!(rain.rate_mm_h(9e9).abs() < f64::EPSILON && rain.total_mm(9e9) > 1_000.0);
    }
}
