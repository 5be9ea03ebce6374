//! Fields without an object around them: for importers of history, whose files have columns.

use std::collections::BTreeMap;

use serde_json::Value;
use stadtwarte_model::{Quality, ResultValue};

use super::field::Field;
use super::profile::Profile;
use super::property::PropertyDefinition;
use super::quantity::Outcome;
use super::raw::Raw;

/// A listed field of a profile, for raw values that come one by one.
#[derive(Debug, Clone, Copy)]
pub struct Column<'p> {
    field: &'p Field,
}

impl Profile {
    /// The fields listed at `path`, spelled as in the profile; a path without `*`. What they make of a raw value is exactly what
    /// [`normalise`](super::normalise) makes of it in an object, so that imported history and live data share their datastreams.
    pub fn columns(&self, path: &str) -> impl Iterator<Item = Column<'_>> {
        self.fields.iter().filter(move |field| field.path == path && !path.contains('*')).map(|field| Column { field })
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
    pub fn channel(&self) -> Option<String> {
        self.field.channel(&[])
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
            .map(|column| (column.property().code.as_str(), column.channel(), column.result(&Value::from(300), &tags).unwrap().unwrap().0))
            .collect();
        assert_eq!(found, [("fill_level", None, ResultValue::Number(75.0)), ("distance", None, ResultValue::Number(0.3))]);
        assert_eq!(container.columns("distanc").count(), 0);
        let column = container.columns("temperature").next().unwrap();
        assert_eq!(column.result(&Value::Null, &tags), Ok(None));
        assert!(column.result(&Value::from("warm"), &tags).unwrap_err().contains("\"warm\" is not a number"));
    }
}
