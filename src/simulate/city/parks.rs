//! Parks and other green: what remains of the wall, a park at the river, woods on the hills, gardens, sports, the cemetery.

use super::plan::{Plan, RING, WALL};
use super::river::River;
use super::streets::{Street, StreetKind};
use crate::simulate::geo::{Point, contains, distance_to_line, resample, simplify, smooth};
use crate::simulate::numeric::float_len;
use crate::simulate::random::Dice;
use std::f64::consts::TAU;

/// A green or open space.
#[derive(Debug, Clone, PartialEq)]
pub struct Park {
    /// Name, German.
    pub name: &'static str,
    /// `park`, `forest`, `cemetery`, `sports`, `allotments` or `square`.
    pub kind: &'static str,
    /// Its border, an open ring.
    pub outline: Vec<Point>,
}

/// Name, kind, radius in metres and address range of the spaces that lie anywhere.
const SPACES: [(&str, &str, f64, f64, f64); 8] = [
    ("Stadtwald", "forest", 430.0, 0.93, 1.0),
    ("Wartebergwald", "forest", 340.0, 0.9, 1.0),
    ("Kurpark", "park", 150.0, 0.3, 0.42),
    ("Stadtfriedhof", "cemetery", 140.0, 0.5, 0.62),
    ("Sportpark", "sports", 150.0, 0.55, 0.75),
    ("Kleingärten Sonnenhang", "allotments", 140.0, 0.55, 0.8),
    ("Schillerpark", "park", 95.0, 0.26, 0.4),
    ("Bürgerpark", "park", 130.0, 0.52, 0.72),
];

/// Places all green. Spaces that find no room are left out.
pub(crate) fn place(plan: &Plan, river: &River, rails: &[Point], dice: &mut Dice) -> Vec<Park> {
    let mut parks = vec![market(dice), wall(plan, dice), meadow(river)];
    for (name, kind, radius, low, high) in SPACES {
        let found = (0..60).find_map(|_| {
            let centre = plan.point(dice.range(low, high), dice.range(0.0, TAU));
            let outline = blob(centre, radius, dice);
            is_free(&outline, radius, plan, river, rails, &parks).then_some(outline)
        });
        parks.extend(found.map(|outline| Park { name, kind, outline }));
    }
    parks
}

/// Moves no road: where a main road would cut a park, the park ends at the road.
pub(crate) fn clear_roads(parks: &mut [Park], streets: &[Street]) {
    let roads: Vec<&Street> = streets
        .iter()
        .filter(|street| matches!(street.kind, StreetKind::Main | StreetKind::Ring | StreetKind::Bridge | StreetKind::Railway))
        .collect();
    // The first three are thin by nature: roads run through them.
    for park in parks.iter_mut().skip(3) {
        let centre = crate::simulate::geo::centroid(&park.outline);
        let fine = resample(&closed(&park.outline), 14.0);
        let pulled = fine.iter().map(|corner| pull_in(*corner, centre, &roads)).collect::<Vec<_>>();
        park.outline = open(simplify(&pulled, 2.5));
    }
}

/// Pulls a corner towards the centre until no road lies between them.
fn pull_in(corner: Point, centre: Point, roads: &[&Street]) -> Point {
    let mut part: f64 = 1.0;
    for road in roads {
        for pair in road.line.windows(2) {
            if let Some((t, _)) = crate::simulate::geo::crossing(centre, corner, pair[0], pair[1]) {
                let length = centre.distance(corner).max(1.0);
                part = part.min(t - (road.kind.half_width() + 8.0) / length);
            }
        }
    }
    centre.towards(corner, part.max(0.05))
}

fn closed(ring: &[Point]) -> Vec<Point> {
    ring.iter().chain(ring.first()).copied().collect()
}

fn open(mut ring: Vec<Point>) -> Vec<Point> {
    ring.pop();
    ring
}

/// The market square.
fn market(dice: &mut Dice) -> Park {
    let turn = dice.range(0.0, TAU);
    let corners = [(46.0, 0.0), (50.0, 1.2), (44.0, 2.9), (52.0, 4.3), (45.0, 5.4)];
    Park { name: "Marktplatz", kind: "square", outline: corners.map(|(radius, angle)| Point::polar(radius, angle + turn)).to_vec() }
}

/// Half a circle of green where the wall was.
fn wall(plan: &Plan, dice: &mut Dice) -> Park {
    let start = dice.range(0.0, TAU);
    let end = start + dice.range(2.6, 3.6);
    let mut outline = plan.arc(WALL + 0.008, start, end);
    let mut outer = plan.arc(WALL + 0.034, start + 0.05, end - 0.05);
    outer.reverse();
    outline.append(&mut outer);
    Park { name: "Wallanlagen", kind: "park", outline: simplify(&outline, 2.0) }
}

/// A long meadow on the town side of the river.
fn meadow(river: &River) -> Park {
    let middle = river.line.len() / 2;
    let reach = (river.line.len() / 9).max(2);
    let bank = &river.line[middle.saturating_sub(reach)..(middle + reach).min(river.line.len())];
    let inwards = river.side().times(-1.0);
    let fine = resample(bank, 25.0);
    let near = fine.iter().map(|point| point.plus(inwards.times(26.0)));
    let far = fine.iter().enumerate().rev().map(|(index, point)| {
        let part = float_len(index) / float_len(fine.len());
        point.plus(inwards.times(34.0 + 95.0 * (part * std::f64::consts::PI).sin()))
    });
    Park { name: "Warteaue", kind: "park", outline: simplify(&near.chain(far).collect::<Vec<_>>(), 1.5) }
}

fn blob(centre: Point, radius: f64, dice: &mut Dice) -> Vec<Point> {
    let corners: Vec<Point> = (0..9)
        .map(|corner| centre.plus(Point::polar(radius * dice.range(0.72, 1.12), TAU * (f64::from(corner) + dice.range(-0.2, 0.2)) / 9.0)))
        .collect();
    open(simplify(&smooth(&corners, 5, true), 2.0))
}

fn is_free(outline: &[Point], radius: f64, plan: &Plan, river: &River, rails: &[Point], parks: &[Park]) -> bool {
    let centre = crate::simulate::geo::centroid(outline);
    let is_dry = outline.iter().all(|corner| river.distance(*corner) > 12.0 && distance_to_line(*corner, rails) > 25.0);
    let is_apart =
        parks.iter().all(|park| park.outline.iter().all(|corner| corner.distance(centre) > radius * 1.2 && !contains(outline, *corner)));
    let road = (0..super::plan::RADIALS)
        .map(|radial| distance_to_line(centre, &plan.radial_line(radial, WALL, 1.1)))
        .fold(f64::INFINITY, f64::min);
    is_dry && is_apart && road > radius * 0.55 && distance_to_line(centre, &plan.ring(RING)) > radius * 0.7
}
