//! Buildings along the streets: narrow and close in the old town, rows in the quarters, houses in the suburbs, halls in the east.

use super::parks::Park;
use super::plan::{Plan, RING, WALL};
use super::railway::{Landmark, station};
use super::river::River;
use super::side_streets::is_industrial;
use super::streets::{SegmentIndex, Street, StreetKind};
use crate::simulate::geo::{Point, along, contains, distance_to_line, length};
use crate::simulate::numeric::floor_i64;
use crate::simulate::random::Dice;
use std::collections::HashMap;

/// The footprint of a building.
#[derive(Debug, Clone, PartialEq)]
pub struct Building {
    /// `house`, `row`, `old_town`, `hall` or the kind of a [`Landmark`].
    pub kind: &'static str,
    /// Name, German; empty for ordinary houses.
    pub name: String,
    /// Four corners.
    pub outline: [Point; 4],
}

/// Bound on the number of buildings, so that the layer stays small enough for a browser.
const MOST_BUILDINGS: usize = 4_300;

/// Name, kind, width, depth, and address range of public buildings.
const PUBLIC: [(&str, &str, f64, f64, f64, f64); 16] = [
    ("Rathaus", "town_hall", 34.0, 20.0, 0.03, 0.06),
    ("St.-Nikolai-Kirche", "church", 40.0, 18.0, 0.035, 0.08),
    ("Stadtbibliothek", "library", 28.0, 18.0, 0.06, 0.13),
    ("Grundschule am Wall", "school", 48.0, 20.0, 0.17, 0.24),
    ("Wartetal-Gymnasium", "school", 62.0, 26.0, 0.24, 0.4),
    ("Realschule am Stadtring", "school", 54.0, 24.0, 0.36, 0.46),
    ("Regenbogen-Grundschule", "school", 46.0, 20.0, 0.5, 0.66),
    ("Grundschule Hinterm Holz", "school", 46.0, 20.0, 0.55, 0.75),
    ("Berufsbildende Schule", "school", 64.0, 28.0, 0.44, 0.6),
    ("Kita Sonnenblume", "kindergarten", 28.0, 16.0, 0.3, 0.5),
    ("Kita Warteknirpse", "kindergarten", 28.0, 16.0, 0.5, 0.75),
    ("Klinikum Seedorf", "hospital", 78.0, 34.0, 0.4, 0.6),
    ("Hallenbad Wartewelle", "pool", 48.0, 30.0, 0.35, 0.6),
    ("Feuerwache", "fire_station", 40.0, 22.0, 0.36, 0.55),
    ("Stadtwerke", "utility", 46.0, 26.0, 0.46, 0.62),
    ("Baubetriebshof", "depot", 52.0, 30.0, 0.5, 0.7),
];

/// Builds public buildings first, then houses along all streets from the market outwards.
pub(crate) fn build(
    plan: &Plan,
    river: &River,
    parks: &[Park],
    streets: &[Street],
    rails: &[Point],
    dice: &mut Dice,
) -> (Vec<Building>, Vec<Landmark>) {
    let mut ground = BuildingSite::new(plan, river, parks, streets, rails);
    let mut landmarks = vec![ground.station(rails)];
    for (name, kind, width, depth, low, high) in PUBLIC {
        landmarks.extend(ground.public(name, kind, (width, depth), (low, high), streets, dice));
    }
    let mut frontages: Vec<&Street> =
        streets.iter().filter(|street| !matches!(street.kind, StreetKind::Railway | StreetKind::Bridge)).collect();
    frontages.sort_by(|a, b| middle(a).length().total_cmp(&middle(b).length()));
    for street in frontages {
        ground.line_street(street, dice);
    }
    thin_out(&mut ground.buildings, dice);
    (ground.buildings, landmarks)
}

fn middle(street: &Street) -> Point {
    along(&street.line, length(&street.line) / 2.0).0
}

/// Removes houses at random until the bound is met; buildings with a name stay.
fn thin_out(buildings: &mut Vec<Building>, dice: &mut Dice) {
    while buildings.len() > MOST_BUILDINGS {
        let index = dice.index(buildings.len());
        if buildings[index].name.is_empty() && buildings[index].kind == "house" {
            buildings.swap_remove(index);
        }
    }
}

/// What houses look like in a part of the town.
#[derive(Debug, Clone, Copy)]
struct Style {
    kind: &'static str,
    width: (f64, f64),
    depth: (f64, f64),
    gap: (f64, f64),
    setback: (f64, f64),
    /// Part of the plots that are built on.
    density: f64,
}

