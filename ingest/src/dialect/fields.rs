//! Tolerant access to the fields of a JSON object: what cannot be read is left out and named, the rest is kept.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};
use stadtwarte_model::{ParseIdError, Timestamp};

use super::json::{Document, Path, Shown};
use super::{DialectError, malformed};

/// How many warnings one message can cause; further ones are counted.
const MAX_WARNINGS: usize = 32;

/// How long one warning can be, in characters: keys and values come from outside.
const MAX_WARNING_CHARS: usize = 240;

/// 2015-01-01T00:00:00Z. LoRaWAN 1.0 was published that month; a server or satellite clock before it has not been set.
const LORAWAN_EXISTS: Timestamp = Timestamp::from_millis(1_420_070_400_000);

const PADDING: GeneralPurposeConfig = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, PADDING);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, PADDING);

/// The fields of one message that could not be read.
#[derive(Debug, Default)]
pub(super) struct Warnings {
    texts: RefCell<Vec<String>>,
    withheld: Cell<usize>,
    has_unset_clock: Cell<bool>,
}

impl Warnings {
    /// With what is already known to be wrong with `document`.
    pub(super) fn of(document: &Document) -> Self {
        let warnings = Self::default();
        for twice in &document.duplicates {
            warnings.push(format_args!("{twice}: given twice with different values; the last one counts"));
        }
        warnings
    }

    fn push(&self, text: fmt::Arguments<'_>) {
        let mut texts = self.texts.borrow_mut();
        if texts.len() == MAX_WARNINGS {
            self.withheld.set(self.withheld.get() + 1);
            return;
        }
        let mut text = text.to_string();
        if let Some((end, _)) = text.char_indices().nth(MAX_WARNING_CHARS) {
            text.truncate(end);
            text.push_str("...");
        }
        texts.push(text);
    }

    /// Whether a time was left out because its clock had not been set.
    pub(super) fn has_unset_clock(&self) -> bool {
        self.has_unset_clock.get()
    }

    /// The warnings, at most [`MAX_WARNINGS`] and one that counts the others.
    pub(super) fn into_texts(self) -> Vec<String> {
        let mut texts = self.texts.into_inner();
        if self.withheld.get() > 0 {
            texts.push(format!("and {} more fields", self.withheld.get()));
        }
        texts
    }
}

/// An object inside a message, with its place and the message's warnings.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    map: &'a Map<String, Value>,
    path: Path<'a>,
    warnings: &'a Warnings,
}

impl<'a> Fields<'a> {
    /// The message itself.
    pub(super) fn root(map: &'a Map<String, Value>, warnings: &'a Warnings) -> Self {
        Self { map, path: Path::Root, warnings }
    }

    fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// Whether there is anything but `null` at `key`, readable or not.
    pub(super) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Whether there is anything but `null` at one of `keys`.
    pub(super) fn has_any(&self, keys: &[&str]) -> bool {
        keys.iter().any(|key| self.has(key))
    }

    /// Notes that the field at `key` is of no use.
    pub(super) fn warn(&self, key: &str, problem: impl fmt::Display) {
        self.warnings.push(format_args!("{}: {problem}", Path::Key(&self.path, key)));
    }

