//! Fields without an object around them: for importers of history, whose files have columns.

use std::collections::BTreeMap;

use serde_json::Value;
use stadtwarte_model::{Quality, ResultValue};

use super::field::Field;
use super::path::Target;
use super::profile::Profile;
use super::property::PropertyDefinition;
use super::quantity::Outcome;
use super::raw::Raw;

/// A listed field of a profile, for raw values that come one by one.
#[derive(Debug, Clone)]
pub struct Column<'p> {
    field: &'p Field,
    channel: Option<String>,
}

impl Profile {
    /// The fields listed for the value at `path` of a decoded object, in the order of the profile. What they make of a raw value is
    /// exactly what [`normalise`](super::normalise) makes of it in an object, so that imported history and live data share their
    /// datastreams.
    pub fn columns(&self, path: &str) -> impl Iterator<Item = Column<'_>> {
        let (targets, stars) = self.tree.find(path).unwrap_or_default();
        let fields = targets.iter().filter_map(|target| match target {
            Target::Field(index) => self.fields.get(*index),
            Target::Latitude | Target::Longitude | Target::Height | Target::Ignored => None,
        });
        fields.map(move |field| {
            let stars: Vec<&str> = stars.iter().map(String::as_str).collect();
            Column { field, channel: field.channel(&stars) }
        })
    }
}

impl<'p> Column<'p> {
    /// The property of its readings.
    #[must_use]
    pub fn property(&self) -> &'p PropertyDefinition {
        &self.field.quantity.property
    }

    /// The channel of its readings.
    #[must_use]
    pub fn channel(&self) -> Option<&str> {
        self.channel.as_deref()
    }

    /// The result for a raw value and what is known against it, given the tags of the device; `None` where there is no value.
    ///
    /// # Errors
    /// Says why the raw value cannot be read.
    pub fn result(&self, raw: &Value, tags: &BTreeMap<String, String>) -> Result<Option<(ResultValue, Quality)>, String> {
        match self.field.quantity.read(Raw { value: raw, label: None, tags, is_listed: true }) {
            Outcome::Value(value, quality) => Ok(Some((value, quality))),
            Outcome::Absent => Ok(None),
            Outcome::Unreadable(detail) => Err(detail),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Catalogue;
    use super::*;

    #[test]
    fn a_column_gives_what_the_object_gives() {
        let catalogue = Catalogue::built_in().unwrap();
        let container = catalogue.profile("Milesight EM400-MUD").unwrap();
        let tags = [("container_depth".to_owned(), "1.2 m".to_owned())].into_iter().collect();
        let found: Vec<_> = container
            .columns("distance")
            .map(|column| (column.property().code.as_str(), column.result(&Value::from(300), &tags).unwrap().unwrap().0))
            .collect();
        assert_eq!(found, [("fill_level", ResultValue::Number(75.0)), ("distance", ResultValue::Number(0.3))]);
        assert_eq!(container.columns("distanc").count(), 0);
        let counter = catalogue.profile("Milesight VS133").unwrap();
        let lines: Vec<_> = counter.columns("line_2_total_in").map(|column| column.channel().map(str::to_owned)).collect();
        assert_eq!(lines, [Some("line_2".to_owned())]);
        let column = container.columns("temperature").next().unwrap();
        assert_eq!(column.result(&Value::Null, &tags), Ok(None));
        assert!(column.result(&Value::from("warm"), &tags).unwrap_err().contains("\"warm\" is not a number"));
    }
}
