//! Side streets: lines that follow a direction field and keep their distance from each other.
//!
//! The field turns around the market in the middle, follows the river at its banks, and has its own grain in every suburb. Two
//! families of lines follow it: along (0) and across (1). A line starts where there is room, runs until it would come too close
//! to its own kind, meets a main road, or leaves the town.

use super::names::{NameStyle, StreetNames};
use super::parks::Park;
use super::plan::{Plan, RING, WALL};
use super::river::River;
use super::streets::{Segment, SegmentIndex, Street, StreetKind};
use crate::simulate::geo::{Point, contains, crossing, length, simplify};
use crate::simulate::random::Dice;
use std::f64::consts::{FRAC_PI_2, TAU};

const STEP_M: f64 = 9.0;
const LONGEST_M: f64 = 620.0;

/// Tags in the index: the two families, roads, and lines nobody joins.
const ROAD: usize = 2;
const BARRIER: usize = 3;

/// Grows side streets until there is no room left.
pub(crate) fn grow(plan: &Plan, river: &River, parks: &[Park], streets: &mut Vec<Street>, names: &mut StreetNames, dice: &mut Dice) {
    let mut index = SegmentIndex::default();
    for street in streets.iter() {
        let tag = if matches!(street.kind, StreetKind::Railway | StreetKind::Bridge) { BARRIER } else { ROAD };
        index.insert(&street.line, tag);
    }
    let field = Field::new(plan, river, dice);
    let mut seeds = seeds(plan, dice);
    seeds.sort_by(|a, b| a.length().total_cmp(&b.length()));
    let ground = Ground { plan, river, parks, green: [dice.range(0.0, TAU), dice.range(0.0, TAU), dice.range(0.0, TAU)] };
    for (number, seed) in seeds.into_iter().enumerate() {
        for family in [number % 2, 1 - number % 2] {
            let Some(line) = trace(seed, family, &field, &ground, &index) else { continue };
            let line = simplify(&line, 1.2);
            index.insert(&line, family);
            let (kind, style) = character(plan, &line);
            streets.push(Street { name: names.next(style), kind, line });
        }
    }
}

/// Kind and style of a street by where its middle lies.
fn character(plan: &Plan, line: &[Point]) -> (StreetKind, NameStyle) {
    let middle = crate::simulate::geo::along(line, length(line) / 2.0).0;
    let u = plan.address(middle);
    if u < WALL {
        (StreetKind::Pedestrian, NameStyle::OldTown)
    } else if u < RING {
        (StreetKind::Side, NameStyle::Quarter)
    } else if is_industrial(middle) {
        (StreetKind::Side, NameStyle::Industry)
    } else {
        (StreetKind::Side, NameStyle::Suburb)
    }
}

/// Trade and industry settled in the east.
pub(crate) fn is_industrial(point: Point) -> bool {
    point.angle().abs() < 0.42 && point.length() > 1_050.0
}

fn seeds(plan: &Plan, dice: &mut Dice) -> Vec<Point> {
    let mut seeds = Vec::new();
    for x in -62_i32..=62 {
        for y in -62_i32..=62 {
            let seed = Point::new((f64::from(x) + dice.range(-0.5, 0.5)) * 40.0, (f64::from(y) + dice.range(-0.5, 0.5)) * 40.0);
            if plan.address(seed) < 0.92 {
                seeds.push(seed);
            }
        }
    }
    seeds
}

/// Where streets may run.
struct Ground<'a> {
    plan: &'a Plan,
    river: &'a River,
    parks: &'a [Park],
    green: [f64; 3],
}

impl Ground<'_> {
    fn is_open(&self, point: Point) -> bool {
        let u = self.plan.address(point);
        (0.028..0.95).contains(&u)
            && self.river.distance(point) > 18.0
            && !self.parks.iter().any(|park| contains(&park.outline, point))
            && self.greenness(point) < 1.25 - 1.6 * ((u - RING) / (1.0 - RING)).max(0.0)
    }

    /// Meadows and fields between the suburbs, -1 to 1.
    fn greenness(&self, point: Point) -> f64 {
        let [a, b, c] = self.green;
        ((point.x / 310.0 + a).sin() + (point.y / 350.0 + b).sin() + ((point.x + point.y) / 620.0 + c).sin()) / 3.0
    }

    /// Distance between neighbouring lines of a family.
    fn spacing(&self, point: Point, family: usize) -> f64 {
        let u = self.plan.address(point);
        let along = if u < WALL {
            50.0
        } else if u < RING {
            92.0
        } else if is_industrial(point) {
            160.0
        } else {
            100.0 + 70.0 * ((u - RING) / (1.0 - RING))
        };
        if family == 0 { along } else { along * 1.5 }
    }
}

/// The direction field.
struct Field<'a> {
    plan: &'a Plan,
    river: &'a River,
    grains: Vec<(Point, f64, f64)>,
    ripple: [f64; 3],
}

impl<'a> Field<'a> {
    fn new(plan: &'a Plan, river: &'a River, dice: &mut Dice) -> Self {
        let grains = (0..17).map(|number| {
            // Six grains inside the ring road, eleven outside.
            let (count, low, high, reach) = if number < 6 { (6.0, 0.24, 0.38, 270.0) } else { (11.0, 0.54, 0.85, 430.0) };
            let angle = TAU * (f64::from(number) + dice.range(-0.3, 0.3)) / count;
            (plan.point(dice.range(low, high), angle), angle + dice.range(-0.9, 0.9), reach)
        });
        let grains = grains.collect();
        Self { plan, river, grains, ripple: [dice.range(0.0, TAU), dice.range(0.0, TAU), dice.range(0.0, TAU)] }
    }

