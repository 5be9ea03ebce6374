//! Which types of devices a town has, and how many of each.

use crate::simulate::devices::DeviceType;
use crate::simulate::numeric::{float_len, len_u64};

/// Devices per thousand.
const WEIGHTS: [(DeviceType, u32); 18] = [
    (DeviceType::DecentlabDlPm, 60),
    (DeviceType::DecentlabDlAtm41, 6),
    (DeviceType::MilesightWts506, 6),
    (DeviceType::MilesightEm300Th, 80),
    (DeviceType::DecentlabDlTbrg, 8),
    (DeviceType::DraginoLse01, 60),
    (DeviceType::MilesightEm500Smtc, 60),
    (DeviceType::DecentlabDlMbx, 8),
    (DeviceType::DecentlabDlPr26, 8),
    (DeviceType::MilesightWs302, 60),
    (DeviceType::BoschTps110, 200),
    (DeviceType::MilesightEm400Mud, 120),
    (DeviceType::MilesightVs133, 30),
    (DeviceType::NasUl2020, 160),
    (DeviceType::MilesightCt101, 24),
    (DeviceType::ElvacoCmi4110, 30),
    (DeviceType::DraginoTrackerd, 20),
    (DeviceType::ElsysErsCo2, 60),
];

/// The types of the first `count` devices: one of each, then whichever is furthest below its share.
pub(crate) fn device_types(count: usize) -> impl Iterator<Item = DeviceType> {
    let total: f64 = WEIGHTS.iter().map(|(_, weight)| f64::from(*weight)).sum();
    let mut numbers = [0_u32; WEIGHTS.len()];
    (0..count).map(move |index| {
        let missing = |slot: usize| f64::from(WEIGHTS[slot].1) / total * float_len(index + 1) - f64::from(numbers[slot]);
        let slot = match usize::try_from(len_u64(index)) {
            Ok(first) if first < WEIGHTS.len() => first,
            _ => (0..WEIGHTS.len()).max_by(|a, b| missing(*a).total_cmp(&missing(*b))).unwrap_or(0),
        };
        numbers[slot] += 1;
        WEIGHTS[slot].0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_kept_and_small_fleets_are_mixed() {
        let types: Vec<DeviceType> = device_types(10_000).collect();
        for (device_type, weight) in WEIGHTS {
            let count = types.iter().filter(|found| **found == device_type).count();
            assert!(count.abs_diff(usize::try_from(weight).unwrap() * 10) <= 2, "{device_type:?}: {count}");
        }
        let first: std::collections::HashSet<_> = types[..18].iter().collect();
        assert_eq!(first.len(), 18);
    }
}
