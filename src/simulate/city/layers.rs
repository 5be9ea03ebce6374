//! The town as GeoJSON layers (RFC 7946): longitude first, six decimals (about ten centimetres).

use super::City;
use crate::simulate::geo::Point;
use serde_json::{Value, json};

/// A layer of the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layer {
    /// Districts, polygons.
    Districts,
    /// Streets, bridges and railway, lines.
    Streets,
    /// The river, a polygon for the water and a line for its middle.
    Water,
    /// Parks and squares, polygons.
    Parks,
    /// Building footprints, polygons.
    Buildings,
    /// Bus lines, lines.
    BusLines,
}

impl Layer {
    /// All layers, bottom first.
    pub const ALL: &'static [Self] = &[Self::Districts, Self::Parks, Self::Water, Self::Streets, Self::Buildings, Self::BusLines];

    /// Name of the layer, usable as a file name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Districts => "districts",
            Self::Streets => "streets",
            Self::Water => "water",
            Self::Parks => "parks",
            Self::Buildings => "buildings",
            Self::BusLines => "bus_lines",
        }
    }
}

impl City {
    /// One layer as a `FeatureCollection`; every feature has the properties `name` and `kind`.
    #[must_use]
    pub fn layer(&self, layer: Layer) -> Value {
        let features: Vec<Value> = match layer {
            Layer::Districts => self.districts.iter().map(|d| feature(d.name, d.kind, &self.polygon(&d.outline))).collect(),
            Layer::Streets => self.streets.iter().map(|s| feature(&s.name, s.kind.as_str(), &self.line(&s.line))).collect(),
            Layer::Water => vec![
                feature(self.river.name, "river", &self.polygon(&self.river.outline)),
                feature(self.river.name, "river_line", &self.line(&self.river.line)),
            ],
            Layer::Parks => self.parks.iter().map(|p| feature(p.name, p.kind, &self.polygon(&p.outline))).collect(),
            Layer::Buildings => self.buildings.iter().map(|b| feature(&b.name, b.kind, &self.polygon(&b.outline))).collect(),
            Layer::BusLines => self.bus_lines.iter().map(|l| feature(&l.name, "bus", &self.line(&l.line))).collect(),
        };
        json!({"type": "FeatureCollection", "features": features})
    }

    fn position(&self, point: Point) -> Value {
        let place = self.projection.to_lon_lat(point);
        json!([rounded(place.lon_deg), rounded(place.lat_deg)])
    }

    fn line(&self, line: &[Point]) -> Value {
        let positions: Vec<Value> = line.iter().map(|point| self.position(*point)).collect();
        json!({"type": "LineString", "coordinates": positions})
    }

    /// RFC 7946, 3.1.6: closed, exterior ring counter-clockwise.
    fn polygon(&self, outline: &[Point]) -> Value {
        let mut positions: Vec<Value> = outline.iter().map(|point| self.position(*point)).collect();
        if crate::simulate::geo::area(outline) < 0.0 {
            positions.reverse();
        }
        positions.extend(positions.first().cloned());
        json!({"type": "Polygon", "coordinates": [positions]})
    }
}

fn feature(name: &str, kind: &str, geometry: &Value) -> Value {
    json!({"type": "Feature", "properties": {"name": name, "kind": kind}, "geometry": geometry})
}

fn rounded(degrees: f64) -> f64 {
    (degrees * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polygons_are_closed_and_longitude_comes_first() {
        let city = City::generate(1);
        for layer in [Layer::Districts, Layer::Parks, Layer::Buildings] {
            let collection = city.layer(layer);
            for feature in collection["features"].as_array().unwrap() {
                let ring = feature["geometry"]["coordinates"][0].as_array().unwrap();
                assert_eq!(ring.first(), ring.last());
                assert!((9.8..10.1).contains(&ring[0][0].as_f64().unwrap()) && (51.9..52.2).contains(&ring[0][1].as_f64().unwrap()));
                assert!(feature["properties"]["kind"].is_string() && feature["properties"]["name"].is_string());
            }
        }
    }
}
