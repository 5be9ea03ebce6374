//! The fleet: devices of all types at sensible places in the town, the gateways that hear them, and the servers they talk to.

mod device;
mod gateways;
mod mix;
mod naming;
mod placement;

pub use device::{Device, Network};
pub use gateways::{Gateway, Link};

use super::city::City;
use super::devices::DeviceType;
use super::random::{Dice, hash};
use super::world::World;
use std::sync::Arc;

/// Which network server's messages are simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dialect {
    /// ChirpStack v4, JSON.
    #[default]
    ChirpStack,
    /// The Things Stack v3, JSON.
    Tts,
    /// Two devices on ChirpStack for each one on The Things Stack.
    Mixed,
}

impl std::str::FromStr for Dialect {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "chirpstack" => Ok(Self::ChirpStack),
            "tts" => Ok(Self::Tts),
            "mixed" => Ok(Self::Mixed),
            other => Err(format!("unknown dialect `{other}`; possible are chirpstack, tts and mixed")),
        }
    }
}

/// How a fleet is made.
#[derive(Debug, Clone, Copy)]
pub struct FleetOptions {
    /// The number everything depends on: town, places, devices.
    pub seed: u64,
    /// Number of devices; one of each type comes first.
    pub devices: usize,
    /// Which network servers the devices use.
    pub dialect: Dialect,
}

impl Default for FleetOptions {
    fn default() -> Self {
        Self { seed: 1, devices: 1_000, dialect: Dialect::Mixed }
    }
}

/// A town with its devices.
#[derive(Debug)]
pub struct Fleet {
    /// The number everything was made from.
    pub seed: u64,
    /// The town.
    pub city: City,
    /// What the devices measure.
    pub world: World,
    /// The devices, in a fixed order.
    pub devices: Vec<Device>,
    /// The gateways of the town.
    pub gateways: Vec<Gateway>,
}

impl Fleet {
    /// Generates town, world and devices. The same options give the same fleet, and a larger number of devices only appends.
    #[must_use]
    pub fn generate(options: FleetOptions) -> Arc<Self> {
        let city = City::generate(options.seed);
        let world = World::new(options.seed, &city);
        let gateways = gateways::place(&city, options.seed);
        let mut places = placement::Places::new(&city);
        let mut names = naming::Names::default();
        let mut dice = Dice::new(options.seed, "fleet");
        let devices = mix::device_types(options.devices).enumerate().map(|(index, device_type)| {
            let network = network_of(options.dialect, index);
            let spot = places.find(device_type, &mut dice);
            Device::new(hash(options.seed, 0xf1ee7), index, device_type, network, &spot, &city, &gateways, &mut names)
        });
        let devices = devices.collect();
        drop(places);
        Arc::new(Self { seed: options.seed, city, world, devices, gateways })
    }

    /// The device types that occur, with their numbers.
    #[must_use]
    pub fn census(&self) -> Vec<(DeviceType, usize)> {
        let count = |device_type: DeviceType| self.devices.iter().filter(|device| device.device_type == device_type).count();
        DeviceType::ALL.iter().map(|device_type| (*device_type, count(*device_type))).filter(|(_, number)| *number > 0).collect()
    }
}

const fn network_of(dialect: Dialect, index: usize) -> Network {
    match dialect {
        Dialect::Tts => Network::Tts,
        Dialect::Mixed if index % 3 == 2 => Network::Tts,
        Dialect::ChirpStack | Dialect::Mixed => Network::ChirpStack,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::geo::contains;
    use std::collections::HashSet;

    fn fleet(devices: usize) -> Arc<Fleet> {
        Fleet::generate(FleetOptions { seed: 5, devices, dialect: Dialect::Mixed })
    }

    #[test]
    fn a_larger_fleet_begins_with_the_smaller_one() {
        let (small, large) = (fleet(60), fleet(240));
        for (a, b) in small.devices.iter().zip(&large.devices) {
            assert_eq!((a.dev_eui, &a.name, a.device_type), (b.dev_eui, &b.name, b.device_type));
        }
    }

    #[test]
    fn identifiers_and_names_are_unique_and_nobody_elses() {
        let fleet = fleet(2_000);
        let euis: HashSet<_> = fleet.devices.iter().map(|device| device.dev_eui).collect();
        let names: HashSet<_> = fleet.devices.iter().map(|device| &device.name).collect();
        let ids: HashSet<_> = fleet.devices.iter().map(|device| &device.device_id).collect();
        assert_eq!((euis.len(), names.len(), ids.len()), (2_000, 2_000, 2_000));
        assert!(fleet.devices.iter().all(|device| device.dev_eui[0] == 0x02), "only locally administered addresses");
        let allowed =
            |id: &str| id.len() <= 36 && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        assert!(fleet.devices.iter().all(|device| allowed(&device.device_id)), "identifiers as The Things Stack allows them");
    }

    #[test]
    fn every_type_occurs_and_stands_where_it_makes_sense() {
        let fleet = fleet(1_000);
        assert_eq!(fleet.census().len(), DeviceType::ALL.len());
        for device in &fleet.devices {
            let in_river = contains(&fleet.city.river.outline, device.point);
            match device.device_type {
                DeviceType::DecentlabDlMbx | DeviceType::DecentlabDlPr26 => assert!(fleet.city.river.distance(device.point) < 30.0),
                _ => assert!(!in_river, "{} stands in the river", device.name),
            }
            assert!(!device.links.is_empty() && device.links.len() <= 4, "{} is heard by {}", device.name, device.links.len());
        }
    }

    #[test]
    fn dialects_decide_over_networks() {
        let networks = |dialect| (0..30).map(|index| network_of(dialect, index)).collect::<HashSet<_>>();
        assert_eq!(networks(Dialect::ChirpStack), HashSet::from([Network::ChirpStack]));
        assert_eq!(networks(Dialect::Tts), HashSet::from([Network::Tts]));
        assert_eq!(networks(Dialect::Mixed).len(), 2);
        assert_eq!("tts".parse(), Ok(Dialect::Tts));
        assert!("loriot".parse::<Dialect>().is_err());
    }
}