fn style(plan: &Plan, point: Point) -> Style {
    let u = plan.address(point);
    if u < WALL {
        Style { kind: "old_town", width: (14.0, 27.0), depth: (11.0, 15.0), gap: (0.4, 2.0), setback: (0.3, 1.0), density: 0.97 }
    } else if u < 0.3 {
        Style { kind: "row", width: (20.0, 42.0), depth: (12.0, 15.0), gap: (1.0, 8.0), setback: (2.0, 4.0), density: 0.93 }
    } else if is_industrial(point) {
        Style { kind: "hall", width: (34.0, 88.0), depth: (28.0, 52.0), gap: (16.0, 40.0), setback: (8.0, 16.0), density: 0.75 }
    } else if u < RING {
        Style { kind: "row", width: (16.0, 38.0), depth: (11.0, 14.0), gap: (7.0, 17.0), setback: (4.0, 7.0), density: 0.88 }
    } else {
        let far = (u - RING) / (1.0 - RING);
        Style { kind: "house", width: (11.0, 17.0), depth: (10.0, 13.0), gap: (12.0, 22.0), setback: (4.0, 8.0), density: 0.9 - 0.35 * far }
    }
}

/// The ground and everything that already stands on it.
struct BuildingSite<'a> {
    plan: &'a Plan,
    river: &'a River,
    parks: &'a [Park],
    rails: &'a [Point],
    roads: SegmentIndex,
    half_widths: Vec<f64>,
    buildings: Vec<Building>,
    cells: HashMap<(i64, i64), Vec<usize>>,
}

const CELL_M: f64 = 40.0;

impl<'a> BuildingSite<'a> {
    fn new(plan: &'a Plan, river: &'a River, parks: &'a [Park], streets: &[Street], rails: &'a [Point]) -> Self {
        let mut roads = SegmentIndex::default();
        for (tag, street) in streets.iter().enumerate() {
            roads.insert(&street.line, tag);
        }
        let half_widths = streets.iter().map(|street| street.kind.half_width()).collect();
        Self { plan, river, parks, rails, roads, half_widths, buildings: Vec::new(), cells: HashMap::new() }
    }

    fn station(&mut self, rails: &[Point]) -> Landmark {
        let track = station(rails);
        let inwards = track.times(-1.0).unit();
        let centre = track.plus(inwards.times(28.0));
        self.put(rectangle(centre, inwards.left(), (64.0, 15.0)), "station", "Bahnhof Seedorf");
        Landmark { name: "Bahnhof".to_owned(), kind: "station", position: centre }
    }

    /// Puts a public building beside some street of the address range.
    fn public(
        &mut self,
        name: &str,
        kind: &'static str,
        extent: (f64, f64),
        range: (f64, f64),
        streets: &[Street],
        dice: &mut Dice,
    ) -> Option<Landmark> {
        let candidates: Vec<&Street> = streets
            .iter()
            .filter(|street| street.kind != StreetKind::Railway && street.kind != StreetKind::Bridge)
            .filter(|street| (range.0..range.1).contains(&self.plan.address(middle(street))))
            .collect();
        for _ in 0..400 {
            let street = candidates.get(dice.index(candidates.len()))?;
            let (point, heading) = along(&street.line, dice.unit() * length(&street.line));
            let side = if dice.chance(0.5) { heading.left() } else { heading.left().times(-1.0) };
            let centre = point.plus(side.times(street.kind.half_width() + 2.0 + extent.1 / 2.0));
            let outline = rectangle(centre, heading, extent);
            if self.is_free(&outline) {
                self.put(outline, kind, name);
                return Some(Landmark { name: name.to_owned(), kind, position: centre });
            }
        }
        None
    }

    /// Houses on both sides of a street.
    fn line_street(&mut self, street: &Street, dice: &mut Dice) {
        let total = length(&street.line);
        for side in [1.0, -1.0] {
            let mut position = dice.range(2.0, 8.0);
            while position < total {
                let (point, heading) = along(&street.line, position);
                let style = style(self.plan, point);
                let size = (dice.range(style.width.0, style.width.1), dice.range(style.depth.0, style.depth.1));
                let (point, heading) =
                    if position + size.0 < total { along(&street.line, position + size.0 / 2.0) } else { (point, heading) };
                let offset = street.kind.half_width() + dice.range(style.setback.0, style.setback.1) + size.1 / 2.0;
                let outline = rectangle(point.plus(heading.left().times(side * offset)), heading, size);
                if dice.chance(style.density) && self.is_free(&outline) {
                    self.put(outline, style.kind, "");
                    position += size.0 + dice.range(style.gap.0, style.gap.1);
                } else {
                    position += size.0 * 0.5;
                }
            }
        }
    }

