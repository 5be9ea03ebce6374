//! Fields of a profile as they are written in its file.

use std::sync::Arc;

use stadtwarte_model::{ResultValue, Unit};

use super::adjustment::{Adjustment, Anchor};
use super::document::{Item, Section};
use super::names::MAX_CHANNEL_BYTES;
use super::property::{PropertyDefinition, ResultKind};
use super::quantity::{MAX_TEXT_BYTES, Quantity};
use super::raw::RawMatch;
use super::words::slug;

/// Finds a property by its code.
pub(super) type PropertyOf<'p> = &'p dyn Fn(&str) -> Option<Arc<PropertyDefinition>>;

/// One `[[field]]`: where a raw value stands and what it is.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) path: String,
    pub(super) quantity: Quantity,
    /// Where the object states the unit, as the names on the way.
    pub(super) unit_path: Option<Vec<String>>,
    channel: Option<String>,
}

impl Field {
    /// Reads one `[[field]]`; `None` after reporting when it is unusable.
    pub(super) fn read(section: &Section<'_, '_>, property_of: PropertyOf<'_>) -> Option<Self> {
        let path = section.required_text("path").to_owned();
        let quantity = Quantity::read_property(section, property_of);
        let unit_path = section.text("unit_path").map(|path| path.split('.').map(str::to_owned).collect());
        let channel = section.text("channel").map(str::to_owned);
        check_channel(section, channel.as_deref(), &path);
        let (range, invalid) = (section.range("range"), read_matches(section, "invalid"));
        // Read before the property is known to be good, so that their mistakes are reported too.
        let adjustment = read_adjustment(section);
        let mut quantity = quantity?;
        quantity = match &adjustment {
            Some(Adjustment { full_at: Some(_), .. }) => quantity.check_percent(section).read_raw_unit(section),
            Some(_) if section.has("scale") => quantity.read_raw_unit(section),
            _ => quantity.read_unit(section),
        };
        quantity.adjustment = adjustment;
        quantity.range = range.or(quantity.range);
        quantity.invalid = invalid;
        quantity.map = read_map(section, quantity.property.result);
        check_kind(section, &quantity);
        Some(Self { path, quantity, unit_path, channel })
    }

    /// The channel of a value found where the stars of the path stood for `stars`.
    pub(super) fn channel(&self, stars: &[&str]) -> Option<String> {
        let channel = self.channel.as_deref()?;
        let Some((before, after)) = channel.split_once('*') else { return Some(channel.to_owned()) };
        let text = slug(stars.iter().copied());
        let mut end = text.len().min(MAX_CHANNEL_BYTES.saturating_sub(channel.len()));
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        Some(format!("{before}{}{after}", &text[..end]))
    }

    /// Whether two fields write to the same datastream.
    pub(super) fn is_same_stream(&self, other: &Self) -> bool {
        self.quantity.property.code == other.quantity.property.code && self.channel == other.channel
    }
}

fn check_channel(section: &Section<'_, '_>, channel: Option<&str>, path: &str) {
    let Some(channel) = channel else {
        if path.contains('*') {
            section.report("path", "a `*` finds several fields; `channel` must tell them apart by repeating it, such as `line_*`");
        }
        return;
    };
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '*');
    if channel.is_empty() || channel.len() > MAX_CHANNEL_BYTES / 2 || !channel.chars().all(is_plain) {
        section.report("channel", format!("`{channel}` is not a channel: expected 1 to {} letters, digits, _ or -", MAX_CHANNEL_BYTES / 2));
    } else if channel.contains('*') != path.contains('*') {
        section.report("channel", "a `*` in the channel repeats the one in the path, and there must be both or neither");
    }
}

fn check_kind(section: &Section<'_, '_>, quantity: &Quantity) {
    if quantity.property.result == ResultKind::Number {
        return;
    }
    for key in ["unit", "unit_path", "scale", "offset", "zero_at", "full_at", "range"] {
        if section.has(key) {
            section.report(key, format!("{} is a {}, not a number", quantity.property.code, quantity.property.result));
        }
    }
}

