//! Gateways on high places, and which of them hear a device.

use crate::simulate::city::City;
use crate::simulate::geo::{LonLat, Point};
use crate::simulate::random::{hash, normal, unit};

/// A LoRaWAN gateway of the town.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// Name, as an identifier.
    pub id: String,
    /// Identifier, first byte 0x02 (locally administered).
    pub eui: [u8; 8],
    /// Position, or `None` when nobody entered one: `"location":{}` in ChirpStack.
    pub position: Option<LonLat>,
    /// Height above sea level, metres.
    pub altitude_m: i32,
    /// True when it has satellite time.
    pub has_gps: bool,
    pub(crate) point: Point,
}

/// A gateway that hears a device.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Link {
    /// Index of the gateway.
    pub gateway: usize,
    /// Mean signal strength, dBm.
    pub rssi_dbm: f64,
}

/// Name, distance from the market in metres, direction in degrees, height above sea level, satellite time, known position.
const SITES: [(&str, f64, f64, i32, bool, bool); 8] = [
    ("gw-nikolaikirche", 60.0, 100.0, 168, true, true),
    ("gw-wasserturm", 1_350.0, 75.0, 181, true, true),
    ("gw-klinikum", 1_050.0, 200.0, 149, false, true),
    ("gw-stadtwerke", 1_200.0, 320.0, 142, false, true),
    ("gw-wartebergturm", 2_350.0, 145.0, 246, true, true),
    ("gw-gewerbepark", 1_800.0, 5.0, 139, false, true),
    ("gw-suedhang", 1_850.0, 265.0, 172, false, true),
    ("gw-privat-weststadt", 1_500.0, 178.0, 131, false, false),
];

pub(crate) fn place(city: &City, seed: u64) -> Vec<Gateway> {
    (0..)
        .zip(SITES)
        .map(|(number, (id, radius, degrees, altitude_m, has_gps, is_known)): (u64, _)| {
            let point = Point::polar(radius, f64::to_radians(degrees));
            let mut eui = hash(seed ^ 0x6a7e, number).to_be_bytes();
            eui[..3].copy_from_slice(&[0x02, 0x47, 0x57]);
            Gateway { id: id.to_owned(), eui, position: is_known.then(|| city.projection.to_lon_lat(point)), altitude_m, has_gps, point }
        })
        .collect()
}

/// The one to four gateways that hear a device best.
///
/// Path loss grows with 3.4 powers of the distance, and every pair of places has its own shadow of 6 dB.
pub(crate) fn links(gateways: &[Gateway], point: Point, seed: u64, is_indoors: bool) -> Vec<Link> {
    let mut links: Vec<Link> = (0..gateways.len())
        .map(|index| {
            let kilometres = (gateways[index].point.distance(point) / 1_000.0).max(0.04);
            let height = f64::from(gateways[index].altitude_m - 120) * 0.06;
            let shadow = 6.0 * normal(hash(seed, 200 + crate::simulate::numeric::len_u64(index)));
            let indoors = if is_indoors { 11.0 } else { 0.0 };
            Link { gateway: index, rssi_dbm: -104.0 - 34.0 * kilometres.log10() + height + shadow - indoors }
        })
        .collect();
    links.sort_by(|a, b| b.rssi_dbm.total_cmp(&a.rssi_dbm));
    // Gateways miss frames that are weak; how many hear a device at all differs.
    let most = 1 + usize::from(unit(hash(seed, 7)) < 0.8) + usize::from(unit(hash(seed, 8)) < 0.5) + usize::from(unit(hash(seed, 9)) < 0.3);
    let heard = links.iter().filter(|link| link.rssi_dbm > -121.0).count().clamp(1, most);
    links.truncate(heard);
    for link in &mut links {
        link.rssi_dbm = link.rssi_dbm.clamp(-123.0, -42.0);
    }
    links
}
