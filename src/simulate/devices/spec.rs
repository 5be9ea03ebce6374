//! What is known about a device type before it sends anything.

/// What a device observes, as the town sorts its devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Category {
    /// Particulate matter outdoors.
    AirQuality,
    /// Weather stations, rain gauges, thermometers.
    Weather,
    /// Soil moisture in beds and at trees.
    Soil,
    /// River levels.
    WaterLevel,
    /// Sound levels.
    Noise,
    /// Parking spaces.
    Parking,
    /// Waste containers.
    Waste,
    /// People counters.
    People,
    /// Street lights.
    StreetLight,
    /// Heat and electricity.
    Energy,
    /// Vehicles.
    Mobility,
    /// Rooms.
    Indoor,
}

impl Category {
    /// The name used in tags and files.
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
        }
    }
}

/// How a decoded field appears in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// A JSON number.
    Number,
    /// A number written as JSON text, for example `"23.40"`.
    NumberText,
    /// `true` or `false`; history stores 1 or 0.
    Flag,
    /// Text that is not a number; not part of history.
    Text,
}

/// One decoded field of a device type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Path inside the decoded object: members joined by `.`, array elements as `[0]`.
    pub path: &'static str,
    /// Suggested name of the observed property, the same for the same quantity of different vendors.
    pub property: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// UCUM code; `1` for counts and ratios, empty for text.
    pub unit: &'static str,
    /// How it appears in JSON.
    pub kind: FieldKind,
}

impl Field {
    /// A field that is a JSON number.
    pub(crate) const fn number(path: &'static str, property: &'static str, unit: &'static str, meaning: &'static str) -> Self {
        Self { path, property, meaning, unit, kind: FieldKind::Number }
    }

    /// A number that the vendor's codec writes as text.
    pub(crate) const fn number_text(path: &'static str, property: &'static str, unit: &'static str, meaning: &'static str) -> Self {
        Self { path, property, meaning, unit, kind: FieldKind::NumberText }
    }

    /// A boolean field.
    pub(crate) const fn flag(path: &'static str, property: &'static str, meaning: &'static str) -> Self {
        Self { path, property, meaning, unit: "1", kind: FieldKind::Flag }
    }

    /// A field that is text.
    pub(crate) const fn text(path: &'static str, property: &'static str, meaning: &'static str) -> Self {
        Self { path, property, meaning, unit: "", kind: FieldKind::Text }
    }

    /// True when the field has a value in history (numbers, numbers as text, flags as 0 and 1).
    #[must_use]
    pub const fn is_numeric(&self) -> bool {
        !matches!(self.kind, FieldKind::Text)
    }
}

/// Constant facts of a device type.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// Manufacturer.
    pub brand: &'static str,
    /// Model.
    pub model: &'static str,
    /// Device profile name as an operator would have it in the network server.
    pub profile: &'static str,
    /// Manufacturer identifier in The Things Stack (`version_ids.brand_id`).
    pub brand_id: &'static str,
    /// Model identifier in The Things Stack (`version_ids.model_id`).
    pub model_id: &'static str,
    /// Firmware version in The Things Stack (`version_ids.firmware_version`).
    pub firmware: &'static str,
    /// What it observes.
    pub category: Category,
    /// LoRaWAN device class in ChirpStack's spelling.
    pub device_class: &'static str,
    /// Usual reporting interval.
    pub interval_s: u32,
    /// The published document that defines the payload.
    pub document: &'static str,
    /// The decoded fields, in the order in which history stores the numeric ones.
    pub fields: &'static [Field],
}

impl Spec {
    /// The fields that have a value in history, in order.
    pub fn numeric_fields(&self) -> impl Iterator<Item = &'static Field> + use<> {
        self.fields.iter().filter(|field| field.is_numeric())
    }
}
