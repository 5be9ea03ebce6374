//! Open data: stations with their newest readings, series, properties, layers, the town, and SQL.

pub(crate) mod layers;
pub(crate) mod pieces;
pub(crate) mod properties;
pub(crate) mod reading;
pub(crate) mod series;
pub(crate) mod series_csv;
pub(crate) mod sql;
pub(crate) mod sql_stream;
pub(crate) mod station;
pub(crate) mod stations;
pub(crate) mod town;

/// The media type of plain JSON.
pub(crate) const JSON: &str = "application/json";
/// The media type of GeoJSON (RFC 7946).
pub(crate) const GEO_JSON: &str = "application/geo+json";
