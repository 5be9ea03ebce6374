//! From bytes to one JSON object, saying precisely what is wrong when it is not one.
//!
//! `serde_json` alone keeps the last of two equal keys and says nothing; here every key that came twice with different values is
//! noted, because one of them may name the device.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::{DialectError, malformed};

/// How deep objects and lists may be nested. Real messages stay below ten; codecs' objects add a few.
pub(super) const MAX_DEPTH: usize = 64;

/// How many keys that came twice are noted.
const MAX_DUPLICATES: usize = 16;

/// Where in a document a value stands: `rxInfo[1].gwTime`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Path<'a> {
    Root,
    Key(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Key(Self::Root, key) => f.write_str(key),
            Self::Key(parent, key) => write!(f, "{parent}.{key}"),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// A message that is a JSON object.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) root: Map<String, Value>,
    /// Paths of keys that came twice in their object with different values; the last value is the one in `root`.
    pub(super) duplicates: Vec<String>,
}

/// The most values and keys of a message: in memory, each takes up to a hundred times as much as in the message. Those of devices have some
/// hundred.
const MAX_PARTS: usize = 20_000;

impl Document {
    /// Reads a payload. A byte order mark before the JSON is ignored, as RFC 8259 section 8.1 allows.
    pub(super) fn parse(payload: &[u8]) -> Result<Self, DialectError> {
        let text = str::from_utf8(payload)
            .map_err(|error| malformed(format!("not UTF-8: the byte at offset {} begins no character", error.valid_up_to())))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if text.trim_ascii().is_empty() {
            return Err(malformed("the payload is empty"));
        }
        // Each value begins after one of these.
        if text.bytes().filter(|byte| matches!(byte, b',' | b':' | b'[' | b'{')).count() > MAX_PARTS {
            return Err(malformed(format!("the JSON has more than {MAX_PARTS} parts")));
        }
        let duplicates = RefCell::new(Vec::new());
        let root = Node { path: Path::Root, depth: 0, duplicates: &duplicates };
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let value = root
            .deserialize(&mut deserializer)
            .and_then(|value| deserializer.end().map(|()| value))
            .map_err(|error| malformed(format!("not JSON: {error}")))?;
        match value {
            Value::Object(root) => Ok(Self { root, duplicates: duplicates.into_inner() }),
            other => Err(malformed(format!("expected a JSON object, found {}", Shown(&other)))),
        }
    }

    /// Whether the value at `path` is ambiguous, because its key or one above it came twice with different values.
    pub(super) fn is_ambiguous(&self, path: &str) -> bool {
        self.duplicates.iter().any(|twice| path.strip_prefix(twice.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
    }
}

/// A value in an error text: short, and never more than its beginning.
pub(super) struct Shown<'a>(pub(super) &'a Value);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 40;
        match self.0 {
            Value::Null => f.write_str("null"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Number(value) => write!(f, "{value}"),
            Value::String(value) => match value.char_indices().nth(LONGEST) {
                Some((end, _)) => write!(f, "{:?}...", &value[..end]),
                None => write!(f, "{value:?}"),
            },
            Value::Array(_) => f.write_str("a list"),
            Value::Object(_) => f.write_str("an object"),
        }
    }
}

/// A value about to be read, with its place.
#[derive(Clone, Copy)]
struct Node<'a> {
    path: Path<'a>,
    depth: usize,
    duplicates: &'a RefCell<Vec<String>>,
}

