//! Observed properties: what can be measured, in which unit, and who may see it.

use std::fmt;
use std::str::FromStr;

use stadtwarte_model::{Unit, Visibility};

use super::document::Section;
use super::kind::ThingKind;

/// One entry of the catalogue of observed properties (`config/properties.toml`).
#[derive(Debug, Clone, PartialEq)]
pub struct PropertyDefinition {
    /// The short name used in SQL and URLs, such as `air_temperature`.
    pub code: String,
    /// English name for people.
    pub name: String,
    /// German name for people.
    pub name_de: String,
    /// What it is, in one English sentence.
    pub description: String,
    /// URI that defines it (CF standard name, QUDT quantity kind, Smart Data Models term); empty when none is known.
    pub definition: String,
    /// The unit every reading of it is converted to; `1` for counts, truth values and texts.
    pub unit: Unit,
    /// Values outside are kept and flagged as out of range.
    pub range: Option<(f64, f64)>,
    /// The most open class a datastream of it may have.
    pub visibility: Visibility,
    /// What its results are.
    pub result: ResultKind,
    /// The kind of Thing that a device without a profile of its own serves when it measures this.
    pub kind: Option<ThingKind>,
}

/// What the results of a property are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResultKind {
    /// Numbers in the property's unit.
    Number,
    /// True or false.
    Boolean,
    /// Text.
    Text,
}

impl ResultKind {
    /// Its name in the catalogue file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Text => "text",
        }
    }
}

impl fmt::Display for ResultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ResultKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Number, Self::Boolean, Self::Text]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| format!("`{text}` is not a kind of result: expected number, boolean or text"))
    }
}

impl PropertyDefinition {
    /// Reads one `[[property]]`; mistakes are reported to the section's file.
    pub(super) fn read(section: Section<'_, '_>) -> Self {
        let result = section.parsed("result").unwrap_or(ResultKind::Number);
        let property = Self {
            code: section.required_text("code").to_owned(),
            name: section.required_text("name").to_owned(),
            name_de: section.required_text("name_de").to_owned(),
            description: section.required_text("description").to_owned(),
            definition: section.text("definition").unwrap_or_default().to_owned(),
            unit: section.parsed("unit").unwrap_or(Unit::ONE),
            range: section.range("range"),
            visibility: section.parsed("visibility").unwrap_or(Visibility::Internal),
            result,
            kind: section.parsed("kind"),
        };
        property.check(&section);
        section.finish();
        property
    }

    fn check(&self, section: &Section<'_, '_>) {
        if !self.code.is_empty() && !is_code(&self.code) {
            section.report(
                "code",
                format!("`{}` is not a property code: expected lower-case words joined by _, such as air_temperature", self.code),
            );
        }
        if !section.has("visibility") {
            section.report("visibility", "missing: expected public, internal or personal");
        }
        let is_uri = self.definition.is_empty() || self.definition.starts_with("http://") || self.definition.starts_with("https://");
        if !is_uri {
            section.report("definition", format!("`{}` is not a URI that begins with http:// or https://", self.definition));
        }
        match self.result {
            ResultKind::Number if !section.has("unit") => section.report("unit", "missing: a number needs a UCUM unit, `1` for counts"),
            ResultKind::Boolean | ResultKind::Text if section.has("unit") || section.has("range") => {
                section.report("result", format!("a {} has neither unit nor range", self.result));
            }
            _ => {}
        }
    }
}

fn is_code(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && text.len() <= 64
}
