//! The river Warte: it meanders past the old town.

use crate::simulate::geo::{Point, distance_to_line, simplify};
use crate::simulate::numeric::float_len;
use crate::simulate::random::Dice;
use std::f64::consts::TAU;

/// Name of the river.
pub(crate) const RIVER_NAME: &str = "Warte";

/// The river through the town.
#[derive(Debug, Clone)]
pub struct River {
    /// Name.
    pub name: &'static str,
    /// Middle of the river, downstream.
    pub line: Vec<Point>,
    /// Both banks as a closed ring.
    pub outline: Vec<Point>,
    half_width: f64,
    side: Point,
    direction: Point,
}

impl River {
    pub(crate) fn new(dice: &mut Dice) -> Self {
        let angle = dice.range(0.0, TAU);
        let direction = Point::polar(1.0, angle);
        let side = direction.left();
        let [long, short, fine] = [dice.range(0.0, TAU), dice.range(0.0, TAU), dice.range(0.0, TAU)];
        let lengths = [dice.range(2_300.0, 3_000.0), dice.range(1_000.0, 1_350.0)];
        // Meanders grow away from the old town, so that the river passes it without touching the wall.
        let line: Vec<Point> = (-105_i32..=105)
            .map(|step| f64::from(step) * 40.0)
            .map(|s| {
                let free = 0.35 + 0.65 * (s.abs() / 1_400.0).min(1.0);
                let away = 600.0
                    + free * (230.0 * (TAU * s / lengths[0] + long).sin() + 85.0 * (TAU * s / lengths[1] + short).sin())
                    + 14.0 * (TAU * s / 430.0 + fine).sin();
                direction.times(s).plus(side.times(away))
            })
            .collect();
        let half_width = dice.range(15.0, 19.0);
        let outline = banks(&line, half_width, fine);
        Self { name: RIVER_NAME, line: simplify(&line, 1.0), outline, half_width, side, direction }
    }

    /// Distance from a point to the nearest bank; negative in the water.
    pub(crate) fn distance(&self, point: Point) -> f64 {
        distance_to_line(point, &self.line) - self.half_width
    }

    /// Unit vector from the market square to the river.
    pub(crate) const fn side(&self) -> Point {
        self.side
    }

    /// Unit vector downstream.
    pub(crate) const fn direction(&self) -> Point {
        self.direction
    }
}

/// Both banks of a line, the second one backwards, with a width that varies a little.
fn banks(line: &[Point], half_width: f64, phase: f64) -> Vec<Point> {
    let bank = |sign: f64| {
        line.iter().enumerate().map(move |(index, point)| {
            let before = line[index.saturating_sub(1)];
            let after = line[(index + 1).min(line.len() - 1)];
            let width = half_width * (1.0 + 0.12 * (float_len(index) * 0.37 + phase * sign).sin());
            point.plus(after.minus(before).unit().left().times(width * sign))
        })
    };
    let mut left: Vec<Point> = simplify(&bank(1.0).collect::<Vec<_>>(), 1.0);
    let mut right: Vec<Point> = simplify(&bank(-1.0).collect::<Vec<_>>(), 1.0);
    right.reverse();
    left.append(&mut right);
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_river_passes_the_old_town_at_a_distance() {
        for seed in 0..100 {
            let river = River::new(&mut Dice::new(seed, "river"));
            let distance = river.distance(Point::default());
            assert!((370.0..900.0).contains(&distance), "seed {seed}: {distance} m");
        }
    }
}
