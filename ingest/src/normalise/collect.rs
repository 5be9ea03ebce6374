//! Puts what was found into a fixed order, tells equal streams apart, and keeps within bounds.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use stadtwarte_model::{ObservationId, Position, Quality, Reading, ResultValue, Timestamp};

use super::names::{MAX_CHANNEL_BYTES, Segment};
use super::number::{self, TextNumber};
use super::property::PropertyDefinition;
use super::raw::shown;
use super::words::{slug, split};
use super::{FieldProblem, MAX_PATH_CHARS, MAX_PROBLEMS, Normalised};

/// Where a reading stands among the others: listed fields as the profile lists them, then unlisted fields by path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Order {
    Listed(usize, String),
    ByName(String),
}

/// A coordinate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Axis {
    Longitude,
    Latitude,
    Height,
}

#[derive(Debug)]
struct Candidate<'a> {
    order: Order,
    property: &'a Arc<PropertyDefinition>,
    channel: Option<String>,
    value: ResultValue,
    quality: Quality,
}

/// Coordinates that belong together: those of the profile (`None`), or those of one object.
type Places = BTreeMap<Option<String>, [Option<f64>; 3]>;

/// What a walk found.
#[derive(Debug, Default)]
pub(super) struct Collector<'a> {
    candidates: Vec<Candidate<'a>>,
    places: Places,
    unreadable: Vec<FieldProblem>,
    unknown: Vec<String>,
    pub(super) is_truncated: bool,
}

impl<'a> Collector<'a> {
    /// A path for people: `sensors[0].temp`, cut at [`MAX_PATH_CHARS`].
    pub(super) fn shown(path: &[Segment<'_>]) -> String {
        let mut text = String::with_capacity(24);
        for segment in path {
            match segment {
                Segment::Key(key) => {
                    if !text.is_empty() {
                        text.push('.');
                    }
                    text.push_str(first_chars(key, MAX_PATH_CHARS + 1));
                }
                Segment::Index(index) => text.extend(["[", index, "]"]),
            }
        }
        let short = first_chars(&text, MAX_PATH_CHARS);
        if short.len() == text.len() { text } else { format!("{short}…") }
    }

    pub(super) fn reading(
        &mut self,
        property: &'a Arc<PropertyDefinition>,
        channel: Option<String>,
        value: ResultValue,
        quality: Quality,
        order: Order,
    ) {
        self.candidates.push(Candidate { order, property, channel, value, quality });
    }

    pub(super) fn unknown(&mut self, path: &[Segment<'_>]) {
        self.unknown.push(Self::shown(path));
    }

    pub(super) fn unreadable(&mut self, path: &[Segment<'_>], detail: String) {
        self.unreadable.push(FieldProblem { path: Self::shown(path), detail });
    }

    /// Takes a coordinate; `parent` names the object it belongs to, `None` for the position of the profile.
    pub(super) fn axis(&mut self, parent: Option<String>, axis: Axis, value: &Value, path: &[Segment<'_>]) {
        let number = match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => match number::parse(text) {
                TextNumber::Number { value, label: "" | "°" | "m", .. } => Some(value),
                TextNumber::Absent => return,
                _ => None,
            },
            Value::Null => return,
            _ => None,
        };
        match number {
            Some(number) => self.places.entry(parent).or_default()[axis as usize] = Some(number),
            None => self.unreadable(path, format!("{} is not a coordinate", shown(value))),
        }
    }

    /// Everything in order. `scale` turns the profile's raw coordinates into degrees.
    pub(super) fn finish(mut self, time: Timestamp, quality: Quality, scale: f64) -> Normalised {
        let position = self.position(scale);
        self.candidates.sort_by(|a, b| a.order.cmp(&b.order));
        let mut readings: Vec<Reading> = Vec::with_capacity(self.candidates.len().min(ObservationId::PER_RECORD));
        for candidate in self.candidates {
            let Some(channel) = candidate.free_channel(&readings) else { continue };
            if readings.len() == ObservationId::PER_RECORD {
                self.is_truncated = true;
                break;
            }
            readings.push(Reading {
                property: candidate.property.code.clone(),
                channel: channel.0,
                unit: candidate.property.unit.clone(),
                value: candidate.value,
                phenomenon_time: time,
                quality: quality.union(candidate.quality),
            });
        }
        self.unknown.sort_unstable();
        self.unknown.truncate(MAX_PROBLEMS);
        self.unreadable.sort_unstable_by(|a, b| (&a.path, &a.detail).cmp(&(&b.path, &b.detail)));
        self.unreadable.truncate(MAX_PROBLEMS);
        Normalised { readings, position, unreadable: self.unreadable, unknown_fields: self.unknown, truncated: self.is_truncated }
    }

    /// The profile's position, else the first complete pair found by name.
    fn position(&mut self, scale: f64) -> Option<Position> {
        let mut places = std::mem::take(&mut self.places).into_iter();
        places.find_map(|(parent, [lon, lat, height])| {
            let scale = if parent.is_none() { scale } else { 1.0 };
            let (lon_deg, lat_deg) = (lon? * scale, lat? * scale);
            let position = Position::try_new(lon_deg, lat_deg, height);
            let is_zero = lon_deg.abs() + lat_deg.abs() == 0.0;
            if position.is_none() && !is_zero {
                let detail = format!("longitude {lon_deg}, latitude {lat_deg} is no place on Earth");
                self.unreadable.push(FieldProblem { path: parent.unwrap_or_else(|| "position".to_owned()), detail });
            }
            position
        })
    }
}

fn first_chars(text: &str, count: usize) -> &str {
    // Most texts are short enough in bytes already.
    if text.len() <= count { text } else { text.char_indices().nth(count).map_or(text, |(end, _)| &text[..end]) }
}

/// A channel, or none.
struct Channel(Option<String>);

impl Candidate<'_> {
    /// The channel it gets: its own, or its path when an earlier reading has the same stream. A second listed spelling of the same
    /// quantity gets none and is not taken.
    fn free_channel(&self, readings: &[Reading]) -> Option<Channel> {
        let is_taken =
            |channel: &Option<String>| readings.iter().any(|reading| reading.property == self.property.code && reading.channel == *channel);
        if !is_taken(&self.channel) {
            return Some(Channel(self.channel.clone()));
        }
        let Order::ByName(path) = &self.order else { return None };
        let channel = Some(slug(split(path))).filter(|slug| slug.len() <= MAX_CHANNEL_BYTES);
        (channel.is_some() && !is_taken(&channel)).then_some(Channel(channel))
    }
}