    fn is_free(&self, outline: &[Point; 4]) -> bool {
        let centre = outline[0].towards(outline[2], 0.5);
        let reach = centre.distance(outline[0]);
        if self.plan.address(centre) > 0.97
            || self.river.distance(centre) < reach + 10.0
            || distance_to_line(centre, self.rails) < reach + 10.0
        {
            return false;
        }
        let corners = || outline.iter().chain(std::iter::once(&centre));
        if self.parks.iter().any(|park| {
            corners().any(|corner| contains(&park.outline, *corner)) || park.outline.iter().any(|corner| contains(outline, *corner))
        }) {
            return false;
        }
        // A road keeps its corridor free of corners and of whole buildings.
        let blocked = self.roads.near(centre, reach + 12.0).any(|segment| {
            let width = self.half_widths.get(segment.tag).copied().unwrap_or(0.0) * 0.8;
            corners().any(|corner| crate::simulate::geo::distance_to_segment(*corner, segment.a, segment.b) < width)
                || edges(outline).any(|(a, b)| crate::simulate::geo::crossing(a, b, segment.a, segment.b).is_some())
        });
        !blocked && !self.neighbours(centre, reach).any(|other| overlap(outline, &other.outline))
    }

    fn neighbours(&self, centre: Point, reach: f64) -> impl Iterator<Item = &Building> {
        let (low, high) = (cell(Point::new(centre.x - reach, centre.y - reach)), cell(Point::new(centre.x + reach, centre.y + reach)));
        (low.0..=high.0)
            .flat_map(move |x| (low.1..=high.1).map(move |y| (x, y)))
            .filter_map(|key| self.cells.get(&key))
            .flatten()
            .map(|index| &self.buildings[*index])
    }

    fn put(&mut self, outline: [Point; 4], kind: &'static str, name: &str) {
        let index = self.buildings.len();
        let bound = |pick: fn(f64, f64) -> f64, start: f64| {
            Point::new(outline.iter().map(|p| p.x).fold(start, pick), outline.iter().map(|p| p.y).fold(start, pick))
        };
        let (low, high) = (cell(bound(f64::min, f64::INFINITY)), cell(bound(f64::max, f64::NEG_INFINITY)));
        for x in low.0..=high.0 {
            for y in low.1..=high.1 {
                self.cells.entry((x, y)).or_default().push(index);
            }
        }
        self.buildings.push(Building { kind, name: name.to_owned(), outline });
    }
}

fn cell(point: Point) -> (i64, i64) {
    (floor_i64(point.x / CELL_M), floor_i64(point.y / CELL_M))
}

fn rectangle(centre: Point, heading: Point, (width, depth): (f64, f64)) -> [Point; 4] {
    let (along, across) = (heading.unit().times(width / 2.0), heading.unit().left().times(depth / 2.0));
    [centre.minus(along).minus(across), centre.plus(along).minus(across), centre.plus(along).plus(across), centre.minus(along).plus(across)]
}

fn edges(outline: &[Point; 4]) -> impl Iterator<Item = (Point, Point)> {
    (0..4).map(|index| (outline[index], outline[(index + 1) % 4]))
}

/// True when two rectangles overlap (separating axis theorem).
fn overlap(a: &[Point; 4], b: &[Point; 4]) -> bool {
    let separated = |axes: &[Point; 4]| {
        [axes[1].minus(axes[0]), axes[3].minus(axes[0])].into_iter().any(|axis| {
            let span = |corners: &[Point; 4]| {
                corners
                    .iter()
                    .map(|corner| corner.dot(axis))
                    .fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)))
            };
            let (first, second) = (span(a), span(b));
            first.1 <= second.0 || second.1 <= first.0
        })
    };
    !separated(a) && !separated(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rectangles_overlap_or_not() {
        let heading = Point::new(1.0, 0.0);
        let a = rectangle(Point::new(0.0, 0.0), heading, (10.0, 10.0));
        assert!(overlap(&a, &rectangle(Point::new(9.0, 0.0), heading, (10.0, 10.0))));
        assert!(!overlap(&a, &rectangle(Point::new(11.0, 0.0), heading, (10.0, 10.0))));
        assert!(!overlap(&a, &rectangle(Point::new(11.5, 0.0), Point::new(1.0, 1.0), (8.0, 8.0))));
    }
}
