//! Plane geometry of the town in metres, and the way to longitude and latitude.

use super::numeric::{float_len, floor_index};

/// A place on the globe, WGS 84, longitude first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LonLat {
    /// Longitude in degrees, positive to the east.
    pub lon_deg: f64,
    /// Latitude in degrees, positive to the north.
    pub lat_deg: f64,
}

/// A point of the plan: metres east and north of the market square.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Point {
    /// Metres to the east.
    pub x: f64,
    /// Metres to the north.
    pub y: f64,
}

impl Point {
    pub(crate) const fn new(x: f64, y: f64) -> Self {
        Self { x, y }
    }

    /// The point at a distance and an angle (counter-clockwise from east) from the origin.
    pub(crate) fn polar(radius: f64, angle: f64) -> Self {
        Self { x: radius * angle.cos(), y: radius * angle.sin() }
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self { x: self.x + other.x, y: self.y + other.y }
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        Self { x: self.x - other.x, y: self.y - other.y }
    }

    pub(crate) fn times(self, factor: f64) -> Self {
        Self { x: self.x * factor, y: self.y * factor }
    }

    pub(crate) fn dot(self, other: Self) -> f64 {
        self.x * other.x + self.y * other.y
    }

    pub(crate) fn cross(self, other: Self) -> f64 {
        self.x * other.y - self.y * other.x
    }

    pub(crate) fn length(self) -> f64 {
        // Distances of a town neither overflow nor vanish, so the careful and slow `hypot` is not needed.
        self.dot(self).sqrt()
    }

    pub(crate) fn distance(self, other: Self) -> f64 {
        self.minus(other).length()
    }

    /// Same direction, length 1; the zero vector stays zero.
    pub(crate) fn unit(self) -> Self {
        let length = self.length();
        if length > 0.0 { self.times(1.0 / length) } else { self }
    }

    /// Turned left by a quarter.
    pub(crate) fn left(self) -> Self {
        Self { x: -self.y, y: self.x }
    }

    /// Angle counter-clockwise from east.
    pub(crate) fn angle(self) -> f64 {
        self.y.atan2(self.x)
    }

    pub(crate) fn towards(self, other: Self, part: f64) -> Self {
        self.plus(other.minus(self).times(part))
    }
}

/// Metres to degrees around one centre; exact to a few centimetres over the size of a town.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Projection {
    centre: LonLat,
}

const METRES_PER_DEGREE: f64 = 111_194.93;

impl Projection {
    /// A projection around `centre`.
    #[must_use]
    pub const fn new(centre: LonLat) -> Self {
        Self { centre }
    }

    /// The centre.
    #[must_use]
    pub const fn centre(&self) -> LonLat {
        self.centre
    }

    /// Longitude and latitude of a point of the plan.
    #[must_use]
    pub fn to_lon_lat(&self, point: Point) -> LonLat {
        let shrink = self.centre.lat_deg.to_radians().cos();
        LonLat {
            lon_deg: self.centre.lon_deg + point.x / (METRES_PER_DEGREE * shrink),
            lat_deg: self.centre.lat_deg + point.y / METRES_PER_DEGREE,
        }
    }
}

/// Length of a line.
pub(crate) fn length(line: &[Point]) -> f64 {
    line.windows(2).map(|pair| pair[0].distance(pair[1])).sum()
}

/// The point and direction at a distance along a line; the ends when the distance lies outside.
pub(crate) fn along(line: &[Point], distance: f64) -> (Point, Point) {
    let mut left = distance.max(0.0);
    for pair in line.windows(2) {
        let step = pair[0].distance(pair[1]);
        if left <= step && step > 0.0 {
            return (pair[0].towards(pair[1], left / step), pair[1].minus(pair[0]).unit());
        }
        left -= step;
    }
    match line {
        [.., before, last] => (*last, last.minus(*before).unit()),
        [only] => (*only, Point::new(1.0, 0.0)),
        [] => (Point::default(), Point::new(1.0, 0.0)),
    }
}

