//! Which profile is for which device.
//!
//! In this order, the first that fits:
//!
//! | by | in `[match]` | compared with |
//! |---|---|---|
//! | profile name | `profiles`, and the profile's own name | the device profile name of the network server |
//! | brand and model | `models` | `brand/model` as the network server identifies them |
//! | pattern | `profiles` and `models` with `*` or `?`, the longest first | the same |
//! | fields | `fields` | the decoded object: all of these members are there |
//!
//! Case, spaces and punctuation do not count. Where two files claim the same device, the one loaded later has it, so a town's own file
//! wins over the built-in one.

use std::collections::HashMap;

use serde_json::{Map, Value};
use stadtwarte_model::uplink::DeviceDescription;

use super::document::Section;

/// Longest pattern, in characters.
const MAX_PATTERN_CHARS: usize = 128;

/// The `[match]` of a profile.
#[derive(Debug, Clone, Default)]
pub(super) struct Matching {
    profiles: Vec<String>,
    models: Vec<String>,
    fields: Vec<String>,
}

impl Matching {
    pub(super) fn read(file: &Section<'_, '_>, name: &str) -> Self {
        let mut matching = Self { profiles: vec![folded(name)], ..Self::default() };
        let Some(section) = file.section("match") else { return matching };
        matching.profiles.extend(read_patterns(&section, "profiles", folded));
        matching.models.extend(read_patterns(&section, "models", folded_model));
        for (model, at) in section.texts("models") {
            if !model.contains('/') {
                section.report_at(at, "models", format!("`{model}` is not brand/model"));
            }
        }
        matching.fields.extend(section.texts("fields").into_iter().map(|(field, _)| field.to_owned()));
        section.finish();
        matching
    }
}

fn read_patterns(section: &Section<'_, '_>, key: &'static str, fold: impl Fn(&str) -> String) -> Vec<String> {
    let patterns = section.texts(key).into_iter().map(|(pattern, at)| {
        let folded = fold(pattern);
        if !folded.chars().any(char::is_alphanumeric) || folded.chars().count() > MAX_PATTERN_CHARS {
            section.report_at(
                at,
                key,
                format!("`{pattern}` is not a pattern of 1 to {MAX_PATTERN_CHARS} characters with a letter or digit"),
            );
        }
        folded
    });
    patterns.collect()
}

/// Lower case without spaces and punctuation; `*` and `?` stay.
fn folded(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric() || matches!(c, '*' | '?')).flat_map(char::to_lowercase).collect()
}

fn folded_model(model: &str) -> String {
    let (brand, model) = model.split_once('/').unwrap_or((model, ""));
    format!("{}/{}", folded(brand), folded(model))
}

/// The `[match]` tables of all profiles, prepared for look-up.
#[derive(Debug, Clone, Default)]
pub(super) struct MatchIndex {
    profiles: HashMap<String, usize>,
    models: HashMap<String, usize>,
    profile_patterns: Vec<(String, usize)>,
    model_patterns: Vec<(String, usize)>,
    fields: Vec<(Vec<String>, usize)>,
}

impl MatchIndex {
    /// Prepares the tables, given in the order of loading.
    pub(super) fn new<'m>(all: impl Iterator<Item = &'m Matching>) -> Self {
        let mut index = Self::default();
        for (number, matching) in all.enumerate() {
            sort_in(&matching.profiles, number, &mut index.profiles, &mut index.profile_patterns);
            sort_in(&matching.models, number, &mut index.models, &mut index.model_patterns);
            if !matching.fields.is_empty() {
                index.fields.push((matching.fields.clone(), number));
            }
        }
        let by_weight = |(pattern, number): &(String, usize)| std::cmp::Reverse((pattern.len(), *number));
        index.profile_patterns.sort_by_key(by_weight);
        index.model_patterns.sort_by_key(by_weight);
        index.fields.sort_by_key(|(fields, number)| std::cmp::Reverse((fields.len(), *number)));
        index
    }

    /// The number of the profile for a device.
    pub(super) fn find(&self, device: &DeviceDescription, object: Option<&Map<String, Value>>) -> Option<usize> {
        let profile = device.profile.as_deref().map(folded);
        let model = device.brand_model.as_ref().map(|(brand, model)| format!("{}/{}", folded(brand), folded(model)));
        let by_name = || self.profiles.get(profile.as_ref()?).copied();
        let by_model = || self.models.get(model.as_ref()?).copied();
        by_name()
            .or_else(by_model)
            .or_else(|| first_match(&self.profile_patterns, profile.as_deref()?))
            .or_else(|| first_match(&self.model_patterns, model.as_deref()?))
            .or_else(|| {
                let object = object?;
                let has_all = |fields: &[String]| fields.iter().all(|field| object.contains_key(field));
                self.fields.iter().find(|(fields, _)| has_all(fields)).map(|(_, number)| *number)
            })
    }
}

fn sort_in(names: &[String], number: usize, exact: &mut HashMap<String, usize>, patterns: &mut Vec<(String, usize)>) {
    for name in names {
        if name.contains(['*', '?']) {
            patterns.push((name.clone(), number));
        } else {
            exact.insert(name.clone(), number);
        }
    }
}

fn first_match(patterns: &[(String, usize)], text: &str) -> Option<usize> {
    patterns.iter().find(|(pattern, _)| matches(pattern, text)).map(|(_, number)| *number)
}

/// Whether `text` has the shape of `pattern`: `*` stands for any text, `?` for one character. Linear but for one way back per `*`.
fn matches(pattern: &str, text: &str) -> bool {
    let (mut pattern_rest, mut text_rest) = (pattern.chars(), text.chars());
    let mut way_back = None;
    loop {
        let mut next = pattern_rest.clone();
        match next.next() {
            Some('*') => {
                way_back = Some((next.clone(), text_rest.clone()));
                pattern_rest = next;
                continue;
            }
            expected => {
                let mut after = text_rest.clone();
                match (expected, after.next()) {
                    (None, None) => return true,
                    (Some(expected), Some(found)) if expected == '?' || expected == found => {
                        (pattern_rest, text_rest) = (next, after);
                        continue;
                    }
                    _ => {}
                }
            }
        }
        // Let the last star take one character more and try again.
        let Some((after_star, mut taken)) = way_back.take() else { return false };
        if taken.next().is_none() {
            return false;
        }
        way_back = Some((after_star.clone(), taken.clone()));
        (pattern_rest, text_rest) = (after_star, taken);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_patterns_match_what_they_should() {
        for (pattern, text, expected) in [
            ("em300*", "em300th", true),
            ("*em300*", "milesightem300th", true),
            ("em300?h", "em300th", true),
            ("em300?", "em300", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("*ab", "aab", true),
            ("em300", "em300th", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
