//! The catalogue: all observed properties and all device profiles, loaded once and shared.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};
use stadtwarte_model::uplink::DeviceDescription;
use stadtwarte_model::{Reading, Visibility};
use toml::de::DeTable;

use super::built_in::BUILT_IN;
use super::document::{Section, Source};
use super::error::{ConfigError, ConfigErrors};
use super::kind::ThingKind;
use super::matching::MatchIndex;
use super::profile::{DEFAULT_PROFILE, Profile};
use super::property::PropertyDefinition;
use super::rules::Rules;

/// All observed properties and device profiles; immutable, and cheap to clone.
#[derive(Debug, Clone)]
pub struct Catalogue(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    properties: Vec<Arc<PropertyDefinition>>,
    property_index: HashMap<String, usize>,
    profiles: Vec<Profile>,
    profile_index: HashMap<String, usize>,
    default_profile: usize,
    matches: MatchIndex,
}

/// What kind of Thing a device serves, and the most open class that Thing may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThingHint {
    /// The kind.
    pub kind: ThingKind,
    /// The class: never more open than the profile says, and internal for rooms, meters and counters of people.
    pub visibility: Visibility,
}

impl Catalogue {
    /// The properties and profiles that come with the program.
    ///
    /// # Errors
    /// Never, as a test proves; the files are checked like any others.
    pub fn built_in() -> Result<Self, ConfigErrors> {
        Self::load([])
    }

    /// The built-in files and `files`, given as name and TOML text; a later file of the same name (last part of the path) replaces an
    /// earlier one.
    ///
    /// # Errors
    /// All mistakes of all files, each with file, line and key.
    pub fn load(files: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigErrors> {
        let mut all: Vec<(String, String)> = BUILT_IN.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        for (name, text) in files {
            all.retain(|(other, _)| base_name(other) != base_name(&name));
            all.push((name, text));
        }
        Self::read(&all)
    }

    fn read(files: &[(String, String)]) -> Result<Self, ConfigErrors> {
        let sources: Vec<Source<'_>> = files.iter().map(|(name, text)| Source::new(name, text)).collect();
        let tables: Vec<DeTable<'_>> = sources.iter().map(Source::parse).collect();
        let sections: Vec<_> = sources.iter().zip(&tables).map(|(source, table)| Section::root(source, table)).collect();
        let properties = read_properties(&sections);
        let property_index: HashMap<_, _> = properties.iter().enumerate().map(|(index, property)| (property.code.clone(), index)).collect();
        let property_of = |code: &str| property_index.get(code).map(|index| Arc::clone(&properties[*index]));
        let mut profiles: Vec<Profile> = Vec::new();
        let mut profile_index = HashMap::new();
        for (section, (name, _)) in sections.into_iter().zip(files) {
            if section.has("name") || !section.has("property") {
                let profile = Profile::read(name, &section, &property_of);
                if let Some(other) = profile_index.insert(profile.name.to_lowercase(), profiles.len()) {
                    section.report("name", format!("`{}` is also the name of the profile in {}", profile.name, profiles[other].file));
                }
                profiles.push(profile);
            }
            section.finish();
        }
        let errors: Vec<ConfigError> = sources.into_iter().flat_map(Source::into_errors).collect();
        ConfigErrors::none_in(errors)?;
        let Some(default_profile) = profile_index.get(DEFAULT_PROFILE).copied() else {
            let message = format!("no file has a profile named `{DEFAULT_PROFILE}`");
            return Err(ConfigErrors::one("default.toml", message));
        };
        // As spelled, too: the registry knows a device's profile by this name, and each uplink asks for it.
        for (index, profile) in profiles.iter().enumerate() {
            profile_index.insert(profile.name.clone(), index);
        }
        let matches = MatchIndex::new(profiles.iter().map(|profile| &profile.matching));
        Ok(Self(Arc::new(Inner { properties, property_index, profiles, profile_index, default_profile, matches })))
    }

    /// The property of this code.
    #[must_use]
    pub fn property(&self, code: &str) -> Option<&PropertyDefinition> {
        self.0.property_index.get(code).map(|index| &*self.0.properties[*index])
    }

    /// All properties, in the order of the files.
    pub fn properties(&self) -> impl Iterator<Item = &PropertyDefinition> {
        self.0.properties.iter().map(AsRef::as_ref)
    }

    /// The profile of this name, without regard to case.
    #[must_use]
    pub fn profile(&self, name: &str) -> Option<&Profile> {
        let index = self.0.profile_index.get(name).or_else(|| self.0.profile_index.get(&name.to_lowercase()))?;
        Some(&self.0.profiles[*index])
    }

    /// All profiles, in the order of the files.
    pub fn profiles(&self) -> impl Iterator<Item = &Profile> {
        self.0.profiles.iter()
    }

    /// The profile for devices that no other is for.
    #[must_use]
    pub fn default_profile(&self) -> &Profile {
        &self.0.profiles[self.0.default_profile]
    }

    /// The profile for a device, by what the network server says about it (profile name, then brand and model, then patterns of these)
    /// and, failing that, by the fields of a decoded object; the default profile when none is for it. Where two files claim the same
    /// device, the one loaded later has it.
    #[must_use]
    pub fn profile_for(&self, device: &DeviceDescription, object: Option<&Map<String, Value>>) -> &Profile {
        self.0.matches.find(device, object).map_or_else(|| self.default_profile(), |index| &self.0.profiles[index])
    }

    /// What kind of Thing a device serves: what its profile says, else what its readings suggest. Where they suggest several, the one
    /// that calls for more caution.
    #[must_use]
    pub fn thing_hint(&self, profile: &Profile, readings: &[Reading]) -> ThingHint {
        let suggested = || readings.iter().filter_map(|reading| self.property(&reading.property)?.kind).min_by_key(|kind| kind.rank());
        let kind = if profile.kind == ThingKind::Other { suggested().unwrap_or(ThingKind::Other) } else { profile.kind };
        ThingHint { kind, visibility: profile.visibility.stricter(kind.visibility()) }
    }

    /// Runs the examples of all profiles.
    ///
    /// # Errors
    /// Every difference between what an example expects and what its profile makes of it, with file and line.
    pub fn check_examples(&self) -> Result<(), ConfigErrors> {
        let mut errors = Vec::new();
        for profile in self.profiles() {
            for example in &profile.examples {
                let differences = example.differences(&example.run(self, profile));
                errors.extend(differences.into_iter().map(|message| ConfigError {
                    file: profile.file.clone(),
                    line: example.line,
                    key: "example".to_owned(),
                    message,
                }));
            }
        }
        ConfigErrors::none_in(errors)
    }

    pub(super) fn rules(&self) -> &Rules {
        &self.default_profile().rules
    }
}

fn read_properties(sections: &[Section<'_, '_>]) -> Vec<Arc<PropertyDefinition>> {
    let mut properties: Vec<Arc<PropertyDefinition>> = Vec::new();
    for file in sections {
        for section in file.sections("property") {
            let twice = section.text("code").is_some_and(|code| properties.iter().any(|other| other.code == code));
            if twice {
                section.report("code", "another [[property]] has this code");
            }
            let property = PropertyDefinition::read(section);
            if !twice {
                properties.push(Arc::new(property));
            }
        }
    }
    properties
}

fn base_name(file: &str) -> &str {
    file.rsplit(['/', '\\']).next().unwrap_or(file)
}
