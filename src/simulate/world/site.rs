//! Where a device hangs and what surrounds it.

use crate::simulate::calendar::{Date, days_from_date};
use crate::simulate::geo::LonLat;
use crate::simulate::numeric::{float, low_u16};
use crate::simulate::random::{hash, signed, unit};

/// What kind of place a device observes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// Square or pedestrian zone in the old town.
    PedestrianZone,
    /// Street with through traffic.
    MainRoad,
    /// Residential street.
    SideStreet,
    /// Park or green space.
    Park,
    /// River bank or bridge.
    River,
    /// School.
    School,
    /// Other public building.
    PublicBuilding,
    /// Trade and industry.
    Industry,
    /// Station and its surroundings.
    Station,
    /// A vehicle.
    Vehicle,
}

impl Place {
    /// The name used in tags.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PedestrianZone => "pedestrian_zone",
            Self::MainRoad => "main_road",
            Self::SideStreet => "side_street",
            Self::Park => "park",
            Self::River => "river",
            Self::School => "school",
            Self::PublicBuilding => "public_building",
            Self::Industry => "industry",
            Self::Station => "station",
            Self::Vehicle => "vehicle",
        }
    }

    /// Share of through traffic, 0 to 1.
    const fn traffic(self) -> f64 {
        match self {
            Self::MainRoad => 1.0,
            Self::Station => 0.7,
            Self::Industry => 0.6,
            Self::PublicBuilding | Self::Vehicle => 0.4,
            Self::School | Self::SideStreet => 0.3,
            Self::PedestrianZone => 0.25,
            Self::River => 0.15,
            Self::Park => 0.05,
        }
    }
}

/// The surroundings of one device.
#[derive(Debug, Clone)]
pub struct Site {
    /// Individual randomness of the device.
    pub seed: u64,
    /// Where it is installed; for vehicles the depot.
    pub position: LonLat,
    /// What it observes.
    pub place: Place,
    /// How built-up the surroundings are: 1 at the market square, 0 in the fields.
    pub urbanity: f64,
    /// Share of through traffic, 0 to 1.
    pub traffic: f64,
    /// Individual size of whatever is counted or consumed, around 1.
    pub scale: f64,
    /// Height of the sensor above the zero of the river gauge, metres; only used at the river.
    pub height_m: f64,
    /// Which bus line a vehicle serves.
    pub route: usize,
    /// Where counters start, seconds since 1970.
    pub installed_s: f64,
}

impl Site {
    /// A site with the usual surroundings of its kind of place.
    #[must_use]
    pub fn new(seed: u64, position: LonLat, place: Place) -> Self {
        let opening = days_from_date(Date { year: 2022, month: 3, day: 1 }) * 86_400;
        Self {
            seed,
            position,
            place,
            urbanity: 0.6,
            traffic: (place.traffic() + 0.12 * signed(hash(seed, 1))).clamp(0.0, 1.0),
            scale: (0.45 * signed(hash(seed, 2))).exp(),
            height_m: 0.0,
            route: 0,
            installed_s: float(opening) + 86_400.0 * 600.0 * unit(hash(seed, 3)),
        }
    }

    /// A serial number of 15 bits, as some payloads carry one.
    #[must_use]
    pub fn serial(&self) -> u16 {
        low_u16(hash(self.seed, 4)) & 0x7fff
    }
}