/// Points at equal distances of about `step` along a line, both ends included.
pub(crate) fn resample(line: &[Point], step: f64) -> Vec<Point> {
    let total = length(line);
    let count = floor_index((total / step).round()).max(1);
    (0..=count).map(|index| along(line, total * float_len(index) / float_len(count)).0).collect()
}

/// Distance from a point to a segment.
pub(crate) fn distance_to_segment(point: Point, a: Point, b: Point) -> f64 {
    square_to_segment(point, a, b).sqrt()
}

fn square_to_segment(point: Point, a: Point, b: Point) -> f64 {
    let along = b.minus(a);
    let square = along.dot(along);
    let part = if square > 0.0 { (point.minus(a).dot(along) / square).clamp(0.0, 1.0) } else { 0.0 };
    let off = point.minus(a.plus(along.times(part)));
    off.dot(off)
}

/// Distance from a point to a line; infinite for an empty line.
pub(crate) fn distance_to_line(point: Point, line: &[Point]) -> f64 {
    line.windows(2).map(|pair| square_to_segment(point, pair[0], pair[1])).fold(f64::INFINITY, f64::min).sqrt()
}

/// Where the segment from `a` to `b` crosses the one from `c` to `d`, as parts along each, if they do.
pub(crate) fn crossing(a: Point, b: Point, c: Point, d: Point) -> Option<(f64, f64)> {
    let (first, second, between) = (b.minus(a), d.minus(c), c.minus(a));
    let area = first.cross(second);
    if area.abs() < 1e-9 {
        return None;
    }
    let parts = (between.cross(second) / area, between.cross(first) / area);
    ((0.0..=1.0).contains(&parts.0) && (0.0..=1.0).contains(&parts.1)).then_some(parts)
}

/// True when a point lies inside a ring (open or closed), by counting crossings.
pub(crate) fn contains(ring: &[Point], point: Point) -> bool {
    let mut inside = false;
    let mut previous = match ring.last() {
        Some(last) => *last,
        None => return false,
    };
    for &current in ring {
        if (current.y > point.y) != (previous.y > point.y) {
            let x = previous.x + (point.y - previous.y) / (current.y - previous.y) * (current.x - previous.x);
            if point.x < x {
                inside = !inside;
            }
        }
        previous = current;
    }
    inside
}

/// Area of a ring, positive when counter-clockwise.
pub(crate) fn area(ring: &[Point]) -> f64 {
    let mut sum = 0.0;
    let mut previous = ring.last().copied().unwrap_or_default();
    for &current in ring {
        sum += previous.cross(current);
        previous = current;
    }
    sum / 2.0
}

/// Centre of gravity of a ring.
pub(crate) fn centroid(ring: &[Point]) -> Point {
    let mut sum = Point::default();
    let mut previous = ring.last().copied().unwrap_or_default();
    for &current in ring {
        sum = sum.plus(previous.plus(current).times(previous.cross(current)));
        previous = current;
    }
    let area = area(ring);
    if area.abs() > 0.0 { sum.times(1.0 / (6.0 * area)) } else { previous }
}

/// Leaves out points that change a line by less than `tolerance` (Douglas and Peucker 1973).
pub(crate) fn simplify(line: &[Point], tolerance: f64) -> Vec<Point> {
    let mut keep = vec![false; line.len()];
    if let (Some(first), Some(last)) = (keep.first().copied(), line.len().checked_sub(1)) {
        keep[0] = !first;
        keep[last] = true;
        let mut open = vec![(0, last)];
        while let Some((from, to)) = open.pop() {
            let farthest = (from + 1..to)
                .map(|index| (index, distance_to_segment(line[index], line[from], line[to])))
                .fold((from, 0.0), |best, next| if next.1 > best.1 { next } else { best });
            if farthest.1 > tolerance {
                keep[farthest.0] = true;
                open.extend([(from, farthest.0), (farthest.0, to)]);
            }
        }
    }
    line.iter().zip(keep).filter_map(|(point, kept)| kept.then_some(*point)).collect()
}

