//! One raw value of a decoded object becomes a value of a property, in the property's unit.
//!
//! ```text
//! JSON value ─▶ no value? sentinel? mapped? ─▶ number [label ─▶ unit] ─▶ zero_at, scale, offset ─▶ property's unit ─▶ range
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use stadtwarte_model::unit::Conversion;
use stadtwarte_model::{Quality, QualityFlag, ResultValue, Unit};

use super::number::{self, TextNumber};
use super::property::{PropertyDefinition, ResultKind};

/// No sensor measures more than this in any unit; what is larger is a broken field.
pub(super) const MAX_MAGNITUDE: f64 = 1e15;

/// Longest text result, in bytes.
pub(super) const MAX_TEXT_BYTES: usize = 1024;

/// Longest raw value shown in a problem, in characters.
const MAX_SHOWN_CHARS: usize = 60;

/// How raw values become values of a property.
#[derive(Debug, Clone)]
pub(super) struct Quantity {
    pub(super) property: Arc<PropertyDefinition>,
    /// The unit of the raw value once scale and offset are applied.
    pub(super) unit: Unit,
    /// Whether the profile says that unit, rather than the property.
    pub(super) unit_is_stated: bool,
    pub(super) to_property: Conversion,
    pub(super) adjustment: Option<Adjustment>,
    pub(super) range: Option<(f64, f64)>,
    pub(super) map: Vec<(RawMatch, ResultValue)>,
    pub(super) invalid: Vec<RawMatch>,
}

/// A linear change of the raw number: `(raw - zero_at) * scale + offset`; with `full_at` the share of the way from `zero_at` to
/// `full_at`, in percent.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Adjustment {
    pub(super) scale: f64,
    pub(super) offset: f64,
    pub(super) zero_at: Option<Anchor>,
    pub(super) full_at: Option<Anchor>,
}

/// A raw value that depends on how a device is mounted.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Anchor {
    /// The same for all devices of the profile.
    Fixed(f64),
    /// What a tag of the device says, with its unit (`1.2 m`); else the default, in the raw unit; without either there is no reading.
    Tag { name: String, default: Option<f64> },
}

/// A raw value to be recognised: a text without case, or a number.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RawMatch {
    text: String,
    number: Option<f64>,
}

/// A raw value in its surroundings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Raw<'a> {
    pub(super) value: &'a Value,
    /// The unit that a neighbouring field states.
    pub(super) label: Option<&'a str>,
    pub(super) tags: &'a BTreeMap<String, String>,
    /// Whether a profile lists this very field, so that its author has seen the label.
    pub(super) is_listed: bool,
}

/// What became of a raw value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    Value(ResultValue, Quality),
    /// The device says that it has no value.
    Absent,
    /// The value cannot be read; the detail names it and says why.
    Unreadable(String),
}

impl RawMatch {
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.trim().to_owned(), number: text.trim().parse().ok() }
    }

    #[allow(clippy::float_cmp, reason = "a sentinel is one exact number")]
    fn matches(&self, value: &Value) -> bool {
        let equals = |number: Option<f64>| number.is_some() && number == self.number;
        match value {
            Value::String(text) => {
                self.text.eq_ignore_ascii_case(text.trim()) || (self.number.is_some() && equals(text.trim().parse().ok()))
            }
            Value::Number(number) => equals(number.as_f64()),
            Value::Bool(flag) => self.text.eq_ignore_ascii_case(if *flag { "true" } else { "false" }),
            Value::Null | Value::Array(_) | Value::Object(_) => false,
        }
    }
}

impl Quantity {
    /// A quantity of `property` whose raw values are in its unit.
    pub(super) fn of(property: Arc<PropertyDefinition>) -> Self {
        Self {
            unit: property.unit.clone(),
            unit_is_stated: false,
            to_property: Conversion { factor: 1.0, offset: 0.0 },
            adjustment: None,
            range: property.range,
            map: Vec::new(),
            invalid: Vec::new(),
            property,
        }
    }

    /// The same with raw values in `unit`; `None` when no conversion to the property's unit is known.
    pub(super) fn in_unit(self, unit: Unit) -> Option<Self> {
        let to_property = unit.conversion_to(&self.property.unit)?;
        Some(Self { unit, unit_is_stated: true, to_property, ..self })
    }

    /// Reads a raw value.
    pub(super) fn read(&self, raw: Raw<'_>) -> Outcome {
        if self.invalid.iter().any(|invalid| invalid.matches(raw.value)) {
            return Outcome::Absent;
        }
        if !self.map.is_empty() {
            return self.mapped(raw.value);
        }
        match self.property.result {
            ResultKind::Number => self.number(raw),
            ResultKind::Boolean => boolean(raw.value),
            ResultKind::Text => text(raw.value),
        }
    }

