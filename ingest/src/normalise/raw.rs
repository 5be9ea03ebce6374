//! Raw values of decoded objects: recognising them and showing them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::number;

/// Longest raw value shown in a problem, in characters.
const MAX_SHOWN_CHARS: usize = 60;

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

/// A raw value to be recognised: a text without case, or a number.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RawMatch {
    pub(super) text: String,
    number: Option<f64>,
}

impl RawMatch {
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.trim().to_owned(), number: text.trim().parse().ok() }
    }

    #[allow(clippy::float_cmp, reason = "a sentinel is one exact number")]
    pub(super) fn matches(&self, value: &Value) -> bool {
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

/// Whether the device says that it has no value.
pub(super) fn is_absent(value: &Value) -> bool {
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

/// A raw value for people, cut short.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{:?}", shorten(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// A text for people, cut short.
pub(super) fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(MAX_SHOWN_CHARS).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sentinels_are_recognised_as_number_text_or_truth_value() {
        for (raw, value, expected) in [
            ("-999", json!(-999), true),
            ("-999", json!(-999.0), true),
            ("-999", json!("-999.0"), true),
            ("-999", json!(-999.1), false),
            ("err", json!(" ERR "), true),
            ("err", json!("error"), false),
            ("TRUE", json!(true), true),
            ("1", json!(true), false),
            ("null", json!(null), false),
        ] {
            assert_eq!(RawMatch::new(raw).matches(&value), expected, "{raw} {value}");
        }
    }

    #[test]
    fn words_are_true_false_or_neither() {
        for (word, expected) in [
            ("ON", Some(true)),
            (" open ", Some(true)),
            ("1", Some(true)),
            ("free", Some(false)),
            ("Not Detected", Some(false)),
            ("ajar", None),
            ("", None),
        ] {
            assert_eq!(boolean_word(word), expected, "{word}");
        }
    }
}
