//! Main roads: seven radials, the road along the wall, the ring road; cut where they cross the river.

use super::plan::{Plan, RADIALS, RING, WALL};
use super::river::River;
use super::streets::{Street, StreetKind};
use crate::simulate::geo::{Point, resample, simplify};
use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, TAU};

/// Names of the roads out of the town.
const RADIAL_NAMES: [&str; RADIALS] =
    ["Alte Heerstraße", "Mühlenchaussee", "Klosterstraße", "Lindenallee", "Salzstraße", "Wartebergstraße", "Hoher Weg"];
/// Names of the same roads inside the wall.
const INNER_NAMES: [&str; RADIALS] =
    ["Lange Straße", "Mühlenstraße", "Kirchstraße", "Marktstraße", "Salzgasse", "Obere Straße", "Braugasse"];
/// Names of the road along the wall, counter-clockwise from east.
const WALL_NAMES: [&str; 4] = ["Ostwall", "Nordwall", "Westwall", "Südwall"];
const BRIDGE_NAMES: [&str; 6] = ["Wartebrücke", "Alte Brücke", "Mühlenbrücke", "Ringbrücke", "Fischerbrücke", "Neue Brücke"];

/// Inner end of the pedestrian streets: the edge of the market square.
const MARKET: f64 = 0.017;
/// Outer end of the roads, beyond the town.
const BEYOND: f64 = 1.14;

/// All main roads.
pub(crate) fn lay(plan: &Plan, river: &River) -> Vec<Street> {
    let mut streets = Vec::new();
    let mut bridges = BRIDGE_NAMES.iter().cycle();
    for radial in 0..RADIALS {
        let inner = plan.radial_line(radial, MARKET, WALL);
        streets.push(Street { name: INNER_NAMES[radial].to_owned(), kind: StreetKind::Pedestrian, line: simplify(&inner, 1.0) });
        let outer = plan.radial_line(radial, WALL, BEYOND);
        cut_at_river(&outer, RADIAL_NAMES[radial], StreetKind::Main, river, &mut bridges, &mut streets);
    }
    for (quarter, name) in (0..).zip(WALL_NAMES) {
        let from = f64::from(quarter) * FRAC_PI_2 - FRAC_PI_4;
        let arc = plan.arc(WALL, from, from + FRAC_PI_2);
        streets.push(Street { name: name.to_owned(), kind: StreetKind::Ring, line: simplify(&arc, 1.0) });
    }
    // The ring road starts on the dry side, so that no bridge is cut in two.
    let dry = river.side().times(-1.0).angle();
    let mut ring = plan.arc(RING, dry, dry + TAU - 1e-6);
    ring.extend(ring.first().copied());
    cut_at_river(&ring, "Stadtring", StreetKind::Main, river, &mut bridges, &mut streets);
    streets
}

/// Splits a road into parts on land and bridges.
fn cut_at_river<'a>(
    line: &[Point],
    name: &str,
    kind: StreetKind,
    river: &River,
    bridges: &mut impl Iterator<Item = &'a &'a str>,
    streets: &mut Vec<Street>,
) {
    let mut part: Vec<Point> = Vec::new();
    let mut is_bridge = false;
    for point in resample(line, 6.0) {
        let is_water = river.distance(point) < 7.0;
        if is_water != is_bridge && !part.is_empty() {
            part.push(point);
            push_part(&part, name, kind, is_bridge, bridges, streets);
            part.clear();
        }
        is_bridge = is_water;
        part.push(point);
    }
    push_part(&part, name, kind, is_bridge, bridges, streets);
}

fn push_part<'a>(
    part: &[Point],
    name: &str,
    kind: StreetKind,
    is_bridge: bool,
    bridges: &mut impl Iterator<Item = &'a &'a str>,
    streets: &mut Vec<Street>,
) {
    let line = simplify(part, 1.0);
    if line.len() < 2 {
        return;
    }
    let (name, kind) = if is_bridge { (bridges.next().map_or(name, |bridge| *bridge), StreetKind::Bridge) } else { (name, kind) };
    streets.push(Street { name: name.to_owned(), kind, line });
}
