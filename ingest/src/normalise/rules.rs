//! What the default profile knows: rules by field name, for devices that nobody wrote a profile for.

use serde_json::Value;
use stadtwarte_model::Unit;

use super::document::Section;
use super::field::PropertyOf;
use super::names::{Found, Names, Segment};
use super::number::{self, TextNumber};
use super::property::ResultKind;
use super::quantity::Quantity;
use super::raw::{boolean_word, shown};

/// What a name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A quantity, by the rule of this index.
    Rule(usize),
    Latitude,
    Longitude,
    Height,
    /// Known and no reading.
    Ignored,
}

/// All rules.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules {
    names: Names<Meaning>,
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    channel: Option<String>,
    choices: Vec<Choice>,
}

/// One way to read the values of a name.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    pub(super) quantity: Quantity,
    /// Raw numbers for which this choice holds when no unit is stated.
    when: Option<(f64, f64)>,
    /// Whether the choice holds only when a unit is stated.
    needs_unit: bool,
    /// Whether the unit is in doubt when none is stated.
    pub(super) is_guess: bool,
}

/// How to read a field that a rule knows.
pub(super) struct Reader<'r> {
    pub(super) choice: &'r Choice,
    /// The unit that a neighbouring field or the name states.
    pub(super) label: Option<&'r str>,
    /// Whether the unit is only assumed.
    pub(super) is_guess: bool,
}

