//! The ground plan: three rings around the market square and seven roads to all sides, none of them regular.
//!
//! Places are addressed by (u, angle): u is 0 at the market, [`WALL`] at the old town's wall, [`RING`] at the ring road and 1 at
//! the edge of the town. The same address computed twice gives the same point, which keeps borders and roads together.

use crate::simulate::geo::Point;
use crate::simulate::numeric::float_len;
use crate::simulate::random::Dice;
use std::f64::consts::TAU;

/// Address of the old town's wall.
pub(crate) const WALL: f64 = 0.14;
/// Address of the ring road.
pub(crate) const RING: f64 = 0.46;

/// Number of roads that leave the town.
pub(crate) const RADIALS: usize = 7;

/// One irregular ring: a circle with four waves on it.
#[derive(Debug, Clone)]
struct Wave {
    radius: f64,
    harmonics: [(f64, f64); 4],
}

impl Wave {
    fn new(dice: &mut Dice, radius: f64, amplitude: f64) -> Self {
        Self { radius, harmonics: [0; 4].map(|_| (dice.range(0.3, 1.0) * amplitude, dice.range(0.0, TAU))) }
    }

    fn radius(&self, angle: f64) -> f64 {
        let waves = self.harmonics.iter().enumerate().map(|(index, (amplitude, phase))| {
            let order = float_len(index + 1);
            amplitude / order.sqrt() * (order * angle + phase).cos()
        });
        self.radius * (1.0 + waves.sum::<f64>())
    }
}

/// A road from the market to the edge of the town: a direction that drifts.
#[derive(Debug, Clone, Copy)]
struct Radial {
    angle: f64,
    bend: f64,
    wiggle: f64,
    phase: f64,
}

/// The ground plan.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    rings: [Wave; 3],
    radials: [Radial; RADIALS],
}

impl Plan {
    pub(crate) fn new(dice: &mut Dice) -> Self {
        let rings = [Wave::new(dice, 310.0, 0.085), Wave::new(dice, 960.0, 0.095), Wave::new(dice, 2_380.0, 0.115)];
        let turn = dice.range(0.0, TAU);
        let mut number = 0.0;
        let radials = [0; RADIALS].map(|_| {
            let angle = turn + TAU * (number + dice.range(-0.24, 0.24)) / float_len(RADIALS);
            number += 1.0;
            Radial { angle, bend: dice.range(-0.3, 0.3), wiggle: dice.range(0.02, 0.055), phase: dice.range(0.0, TAU) }
        });
        Self { rings, radials }
    }

    /// Distance from the market at an address.
    pub(crate) fn radius(&self, u: f64, angle: f64) -> f64 {
        let [wall, ring, edge] = [0, 1, 2].map(|index| self.rings[index].radius(angle));
        if u <= WALL {
            wall * u / WALL
        } else if u <= RING {
            wall + (ring - wall) * (u - WALL) / (RING - WALL)
        } else {
            ring + (edge - ring) * (u - RING) / (1.0 - RING)
        }
    }

    /// The point at an address.
    pub(crate) fn point(&self, u: f64, angle: f64) -> Point {
        Point::polar(self.radius(u, angle), angle)
    }

    /// The address u of a point; the inverse of [`Plan::point`].
    pub(crate) fn address(&self, point: Point) -> f64 {
        let (radius, angle) = (point.length(), point.angle());
        let [wall, ring, edge] = [0, 1, 2].map(|index| self.rings[index].radius(angle));
        if radius <= wall {
            WALL * radius / wall
        } else if radius <= ring {
            WALL + (RING - WALL) * (radius - wall) / (ring - wall)
        } else {
            RING + (1.0 - RING) * (radius - ring) / (edge - ring)
        }
    }

    /// Direction of a road where it has an address.
    pub(crate) fn radial_angle(&self, radial: usize, u: f64) -> f64 {
        let road = self.radials[radial % RADIALS];
        road.angle + road.bend * u + road.wiggle * (7.0 * u + road.phase).sin()
    }

    /// The point of a road at an address.
    pub(crate) fn radial_point(&self, radial: usize, u: f64) -> Point {
        self.point(u, self.radial_angle(radial, u))
    }

    /// A piece of a road.
    pub(crate) fn radial_line(&self, radial: usize, from: f64, to: f64) -> Vec<Point> {
        steps(from, to, 0.012).map(|u| self.radial_point(radial, u)).collect()
    }

    /// A piece of a ring from one angle counter-clockwise to the next.
    pub(crate) fn arc(&self, u: f64, from: f64, to: f64) -> Vec<Point> {
        steps(from, from + (to - from).rem_euclid(TAU), 0.035).map(|angle| self.point(u, angle)).collect()
    }

    /// A whole ring, closed.
    pub(crate) fn ring(&self, u: f64) -> Vec<Point> {
        steps(0.0, TAU, 0.03).map(|angle| self.point(u, angle)).collect()
    }
}

/// Numbers from `from` to `to`, both included, in equal steps of at most `step`.
fn steps(from: f64, to: f64, step: f64) -> impl Iterator<Item = f64> {
    let count = crate::simulate::numeric::floor_index(((to - from).abs() / step).ceil()).max(1);
    (0..=count).map(move |index| if index == count { to } else { from + (to - from) * float_len(index) / float_len(count) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_one_point_and_back() {
        let plan = Plan::new(&mut Dice::new(3, "plan"));
        for step in 0..500 {
            let (u, angle) = (0.002 * f64::from(step) + 0.001, 0.7 * f64::from(step));
            assert!((plan.address(plan.point(u, angle)) - u).abs() < 1e-9);
        }
    }

    #[test]
    fn roads_leave_the_town_in_order_and_apart() {
        for seed in 0..50 {
            let plan = Plan::new(&mut Dice::new(seed, "plan"));
            for radial in 0..RADIALS {
                for u in [0.15, 0.5, 1.0] {
                    let apart = (plan.radial_angle(radial + 1, u) - plan.radial_angle(radial, u)).rem_euclid(TAU);
                    assert!((0.12..2.2).contains(&apart), "seed {seed}: roads {radial} and next are {apart} apart at {u}");
                }
            }
        }
    }
}
