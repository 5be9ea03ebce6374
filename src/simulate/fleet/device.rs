//! A device: identity, place, names, tags, and the network server it is registered with.

use super::gateways::{Gateway, Link, links};
use super::naming::Names;
use super::placement::Spot;
use crate::simulate::city::City;
use crate::simulate::devices::{Category, DeviceType};
use crate::simulate::geo::Point;
use crate::simulate::numeric::{len_u64, low_u32};
use crate::simulate::random::{hash, unit};
use crate::simulate::world::{CONTAINER_DEPTH_MM, Place, Site};

/// The network server a device is registered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Network {
    /// ChirpStack v4.
    ChirpStack,
    /// The Things Stack v3.
    Tts,
}

/// A device of the fleet.
#[derive(Debug, Clone)]
pub struct Device {
    /// Position in the fleet.
    pub index: usize,
    /// Its type.
    pub device_type: DeviceType,
    /// DevEUI, most significant byte first; the first byte is 0x02, which no manufacturer has.
    pub dev_eui: [u8; 8],
    /// JoinEUI, most significant byte first.
    pub join_eui: [u8; 8],
    /// Name, German.
    pub name: String,
    /// Identifier in The Things Stack, made from the name.
    pub device_id: String,
    /// Tags as an operator sets them: `site`, `district`, `street`, `kind`, `lat`, `lon`; for bridge gauges `sensor_height`, for waste
    /// containers `container_depth`, with their units.
    pub tags: Vec<(&'static str, String)>,
    /// Place in the plan of the town, metres from the market.
    pub point: Point,
    /// Surroundings.
    pub site: Site,
    /// Network server.
    pub network: Network,
    /// Gateways that hear it, best first.
    pub links: Vec<Link>,
    /// Part of the reporting interval by which it is shifted, 0 to 1.
    pub phase: f64,
}

impl Device {
    #[expect(clippy::too_many_arguments, reason = "called once, by the fleet, which owns all of these")]
    pub(crate) fn new(
        fleet_seed: u64,
        index: usize,
        device_type: DeviceType,
        network: Network,
        spot: &Spot,
        city: &City,
        gateways: &[Gateway],
        names: &mut Names,
    ) -> Self {
        let seed = hash(fleet_seed, len_u64(index));
        let position = city.projection.to_lon_lat(spot.point);
        let mut site = Site::new(seed, position, spot.place);
        site.urbanity = (1.0 - spot.point.length() / 1_900.0).clamp(0.0, 1.0);
        site.route = spot.route;
        if device_type == DeviceType::DecentlabDlMbx {
            site.height_m = ((4.6 + 1.8 * unit(hash(seed, 1_001))) * 100.0).round() / 100.0;
        }
        let name = names.name(device_type, &spot.name);
        let is_indoors = matches!(spot.place, Place::School) || device_type.spec().category == Category::Energy;
        Self {
            index,
            device_type,
            dev_eui: eui(fleet_seed, index),
            join_eui: [0x02, 0x4a, 0x4f, 0x49, 0x4e, 0, 0, u8::try_from(index % 3).unwrap_or(0)],
            device_id: names.id(&name),
            tags: tags(device_type, spot, city, &site),
            name,
            point: spot.point,
            links: links(gateways, spot.point, seed, is_indoors),
            phase: unit(hash(seed, 1_002)),
            site,
            network,
        }
    }

    /// Usual reporting interval in microseconds.
    #[must_use]
    pub fn interval_us(&self) -> i64 {
        i64::from(self.device_type.spec().interval_s) * 1_000_000
    }

    /// Height above sea level in metres.
    #[must_use]
    pub fn altitude_m(&self) -> i32 {
        118 + crate::simulate::numeric::to_i32(self.point.length() / 90.0)
    }
}

/// 0x02, three bytes of the fleet, four bytes of the device; unlike for every index.
fn eui(fleet_seed: u64, index: usize) -> [u8; 8] {
    let mut eui = [0x02; 8];
    eui[1..4].copy_from_slice(&fleet_seed.to_be_bytes()[5..]);
    // Multiplying with an odd number is a permutation of the 32-bit numbers.
    eui[4..].copy_from_slice(&low_u32(len_u64(index)).wrapping_mul(0x9e37_79b1).to_be_bytes());
    eui
}

fn tags(device_type: DeviceType, spot: &Spot, city: &City, site: &Site) -> Vec<(&'static str, String)> {
    let mut tags = vec![
        ("site", spot.name.clone()),
        ("kind", device_type.spec().category.as_str().to_owned()),
        ("lat", format!("{:.6}", site.position.lat_deg)),
        ("lon", format!("{:.6}", site.position.lon_deg)),
    ];
    tags.extend(city.district_at(spot.point).map(|district| ("district", district.name.to_owned())));
    tags.extend(spot.street.clone().map(|street| ("street", street)));
    match device_type {
        DeviceType::DecentlabDlMbx => tags.push(("sensor_height", format!("{:.2} m", site.height_m))),
        DeviceType::MilesightEm400Mud => tags.push(("container_depth", format!("{CONTAINER_DEPTH_MM} mm"))),
        _ => {}
    }
    tags
}
