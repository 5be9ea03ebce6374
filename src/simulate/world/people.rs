//! People who cross a counting line.

use super::{Place, Site, World};

/// Passages since installation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Passages {
    pub(crate) inwards: f64,
    pub(crate) outwards: f64,
}

impl World {
    /// Passages of a counter since it was installed; neither number ever decreases.
    pub(crate) fn passages(&self, site: &Site, at_s: f64) -> Passages {
        let (load, per_hour) = match site.place {
            Place::Station => (&self.loads.commuters, 640.0),
            Place::PedestrianZone => (&self.loads.shoppers, 900.0),
            _ => (&self.loads.shoppers, 210.0),
        };
        let count = |salt, delay_s| {
            let sum = |at_s| load.up_to(Self::bent(site, salt, at_s - delay_s));
            per_hour * site.scale * (sum(at_s) - sum(site.installed_s)).max(0.0)
        };
        // People come first and leave later.
        Passages { inwards: count(71, 0.0), outwards: count(72, 2_100.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{WORLD, at, site};
    use super::*;

    #[test]
    fn counts_never_run_backwards_and_follow_opening_hours() {
        let site = site(Place::PedestrianZone);
        let mut last = WORLD.passages(&site, at(2026, 4, 1, 0.0));
        for step in 1..20_000 {
            let now = WORLD.passages(&site, at(2026, 4, 1, 0.0) + f64::from(step) * 37.0);
            assert!(now.inwards >= last.inwards && now.outwards >= last.outwards);
            last = now;
        }
        let hour = |from: f64| WORLD.passages(&site, from + 3_600.0).inwards - WORLD.passages(&site, from).inwards;
        assert!(hour(at(2026, 5, 9, 10.0)) > 20.0 * hour(at(2026, 5, 9, 1.0)), "Saturday noon against night");
    }
}