impl Quantity {
    /// Reads `property`.
    pub(super) fn read_property(section: &Section<'_, '_>, property_of: PropertyOf<'_>) -> Option<Self> {
        let code = section.required_text("property");
        let property = property_of(code);
        if property.is_none() && !code.is_empty() {
            section
                .report("property", format!("`{code}` is not in the catalogue of properties; add a [[property]] or use one of its codes"));
        }
        property.map(Self::of)
    }

    /// Reads `unit`, which must convert to the unit of the property.
    pub(super) fn read_unit(self, section: &Section<'_, '_>) -> Self {
        let Some(unit) = section.parsed::<Unit>("unit") else { return self };
        let plain = self.clone();
        self.in_unit(unit.clone()).unwrap_or_else(|| {
            section.report("unit", format!("`{unit}` does not convert to `{}`, the unit of {}", plain.property.unit, plain.property.code));
            plain
        })
    }

    /// Reads `unit` of a raw value that `scale` or `full_at` can make a value of another dimension: bar of water to metres, pulses to
    /// cubic metres.
    fn read_raw_unit(self, section: &Section<'_, '_>) -> Self {
        let Some(unit) = section.parsed::<Unit>("unit") else { return self };
        match self.clone().in_unit(unit.clone()) {
            Some(converted) => converted,
            None => Self { unit, unit_is_stated: true, ..self },
        }
    }

    fn check_percent(self, section: &Section<'_, '_>) -> Self {
        if self.property.unit != Unit::PERCENT {
            section.report("full_at", format!("makes a percentage, and the unit of {} is `{}`", self.property.code, self.property.unit));
        }
        self
    }
}

fn read_adjustment(section: &Section<'_, '_>) -> Option<Adjustment> {
    let (scale, offset) = (section.number("scale"), section.number("offset"));
    let (zero_at, full_at) = (read_anchor(section, "zero_at"), read_anchor(section, "full_at"));
    if scale == Some(0.0) {
        section.report("scale", "a scale of 0 makes every value the same");
    }
    if full_at.is_some() && (scale.is_some() || offset.is_some()) {
        section.report("full_at", "stands alone or with zero_at, not with scale or offset");
    }
    let is_none = scale.is_none() && offset.is_none() && zero_at.is_none() && full_at.is_none();
    (!is_none).then(|| Adjustment { scale: scale.unwrap_or(1.0), offset: offset.unwrap_or(0.0), zero_at, full_at })
}

fn read_anchor(section: &Section<'_, '_>, key: &'static str) -> Option<Anchor> {
    let item = section.item(key)?;
    if let Some(value) = item.number() {
        return Some(Anchor::Fixed(value));
    }
    let tag = section.section(key)?;
    let anchor = Anchor::Tag { name: tag.required_text("tag").to_owned(), default: tag.number("default") };
    tag.finish();
    Some(anchor)
}

fn read_matches(section: &Section<'_, '_>, key: &'static str) -> Vec<RawMatch> {
    let matches = section.list(key).into_iter().filter_map(|item| {
        let text = item.text().map(str::to_owned).or_else(|| item.number().map(|number| number.to_string()));
        if text.is_none() {
            item.report(key, format!("expected numbers and texts, found {}", item.describe()));
        }
        Some(RawMatch::new(&text?))
    });
    matches.collect()
}

fn read_map(section: &Section<'_, '_>, result: ResultKind) -> Vec<(RawMatch, ResultValue)> {
    let Some(map) = section.section("map") else { return Vec::new() };
    let entries = map.items().filter_map(|(raw, item)| {
        let value = mapped(item, result);
        if value.is_none() {
            map.report(raw, format!("expected a {result}, found {}", item.describe()));
        }
        Some((RawMatch::new(raw), value?))
    });
    entries.collect()
}

fn mapped(item: Item<'_, '_>, result: ResultKind) -> Option<ResultValue> {
    match result {
        ResultKind::Number => item.number().map(ResultValue::Number),
        ResultKind::Boolean => item.flag().map(ResultValue::Boolean),
        ResultKind::Text => item.text().filter(|text| text.len() <= MAX_TEXT_BYTES).map(|text| ResultValue::Text(text.to_owned())),
    }
}
