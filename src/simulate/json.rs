//! A JSON writer that appends to a byte buffer, because a load generator cannot afford a document tree per message.
//!
//! The writer places the commas; the caller keeps begin and end balanced. Text is escaped per RFC 8259, section 7. Numbers that
//! are not finite become `null`, as ChirpStack and JavaScript write them.

use std::fmt::Write as _;

/// How a whole number stored as floating point is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Integers {
    /// `61`, as JavaScript and The Things Stack write it.
    #[default]
    Bare,
    /// `61.0`, as ChirpStack v4 writes a `google.protobuf.Struct` number.
    WithPoint,
}

/// Appends JSON to a buffer.
#[derive(Debug, Default, Clone)]
pub struct JsonWriter {
    text: String,
    needs_comma: bool,
    integers: Integers,
}

impl JsonWriter {
    /// A writer with room for a typical message.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), ..Self::default() }
    }

    /// Empties the buffer, keeps its memory, and chooses how whole numbers are written.
    pub fn reset(&mut self, integers: Integers) {
        self.text.clear();
        self.needs_comma = false;
        self.integers = integers;
    }

    /// What was written so far.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Hands the text over.
    pub fn into_text(self) -> String {
        self.text
    }

    /// Opens an object as the next value.
    pub fn begin_object(&mut self) {
        self.separate();
        self.text.push('{');
        self.needs_comma = false;
    }

    /// Closes the innermost object.
    pub fn end_object(&mut self) {
        self.text.push('}');
        self.needs_comma = true;
    }

    /// Opens an array as the next value.
    pub fn begin_array(&mut self) {
        self.separate();
        self.text.push('[');
        self.needs_comma = false;
    }

    /// Closes the innermost array.
    pub fn end_array(&mut self) {
        self.text.push(']');
        self.needs_comma = true;
    }

    /// Writes a member name; the next call writes its value. Names are fixed text without characters that need escaping.
    pub fn key(&mut self, name: &str) {
        self.separate();
        self.text.push('"');
        self.text.push_str(name);
        self.text.push_str("\":");
        self.needs_comma = false;
    }

    /// Writes a text value, escaped.
    pub fn text(&mut self, value: &str) {
        self.separate();
        self.text.push('"');
        if value.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
            self.text.push_str(value);
        } else {
            self.escape(value);
        }
        self.text.push('"');
        self.needs_comma = true;
    }

    /// Writes a text value produced by `write`, which must not need escaping (digits, base64, times).
    pub fn text_with(&mut self, write: impl FnOnce(&mut String)) {
        self.separate();
        self.text.push('"');
        write(&mut self.text);
        self.text.push('"');
        self.needs_comma = true;
    }

    /// Writes a number, shortest form that reads back to the same value.
    pub fn number(&mut self, value: f64) {
        self.separate();
        if !value.is_finite() {
            self.text.push_str("null");
        } else if value.fract() == 0.0 && value.abs() < 1e15 {
            push_integer(&mut self.text, super::numeric::to_i64(value));
            if self.integers == Integers::WithPoint {
                self.text.push_str(".0");
            }
        } else {
            // Formatting into a String cannot fail.
            let _ = write!(self.text, "{value}");
        }
        self.needs_comma = true;
    }

    /// Writes a whole number of an envelope, never with a decimal point.
    pub fn integer(&mut self, value: i64) {
        self.separate();
        push_integer(&mut self.text, value);
        self.needs_comma = true;
    }

    /// Writes `true` or `false`.
    pub fn boolean(&mut self, value: bool) {
        self.separate();
        self.text.push_str(if value { "true" } else { "false" });
        self.needs_comma = true;
    }

    /// Writes a value that is already JSON.
    pub fn raw(&mut self, json: &str) {
        self.separate();
        self.text.push_str(json);
        self.needs_comma = true;
    }

    /// Writes members that are already JSON (`"a":1,"b":2`); nothing when empty.
    pub fn members(&mut self, json: &str) {
        if !json.is_empty() {
            self.raw(json);
        }
    }

    fn separate(&mut self) {
        if self.needs_comma {
            self.text.push(',');
        }
    }

    fn escape(&mut self, value: &str) {
        for character in value.chars() {
            match character {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                control if control < ' ' => {
                    let _ = write!(self.text, "\\u{:04x}", u32::from(control));
                }
                other => self.text.push(other),
            }
        }
    }
}