    fn mapped(&self, value: &Value) -> Outcome {
        if is_absent(value) {
            return Outcome::Absent;
        }
        match self.map.iter().find(|(raw, _)| raw.matches(value)) {
            Some((_, mapped)) => Outcome::Value(mapped.clone(), self.range_quality(mapped.as_number())),
            None => {
                let known: Vec<_> = self.map.iter().map(|(raw, _)| raw.text.as_str()).collect();
                Outcome::Unreadable(format!("{} is none of {}", shown(value), known.join(", ")))
            }
        }
    }

    fn number(&self, raw: Raw<'_>) -> Outcome {
        match raw.value {
            Value::Number(number) => match number.as_f64() {
                Some(number) => self.measured(number, raw.label.unwrap_or_default(), false, raw),
                None => Outcome::Unreadable(format!("{} is not a number this platform can hold", shown(raw.value))),
            },
            Value::String(text) => self.number_in_text(text, raw),
            Value::Null => Outcome::Absent,
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                Outcome::Unreadable(format!("{} is not a number, as {} needs", shown(raw.value), self.property.code))
            }
        }
    }

    fn number_in_text(&self, text: &str, raw: Raw<'_>) -> Outcome {
        match number::parse(text) {
            TextNumber::Absent => Outcome::Absent,
            TextNumber::NotANumber => Outcome::Unreadable(format!("{} is not a number, as {} needs", shown(raw.value), self.property.code)),
            TextNumber::Number { value, alternative, label } => {
                let (label, is_own) = if label.is_empty() { (raw.label.unwrap_or_default(), false) } else { (label, true) };
                let first = self.measured(value, label, is_own, raw);
                match alternative {
                    None => first,
                    Some(alternative) => decide(first, self.measured(alternative, label, is_own, raw), raw.value),
                }
            }
        }
    }

    /// A number with the label that its own text (`is_own`) or a neighbouring field gives it.
    fn measured(&self, number: f64, label: &str, is_own: bool, raw: Raw<'_>) -> Outcome {
        let unit = match self.labelled(label, is_own, raw) {
            Ok(unit) => unit,
            Err(detail) => return Outcome::Unreadable(detail),
        };
        let converted = match (&self.adjustment, unit) {
            (None, None) => Some(self.to_property.apply(number)),
            (None, Some(unit)) => unit.conversion_to(&self.property.unit).map(|conversion| conversion.apply(number)),
            (Some(adjustment), unit) => {
                let raw_unit = unit.map_or(Some(number), |unit| unit.conversion_to(&self.unit).map(|conversion| conversion.apply(number)));
                match raw_unit.map(|number| adjustment.apply(number, &self.unit, raw.tags)) {
                    Some(Ok(Some(adjusted))) => Some(self.to_property.apply(adjusted)),
                    Some(Ok(None)) => return Outcome::Absent,
                    Some(Err(detail)) => return Outcome::Unreadable(detail),
                    None => None,
                }
            }
        };
        let Some(converted) = converted else {
            let Self { property, .. } = self;
            return Outcome::Unreadable(format!("{}: `{label}` is no unit of {} ({})", shown(raw.value), property.code, property.unit));
        };
        if !converted.is_finite() || converted.abs() > MAX_MAGNITUDE {
            return Outcome::Unreadable(format!("{} is larger than anything measured", shown(raw.value)));
        }
        // Adding zero turns a negative zero into zero.
        Outcome::Value(ResultValue::Number(converted + 0.0), self.range_quality(Some(converted)))
    }

    /// The unit that `label` names; `None` when there is no label or it names the expected unit.
    fn labelled(&self, label: &str, is_own: bool, raw: Raw<'_>) -> Result<Option<Unit>, String> {
        if label.is_empty() || label == self.unit.code() {
            return Ok(None);
        }
        match Unit::from_label(label) {
            Some(unit) if unit == self.unit => Ok(None),
            // Of a sound level everybody says decibel.
            Some(unit) if unit.code() == "dB" && self.unit.code() == "dB[SPL]" => Ok(None),
            Some(unit) => Ok(Some(unit)),
            None if !is_own && raw.is_listed && self.unit_is_stated => Ok(None),
            None => Err(format!("{}: `{label}` is not a unit this platform knows", shown(raw.value))),
        }
    }

    fn range_quality(&self, number: Option<f64>) -> Quality {
        let outside = |number: f64| self.range.is_some_and(|(low, high)| number < low || number > high);
        Quality::GOOD.with_if(QualityFlag::OutOfRange, number.is_some_and(outside))
    }
}

