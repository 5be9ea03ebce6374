//! Walks through a decoded object: listed fields by their path, others by their name.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use stadtwarte_model::{Quality, QualityFlag, ResultValue};

use super::collect::{Axis, Collector, Order};
use super::names::Segment;
use super::path::{PathTree, Target};
use super::profile::{Profile, Unlisted};
use super::quantity::{Outcome, Quantity};
use super::raw::Raw;
use super::rules::{Meaning, Rules};
use super::vocabulary::is_time;
use super::{MAX_DEPTH, MAX_LEAVES};

/// How many elements of one list are looked at.
pub(super) const MAX_ELEMENTS: usize = 256;

/// The numbers 000 to 255 as text, so that an index needs no allocation.
const INDEX_DIGITS: [u8; 3 * MAX_ELEMENTS] = {
    let mut digits = [b'0'; 3 * MAX_ELEMENTS];
    let mut index = 0;
    while index < MAX_ELEMENTS {
        let number = index.to_le_bytes()[0];
        digits[3 * index] = b'0' + number / 100;
        digits[3 * index + 1] = b'0' + number / 10 % 10;
        digits[3 * index + 2] = b'0' + number % 10;
        index += 1;
    }
    digits
};

/// An index below [`MAX_ELEMENTS`] as text.
fn index_text(index: usize) -> &'static str {
    const ALL: &str = match std::str::from_utf8(&INDEX_DIGITS) {
        Ok(digits) => digits,
        Err(_) => "",
    };
    let zeros = match index {
        0..10 => 2,
        10..100 => 1,
        _ => 0,
    };
    ALL.get(3 * index + zeros..3 * index + 3).unwrap_or_default()
}

