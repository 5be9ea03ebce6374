//! The order of measurements: A B, B A, A B, B A, so that a machine that grows slower or faster favours nobody.

/// Which of the two is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The platform.
    Platform,
    /// What it is compared with.
    Control,
}

/// Measurements of both sides.
#[derive(Debug)]
pub struct Both<P, C> {
    /// Of the platform.
    pub platform: Vec<P>,
    /// Of the control.
    pub control: Vec<C>,
}

impl<P, C> Default for Both<P, C> {
    fn default() -> Self {
        Self { platform: Vec::new(), control: Vec::new() }
    }
}

/// Each side `repeats` times, interleaved.
pub fn order(repeats: u32) -> impl Iterator<Item = Side> {
    (0..repeats).flat_map(|pair| match pair % 2 {
        0 => [Side::Platform, Side::Control],
        _ => [Side::Control, Side::Platform],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_repeats_are_two_times_abba() {
        let order: String = order(4).map(|side| if side == Side::Platform { 'A' } else { 'B' }).collect();
        assert_eq!(order, "ABBAABBA");
    }
}