    fn read<T>(&self, key: &str, expected: impl fmt::Display, read: impl FnOnce(&'a Value) -> Option<T>) -> Option<T> {
        let value = self.get(key)?;
        let found = read(value);
        if found.is_none() {
            self.warn(key, format_args!("expected {expected}, found {}", Shown(value)));
        }
        found
    }

    /// The object at `key`.
    pub(super) fn object<'b>(&'b self, key: &'b str) -> Option<Fields<'b>> {
        let map = self.read(key, "an object", Value::as_object)?;
        Some(Fields { map, path: Path::Key(&self.path, key), warnings: self.warnings })
    }

    /// The object at `key`, which must be one if it is there at all.
    pub(super) fn demand_object<'b>(&'b self, key: &'b str) -> Result<Fields<'b>, DialectError> {
        match self.get(key) {
            Some(Value::Object(map)) => Ok(Fields { map, path: Path::Key(&self.path, key), warnings: self.warnings }),
            Some(other) => Err(malformed(format!("{}: expected an object, found {}", Path::Key(&self.path, key), Shown(other)))),
            None => Err(malformed(format!("{}: missing", Path::Key(&self.path, key)))),
        }
    }

    /// Visits each object in the list at `key`, in order, with its index.
    pub(super) fn each(&self, key: &str, mut visit: impl FnMut(usize, &Fields<'_>)) {
        let Some(items) = self.read(key, "a list", Value::as_array) else { return };
        let list = Path::Key(&self.path, key);
        for (index, item) in items.iter().enumerate() {
            let path = Path::Index(&list, index);
            match item.as_object() {
                Some(map) => visit(index, &Fields { map, path, warnings: self.warnings }),
                None => self.warnings.push(format_args!("{path}: expected an object, found {}", Shown(item))),
            }
        }
    }

    /// Visits each object among the values of this one, in the order of keys.
    pub(super) fn each_value(&self, mut visit: impl FnMut(&str, &Fields<'_>)) {
        for key in self.map.keys() {
            if let Some(inner) = self.object(key) {
                visit(key, &inner);
            }
        }
    }

    /// Text; a number counts as its digits, the empty text as absent.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.read(key, "text", scalar_text).filter(|text| !text.is_empty())
    }

    /// The entries of the object at `key` as text: tags and attributes. Numbers and booleans count as their text.
    pub(super) fn texts(&self, key: &str) -> BTreeMap<String, String> {
        let Some(inner) = self.object(key) else { return BTreeMap::new() };
        let text = |key: &String| Some((key.clone(), inner.read(key, "text", scalar_text)?));
        inner.map.keys().filter_map(text).collect()
    }

    /// A whole number within `range`, which may come as text or with a fraction of zero.
    pub(super) fn whole<T: TryFrom<u64>>(&self, key: &str, range: RangeInclusive<u64>) -> Option<T> {
        let expected = format_args!("a whole number from {} to {}", range.start(), range.end());
        self.read(key, expected, |value| {
            whole_number(value).filter(|number| range.contains(number)).and_then(|number| T::try_from(number).ok())
        })
    }

    /// A finite number, which may come as text.
    pub(super) fn real(&self, key: &str) -> Option<f64> {
        self.read(key, "a number", real_number)
    }

    /// A truth value; absent and unreadable ones are false, as proto3 has it.
    pub(super) fn flag(&self, key: &str) -> bool {
        let truth = |value: &Value| match value {
            Value::Bool(truth) => Some(*truth),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        self.read(key, "true or false", truth).unwrap_or(false)
    }

    /// Bytes in base64, of either alphabet, padded or not.
    pub(super) fn bytes(&self, key: &str) -> Option<Vec<u8>> {
        let decode = |value: &Value| {
            let text = value.as_str()?.trim();
            STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()
        };
        self.read(key, "bytes in base64", decode)
    }

    /// A time in RFC 3339. Empty text and years before 1970 count as absent: that is how servers spell "none".
    pub(super) fn time(&self, key: &str) -> Option<Timestamp> {
        let read = |value: &Value| match value.as_str()? {
            "" => Some(None),
            text => text.parse::<Timestamp>().ok().map(|time| Some(time).filter(|time| time.as_micros() >= 0)),
        };
        self.read(key, "an RFC 3339 time with zone", read).flatten()
    }

    /// A time by a clock that ought to be right. What lies before LoRaWAN existed comes from a clock that was never set.
    pub(super) fn trusted_time(&self, key: &str) -> Option<Timestamp> {
        let time = self.time(key)?;
        self.plausible(key, time)
    }

    /// `time`, read from `key`, unless it lies before LoRaWAN existed.
    pub(super) fn plausible(&self, key: &str, time: Timestamp) -> Option<Timestamp> {
        if time < LORAWAN_EXISTS {
            self.warnings.has_unset_clock.set(true);
            self.warn(key, format_args!("{time} is before there was LoRaWAN; the clock was not set"));
            return None;
        }
        Some(time)
    }

    /// An identifier; never read from a number, which cannot hold 64 bits in JSON. The empty text counts as absent.
    pub(super) fn id<T: FromStr<Err = ParseIdError>>(&self, key: &str) -> Option<T> {
        self.try_id(key).unwrap_or_else(|problem| {
            self.warn(key, problem);
            None
        })
    }

    /// The identifier without which the message is of no use.
    pub(super) fn demand_id<T: FromStr<Err = ParseIdError>>(&self, key: &str) -> Result<T, DialectError> {
        self.try_id(key)
            .and_then(|id| id.ok_or_else(|| "missing".to_owned()))
            .map_err(|problem| malformed(format!("{}: {problem}", Path::Key(&self.path, key))))
    }

    fn try_id<T: FromStr<Err = ParseIdError>>(&self, key: &str) -> Result<Option<T>, String> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) if text.len() <= 64 => text.parse().map(Some).map_err(|error: ParseIdError| error.to_string()),
            Some(other) => Err(format!("expected an identifier as hexadecimal text, found {}", Shown(other))),
        }
    }
}

fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be whole and within 0 to 2^53")]
fn whole_number(value: &Value) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let exact = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    exact.or_else(|| real_number(value).filter(|real| real.fract() == 0.0 && (0.0..=EXACT).contains(real)).map(|real| real as u64))
}

fn real_number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
    .filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use stadtwarte_model::DevEui;

    use super::*;

    /// What `read` makes of `value`, and how many warnings it causes.
    fn read<T>(value: Value, read: impl FnOnce(&Fields<'_>) -> T) -> (T, usize) {
        let (map, warnings) = (Map::from_iter([("key".to_owned(), value)]), Warnings::default());
        let found = read(&Fields::root(&map, &warnings));
        (found, warnings.into_texts().len())
    }

    #[test]
    fn ok_numbers() {
        for (value, number) in
            [(json!(85), 85), (json!(85.0), 85), (json!("85"), 85), (json!(" 85 "), 85), (json!("8.5e1"), 85), (json!(0), 0)]
        {
            assert_eq!(read(value.clone(), |fields| fields.whole::<u8>("key", 0..=255)), (Some(number), 0), "{value}");
        }
        let greatest = json!(u64::MAX);
        assert_eq!(read(greatest, |fields| fields.whole::<u64>("key", 0..=u64::MAX)), (Some(u64::MAX), 0));
        for (value, number) in [(json!(-1.8), -1.8), (json!("-1.8"), -1.8), (json!(7), 7.0), (json!("1e3"), 1000.0)] {
            assert_eq!(read(value.clone(), |fields| fields.real("key")), (Some(number), 0), "{value}");
        }
    }

    #[test]
    fn err_numbers_are_left_out_with_one_warning() {
        for value in
            [json!(256), json!(-1), json!(8.5), json!(1e300), json!(u64::MAX), json!("x"), json!(""), json!(true), json!([1]), json!({})]
        {
            assert_eq!(read(value.clone(), |fields| fields.whole::<u8>("key", 0..=255)), (None, 1), "{value}");
        }
        for value in [json!("NaN"), json!("Infinity"), json!("1e400"), json!("5 dB"), json!(false), json!([])] {
            assert_eq!(read(value.clone(), |fields| fields.real("key")), (None, 1), "{value}");
        }
    }

    #[test]
    fn null_is_absent_for_every_reader() {
        assert_eq!(read(Value::Null, |fields| fields.whole::<u8>("key", 0..=255)), (None, 0));
        assert_eq!(read(Value::Null, |fields| fields.text("key")), (None, 0));
        assert_eq!(read(Value::Null, |fields| fields.bytes("key")), (None, 0));
        assert_eq!(read(Value::Null, |fields| fields.time("key")), (None, 0));
        assert_eq!(read(Value::Null, |fields| fields.id::<DevEui>("key")), (None, 0));
        assert_eq!(read(Value::Null, |fields| fields.object("key").is_some()), (false, 0));
        assert_eq!(read(Value::Null, |fields| fields.flag("key")), (false, 0));
    }

    #[test]
    fn bytes_come_in_either_alphabet_with_or_without_padding() {
        for text in ["+/+/AQ==", "+/+/AQ", "-_-_AQ", "-_-_AQ=="] {
            assert_eq!(read(json!(text), |fields| fields.bytes("key")), (Some(vec![0xfb, 0xff, 0xbf, 1]), 0), "{text}");
        }
        assert_eq!(read(json!(""), |fields| fields.bytes("key")), (Some(Vec::new()), 0));
        for value in [json!("a"), json!("AQID!"), json!([1, 2]), json!(7)] {
            assert_eq!(read(value.clone(), |fields| fields.bytes("key")), (None, 1), "{value}");
        }
    }

    #[test]
    fn identifiers_never_come_from_numbers() {
        let eui = DevEui::from_bytes([0x70, 0xb3, 0xd5, 0x7e, 0xd0, 0x00, 0x12, 0x34]);
        for text in ["70B3D57ED0001234", "70b3d57ed0001234", "70-B3-D5-7E-D0-00-12-34", "70:b3:d5:7e:d0:00:12:34"] {
            assert_eq!(read(json!(text), |fields| fields.id("key")), (Some(eui), 0), "{text}");
        }
        for value in [
            json!(7_012_345_678_901_234_u64),
            json!("70B3D57ED000123"),
            json!("cLPVftAAEjQ="),
            json!(["70B3D57ED0001234"]),
            json!("7".repeat(999)),
        ] {
            assert_eq!(read(value.clone(), |fields| fields.id::<DevEui>("key")), (None, 1), "{value}");
        }
    }

    #[test]
    fn times_need_a_zone_and_a_clock_that_was_set() {
        let at = |text: &str| text.parse::<Timestamp>().ok();
        for (value, time, trusted) in [
            ("2026-03-01T10:00:00.123456789+00:00", at("2026-03-01T10:00:00.123456Z"), 0),
            ("2026-03-01T18:00:00+08:00", at("2026-03-01T10:00:00Z"), 0),
            ("1970-01-01T00:00:12Z", at("1970-01-01T00:00:12Z"), 1),
            ("0001-01-01T00:00:00Z", None, 0),
            ("", None, 0),
        ] {
            assert_eq!(read(json!(value), |fields| fields.time("key")), (time, 0), "{value}");
            let believed = time.filter(|_| trusted == 0);
            assert_eq!(read(json!(value), |fields| fields.trusted_time("key")), (believed, trusted), "{value}");
        }
        for value in [json!("2026-03-01T10:00:00"), json!("now"), json!(1_772_359_200_197_u64), json!({"seconds": 1})] {
            assert_eq!(read(value.clone(), |fields| fields.time("key")), (None, 1), "{value}");
        }
    }

    #[test]
    fn warnings_are_bounded_in_number_and_length() {
        let list: Vec<Value> = (0..100).map(|_| json!(1)).collect();
        let map = Map::from_iter([("list".to_owned(), Value::Array(list)), ("ü".repeat(9999), json!(1))]);
        let warnings = Warnings::default();
        let fields = Fields::root(&map, &warnings);
        assert!(fields.object(&"ü".repeat(9999)).is_none());
        fields.each("list", |_, _| ());
        let texts = warnings.into_texts();
        assert_eq!(texts.len(), MAX_WARNINGS + 1);
        assert_eq!(texts[0].chars().count(), MAX_WARNING_CHARS + 3);
        assert_eq!(texts[1], "list[0]: expected an object, found 1");
        assert_eq!(texts[MAX_WARNINGS], "and 69 more fields");
    }
}