/// One walk.
pub(super) struct Walk<'a> {
    profile: &'a Profile,
    /// The rules for unlisted fields, where they are to be read by name.
    rules: Option<&'a Rules>,
    root: &'a Map<String, Value>,
    tags: &'a BTreeMap<String, String>,
    path: Vec<Segment<'a>>,
    /// What the stars of the path so far stand for.
    stars: Vec<&'a str>,
    leaves: usize,
    buffer: String,
    /// How many of the objects around this place are ignored.
    ignoring: usize,
    found: Collector<'a>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(profile: &'a Profile, rules: &'a Rules, root: &'a Map<String, Value>, tags: &'a BTreeMap<String, String>) -> Self {
        let rules = (profile.unlisted == Unlisted::ByName).then_some(rules);
        let path = Vec::with_capacity(MAX_DEPTH);
        Self {
            profile,
            rules,
            root,
            tags,
            path,
            stars: Vec::new(),
            leaves: 0,
            buffer: String::new(),
            ignoring: 0,
            found: Collector::default(),
        }
    }

    /// Visits everything.
    pub(super) fn run(mut self) -> Collector<'a> {
        let tree = &self.profile.tree;
        self.object(self.root, Some(tree));
        self.found
    }

    fn object(&mut self, map: &'a Map<String, Value>, tree: Option<&'a PathTree>) {
        let siblings = Siblings::of(map);
        for (key, value) in map {
            self.member(Segment::Key(key), value, tree, Some(siblings));
        }
    }

    fn list(&mut self, list: &'a [Value], tree: Option<&'a PathTree>) {
        self.found.is_truncated |= list.len() > MAX_ELEMENTS;
        for (index, value) in list.iter().take(MAX_ELEMENTS).enumerate() {
            self.member(Segment::Index(index_text(index)), value, tree, None);
        }
    }

    fn member(&mut self, segment: Segment<'a>, value: &'a Value, tree: Option<&'a PathTree>, siblings: Option<Siblings<'a>>) {
        if self.leaves == MAX_LEAVES {
            self.found.is_truncated = true;
            return;
        }
        let (below, star) = tree.and_then(|tree| tree.child(segment.as_str())).map_or((None, None), |(below, star)| (Some(below), star));
        self.path.push(segment);
        let stars = self.stars.len();
        self.stars.extend(star);
        self.value(value, below, siblings);
        self.stars.truncate(stars);
        self.path.pop();
    }

    fn value(&mut self, value: &'a Value, tree: Option<&'a PathTree>, siblings: Option<Siblings<'a>>) {
        self.leaves += 1;
        match tree {
            // Listed fields inside an ignored object are read all the same.
            Some(tree) if tree.targets.contains(&Target::Ignored) => {
                self.ignoring += 1;
                self.contents(value, Some(tree), siblings);
                self.ignoring -= 1;
            }
            Some(tree) if !tree.targets.is_empty() => self.listed(value, &tree.targets, siblings),
            _ => self.contents(value, tree, siblings),
        }
    }

    fn contents(&mut self, value: &'a Value, tree: Option<&'a PathTree>, siblings: Option<Siblings<'a>>) {
        match value {
            _ if self.ignoring > 0 && tree.is_none_or(PathTree::is_leaf) => {}
            Value::Null => {}
            Value::Object(_) | Value::Array(_) if self.path.len() == MAX_DEPTH => self.found.unknown(&self.path),
            Value::Object(map) if tree.is_none() && self.is_record(map) => self.found.unknown(&self.path),
            Value::Object(map) => self.object(map, tree),
            Value::Array(list) => self.list(list, tree),
            Value::Bool(_) | Value::Number(_) | Value::String(_) => self.unlisted(value, siblings),
        }
    }

    /// An element of a list with a time of its own tells of the past; reading it as of now would be wrong.
    fn is_record(&self, map: &Map<String, Value>) -> bool {
        matches!(self.path.last(), Some(Segment::Index(_))) && map.keys().any(|key| is_time(key))
    }

    fn listed(&mut self, value: &'a Value, targets: &[Target], siblings: Option<Siblings<'a>>) {
        // A field may be an object such as {"value": 3.1, "unit": "V"}.
        let (value, siblings, key) = match value {
            Value::Object(map) if map.contains_key("value") => (&map["value"], Some(Siblings::of(map)), Some("value")),
            _ => (value, siblings, self.key()),
        };
        for target in targets {
            match *target {
                Target::Field(index) => self.field(index, value, siblings, key),
                Target::Latitude => self.found.axis(None, Axis::Latitude, value, &self.path),
                Target::Longitude => self.found.axis(None, Axis::Longitude, value, &self.path),
                Target::Height => self.found.axis(None, Axis::Height, value, &self.path),
                Target::Ignored => {}
            }
        }
    }

    fn field(&mut self, index: usize, value: &Value, siblings: Option<Siblings<'a>>, key: Option<&str>) {
        let Some(field) = self.profile.fields.get(index) else { return };
        let label = match &field.unit_path {
            Some(path) => text_at(self.root, path),
            None => siblings.filter(|_| key == Some("value")).and_then(|siblings| siblings.unit_of("value")),
        };
        let outcome = field.quantity.read(Raw { value, label, tags: self.tags, is_listed: true });
        let channel = field.channel(&self.stars);
        let order = Order::Listed(index, if self.stars.is_empty() { String::new() } else { Collector::shown(&self.path) });
        self.outcome(outcome, &field.quantity, channel, order, false);
    }

    fn unlisted(&mut self, value: &'a Value, siblings: Option<Siblings<'a>>) {
        if self.ignoring > 0 || siblings.zip(self.key()).is_some_and(|(siblings, key)| siblings.are_told_about_by(key)) {
            return;
        }
        let Some(rules) = self.rules else {
            if self.profile.unlisted == Unlisted::Report {
                self.found.unknown(&self.path);
            }
            return;
        };
        let Some(found) = rules.find(&self.path, &mut self.buffer) else {
            self.found.unknown(&self.path);
            return;
        };
        match found.meaning {
            Meaning::Ignored => {}
            Meaning::Latitude => self.axis_by_name(Axis::Latitude, value),
            Meaning::Longitude => self.axis_by_name(Axis::Longitude, value),
            Meaning::Height => self.axis_by_name(Axis::Height, value),
            Meaning::Rule(rule) => {
                let label = siblings.zip(self.key()).and_then(|(siblings, key)| siblings.unit_of(key));
                match rules.reader(rule, value, label, found.units) {
                    Err(detail) => self.found.unreadable(&self.path, detail),
                    Ok(reader) => {
                        let quantity = &reader.choice.quantity;
                        let outcome = quantity.read(Raw { value, label: reader.label, tags: self.tags, is_listed: false });
                        let order = Order::ByName(Collector::shown(&self.path));
                        self.outcome(outcome, quantity, found.channel, order, reader.is_guess);
                    }
                }
            }
        }
    }

    fn axis_by_name(&mut self, axis: Axis, value: &Value) {
        let parent = Collector::shown(&self.path[..self.path.len() - 1]);
        self.found.axis(Some(parent), axis, value, &self.path);
    }

    fn outcome(&mut self, outcome: Outcome, quantity: &'a Quantity, channel: Option<String>, order: Order, is_guess: bool) {
        match outcome {
            Outcome::Absent => {}
            Outcome::Unreadable(detail) => self.found.unreadable(&self.path, detail),
            Outcome::Value(value, quality) => {
                let is_number = matches!(value, ResultValue::Number(_));
                let quality: Quality = quality.with_if(QualityFlag::UnitGuessed, is_guess && is_number);
                self.found.reading(&quantity.property, channel, value, quality, order);
            }
        }
    }

    fn key(&self) -> Option<&'a str> {
        match self.path.last() {
            Some(Segment::Key(key)) => Some(key),
            _ => None,
        }
    }
}

