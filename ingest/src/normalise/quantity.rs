//! One raw value of a decoded object becomes a value of a property, in the property's unit.
//!
//! ```text
//! JSON value ─▶ no value? sentinel? mapped? ─▶ number [label ─▶ unit] ─▶ zero_at, scale, offset ─▶ property's unit ─▶ range
//! ```

use std::sync::Arc;

use serde_json::Value;
use stadtwarte_model::unit::Conversion;
use stadtwarte_model::{Quality, QualityFlag, ResultValue, Unit};

use super::adjustment::Adjustment;
use super::number::{self, TextNumber};
use super::property::{PropertyDefinition, ResultKind};
use super::raw::{Raw, RawMatch, boolean_word, is_absent, shown};

/// No sensor measures more than this in any unit; what is larger is a broken field.
pub(super) const MAX_MAGNITUDE: f64 = 1e15;

/// Longest text result, in bytes.
pub(super) const MAX_TEXT_BYTES: usize = 1024;

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

/// What became of a raw value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    Value(ResultValue, Quality),
    /// The device says that it has no value.
    Absent,
    /// The value cannot be read; the detail names it and says why.
    Unreadable(String),
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
        if let Some((_, mapped)) = self.map.iter().find(|(raw, _)| raw.matches(value)) {
            return Outcome::Value(mapped.clone(), self.range_quality(mapped.as_number()));
        }
        let known: Vec<_> = self.map.iter().map(|(raw, _)| raw.text.as_str()).collect();
        Outcome::Unreadable(format!("{} is none of {}", shown(value), known.join(", ")))
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

/// Chooses between two readings of `1,234`: the one that is plausible where the other is not.
fn decide(decimal: Outcome, thousands: Outcome, value: &Value) -> Outcome {
    let plausible = |outcome: &Outcome| matches!(outcome, Outcome::Value(_, quality) if *quality == Quality::GOOD);
    match (plausible(&decimal), plausible(&thousands)) {
        (true, false) => decimal,
        (false, true) => thousands,
        _ => Outcome::Unreadable(format!("{} has a comma that may separate decimals or thousands", shown(value))),
    }
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
