//! Streets, and a quick way to find what is near.

use crate::simulate::geo::{Point, distance_to_segment};
use crate::simulate::numeric::floor_i64;
use std::collections::HashMap;

/// What a street is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StreetKind {
    /// Road to another town, or the ring road.
    Main,
    /// Road along the old town's wall.
    Ring,
    /// Residential street.
    Side,
    /// Street without cars in the old town.
    Pedestrian,
    /// A main road where it crosses the river.
    Bridge,
    /// The railway.
    Railway,
}

impl StreetKind {
    /// The name used in GeoJSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Ring => "ring",
            Self::Side => "side",
            Self::Pedestrian => "pedestrian",
            Self::Bridge => "bridge",
            Self::Railway => "railway",
        }
    }

    /// Half the width of the corridor that must stay free of houses, metres.
    pub(crate) const fn half_width(self) -> f64 {
        match self {
            Self::Main | Self::Bridge => 10.0,
            Self::Ring => 9.0,
            Self::Side => 6.0,
            Self::Pedestrian => 4.0,
            Self::Railway => 14.0,
        }
    }
}

/// A street.
#[derive(Debug, Clone, PartialEq)]
pub struct Street {
    /// Name, German.
    pub name: String,
    /// What it is for.
    pub kind: StreetKind,
    /// Its middle.
    pub line: Vec<Point>,
}

/// Segments of streets sorted into cells, to find what is within a distance.
#[derive(Debug, Default)]
pub(crate) struct SegmentIndex {
    cells: HashMap<(i64, i64), Vec<usize>>,
    segments: Vec<Segment>,
}

/// A piece of a street between two points.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment {
    pub(crate) a: Point,
    pub(crate) b: Point,
    /// Whatever the owner of the index wants to remember.
    pub(crate) tag: usize,
}

const CELL_M: f64 = 60.0;

fn cell(point: Point) -> (i64, i64) {
    (floor_i64(point.x / CELL_M), floor_i64(point.y / CELL_M))
}

impl SegmentIndex {
    /// Adds all segments of a line.
    pub(crate) fn insert(&mut self, line: &[Point], tag: usize) {
        for pair in line.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            let number = self.segments.len();
            self.segments.push(Segment { a, b, tag });
            let (low, high) = (cell(Point::new(a.x.min(b.x), a.y.min(b.y))), cell(Point::new(a.x.max(b.x), a.y.max(b.y))));
            for x in low.0..=high.0 {
                for y in low.1..=high.1 {
                    self.cells.entry((x, y)).or_default().push(number);
                }
            }
        }
    }

    /// All segments whose cells touch the square of half width `reach` around a point; some may be farther away than `reach`.
    pub(crate) fn near(&self, point: Point, reach: f64) -> impl Iterator<Item = &Segment> {
        let (low, high) = (cell(Point::new(point.x - reach, point.y - reach)), cell(Point::new(point.x + reach, point.y + reach)));
        (low.0..=high.0)
            .flat_map(move |x| (low.1..=high.1).map(move |y| (x, y)))
            .filter_map(|key| self.cells.get(&key))
            .flatten()
            .filter_map(|number| self.segments.get(*number))
    }

    /// Distance to the nearest segment that passes the test, at most `reach`.
    pub(crate) fn distance(&self, point: Point, reach: f64, test: impl Fn(&Segment) -> bool) -> f64 {
        self.near(point, reach).filter(|segment| test(segment)).map(|s| distance_to_segment(point, s.a, s.b)).fold(reach, f64::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_finds_the_nearest_segment() {
        let mut index = SegmentIndex::default();
        index.insert(&[Point::new(0.0, 0.0), Point::new(500.0, 0.0)], 1);
        index.insert(&[Point::new(0.0, 90.0), Point::new(500.0, 90.0)], 2);
        assert!((index.distance(Point::new(250.0, 30.0), 100.0, |_| true) - 30.0).abs() < 1e-9);
        assert!((index.distance(Point::new(250.0, 30.0), 100.0, |segment| segment.tag == 2) - 60.0).abs() < 1e-9);
        assert!((index.distance(Point::new(250.0, 900.0), 100.0, |_| true) - 100.0).abs() < 1e-9);
    }
}