    /// Direction of a family at a point, as a unit vector without a sense.
    fn direction(&self, point: Point, family: usize) -> Point {
        let mut sum = Point::default();
        let mut add = |angle: f64, weight: f64| sum = sum.plus(Point::polar(weight, 2.0 * angle));
        let around = point.angle() + FRAC_PI_2;
        add(around, 0.12 + 1.3 * (-(point.length() / 430.0).powi(2)).exp());
        for &(centre, angle, reach) in &self.grains {
            add(angle + FRAC_PI_2, 1.1 * (-(point.distance(centre) / reach).powi(2)).exp());
        }
        let water = self.river.distance(point);
        if water < 320.0
            && let Some(bank) = self.bank_angle(point)
        {
            add(bank, 1.3 * (-(water / 130.0).powi(2)).exp());
        }
        let ring = self.plan.address(point) - RING;
        if ring.abs() < 0.06 {
            add(around, 0.8 * (1.0 - ring.abs() / 0.06));
        }
        Point::polar(1.0, sum.angle() / 2.0 + self.wander(point) + if family == 0 { 0.0 } else { FRAC_PI_2 })
    }

    /// Old lanes wander, new streets hardly do.
    fn wander(&self, point: Point) -> f64 {
        let [a, b, c] = self.ripple;
        let old = (-(point.length() / 420.0).powi(2)).exp();
        old * 0.3 * ((point.x / 62.0 + a).sin() + (point.y / 71.0 + b).sin()) + 0.1 * ((point.x - point.y) / 260.0 + c).sin()
    }

    fn bank_angle(&self, point: Point) -> Option<f64> {
        let nearest = self.river.line.windows(2).min_by(|a, b| {
            let distance = |pair: &[Point]| crate::simulate::geo::distance_to_segment(point, pair[0], pair[1]);
            distance(a).total_cmp(&distance(b))
        })?;
        Some(nearest[1].minus(nearest[0]).angle())
    }
}

/// Follows the field both ways from a seed.
fn trace(seed: Point, family: usize, field: &Field<'_>, ground: &Ground<'_>, index: &SegmentIndex) -> Option<Vec<Point>> {
    let spacing = ground.spacing(seed, family);
    if !ground.is_open(seed) || too_close(seed, family, field.direction(seed, family), spacing * 0.96, index) {
        return None;
    }
    let start = field.direction(seed, family);
    let mut back = walk(seed, start.times(-1.0), family, field, ground, index);
    let forth = walk(seed, start, family, field, ground, index);
    back.reverse();
    back.push(seed);
    back.extend(forth);
    let shortest = if ground.plan.address(seed) < WALL { 45.0 } else { 85.0 };
    (length(&back) > shortest).then_some(back)
}

/// Follows the field one way; the seed itself is not part of the result.
fn walk(seed: Point, start: Point, family: usize, field: &Field<'_>, ground: &Ground<'_>, index: &SegmentIndex) -> Vec<Point> {
    let mut line = Vec::new();
    let (mut here, mut heading) = (seed, start);
    let mut walked = 0.0;
    while walked < LONGEST_M / 2.0 {
        let mut direction = field.direction(here, family);
        if direction.dot(heading) < 0.0 {
            direction = direction.times(-1.0);
        }
        if direction.dot(heading) < 0.8 {
            break;
        }
        let next = here.plus(direction.times(STEP_M));
        if let Some(meeting) = first_crossing(here, next, index, |segment| segment.tag >= ROAD) {
            if meeting.1 == ROAD {
                line.push(meeting.0);
            }
            return line;
        }
        if !ground.is_open(next) || too_close(next, family, direction, ground.spacing(next, family) * 0.6, index) {
            break;
        }
        line.push(next);
        walked += STEP_M;
        (here, heading) = (next, direction);
    }
    reach_out(here, heading, ground, index, &mut line);
    line
}

/// Lengthens a loose end to the next street, if one is near ahead.
fn reach_out(end: Point, heading: Point, ground: &Ground<'_>, index: &SegmentIndex, line: &mut Vec<Point>) {
    let reach = ground.spacing(end, 0) * 0.9;
    let ahead = end.plus(heading.times(reach));
    let Some((meeting, tag)) = first_crossing(end.plus(heading.times(0.5)), ahead, index, |_| true) else { return };
    let is_dry = (1..8).all(|part| ground.river.distance(end.towards(meeting, f64::from(part) / 8.0)) > 10.0);
    let crosses_park =
        (1..8).any(|part| ground.parks.iter().any(|park| contains(&park.outline, end.towards(meeting, f64::from(part) / 8.0))));
    if tag != BARRIER && is_dry && !crosses_park {
        line.push(meeting);
    }
}

/// The first street that a step crosses, and its tag.
fn first_crossing(from: Point, to: Point, index: &SegmentIndex, test: impl Fn(&Segment) -> bool) -> Option<(Point, usize)> {
    let reach = from.distance(to) + 1.0;
    index
        .near(from, reach)
        .filter(|segment| test(segment))
        .filter_map(|segment| crossing(from, to, segment.a, segment.b).map(|(t, _)| (t, segment.tag)))
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(t, tag)| (from.towards(to, t), tag))
}

/// True when a line of the same family, or a road in about the same direction, is nearer than `reach`.
fn too_close(point: Point, family: usize, direction: Point, reach: f64, index: &SegmentIndex) -> bool {
    let rivals =
        |segment: &Segment| segment.tag == family || (segment.tag >= ROAD && segment.b.minus(segment.a).unit().dot(direction).abs() > 0.75);
    index.distance(point, reach, rivals) < reach
}
