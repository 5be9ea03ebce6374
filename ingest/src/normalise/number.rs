//! Numbers that arrive as text, as two of five scalar values in recorded messages do: `"3.384 V"`, `"30.11 °C"`, `"23,4"`.
//!
//! | text | reading |
//! |---|---|
//! | `23.4`, `-5`, `+5`, `−5` (minus sign), `1.234e2`, `.5` | the number |
//! | `23,4`, `0,234` | German decimal comma |
//! | `1.234,5`, `1,234.5`, `1.234.567` | groups of thousands |
//! | `1,234` | two readings, 1.234 and 1234; whoever knows the plausible range decides |
//! | `3.384 V`, `45%`, `12 µg/m³` | the number and a unit label |
//! | `NaN`, `--`, `n/a`, empty | no value |
//! | `1,2,3`, `2026-03-01`, `ok`, `0x1F` | not a number (or a number with an absurd label, which no unit matches) |

/// What a text says when a number is expected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum TextNumber<'t> {
    /// The device says that it has no value.
    Absent,
    /// A number.
    Number {
        /// Its value, a single comma taken for a decimal comma.
        value: f64,
        /// Its value if that comma separated thousands, where that is possible.
        alternative: Option<f64>,
        /// What follows the number, trimmed; empty for a bare number.
        label: &'t str,
    },
    /// Something else.
    NotANumber,
}

/// Longer texts are no numbers.
const MAX_CHARS: usize = 64;

/// Whether a text stands for "no value".
pub(super) fn is_absent(text: &str) -> bool {
    const ABSENT: [&str; 9] = ["nan", "n/a", "na", "null", "none", "undefined", "unavailable", "nil", "invalid"];
    let text = text.trim();
    text.bytes().all(|byte| byte == b'-') || ABSENT.iter().any(|absent| absent.eq_ignore_ascii_case(text))
}

/// Reads a text as a number with an optional unit label.
pub(super) fn parse(text: &str) -> TextNumber<'_> {
    let text = text.trim();
    if text.len() > MAX_CHARS {
        return TextNumber::NotANumber;
    }
    if is_absent(text) {
        return TextNumber::Absent;
    }
    number(text).unwrap_or(TextNumber::NotANumber)
}

fn number(text: &str) -> Option<TextNumber<'_>> {
    let (negative, unsigned) = match text.strip_prefix(['-', '−']) {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = unsigned.find(|c: char| !matches!(c, '0'..='9' | '.' | ',')).unwrap_or(unsigned.len());
    let (mantissa, rest) = unsigned.split_at(end);
    let (exponent, rest) = rest.split_at(exponent_length(rest));
    let label = rest.trim();
    if label.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let digits = Digits::parse(mantissa)?;
    let sign = if negative { "-" } else { "" };
    let value = |digits: &str| format!("{sign}{digits}{exponent}").parse().ok();
    let (value, alternative) = match digits {
        Digits::Plain(digits) => (value(digits)?, None),
        Digits::Comma { decimal, thousands } => (value(&decimal)?, thousands.as_deref().and_then(value)),
        Digits::Grouped(digits) => (value(&digits)?, None),
    };
    Some(TextNumber::Number { value, alternative, label })
}

/// The bytes of an exponent at the beginning of `text`: `e`, an optional sign, digits.
fn exponent_length(text: &str) -> usize {
    let Some(after) = text.strip_prefix(['e', 'E']) else { return 0 };
    let unsigned = after.strip_prefix(['+', '-']).unwrap_or(after);
    let digits = unsigned.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 { 0 } else { text.len() - unsigned.len() + digits }
}

/// The digits of a number in a spelling that Rust reads.
enum Digits<'t> {
    Plain(&'t str),
    Comma { decimal: String, thousands: Option<String> },
    Grouped(String),
}

