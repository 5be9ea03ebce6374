//! Device profiles as they are written in their files.

use stadtwarte_model::Visibility;

use super::document::Section;
use super::example::Example;
use super::field::{Field, PropertyOf};
use super::kind::ThingKind;
use super::matching::Matching;
use super::path::{PathTree, Target};
use super::rules::Rules;

/// The name of the profile for devices that no other profile is for.
pub const DEFAULT_PROFILE: &str = "default";

/// How the decoded uplinks of one device model or family become readings.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Its name, unique, usually brand and model: `Milesight EM300-TH`. Also the name of the instrument.
    pub name: String,
    /// The kind of Thing such a device serves.
    pub kind: ThingKind,
    /// What people call such a Thing, in English: `Soil moisture sensor`.
    pub title: String,
    /// The same in German.
    pub title_de: String,
    /// Link to a data sheet; empty when none is known.
    pub datasheet: String,
    /// The most open class that Things of this profile may have, whatever they measure.
    pub visibility: Visibility,
    /// What becomes of fields that the profile does not list.
    pub unlisted: Unlisted,
    pub(super) fields: Vec<Field>,
    pub(super) tree: PathTree,
    pub(super) position_scale: f64,
    /// The rules by name; only the default profile has them.
    pub(super) rules: Rules,
    pub(super) matching: Matching,
    pub(super) examples: Vec<Example>,
    pub(super) file: String,
}

/// What becomes of fields that a profile does not list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unlisted {
    /// They are read by the rules of the default profile.
    ByName,
    /// They are reported as unknown.
    Report,
    /// They are passed over.
    Ignore,
}

impl std::str::FromStr for Unlisted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "by_name" => Ok(Self::ByName),
            "report" => Ok(Self::Report),
            "ignore" => Ok(Self::Ignore),
            other => Err(format!("`{other}` is not a way to treat unlisted fields: expected by_name, report or ignore")),
        }
    }
}

impl Profile {
    /// Reads the profile of a file; mistakes are reported to the file.
    pub(super) fn read(file_name: &str, file: &Section<'_, '_>, property_of: PropertyOf<'_>) -> Self {
        let name = file.required_text("name").trim().to_owned();
        let is_default = name == DEFAULT_PROFILE;
        let mut profile = Self {
            kind: file.parsed("kind").unwrap_or(ThingKind::Other),
            title: file.required_text("title").to_owned(),
            title_de: file.required_text("title_de").to_owned(),
            datasheet: file.text("datasheet").unwrap_or_default().to_owned(),
            visibility: file.parsed("visibility").unwrap_or_default(),
            unlisted: file.parsed("unlisted").unwrap_or(Unlisted::ByName),
            fields: Vec::new(),
            tree: PathTree::default(),
            position_scale: 1.0,
            rules: if is_default { Rules::read(file, property_of) } else { Rules::default() },
            matching: Matching::read(file, &name),
            examples: Example::read_all(file),
            file: file_name.to_owned(),
            name,
        };
        if !file.has("kind") {
            file.report("kind", "missing: the kind of thing that such a device serves, `other` where nothing fits");
        }
        profile.read_fields(file, property_of);
        profile.read_position(file);
        for (path, at) in file.texts("ignore") {
            if let Err(message) = profile.tree.insert(path, Target::Ignored) {
                file.report_at(at, "ignore", message);
            }
        }
        profile
    }

    fn read_fields(&mut self, file: &Section<'_, '_>, property_of: PropertyOf<'_>) {
        for section in file.sections("field") {
            if let Some(field) = Field::read(&section, property_of) {
                let target = Target::Field(self.fields.len());
                let is_twice = self.fields.iter().any(|other| other.path == field.path && other.is_same_stream(&field));
                if is_twice {
                    section.report("path", format!("`{}` is already read as {}", field.path, field.quantity.property.code));
                } else if let Err(message) = self.tree.insert(&field.path, target) {
                    section.report("path", message);
                }
                self.fields.push(field);
            }
            section.finish();
        }
    }

    fn read_position(&mut self, file: &Section<'_, '_>) {
        let Some(section) = file.section("position") else { return };
        for (key, target) in [("lat", Target::Latitude), ("lon", Target::Longitude), ("height", Target::Height)] {
            let path = if key == "height" { section.text(key).unwrap_or_default() } else { section.required_text(key) };
            if let Some(message) = Some(path).filter(|path| !path.is_empty()).and_then(|path| self.tree.insert(path, target).err()) {
                section.report(key, message);
            }
        }
        self.position_scale = section.number("scale").unwrap_or(1.0);
        section.finish();
    }
}