impl Node<'_> {
    /// The node of something inside this one.
    fn inside<'b>(&'b self, path: Path<'b>) -> Node<'b> {
        Node { path, depth: self.depth + 1, duplicates: self.duplicates }
    }

    fn check_depth<E: Error>(&self) -> Result<(), E> {
        if self.depth < MAX_DEPTH { Ok(()) } else { Err(E::custom(format_args!("nested deeper than {MAX_DEPTH} levels"))) }
    }

    fn note_duplicate(&self, key: &str) {
        let mut duplicates = self.duplicates.borrow_mut();
        if duplicates.len() < MAX_DUPLICATES {
            duplicates.push(Path::Key(&self.path, key).to_string());
        }
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        self.check_depth()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.inside(Path::Index(&self.path, list.len())))? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        self.check_depth()?;
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(self.inside(Path::Key(&self.path, &key)))?;
            if object.get(&key).is_some_and(|earlier| *earlier != value) {
                self.note_duplicate(&key);
            }
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(payload: &[u8]) -> String {
        Document::parse(payload).unwrap_err().to_string()
    }

    #[test]
    fn ok_documents() {
        for text in ["{}", " {} \r\n", "\u{feff}{}", r#"{"a":[{"b":null}],"c":-0.5e3,"d":18446744073709551615,"e":"\u00fc"}"#] {
            let document = Document::parse(text.as_bytes()).unwrap();
            let plain: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap();
            assert_eq!(Value::Object(document.root), plain, "{text}");
            assert!(document.duplicates.is_empty());
        }
    }

    #[test]
    fn err_documents_say_what_and_where() {
        let cases: [(&[u8], &str); 16] = [
            (b"", "the payload is empty"),
            (b" \n", "the payload is empty"),
            (b"\xef\xbb\xbf", "the payload is empty"),
            (b"{\"a\":\"\xff\"}", "not UTF-8: the byte at offset 6 begins no character"),
            (b"\x00", "not JSON: expected value at line 1 column 1"),
            (b"off", "not JSON: expected value at line 1 column 1"),
            (b"{", "not JSON: EOF while parsing an object at line 1 column 1"),
            (b"{}x", "not JSON: trailing characters at line 1 column 3"),
            (b"{}{}", "not JSON: trailing characters at line 1 column 3"),
            (b"{\"a\":\n NaN}", "not JSON: expected value at line 2 column 2"),
            (b"{\"a\":Infinity}", "not JSON: expected value at line 1 column 6"),
            (b"{\"a\":1e400}", "not JSON: number out of range at line 1 column 10"),
            (b"{\"a\":\"\\ud800\"}", "not JSON: unexpected end of hex escape at line 1 column 13"),
            (b"[1]", "expected a JSON object, found a list"),
            (b"21.5", "expected a JSON object, found 21.5"),
            (b"\"on\"", "expected a JSON object, found \"on\""),
        ];
        for (payload, expected) in cases {
            assert_eq!(refusal(payload), expected);
        }
    }

    #[test]
    fn nesting_is_bounded_long_before_the_stack_is() {
        let nested = |levels: usize| format!("{}{}", r#"{"a":"#.repeat(levels), "1") + &"}".repeat(levels);
        assert!(Document::parse(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert!(refusal(nested(MAX_DEPTH + 1).as_bytes()).contains("nested deeper than 64 levels"));
        assert!(refusal("[".repeat(10_000).as_bytes()).contains("nested deeper than 64 levels"));
        assert!(refusal(nested(9_000).as_bytes()).contains("nested deeper than 64 levels"));
    }

    #[test]
    fn keys_that_came_twice_with_different_values_are_noted() {
        let document = Document::parse(br#"{"a":1,"b":[{"c":1,"c":2}],"a":1,"d":{"e":1},"d":{"e":2}}"#).unwrap();
        assert_eq!(document.duplicates, ["b[0].c", "d"]);
        assert_eq!(document.root["b"][0]["c"], 2);
        for (path, ambiguous) in [("d", true), ("d.e", true), ("a", false), ("de", false)] {
            assert_eq!(document.is_ambiguous(path), ambiguous, "{path}");
        }
    }

    #[test]
    fn numbers_stay_numbers_whatever_features_of_serde_json_the_workspace_switches_on() {
        assert_eq!(Document::parse(br#"{"a":28.0}"#).unwrap().root["a"].as_f64(), Some(28.0));
    }
}
