//! Randomness that is the same on every machine and in every run.
//!
//! Two tools with two purposes:
//! - [`Dice`] is a sequence (PCG 64) for building the city and the fleet once, in a fixed order.
//! - [`hash`], [`unit`] and [`noise`] are functions without state: the value at an instant depends only on a seed and that
//!   instant, so history and live operation agree without sharing anything.

use super::numeric::{bits, float, floor_i64, low_u32, reduce};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

/// A reproducible sequence of random choices.
#[derive(Debug, Clone)]
pub(crate) struct Dice(Pcg64);

impl Dice {
    /// A sequence for one purpose: the same seed with another `purpose` gives an unrelated sequence.
    pub(crate) fn new(seed: u64, purpose: &str) -> Self {
        let salt = purpose.bytes().fold(0xcbf2_9ce4_8422_2325, |salt, byte| hash(salt, u64::from(byte)));
        Self(Pcg64::seed_from_u64(hash(seed, salt)))
    }

    /// 64 random bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        unit(self.bits())
    }

    /// Uniform in [low, high).
    pub(crate) fn range(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Uniform index below `len`; 0 when `len` is 0.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        reduce(self.bits(), len)
    }

    /// True with the given probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }
}

/// Mixes two numbers into evenly distributed bits (finaliser of `SplitMix64`, Steele et al. 2014).
pub(crate) const fn hash(a: u64, b: u64) -> u64 {
    let mut x = a ^ b.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x2545_f491_4f6c_dd1d);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Turns bits into a number in [0, 1).
pub(crate) fn unit(bits: u64) -> f64 {
    f64::from(low_u32(bits >> 32)) / 4_294_967_296.0
}

/// Turns bits into a number in [-1, 1).
pub(crate) fn signed(bits: u64) -> f64 {
    unit(bits) * 2.0 - 1.0
}

/// Roughly normal, mean 0, standard deviation 1, never beyond 3.5: the sum of four uniform numbers.
pub(crate) fn normal(bits: u64) -> f64 {
    let sum: u64 = (0..4).map(|part| (bits >> (16 * part)) & 0xffff).sum();
    (f64::from(low_u32(sum)) / 65_536.0 - 2.0) * 1.732
}

/// Smooth noise in [-1, 1]: random values at whole numbers, blended between them (value noise).
///
/// The slope never exceeds 3.75 per unit of `x`, which callers rely on when they bend time with it.
pub(crate) fn noise(seed: u64, x: f64) -> f64 {
    let cell = floor_i64(x);
    let part = x - float(cell);
    let left = signed(hash(seed, bits(cell)));
    let right = signed(hash(seed, bits(cell.wrapping_add(1))));
    let blend = part * part * part * (part * (part * 6.0 - 15.0) + 10.0);
    left + (right - left) * blend
}

/// Three octaves of [`noise`], in [-1, 1], with more detail than one.
pub(crate) fn fractal(seed: u64, x: f64) -> f64 {
    (noise(seed, x) + 0.5 * noise(seed ^ 0x51, x * 2.03) + 0.25 * noise(seed ^ 0xa7, x * 4.11)) / 1.75
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_purpose_give_the_same_sequence() {
        let mut first = Dice::new(7, "streets");
        let mut again = Dice::new(7, "streets");
        let mut other = Dice::new(7, "parks");
        let sequence: Vec<u64> = (0..8).map(|_| first.bits()).collect();
        assert_eq!(sequence, (0..8).map(|_| again.bits()).collect::<Vec<_>>());
        assert_ne!(sequence, (0..8).map(|_| other.bits()).collect::<Vec<_>>());
    }

    #[test]
    fn the_sequence_is_portable() {
        // Written down once: a change means that every demo city changes.
        let mut dice = Dice::new(1, "portable");
        assert_eq!([dice.bits(), dice.bits()], [PORTABLE[0], PORTABLE[1]]);
    }

    const PORTABLE: [u64; 2] = [7_207_581_321_880_216_764, 17_985_801_878_626_090_886];

    #[test]
    fn noise_is_continuous_and_bounded() {
        for step in 0..4000 {
            let x = f64::from(step) * 0.01 - 20.0;
            let here = noise(3, x);
            assert!((-1.0..=1.0).contains(&here));
            assert!((noise(3, x + 0.001) - here).abs() <= 0.00376, "jump at {x}");
        }
    }

    #[test]
    fn normal_has_unit_spread() {
        let values: Vec<f64> = (0..20_000).map(|i| normal(hash(9, i))).collect();
        let mean = values.iter().sum::<f64>() / 20_000.0;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05, "mean {mean}, variance {variance}");
    }
}