impl<'t> Digits<'t> {
    fn parse(text: &'t str) -> Option<Self> {
        if !text.ends_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let count = |separator| text.bytes().filter(|byte| *byte == separator).count();
        match (count(b'.'), count(b',')) {
            (0 | 1, 0) => Some(Self::Plain(text)),
            (0, 1) => {
                let thousands = (is_grouped(text, ',') && !text.starts_with('0')).then(|| text.replace(',', ""));
                Some(Self::Comma { decimal: text.replace(',', "."), thousands })
            }
            (_, 0) => is_grouped(text, '.').then(|| Self::Grouped(text.replace('.', ""))),
            (0, _) => is_grouped(text, ',').then(|| Self::Grouped(text.replace(',', ""))),
            (_, 1) if text.rfind(',') > text.rfind('.') => grouped_with_decimals(text, '.', ','),
            (1, _) if text.rfind('.') > text.rfind(',') => grouped_with_decimals(text, ',', '.'),
            _ => None,
        }
    }
}

fn grouped_with_decimals<'t>(text: &str, group: char, decimal: char) -> Option<Digits<'t>> {
    let (whole, fraction) = text.rsplit_once(decimal)?;
    is_grouped(whole, group).then(|| Digits::Grouped(format!("{}.{fraction}", whole.replace(group, ""))))
}

/// One to three digits, then groups of three.
fn is_grouped(text: &str, separator: char) -> bool {
    let mut groups = text.split(separator);
    groups.next().is_some_and(|first| (1..=3).contains(&first.len())) && groups.all(|group| group.len() == 3)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<(f64, Option<f64>, &str)> {
        match parse(text) {
            TextNumber::Number { value, alternative, label } => Some((value, alternative, label)),
            _ => None,
        }
    }

    #[test]
    fn ok_numbers_as_devices_write_them() {
        for (text, value, label) in [
            ("23.4", 23.4, ""),
            (" -5 ", -5.0, ""),
            ("−5.5", -5.5, ""),
            ("+7", 7.0, ""),
            (".5", 0.5, ""),
            ("1.234e2", 123.4, ""),
            ("1.5E-3 V", 0.0015, "V"),
            ("3.384 V", 3.384, "V"),
            ("3.384V", 3.384, "V"),
            ("30.11 °C", 30.11, "°C"),
            ("45%", 45.0, "%"),
            ("12 µg/m³", 12.0, "µg/m³"),
            ("23,4", 23.4, ""),
            ("23,45 °C", 23.45, "°C"),
            ("0,234", 0.234, ""),
            ("1.234,5 kWh", 1234.5, "kWh"),
            ("1,234.5", 1234.5, ""),
            ("1.234.567", 1_234_567.0, ""),
            ("1,234,567", 1_234_567.0, ""),
            ("12345,678", 12_345.678, ""),
            ("5 events", 5.0, "events"),
            ("5 E", 5.0, "E"),
        ] {
            assert_eq!(read(text), Some((value, None, label)), "{text}");
        }
    }

    #[test]
    fn ok_a_comma_before_three_digits_has_two_readings() {
        assert_eq!(read("1,234"), Some((1.234, Some(1234.0), "")));
        assert_eq!(read("-3,384 V"), Some((-3.384, Some(-3384.0), "V")));
    }

    #[test]
    fn ok_texts_that_mean_no_value() {
        for text in ["", "  ", "-", "--", "---", "NaN", "nan", "N/A", "null", "None", "undefined"] {
            assert_eq!(parse(text), TextNumber::Absent, "{text}");
        }
    }

    #[test]
    fn err_texts_that_are_no_numbers() {
        for text in ["ok", "°C", "1,2,3", "1.2.3", "1.2,3,4", "12 34", "5.", "5,", ",", ".", "e5", "12.34.56,7", &"1".repeat(65)] {
            assert_eq!(parse(text), TextNumber::NotANumber, "{text}");
        }
        assert_eq!(read("2026-03-01").unwrap().2, "-03-01", "no unit has this label");
        assert_eq!(read("0x1F").unwrap().2, "x1F", "no unit has this label");
    }

    proptest! {
        #[test]
        fn a_printed_number_is_read_back(value in -1e12..1e12_f64) {
            let text = value.to_string();
            prop_assert_eq!(read(&text), Some((value, None, "")));
        }

        #[test]
        fn any_text_is_survived(text in ".*") {
            let _ = parse(&text);
        }
    }
}