/// Member helpers: name and value in one call.
impl JsonWriter {
    /// `"name":"value"`.
    pub fn text_member(&mut self, name: &str, value: &str) {
        self.key(name);
        self.text(value);
    }

    /// `"name":1.5`.
    pub fn number_member(&mut self, name: &str, value: f64) {
        self.key(name);
        self.number(value);
    }

    /// `"name":1`.
    pub fn integer_member(&mut self, name: &str, value: i64) {
        self.key(name);
        self.integer(value);
    }

    /// `"name":true`.
    pub fn boolean_member(&mut self, name: &str, value: bool) {
        self.key(name);
        self.boolean(value);
    }

    /// `"name":"1.50"`: a number as text with fixed decimals, as `toFixed` in a vendor's codec makes it.
    pub fn fixed_member(&mut self, name: &str, value: f64, decimals: usize) {
        self.key(name);
        self.text_with(|text| {
            let _ = write!(text, "{value:.decimals$}");
        });
    }
}

/// Appends a whole number in decimal.
pub(crate) fn push_integer(text: &mut String, value: i64) {
    if value < 0 {
        text.push('-');
    }
    let mut digits = [0u8; 20];
    let mut start = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        start -= 1;
        digits[start] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    for &digit in &digits[start..] {
        text.push(char::from(digit));
    }
}

/// Appends a whole number in decimal with leading zeros up to `width` (at most 9).
pub(crate) fn push_padded(text: &mut String, value: u32, width: u32) {
    for place in (0..width).rev() {
        let digit = value / 10u32.pow(place) % 10;
        text.push(char::from_digit(digit, 10).unwrap_or('0'));
    }
}

/// Appends bytes as lower-case hexadecimal.
pub(crate) fn push_hex(text: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for &byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

/// Appends bytes as upper-case hexadecimal.
pub(crate) fn push_hex_upper(text: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_written_reads_back() {
        let mut writer = JsonWriter::default();
        writer.begin_object();
        writer.text_member("name", "Straße \"Am Wehr\"\n\\");
        writer.number_member("a", 23.4);
        writer.number_member("whole", -61.0);
        writer.number_member("nan", f64::NAN);
        writer.fixed_member("fixed", 23.4, 2);
        writer.key("list");
        writer.begin_array();
        writer.integer(i64::MIN);
        writer.boolean(true);
        writer.begin_object();
        writer.end_object();
        writer.end_array();
        writer.members("\"raw\":[1]");
        writer.end_object();
        let read: serde_json::Value = serde_json::from_str(writer.as_str()).unwrap();
        let expected = json!({"name": "Straße \"Am Wehr\"\n\\", "a": 23.4, "whole": -61, "nan": null, "fixed": "23.40",
            "list": [i64::MIN, true, {}], "raw": [1]});
        assert_eq!(read, expected);
    }

    #[test]
    fn chirpstack_writes_whole_numbers_with_a_point() {
        let mut writer = JsonWriter::default();
        writer.reset(Integers::WithPoint);
        writer.number(61.0);
        assert_eq!(writer.as_str(), "61.0");
    }

    #[test]
    fn padding_and_hexadecimal_have_fixed_width() {
        let mut text = String::new();
        push_padded(&mut text, 42, 6);
        push_hex(&mut text, &[0x0a, 0xff]);
        push_hex_upper(&mut text, &[0x0a, 0xff]);
        assert_eq!(text, "0000420aff0AFF");
    }
}