/// Names that tell about the `value` beside them.
const ABOUT_VALUE: [&str; 6] = ["unit", "units", "uom", "displayName", "label", "name"];

/// Endings that make a name tell the unit of the field whose name comes before: `energyUnit`.
const UNIT_OF: [&str; 4] = ["Unit", "_unit", "Units", "_units"];

/// The object that a field stands in.
#[derive(Clone, Copy)]
struct Siblings<'a> {
    map: &'a Map<String, Value>,
    /// Whether any name ends like the unit of another; few objects have such, and looking each one up would cost more than the reading.
    has_units: bool,
}

impl<'a> Siblings<'a> {
    fn of(map: &'a Map<String, Value>) -> Self {
        Self { map, has_units: map.keys().any(|key| UNIT_OF.iter().any(|ending| key.ends_with(ending))) }
    }

    /// Whether the field `key` only tells about its neighbour: `unit` beside `value`, `energyUnit` beside `energy`.
    fn are_told_about_by(self, key: &str) -> bool {
        let is_unit_of = |ending: &str| key.strip_suffix(ending).is_some_and(|name| self.map.contains_key(name));
        ABOUT_VALUE.contains(&key) && self.map.contains_key("value") || self.has_units && UNIT_OF.iter().any(|ending| is_unit_of(ending))
    }

    /// The unit that a neighbour states of `key`.
    fn unit_of(self, key: &str) -> Option<&'a str> {
        if key == "value" {
            return ABOUT_VALUE[..3].iter().find_map(|unit| text_of(self.map, unit));
        }
        UNIT_OF.iter().filter(|_| self.has_units).find_map(|ending| text_of(self.map, &format!("{key}{ending}")))
    }
}

fn text_of<'a>(map: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    map.get(key)?.as_str().filter(|text| !text.trim().is_empty())
}

fn text_at<'a>(root: &'a Map<String, Value>, path: &[String]) -> Option<&'a str> {
    let (last, parents) = path.split_last()?;
    let mut map = root;
    for key in parents {
        map = map.get(key)?.as_object()?;
    }
    text_of(map, last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_index_is_written_as_its_number() {
        for index in 0..MAX_ELEMENTS {
            assert_eq!(index_text(index), index.to_string());
        }
    }
}