/// A smooth curve through points (Catmull-Rom), with `steps` pieces between neighbours. A closed curve returns to its start.
pub(crate) fn smooth(points: &[Point], steps: usize, is_closed: bool) -> Vec<Point> {
    let count = points.len();
    if count < 3 {
        return points.to_vec();
    }
    let at = |index: isize| -> Point {
        let count = isize::try_from(count).unwrap_or(isize::MAX);
        let index = if is_closed { index.rem_euclid(count) } else { index.clamp(0, count - 1) };
        points[index.unsigned_abs()]
    };
    let pieces = if is_closed { count } else { count - 1 };
    let mut curve = Vec::with_capacity(pieces * steps + 1);
    for piece in 0..pieces {
        let base = isize::try_from(piece).unwrap_or(isize::MAX);
        let [before, start, end, after] = [at(base - 1), at(base), at(base + 1), at(base + 2)];
        for step in 0..steps {
            let t = float_len(step) / float_len(steps);
            let linear = end.minus(before).times(t);
            let square = before.times(2.0).minus(start.times(5.0)).plus(end.times(4.0)).minus(after).times(t * t);
            let cube = start.times(3.0).minus(before).minus(end.times(3.0)).plus(after).times(t * t * t);
            curve.push(start.plus(linear.plus(square).plus(cube).times(0.5)));
        }
    }
    curve.push(at(if is_closed { 0 } else { isize::try_from(count - 1).unwrap_or(0) }));
    curve
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_inside_a_ring_or_not() {
        let ring = [Point::new(0.0, 0.0), Point::new(10.0, 0.0), Point::new(10.0, 10.0), Point::new(0.0, 10.0)];
        assert!(contains(&ring, Point::new(5.0, 5.0)));
        assert!(!contains(&ring, Point::new(15.0, 5.0)));
        assert!(!contains(&[], Point::default()));
        assert!((area(&ring) - 100.0).abs() < 1e-9);
        assert!(centroid(&ring).distance(Point::new(5.0, 5.0)) < 1e-9);
    }

    #[test]
    fn a_straight_line_needs_only_its_ends() {
        let line: Vec<Point> = (0..20).map(|i| Point::new(f64::from(i), 0.0)).collect();
        assert_eq!(simplify(&line, 0.5), vec![Point::new(0.0, 0.0), Point::new(19.0, 0.0)]);
        assert_eq!(simplify(&[], 0.5), vec![]);
    }

    #[test]
    fn positions_along_a_line_are_measured_in_metres() {
        let line = [Point::new(0.0, 0.0), Point::new(10.0, 0.0), Point::new(10.0, 10.0)];
        assert!((length(&line) - 20.0).abs() < 1e-9);
        assert!(along(&line, 15.0).0.distance(Point::new(10.0, 5.0)) < 1e-9);
        assert!(along(&line, 99.0).0.distance(Point::new(10.0, 10.0)) < 1e-9);
        assert_eq!(resample(&line, 5.0).len(), 5);
    }

    #[test]
    fn segments_cross_where_they_should() {
        let parts = crossing(Point::new(0.0, 0.0), Point::new(10.0, 0.0), Point::new(5.0, -5.0), Point::new(5.0, 15.0)).unwrap();
        assert!((parts.0 - 0.5).abs() < 1e-9 && (parts.1 - 0.25).abs() < 1e-9);
        assert!(crossing(Point::new(0.0, 0.0), Point::new(1.0, 0.0), Point::new(0.0, 1.0), Point::new(1.0, 1.0)).is_none());
    }

    #[test]
    fn a_kilometre_is_a_kilometre_on_the_globe() {
        let projection = Projection::new(LonLat { lon_deg: 9.93, lat_deg: 52.03 });
        let east = projection.to_lon_lat(Point::new(1_000.0, 0.0));
        let north = projection.to_lon_lat(Point::new(0.0, 1_000.0));
        assert!((east.lon_deg - 9.944_62).abs() < 1e-5, "{east:?}");
        assert!((north.lat_deg - 52.038_993).abs() < 1e-6, "{north:?}");
    }
}
