//! Linear changes of raw numbers, and the tags of a device that they may depend on.

use std::collections::BTreeMap;

use stadtwarte_model::Unit;
use stadtwarte_model::unit::Conversion;

use super::number::{self, TextNumber};
use super::raw::shorten;

/// A linear change of the raw number: `(raw - zero_at) * scale + offset`; with `full_at` the share of the way from `zero_at` to
/// `full_at`, in percent.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Adjustment {
    pub(super) scale: f64,
    pub(super) offset: f64,
    pub(super) zero_at: Option<Anchor>,
    pub(super) full_at: Option<Anchor>,
}

/// A raw value that depends on how a device is mounted.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Anchor {
    /// The same for all devices of the profile.
    Fixed(f64),
    /// What a tag of the device says, with its unit (`1.2 m`); else the default, in the raw unit; without either there is no reading.
    Tag { name: String, default: Option<f64> },
}

impl Adjustment {
    /// The changed number; `None` when a tag that it needs is not there. The error names a tag that cannot be read.
    pub(super) fn apply(&self, raw: f64, unit: &Unit, tags: &BTreeMap<String, String>) -> Result<Option<f64>, String> {
        let resolve = |anchor: &Option<Anchor>| anchor.as_ref().map_or(Ok(Some(0.0)), |anchor| anchor.resolve(unit, tags));
        let Some(zero) = resolve(&self.zero_at)? else { return Ok(None) };
        if self.full_at.is_none() {
            return Ok(Some(scaled(raw - zero, self.scale) + self.offset));
        }
        let Some(full) = resolve(&self.full_at)? else { return Ok(None) };
        Ok(Some((raw - zero) / (full - zero) * 100.0))
    }
}

/// A factor of one over a whole number divides exactly where multiplying by 0.1 would not.
fn scaled(number: f64, scale: f64) -> f64 {
    Conversion { factor: scale, offset: 0.0 }.apply(number)
}

impl Anchor {
    fn resolve(&self, unit: &Unit, tags: &BTreeMap<String, String>) -> Result<Option<f64>, String> {
        let (name, default) = match self {
            Self::Fixed(value) => return Ok(Some(*value)),
            Self::Tag { name, default } => (name, default),
        };
        let Some(text) = find(tags, name) else { return Ok(*default) };
        let unreadable = || format!("the tag `{name}` = {:?} is not a number with a unit such as \"1.2 {unit}\"", shorten(text));
        match number::parse(text) {
            TextNumber::Number { value, alternative: None, label: "" } if *unit == Unit::ONE => Ok(Some(value)),
            TextNumber::Number { value, alternative: None, label } => {
                let conversion = Unit::from_label(label).and_then(|stated| stated.conversion_to(unit));
                conversion.map(|conversion| Some(conversion.apply(value))).ok_or_else(unreadable)
            }
            _ => Err(unreadable()),
        }
    }
}

/// The tag of that name. The Things Stack takes only small letters, digits and hyphens in the names of its attributes, so
/// `sensor_height` is `sensor-height` there.
fn find<'t>(tags: &'t BTreeMap<String, String>, name: &str) -> Option<&'t str> {
    let is_same = |key: &str| key.len() == name.len() && key.bytes().zip(name.bytes()).all(|(one, other)| plain(one) == plain(other));
    let plain_found = || tags.iter().find(|(key, _)| is_same(key)).map(|(_, text)| text);
    tags.get(name).or_else(plain_found).map(String::as_str)
}

fn plain(byte: u8) -> u8 {
    if byte == b'-' { b'_' } else { byte.to_ascii_lowercase() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(name: &str, default: Option<f64>) -> Anchor {
        Anchor::Tag { name: name.to_owned(), default }
    }

    fn change(scale: f64, offset: f64, zero_at: Option<Anchor>, full_at: Option<Anchor>, raw: f64) -> Result<Option<f64>, String> {
        let tags = [("depth", "1.2 m"), ("odd", "120"), ("words", "deep"), ("warm", "20 °C")];
        let tags = tags.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
        Adjustment { scale, offset, zero_at, full_at }.apply(raw, &"mm".parse().unwrap(), &tags)
    }

    #[test]
    #[allow(clippy::float_cmp, reason = "exact by construction")]
    fn ok_scale_offset_and_anchors() {
        assert_eq!(change(0.1, 0.0, None, None, 308.0), Ok(Some(30.8)));
        assert_eq!(change(2.0, -1.0, Some(Anchor::Fixed(10.0)), None, 15.0), Ok(Some(9.0)));
        assert_eq!(change(-1.0, 0.0, Some(tag("depth", None)), None, 300.0), Ok(Some(900.0)), "a height of 1.2 m less 300 mm");
        assert_eq!(change(1.0, 0.0, Some(tag("depth", None)), Some(Anchor::Fixed(0.0)), 300.0), Ok(Some(75.0)), "percent");
        assert_eq!(change(1.0, 0.0, Some(tag("none", Some(600.0))), Some(Anchor::Fixed(0.0)), 300.0), Ok(Some(50.0)), "the default");
        assert_eq!(change(1.0, 0.0, Some(tag("none", None)), None, 300.0), Ok(None), "no tag, no reading");
    }

    #[test]
    fn a_tag_is_found_in_the_spelling_of_any_network_server() {
        for key in ["sensor_height", "sensor-height", "Sensor_Height"] {
            let tags = [(key.to_owned(), "4.2 m".to_owned()), ("sensor".to_owned(), "9 m".to_owned())].into_iter().collect();
            assert_eq!(find(&tags, "sensor_height"), Some("4.2 m"), "{key}");
        }
        assert_eq!(find(&BTreeMap::from([("sensor_heights".to_owned(), "4.2 m".to_owned())]), "sensor_height"), None);
    }

    #[test]
    fn err_tags_that_are_no_length() {
        for name in ["odd", "words", "warm"] {
            let error = change(1.0, 0.0, Some(tag(name, Some(1.0))), None, 300.0).unwrap_err();
            assert!(error.starts_with(&format!("the tag `{name}` = ")), "{error}");
        }
    }
}
