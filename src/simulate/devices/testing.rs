//! Checks that every device type runs through.

use super::payload::Payload;
use crate::simulate::json::JsonWriter;
use serde_json::Value;

/// Bytes from hexadecimal text; spaces are ignored.
pub(super) fn from_hex(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()).collect()
}

/// The object of a message as a document.
pub(super) fn object_of<P: Payload>(message: &P) -> Value {
    let mut json = JsonWriter::default();
    json.begin_object();
    message.object(&mut json);
    json.end_object();
    serde_json::from_str(json.as_str()).unwrap()
}

/// A published message decodes to the published object and encodes to the same bytes again.
pub(super) fn assert_vector<P: Payload>(f_port: u8, hex: &str, expected: &Value) {
    let message = decode_and_encode::<P>(f_port, hex);
    assert_same(&object_of(&message), expected, "");
}

/// The same for part of the members.
pub(super) fn assert_members<P: Payload>(f_port: u8, hex: &str, expected: &Value) {
    let object = object_of(&decode_and_encode::<P>(f_port, hex));
    for (name, value) in expected.as_object().unwrap() {
        assert_same(&object[name], value, name);
    }
}

fn decode_and_encode<P: Payload>(f_port: u8, hex: &str) -> P {
    let bytes = from_hex(hex);
    let message = P::decode(f_port, &bytes).unwrap();
    let mut again = Vec::new();
    message.encode(&mut again);
    assert_eq!((message.f_port(), again), (f_port, bytes), "encoding must give the published bytes");
    message
}

/// Equal, with 1 and 1.0 the same number.
pub(super) fn assert_same(found: &Value, expected: &Value, at: &str) {
    match (found, expected) {
        (Value::Object(a), Value::Object(b)) => {
            assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>(), "members at {at}");
            for (name, value) in a {
                assert_same(value, &b[name], &format!("{at}.{name}"));
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len(), "length at {at}");
            for (index, (x, y)) in a.iter().zip(b).enumerate() {
                assert_same(x, y, &format!("{at}[{index}]"));
            }
        }
        (Value::Number(a), Value::Number(b)) => {
            assert!((a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 1e-12, "{a} is not {b} at {at}");
        }
        (a, b) => assert_eq!(a, b, "at {at}"),
    }
}
