//! The categories of Things.

use std::fmt;
use std::str::FromStr;

use stadtwarte_model::Visibility;

/// What kind of city object a device serves; the portal and the catalogue sort Things by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ThingKind {
    /// Particulate matter and gases outdoors.
    AirQuality,
    /// Weather stations, rain gauges, thermometers.
    Weather,
    /// Soil moisture in beds and at trees.
    Soil,
    /// Levels of rivers, basins and groundwater, and the quality of the water.
    WaterLevel,
    /// Sound levels.
    Noise,
    /// Parking spaces.
    Parking,
    /// Waste containers.
    Waste,
    /// Counters of people.
    People,
    /// Street lights.
    StreetLight,
    /// Meters for electricity, heat, water and gas.
    Energy,
    /// Vehicles.
    Mobility,
    /// Rooms.
    Indoor,
    /// Anything else.
    Other,
}

impl ThingKind {
    const ALL: [Self; 13] = [
        Self::AirQuality,
        Self::Weather,
        Self::Soil,
        Self::WaterLevel,
        Self::Noise,
        Self::Parking,
        Self::Waste,
        Self::People,
        Self::StreetLight,
        Self::Energy,
        Self::Mobility,
        Self::Indoor,
        Self::Other,
    ];

    /// Its name as stored and as profiles spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AirQuality => "air_quality",
            Self::Weather => "weather",
            Self::Soil => "soil",
            Self::WaterLevel => "water_level",
            Self::Noise => "noise",
            Self::Parking => "parking",
            Self::Waste => "waste",
            Self::People => "people",
            Self::StreetLight => "street_light",
            Self::Energy => "energy",
            Self::Mobility => "mobility",
            Self::Indoor => "indoor",
            Self::Other => "other",
        }
    }

    /// The most open class that Things of this kind have unless somebody decides otherwise: rooms, meters and counters of people tell
    /// about persons or the town's own houses.
    #[must_use]
    pub const fn visibility(self) -> Visibility {
        match self {
            Self::Indoor | Self::Energy | Self::People => Visibility::Internal,
            _ => Visibility::Public,
        }
    }

    /// Which kind wins where readings suggest several: a room with a thermometer is a room; the smaller wins.
    pub(super) const fn rank(self) -> u8 {
        match self {
            Self::Indoor => 0,
            Self::People => 1,
            Self::Energy => 2,
            Self::Weather => 4,
            Self::Other => 5,
            _ => 3,
        }
    }
}

impl fmt::Display for ThingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no kind of Thing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a kind of thing: expected one of {known}", known = ThingKind::ALL.map(ThingKind::as_str).join(", "))]
pub struct ParseThingKindError(pub String);

impl FromStr for ThingKind {
    type Err = ParseThingKindError;

    fn from_str(text: &str) -> Result<Self, ParseThingKindError> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| ParseThingKindError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printing_and_parsing_are_inverse() {
        for kind in ThingKind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        assert!("river".parse::<ThingKind>().unwrap_err().to_string().contains("water_level"));
    }
}
