//! Field names as words: splitting, folding, and the channels made of them.

use super::names::{MAX_NAME_BYTES, Segment};

/// Names of more words are not looked up.
const MAX_WORDS: usize = 12;

/// The words of a name.
#[derive(Clone, Copy)]
pub(super) struct Words<'a> {
    words: [&'a str; MAX_WORDS],
    pub(super) len: usize,
}

impl<'a> Words<'a> {
    pub(super) fn of(path: &[Segment<'a>]) -> Option<Self> {
        let mut all = Self { words: [""; MAX_WORDS], len: 0 };
        for segment in path {
            if segment.as_str().len() > MAX_NAME_BYTES {
                return None;
            }
            for word in split(segment.as_str()) {
                *all.words.get_mut(all.len)? = word;
                all.len += 1;
            }
        }
        (all.len > 0).then_some(all)
    }

    pub(super) fn as_slice(&self) -> &[&'a str] {
        &self.words[..self.len]
    }

    pub(super) fn without_last(self, count: usize) -> Self {
        Self { len: self.len - count.min(self.len), ..self }
    }

    pub(super) fn without_first(self, count: usize) -> Self {
        let mut words = [""; MAX_WORDS];
        let rest = self.as_slice().get(count..).unwrap_or_default();
        words[..rest.len()].copy_from_slice(rest);
        Self { words, len: rest.len() }
    }

    pub(super) fn with_last(mut self, word: &'a str) -> Self {
        if let Some(last) = self.len.checked_sub(1).and_then(|last| self.words.get_mut(last)) {
            *last = word;
        }
        self
    }
}

/// Words as a channel: lower-case letters and digits, joined by `_`.
pub(super) fn slug<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    let mut slug = String::new();
    for word in words {
        if !slug.is_empty() && !slug.ends_with('_') {
            slug.push('_');
        }
        slug.extend(word.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).flat_map(char::to_lowercase));
    }
    slug
}

/// Whether a channel contains what names a device or a phone: the digits of a MAC address or an EUI, with or without separators. Channels
/// are published, and identifiers of devices and people are not.
pub(super) fn has_identifier(slug: &str) -> bool {
    const MAC_DIGITS: usize = 12;
    const LEAST_DECIMAL: usize = 4;
    let (mut run, mut decimal) = (0, 0);
    slug.chars().filter(|c| *c != '_').any(|c| {
        (run, decimal) = if c.is_ascii_hexdigit() { (run + 1, decimal + usize::from(c.is_ascii_digit())) } else { (0, 0) };
        run >= MAC_DIGITS && decimal >= LEAST_DECIMAL
    })
}

/// A word that ends with one to three digits, and those digits.
pub(super) fn split_number(word: &str) -> Option<(&str, &str)> {
    let digits = word.bytes().rev().take_while(u8::is_ascii_digit).count();
    (1..=3).contains(&digits).then(|| word.split_at(word.len() - digits))
}

/// `10cm`, `5m`: a depth or height below or above ground.
pub(super) fn is_depth(word: &str) -> bool {
    let number = ["cm", "CM", "mm", "m"].iter().find_map(|unit| word.strip_suffix(unit));
    number.is_some_and(|number| (1..=4).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The words of a name: split at everything that is neither letter, digit nor unit sign, and at capitals.
pub(super) fn split(name: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start = None;
    let mut chars = name.char_indices().peekable();
    let mut before = ' ';
    while let Some((at, c)) = chars.next() {
        let is_word = is_word_char(c);
        let next = chars.peek().map_or(' ', |(_, next)| *next);
        let begins = c.is_uppercase() && (before.is_lowercase() || (!before.is_lowercase() && next.is_lowercase()));
        if let Some(from) = start.filter(|_| !is_word || begins) {
            words.push(&name[from..at]);
            start = None;
        }
        if is_word && start.is_none() {
            start = Some(at);
        }
        before = c;
    }
    words.extend(start.map(|from| &name[from..]));
    words
}

/// Joins words without case and without separators, but for a dot between digits: `pm1_0` must not become `pm10`.
pub(super) fn fold(words: &[&str], folded: &mut String) {
    folded.clear();
    for word in words {
        push_folded(folded, word);
    }
}

/// The same for names that are not split into words; `None` for names that are too long.
pub(super) fn fold_path(path: &[Segment<'_>], folded: &mut String) -> Option<()> {
    folded.clear();
    for segment in path {
        let name = Some(segment.as_str()).filter(|name| name.len() <= MAX_NAME_BYTES)?;
        for word in name.split(|c: char| !is_word_char(c)).filter(|word| !word.is_empty()) {
            push_folded(folded, word);
        }
    }
    Some(())
}

fn push_folded(folded: &mut String, word: &str) {
    let is_digit = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_digit());
    if is_digit(folded.bytes().last()) && is_digit(word.bytes().next()) {
        folded.push('.');
    }
    if word.is_ascii() {
        folded.extend(word.bytes().map(|byte| char::from(byte.to_ascii_lowercase())));
    } else {
        folded.extend(word.chars().flat_map(char::to_lowercase));
    }
}

fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '%' | '°')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_names_are_split_at_separators_and_capitals() {
        for (name, words) in [
            ("temperature", &["temperature"][..]),
            ("air_temperature", &["air", "temperature"]),
            ("airTemperature", &["air", "Temperature"]),
            ("TempC_SHT", &["Temp", "C", "SHT"]),
            ("PMValue", &["PM", "Value"]),
            ("PM10Value", &["PM10", "Value"]),
            ("PM2.5", &["PM2", "5"]),
            ("mcu_temperature__C", &["mcu", "temperature", "C"]),
            ("Temperature (°C)", &["Temperature", "°C"]),
            ("DS18B20", &["DS18B20"]),
            ("Füllstand %", &["Füllstand", "%"]),
            ("", &[]),
            ("--", &[]),
        ] {
            assert_eq!(split(name), words, "{name}");
        }
    }

    #[test]
    fn folding_ignores_case_and_separators_but_keeps_numbers_apart() {
        for (name, expected) in
            [("Air_Temperature", "airtemperature"), ("PM 10", "pm10"), ("pm1_0", "pm1.0"), ("PM2.5", "pm2.5"), ("ÄÖ-ü", "äöü")]
        {
            let (mut by_words, mut by_path) = (String::new(), String::new());
            fold(&split(name), &mut by_words);
            fold_path(&[Segment::Key(name)], &mut by_path);
            assert_eq!((by_words.as_str(), by_path.as_str()), (expected, expected));
        }
    }

    #[test]
    fn identifiers_are_told_apart_from_channels() {
        for slug in ["24e124aabbccdd01", "node_24e124aabbccdd01", "aa_bb_cc_dd_11_22", "a4c138_01_02_03_max"] {
            assert!(has_identifier(slug), "{slug}");
        }
        for slug in ["", "2", "30cm", "node_7", "facade_added_decade", "line_2_total", "probe_1234_5678"] {
            assert!(!has_identifier(slug), "{slug}");
        }
    }

    #[test]
    fn numbers_at_the_end_of_words_are_split_off() {
        for (word, expected) in [("temp1", Some(("temp", "1"))), ("12", Some(("", "12"))), ("temp", None), ("temp1234", None), ("1a", None)]
        {
            assert_eq!(split_number(word), expected, "{word}");
        }
        assert!(is_depth("30cm") && !is_depth("cm") && !is_depth("a30cm"));
    }
}
