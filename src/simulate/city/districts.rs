//! Districts: the old town inside its wall, three quarters inside the ring road, five suburbs. Together they tile the town.

use super::plan::{Plan, RING, WALL};
use super::river::River;
use crate::simulate::geo::{Point, centroid};
use std::f64::consts::TAU;

/// A district.
#[derive(Debug, Clone, PartialEq)]
pub struct District {
    /// Name, German.
    pub name: &'static str,
    /// `old_town`, `quarter` or `suburb`.
    pub kind: &'static str,
    /// Its border, an open ring.
    pub outline: Vec<Point>,
}

/// Roads that separate the quarters inside the ring road.
const INNER_BORDERS: [usize; 3] = [0, 2, 5];
/// Roads that separate the suburbs.
const OUTER_BORDERS: [usize; 5] = [0, 1, 3, 4, 6];

/// Names of suburbs by compass, counter-clockwise from east.
const SUBURBS: [&str; 8] = ["Gewerbepark Ost", "Lindenhof", "Nordheide", "Klosterberg", "Weststadt", "Auwiesen", "Südhang", "Mühlenfeld"];

/// Divides the town. Neighbours share their border points exactly.
pub(crate) fn divide(plan: &Plan, river: &River) -> Vec<District> {
    let borders = Borders::new(plan);
    let mut districts = vec![District { name: "Altstadt", kind: "old_town", outline: open(borders.ring(plan, WALL, 0.0, TAU)) }];
    let inner = pieces(&INNER_BORDERS).map(|(from, to)| borders.piece(plan, WALL, RING, from, to)).collect::<Vec<_>>();
    districts.extend(name_quarters(inner, river));
    let outer = pieces(&OUTER_BORDERS).map(|(from, to)| borders.piece(plan, RING, 1.0, from, to)).collect::<Vec<_>>();
    districts.extend(name_suburbs(outer));
    districts
}

/// The angles at which rings have corners: regular ones, and those where a border meets the ring.
struct Borders {
    angles: Vec<f64>,
}

impl Borders {
    fn new(plan: &Plan) -> Self {
        let mut angles: Vec<f64> = (0..180).map(|step| TAU * f64::from(step) / 180.0).collect();
        for radial in INNER_BORDERS.into_iter().chain(OUTER_BORDERS) {
            angles.extend([WALL, RING, 1.0].map(|u| plan.radial_angle(radial, u).rem_euclid(TAU)));
        }
        angles.sort_by(f64::total_cmp);
        angles.dedup_by(|a, b| (*a - *b).abs() < 1e-12);
        Self { angles }
    }

    /// Corners of a ring from one angle counter-clockwise to another, both included.
    fn ring(&self, plan: &Plan, u: f64, from: f64, to: f64) -> Vec<Point> {
        let start = from.rem_euclid(TAU);
        let span = if to - from >= TAU { TAU } else { (to - from).rem_euclid(TAU) };
        let mut between: Vec<f64> =
            self.angles.iter().map(|angle| (angle - start).rem_euclid(TAU)).filter(|part| *part > 1e-9 && *part < span - 1e-9).collect();
        between.sort_by(f64::total_cmp);
        let inner = between.into_iter().map(|part| plan.point(u, (start + part).rem_euclid(TAU)));
        let ends = |angle: f64| plan.point(u, angle.rem_euclid(TAU));
        std::iter::once(ends(from)).chain(inner).chain(std::iter::once(ends(to))).collect()
    }

    /// The piece between two roads and two rings.
    fn piece(&self, plan: &Plan, low: f64, high: f64, from: usize, to: usize) -> Vec<Point> {
        let mut outline = self.ring(plan, low, plan.radial_angle(from, low), plan.radial_angle(to, low));
        outline.reverse();
        outline.extend(border(plan, from, low, high));
        outline.extend(self.ring(plan, high, plan.radial_angle(from, high), plan.radial_angle(to, high)));
        outline.extend(border(plan, to, low, high).into_iter().rev());
        outline
    }
}

/// Points of a road strictly between two rings.
fn border(plan: &Plan, radial: usize, low: f64, high: f64) -> Vec<Point> {
    let line = plan.radial_line(radial, low, high);
    line.get(1..line.len().saturating_sub(1)).unwrap_or_default().to_vec()
}

fn open(mut ring: Vec<Point>) -> Vec<Point> {
    ring.pop();
    ring
}

fn pieces(borders: &[usize]) -> impl Iterator<Item = (usize, usize)> {
    borders.iter().copied().zip(borders.iter().copied().cycle().skip(1))
}

/// The quarter at the river, the one at the station, and the third.
fn name_quarters(outlines: Vec<Vec<Point>>, river: &River) -> impl Iterator<Item = District> {
    let towards: Vec<f64> = outlines.iter().map(|outline| centroid(outline).unit().dot(river.side())).collect();
    let wettest = towards.iter().copied().fold(f64::MIN, f64::max);
    let driest = towards.iter().copied().fold(f64::MAX, f64::min);
    outlines.into_iter().zip(towards).map(move |(outline, towards)| {
        let name = if towards >= wettest {
            "Fischervorstadt"
        } else if towards <= driest {
            "Bahnhofsviertel"
        } else {
            "Neustadt"
        };
        District { name, kind: "quarter", outline }
    })
}

/// The suburb name whose direction fits best and is not taken.
fn name_suburbs(outlines: Vec<Vec<Point>>) -> Vec<District> {
    let mut taken = [false; SUBURBS.len()];
    let mut districts = Vec::new();
    for outline in outlines {
        let angle = centroid(&outline).angle();
        let misfit = |index: usize| {
            let apart = (angle - TAU * crate::simulate::numeric::float_len(index) / 8.0).rem_euclid(TAU);
            apart.min(TAU - apart)
        };
        let best = (0..SUBURBS.len()).filter(|index| !taken[*index]).min_by(|a, b| misfit(*a).total_cmp(&misfit(*b))).unwrap_or(0);
        taken[best] = true;
        districts.push(District { name: SUBURBS[best], kind: "suburb", outline });
    }
    districts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::geo::{area, contains};
    use crate::simulate::random::Dice;

    #[test]
    fn districts_tile_the_town_without_gaps_and_overlaps() {
        for seed in 0..10 {
            let plan = Plan::new(&mut Dice::new(seed, "plan"));
            let districts = divide(&plan, &River::new(&mut Dice::new(seed, "river")));
            let town: f64 = area(&Borders::new(&plan).ring(&plan, 1.0, 0.0, TAU));
            let sum: f64 = districts.iter().map(|district| area(&district.outline).abs()).sum();
            assert!((sum / town - 1.0).abs() < 1e-6, "seed {seed}: {sum} of {town} square metres");
            let mut dice = Dice::new(seed, "points");
            for _ in 0..2_000 {
                let point = plan.point(dice.range(0.0, 0.999), dice.range(0.0, TAU));
                let owners = districts.iter().filter(|district| contains(&district.outline, point)).count();
                assert!(owners <= 1, "seed {seed}: {point:?} belongs to {owners} districts");
            }
        }
    }

    #[test]
    fn names_are_unique() {
        for seed in 0..30 {
            let plan = Plan::new(&mut Dice::new(seed, "plan"));
            let mut names: Vec<_> =
                divide(&plan, &River::new(&mut Dice::new(seed, "river"))).iter().map(|district| district.name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), 9, "seed {seed}: {names:?}");
        }
    }
}
