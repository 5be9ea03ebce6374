//! Which unknown fields have already been kept as an example.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// Pairs of profile and field, up to a bound; beyond it nothing counts as new.
#[derive(Debug)]
pub(crate) struct SeenFields {
    fields: Mutex<HashSet<(String, String)>>,
    max: usize,
}

impl SeenFields {
    pub fn new(max: usize) -> Self {
        Self { fields: Mutex::new(HashSet::new()), max }
    }

    /// Whether this is the first time; remembers it.
    pub fn is_new(&self, profile: &str, field: &str) -> bool {
        let mut fields = self.fields.lock().unwrap_or_else(PoisonError::into_inner);
        fields.len() < self.max && fields.insert((profile.to_owned(), field.to_owned()))
    }
}