impl Rules {
    /// What the field at `path` means; `buffer` is a text to work in.
    pub(super) fn find(&self, path: &[Segment<'_>], buffer: &mut String) -> Option<Found<Meaning>> {
        let mut found = self.names.find(path, buffer, |meaning, units| self.accepts(meaning, units))?;
        if let Meaning::Rule(index) = found.meaning
            && let Some(channel) = &self.rules[index].channel
        {
            found.channel = Some(found.channel.map_or_else(|| channel.clone(), |more| format!("{channel}_{more}")));
        }
        Some(found)
    }

    fn accepts(&self, meaning: Meaning, units: &[&'static str]) -> bool {
        match meaning {
            Meaning::Rule(index) => units.is_empty() || self.rules[index].choices.iter().any(|choice| unit_for(choice, units).is_some()),
            Meaning::Latitude | Meaning::Longitude | Meaning::Height => units.is_empty() || units.contains(&"deg") || units.contains(&"m"),
            Meaning::Ignored => true,
        }
    }

    /// Chooses how to read `value`: by the unit that the value, a neighbouring field (`label`) or the name (`units`) states, else by
    /// the size of the number. The error says why no choice fits.
    pub(super) fn reader<'r>(
        &'r self,
        index: usize,
        value: &Value,
        label: Option<&'r str>,
        units: &[&'static str],
    ) -> Result<Reader<'r>, String> {
        let choices = &self.rules[index].choices;
        let (number, own_label) = number_of(value);
        let of = |kind| choices.iter().filter(move |choice| choice.quantity.property.result == kind);
        let mut boolean = of(ResultKind::Boolean).filter(|_| is_truth(value));
        let certain = |choice, label| Ok(Reader { choice, label, is_guess: false });
        let Some(first) = of(ResultKind::Number).next() else { return certain(&choices[0], None) };
        if let Some(choice) = boolean.next() {
            return certain(choice, None);
        }
        if let Some(stated) = own_label.or(label) {
            let unit = Unit::from_label(stated);
            let fits = |choice: &&Choice| unit.as_ref().is_some_and(|unit| unit.conversion_to(&choice.quantity.property.unit).is_some());
            // Where none fits, the first reports the contradiction.
            return certain(of(ResultKind::Number).find(fits).unwrap_or(first), label);
        }
        if let Some((choice, unit)) = of(ResultKind::Number).find_map(|choice| Some((choice, unit_for(choice, units)?))) {
            return certain(choice, Some(unit));
        }
        let holds = |choice: &&Choice| match (choice.when, number) {
            _ if choice.needs_unit => false,
            (Some((low, high)), Some(number)) => (low..=high).contains(&number),
            _ => true,
        };
        match of(ResultKind::Number).find(holds) {
            Some(choice) => Ok(Reader { choice, label: None, is_guess: choice.is_guess }),
            None => Err(format!("{}: no unit is stated, and the number fits none of {}", shown(value), listed(choices))),
        }
    }
}

fn is_truth(value: &Value) -> bool {
    match value {
        Value::Bool(_) => true,
        Value::String(text) => text.parse::<f64>().is_err() && boolean_word(text).is_some(),
        _ => false,
    }
}

fn number_of(value: &Value) -> (Option<f64>, Option<&str>) {
    match value {
        Value::Number(number) => (number.as_f64(), None),
        Value::String(text) => match number::parse(text) {
            TextNumber::Number { value, label, .. } => (Some(value), Some(label).filter(|label| !label.is_empty())),
            _ => (None, None),
        },
        _ => (None, None),
    }
}

/// The first of `units` that converts to the unit of the choice's property.
fn unit_for(choice: &Choice, units: &[&'static str]) -> Option<&'static str> {
    let target = &choice.quantity.property;
    let converts = |code: &&str| Unit::from_label(code).is_some_and(|unit| unit.conversion_to(&target.unit).is_some());
    units.iter().copied().find(|code| target.result == ResultKind::Number && converts(code))
}

fn listed(choices: &[Choice]) -> String {
    let shown = choices.iter().filter_map(|choice| {
        let (low, high) = choice.when?;
        Some(format!("{} ({low} to {high} {})", choice.quantity.property.code, choice.quantity.unit))
    });
    shown.collect::<Vec<_>>().join(", ")
}

impl Rules {
    /// Reads `[[rule]]`, `latitude_names`, `longitude_names`, `height_names` and `ignore_names` of the default profile.
    pub(super) fn read(file: &Section<'_, '_>, property_of: PropertyOf<'_>) -> Self {
        let mut rules = Self::default();
        for section in file.sections("rule") {
            if let Some(rule) = Rule::read(&section, property_of) {
                rules.rules.push(rule);
                rules.add_names(&section, "names", Meaning::Rule(rules.rules.len() - 1));
            }
            section.finish();
        }
        rules.add_names(file, "latitude_names", Meaning::Latitude);
        rules.add_names(file, "longitude_names", Meaning::Longitude);
        rules.add_names(file, "height_names", Meaning::Height);
        rules.add_names(file, "ignore_names", Meaning::Ignored);
        rules
    }

    fn add_names(&mut self, section: &Section<'_, '_>, key: &'static str, meaning: Meaning) {
        for (name, at) in section.texts(key) {
            if self.names.insert(name, meaning).is_err() {
                section.report_at(at, key, format!("`{name}` is already listed, apart from case and separators"));
            }
        }
    }
}

impl Rule {
    fn read(section: &Section<'_, '_>, property_of: PropertyOf<'_>) -> Option<Self> {
        let channel = section.text("channel").map(str::to_owned);
        if section.texts("names").is_empty() {
            section.report("names", "missing: a rule needs the names it holds for");
        }
        let choices: Vec<_> = if section.has("choices") {
            let choices = section.sections("choices").into_iter().filter_map(|choice| {
                let read = Choice::read(&choice, property_of);
                choice.finish();
                read
            });
            choices.collect()
        } else {
            Choice::read(section, property_of).into_iter().collect()
        };
        (!choices.is_empty()).then_some(Self { channel, choices })
    }
}

impl Choice {
    fn read(section: &Section<'_, '_>, property_of: PropertyOf<'_>) -> Option<Self> {
        let (when, is_guess) = (section.range("when"), section.flag("guess").unwrap_or(false));
        let needs_unit = section.flag("needs_unit").unwrap_or(false);
        let quantity = Quantity::read_property(section, property_of)?;
        let quantity = quantity.read_unit(section);
        Some(Self { quantity, when, needs_unit, is_guess })
    }
}