impl Adjustment {
    fn apply(&self, raw: f64, unit: &Unit, tags: &BTreeMap<String, String>) -> Result<Option<f64>, String> {
        let resolve = |anchor: &Option<Anchor>| anchor.as_ref().map_or(Ok(Some(0.0)), |anchor| anchor.resolve(unit, tags));
        let Some(zero) = resolve(&self.zero_at)? else { return Ok(None) };
        if self.full_at.is_none() {
            return Ok(Some(scaled(raw - zero, self.scale) + self.offset));
        }
        let Some(full) = resolve(&self.full_at)? else { return Ok(None) };
        Ok(Some((raw - zero) / (full - zero) * 100.0))
    }
}

/// A factor of one over a whole number divides exactly where multiplying by 0.1 would not.
fn scaled(number: f64, scale: f64) -> f64 {
    Conversion { factor: scale, offset: 0.0 }.apply(number)
}

impl Anchor {
    fn resolve(&self, unit: &Unit, tags: &BTreeMap<String, String>) -> Result<Option<f64>, String> {
        let (name, default) = match self {
            Self::Fixed(value) => return Ok(Some(*value)),
            Self::Tag { name, default } => (name, default),
        };
        let Some(text) = tags.get(name) else { return Ok(*default) };
        let unreadable = || format!("the tag `{name}` = {:?} is not a number with a unit such as \"1.2 {unit}\"", shorten(text));
        match number::parse(text) {
            TextNumber::Number { value, alternative: None, label: "" } if *unit == Unit::ONE => Ok(Some(value)),
            TextNumber::Number { value, alternative: None, label } => {
                let conversion = Unit::from_label(label).and_then(|stated| stated.conversion_to(unit));
                conversion.map(|conversion| Some(conversion.apply(value))).ok_or_else(unreadable)
            }
            _ => Err(unreadable()),
        }
    }
}

/// Chooses between two readings of `1,234`: the one that is plausible where the other is not.
fn decide(decimal: Outcome, thousands: Outcome, value: &Value) -> Outcome {
    let plausible = |outcome: &Outcome| matches!(outcome, Outcome::Value(_, quality) if *quality == Quality::GOOD);
    match (plausible(&decimal), plausible(&thousands)) {
        (true, false) => decimal,
        (false, true) => thousands,
        _ => Outcome::Unreadable(format!("{} has a comma that may separate decimals or thousands", shown(value))),
    }
}

fn is_absent(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => number::is_absent(text),
        _ => false,
    }
}

/// The truth value that a word stands for, in the sense of the property: `occupied`, `open`, `on` are true.
pub(super) fn boolean_word(text: &str) -> Option<bool> {
    const TRUE: [&str; 18] = [
        "true",
        "1",
        "on",
        "yes",
        "open",
        "opened",
        "active",
        "detected",
        "occupied",
        "present",
        "busy",
        "alarm",
        "motion",
        "moving",
        "move",
        "leak",
        "wet",
        "triggered",
    ];
    const FALSE: [&str; 18] = [
        "false",
        "0",
        "off",
        "no",
        "close",
        "closed",
        "inactive",
        "not detected",
        "free",
        "vacant",
        "absent",
        "empty",
        "normal",
        "idle",
        "still",
        "no leak",
        "dry",
        "clear",
    ];
    let is_in = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text.trim()));
    if is_in(&TRUE) { Some(true) } else { is_in(&FALSE).then_some(false) }
}

#[allow(clippy::float_cmp, reason = "exactly one and zero stand for true and false")]
fn boolean(value: &Value) -> Outcome {
    let found = match value {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) => match number.as_f64() {
            Some(1.0) => Some(true),
            Some(0.0) => Some(false),
            _ => None,
        },
        Value::String(text) => boolean_word(text),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    match found {
        Some(flag) => Outcome::Value(ResultValue::Boolean(flag), Quality::GOOD),
        None if is_absent(value) => Outcome::Absent,
        None => Outcome::Unreadable(format!("{} is neither true nor false", shown(value))),
    }
}

fn text(value: &Value) -> Outcome {
    if is_absent(value) {
        return Outcome::Absent;
    }
    let text = match value {
        Value::String(text) if text.len() > MAX_TEXT_BYTES => {
            return Outcome::Unreadable(format!("{} is longer than {MAX_TEXT_BYTES} bytes", shown(value)));
        }
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return Outcome::Unreadable(format!("{} is not a text", shown(value))),
    };
    Outcome::Value(ResultValue::Text(text), Quality::GOOD)
}

/// A raw value for people, cut short.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{:?}", shorten(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(MAX_SHOWN_CHARS).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
