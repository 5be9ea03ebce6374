//! Examples in profile files: an object and the readings it must give. They are the tests of the profile, and its documentation.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use stadtwarte_model::uplink::{DeviceDescription, EventTime, Radio, TimeSource, UplinkTimes};
use stadtwarte_model::{DevEui, Quality, Reading, ResultValue, Timestamp, Uplink};

use super::document::Section;
use super::{Catalogue, Profile};
use super::{Normalised, normalise};

/// One `[[example]]`.
#[derive(Debug, Clone)]
pub(super) struct Example {
    pub(super) line: Option<usize>,
    pub(super) object: Map<String, Value>,
    tags: BTreeMap<String, String>,
    readings: Vec<Expected>,
    position: Option<(f64, f64)>,
    unreadable: Vec<String>,
    unknown: Vec<String>,
}

#[derive(Debug, Clone)]
struct Expected {
    property: String,
    channel: Option<String>,
    unit: Option<String>,
    value: ResultValue,
    quality: Quality,
}

impl Example {
    pub(super) fn read_all(file: &Section<'_, '_>) -> Vec<Self> {
        let examples = file.sections("example").into_iter().filter_map(|section| {
            let example = Self::read(&section);
            section.finish();
            example
        });
        examples.collect()
    }

    fn read(section: &Section<'_, '_>) -> Option<Self> {
        let list = |key| section.texts(key).into_iter().map(|(text, _)| text.to_owned()).collect();
        let (unreadable, unknown) = (list("unreadable"), list("unknown"));
        let readings = section.sections("readings").into_iter().filter_map(|reading| Expected::read(reading)).collect();
        let position = section.section("position").map(|position| {
            let place = (position.number("lon").unwrap_or(f64::NAN), position.number("lat").unwrap_or(f64::NAN));
            position.finish();
            place
        });
        let tags = section.section("tags").map_or_else(BTreeMap::new, |tags| {
            tags.items().filter_map(|(key, item)| Some((key.to_owned(), item.text()?.to_owned()))).collect()
        });
        match serde_json::from_str(section.required_text("object")) {
            Ok(object) => Some(Self { line: section.line(), object, tags, readings, position, unreadable, unknown }),
            Err(error) => {
                section.report("object", format!("not a JSON object: {error}"));
                None
            }
        }
    }

    /// What the profile makes of it.
    pub(super) fn run(&self, catalogue: &Catalogue, profile: &Profile) -> Normalised {
        let time = Timestamp::from_millis(1_772_359_200_000);
        let event_time = EventTime { time, source: TimeSource::NetworkServer, clock_suspect: false };
        normalise(catalogue, profile, &uplink(self.object.clone(), self.tags.clone()), event_time, time)
    }

    /// How the result differs from what the example expects; nothing when it does not.
    pub(super) fn differences(&self, found: &Normalised) -> Vec<String> {
        let mut differences = Vec::new();
        let (count, expected) = (found.readings.len(), self.readings.len());
        for (expected, reading) in self.readings.iter().zip(&found.readings) {
            if !expected.is(reading) {
                differences.push(format!("expected {}, found {}", expected.shown(), Expected::of(reading).shown()));
            }
        }
        differences.extend(self.readings.iter().skip(count).map(|expected| format!("expected {}, found nothing more", expected.shown())));
        differences.extend(found.readings.iter().skip(expected).map(|reading| format!("found {} besides", Expected::of(reading).shown())));
        let place = found.position.map(|position| (position.lon_deg, position.lat_deg));
        if place != self.position {
            differences.push(format!("expected the position (lon, lat) {:?}, found {place:?}", self.position));
        }
        let unreadable: Vec<_> = found.unreadable.iter().map(|problem| problem.path.clone()).collect();
        if unreadable != self.unreadable {
            differences.push(format!("expected these to be unreadable: {:?}, found {:?}", self.unreadable, found.unreadable));
        }
        if found.unknown_fields != self.unknown {
            differences.push(format!("expected these to be unknown: {:?}, found {:?}", self.unknown, found.unknown_fields));
        }
        differences
    }
}

impl Expected {
    fn read(section: Section<'_, '_>) -> Option<Self> {
        let property = section.required_text("property").to_owned();
        let channel = section.text("channel").map(str::to_owned);
        let unit = section.text("unit").map(str::to_owned);
        let quality = section.parsed("quality").unwrap_or(Quality::GOOD);
        let value = section.item("value").and_then(|item| {
            let text = || item.text().map(|text| ResultValue::Text(text.to_owned()));
            item.number().map(ResultValue::Number).or_else(|| item.flag().map(ResultValue::Boolean)).or_else(text)
        });
        if value.is_none() {
            section.report("value", "missing: expected a number, true, false or a text");
        }
        section.finish();
        Some(Self { property, channel, unit, value: value?, quality })
    }

    fn of(reading: &Reading) -> Self {
        let is_number = matches!(reading.value, ResultValue::Number(_));
        Self {
            property: reading.property.clone(),
            channel: reading.channel.clone(),
            unit: is_number.then(|| reading.unit.to_string()),
            value: reading.value.clone(),
            quality: reading.quality,
        }
    }

    fn is(&self, reading: &Reading) -> bool {
        let found = Self::of(reading);
        let same_value = match (&self.value, &found.value) {
            (ResultValue::Number(a), ResultValue::Number(b)) => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()),
            (a, b) => a == b,
        };
        same_value
            && (&self.property, &self.channel, &self.unit, self.quality) == (&found.property, &found.channel, &found.unit, found.quality)
    }

    fn shown(&self) -> String {
        let value = match &self.value {
            ResultValue::Number(number) => number.to_string(),
            ResultValue::Boolean(flag) => flag.to_string(),
            ResultValue::Text(text) | ResultValue::Json(text) => format!("{text:?}"),
        };
        let channel = self.channel.as_ref().map(|channel| format!("[{channel}]")).unwrap_or_default();
        let unit = self.unit.as_ref().map(|unit| format!(" {unit}")).unwrap_or_default();
        format!("{}{channel} = {value}{unit} ({})", self.property, self.quality)
    }
}

/// An uplink that is nothing but its object and the tags of its device.
pub(super) fn uplink(object: Map<String, Value>, tags: BTreeMap<String, String>) -> Uplink {
    let device = DeviceDescription {
        dev_eui: DevEui::from_bytes([0; 8]),
        join_eui: None,
        name: None,
        profile: None,
        brand_model: None,
        application: None,
        tags,
        position: None,
    };
    Uplink {
        device,
        deduplication_id: None,
        session: None,
        f_cnt: None,
        f_port: None,
        confirmed: false,
        frm_payload: Vec::new(),
        encrypted: false,
        object: Some(object),
        times: UplinkTimes::default(),
        radio: Radio::default(),
        receptions: Vec::new(),
        simulated: false,
        warnings: Vec::new(),
    }
}
