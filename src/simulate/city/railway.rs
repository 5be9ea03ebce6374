//! The railway on the side away from the river, and named places.

use super::river::River;
use super::streets::{Street, StreetKind};
use crate::simulate::geo::Point;

/// A place with a name.
#[derive(Debug, Clone, PartialEq)]
pub struct Landmark {
    /// Name, German.
    pub name: String,
    /// `school`, `kindergarten`, `station`, `town_hall`, `church`, `hospital`, `pool`, `library`, `depot`, `industry`.
    pub kind: &'static str,
    /// Where it stands.
    pub position: Point,
}

/// The track: almost straight, as tracks are.
pub(crate) fn line(river: &River) -> Vec<Point> {
    let (along, away) = (river.direction(), river.side().times(-1.0));
    (-34_i32..=34)
        .map(|step| f64::from(step) * 100.0)
        .map(|s| along.times(s).plus(away.times(705.0 + 0.14 * s + s * s / 21_000.0)))
        .collect()
}

/// Where the station is: the point of the track nearest to the market square.
pub(crate) fn station(rails: &[Point]) -> Point {
    let nearer = |best: Point, next: &Point| if next.length() < best.length() { *next } else { best };
    rails.iter().fold(Point::new(1e6, 0.0), nearer)
}

/// The track as a line of the street layer.
pub(crate) fn street(rails: &[Point]) -> Street {
    Street { name: "Wartetalbahn".to_owned(), kind: StreetKind::Railway, line: rails.to_vec() }
}
