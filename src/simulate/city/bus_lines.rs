//! Three bus lines across the town, on main roads.

use super::plan::{Plan, RADIALS, WALL};
use crate::simulate::geo::{Point, simplify};
use std::f64::consts::TAU;

/// A bus line from one end to the other.
#[derive(Debug, Clone, PartialEq)]
pub struct BusLine {
    /// Name, German.
    pub name: String,
    /// Its way, always on streets.
    pub line: Vec<Point>,
}

/// Pairs of roads that a line connects, and how far out it runs on each.
const PAIRS: [(usize, usize, f64, f64); 3] = [(0, 3, 0.86, 0.82), (1, 5, 0.8, 0.9), (2, 6, 0.84, 0.78)];

/// Plans the lines: in on one road, along the wall the shorter way, out on another.
pub(crate) fn plan_lines(plan: &Plan) -> Vec<BusLine> {
    (1..)
        .zip(PAIRS)
        .map(|(number, (from, to, start, end))| BusLine { name: format!("Linie {number}"), line: way(plan, (from, start), (to, end)) })
        .collect()
}

fn way(plan: &Plan, (from, start): (usize, f64), (to, end): (usize, f64)) -> Vec<Point> {
    let (arrival, departure) = (plan.radial_angle(from % RADIALS, WALL), plan.radial_angle(to % RADIALS, WALL));
    let left = (departure - arrival).rem_euclid(TAU) <= TAU / 2.0;
    let mut line = plan.radial_line(from, start, WALL);
    let mut arc = if left { plan.arc(WALL, arrival, departure) } else { plan.arc(WALL, departure, arrival) };
    if !left {
        arc.reverse();
    }
    line.extend(arc);
    line.extend(plan.radial_line(to, WALL, end));
    simplify(&line, 1.0)
}
