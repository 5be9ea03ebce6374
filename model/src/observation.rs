//! Readings and observations: one value, at one time, of one property.

use serde::{Deserialize, Serialize};

use crate::ids::{DatastreamId, ObservationId};
use crate::place::Position;
use crate::quality::Quality;
use crate::time::Timestamp;
use crate::unit::Unit;

/// The result of an observation.
///
/// | variant | column `result` | `result_text` | `result_json` |
/// |---|---|---|---|
/// | `Number` | the number | null | null |
/// | `Boolean` | 1 or 0 | null | `true` or `false` |
/// | `Text` | null | the text | null |
/// | `Json` | null | null | the document |
///
/// A boolean is also a number in SQL so that its mean is a share of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ResultValue {
    /// A finite number.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// Any text.
    Text(String),
    /// Any other JSON document (array or object), as text.
    Json(String),
}

impl ResultValue {
    /// The number to store in the `result` column, where there is one.
    #[must_use]
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Boolean(boolean) => Some(f64::from(u8::from(*boolean))),
            Self::Text(_) | Self::Json(_) => None,
        }
    }

    /// The text to store in the `result_text` column, where there is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The document to store in the `result_json` column, where there is one.
    #[must_use]
    pub fn as_json(&self) -> Option<&str> {
        match self {
            Self::Boolean(true) => Some("true"),
            Self::Boolean(false) => Some("false"),
            Self::Json(document) => Some(document),
            Self::Number(_) | Self::Text(_) => None,
        }
    }

    /// The value whose three columns these are; `None` when all are null.
    #[must_use]
    pub fn from_columns(number: Option<f64>, text: Option<&str>, json: Option<&str>) -> Option<Self> {
        match (number, text, json) {
            (_, _, Some("true")) => Some(Self::Boolean(true)),
            (_, _, Some("false")) => Some(Self::Boolean(false)),
            (_, _, Some(document)) => Some(Self::Json(document.to_owned())),
            (_, Some(text), None) => Some(Self::Text(text.to_owned())),
            (Some(number), None, None) => Some(Self::Number(number)),
            (None, None, None) => None,
        }
    }
}

/// What one decoded field of an uplink says, in the unit of its property. Not yet tied to a datastream.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Code of the observed property, such as `air_temperature`.
    pub property: String,
    /// Tells apart several of the same property on one device, such as `depth_2`.
    pub channel: Option<String>,
    /// The unit of the value.
    pub unit: Unit,
    /// The value.
    pub value: ResultValue,
    /// When it was true; the uplink's event time unless the payload says otherwise.
    pub phenomenon_time: Timestamp,
    /// What is known against it.
    pub quality: Quality,
}

/// One observation of a datastream (OGC 18-088, section 8.2.7), as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// Identity.
    pub id: ObservationId,
    /// Which datastream it belongs to.
    pub datastream_id: DatastreamId,
    /// When it was true, or when the interval began.
    pub phenomenon_time: Timestamp,
    /// When the interval ended, for intervals.
    pub phenomenon_end: Option<Timestamp>,
    /// When the result was produced, where that differs from `phenomenon_time`.
    pub result_time: Option<Timestamp>,
    /// When this platform received it.
    pub received_at: Timestamp,
    /// The value.
    pub value: ResultValue,
    /// What is known against it.
    pub quality: Quality,
    /// Where it was measured; kept with every observation so that moving a station does not rewrite its past.
    pub position: Option<Position>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_number_and_any_text_survive_their_columns(number in any::<f64>().prop_filter("finite", |number| number.is_finite()), text in ".*") {
            for value in [ResultValue::Number(number), ResultValue::Text(text)] {
                let back = ResultValue::from_columns(value.as_number(), value.as_text(), value.as_json());
                prop_assert_eq!(back, Some(value));
            }
        }
    }

    #[test]
    fn a_value_survives_its_three_columns() {
        for value in [
            ResultValue::Number(-0.5),
            ResultValue::Boolean(true),
            ResultValue::Boolean(false),
            ResultValue::Text(String::new()),
            ResultValue::Json("[1,2]".to_owned()),
        ] {
            let back = ResultValue::from_columns(value.as_number(), value.as_text(), value.as_json());
            assert_eq!(back, Some(value));
        }
    }
}
