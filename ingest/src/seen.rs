//! Which unknown fields have already been kept as an example.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Fields by profile, up to a bound; beyond it nothing counts as new.
#[derive(Debug)]
pub(crate) struct SeenFields {
    fields: Arc<Mutex<Fields>>,
    max: usize,
}

#[derive(Debug, Default)]
struct Fields {
    by_profile: HashMap<String, HashSet<String>>,
    count: usize,
}

impl SeenFields {
    pub fn new(max: usize) -> Self {
        Self { fields: Arc::default(), max }
    }

    /// Those of `fields` that no example is kept of, nor about to be; `None` when there are none.
    pub fn claim(&self, profile: &str, fields: &[String]) -> Option<Example> {
        if fields.is_empty() {
            return None;
        }
        let mut seen = lock(&self.fields);
        let known = seen.by_profile.get(profile);
        let room = self.max.saturating_sub(seen.count);
        let new: Vec<String> =
            fields.iter().filter(|field| known.is_none_or(|known| !known.contains(*field))).take(room).cloned().collect();
        if new.is_empty() {
            return None;
        }
        seen.count += new.len();
        seen.by_profile.entry(profile.to_owned()).or_default().extend(new.iter().cloned());
        drop(seen);
        Some(Example { seen: Arc::clone(&self.fields), profile: profile.to_owned(), fields: new })
    }
}

/// A message that is about to be kept as an example. Unless it is [`kept`](Self::keep), the next message is the example.
#[derive(Debug)]
pub(crate) struct Example {
    seen: Arc<Mutex<Fields>>,
    profile: String,
    fields: Vec<String>,
}

impl Example {
    /// The fields it is an example of.
    pub fn fields(&self) -> &[String] {
        &self.fields
    }

    /// It is on disk.
    pub fn keep(mut self) {
        self.fields.clear();
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let mut seen = lock(&self.seen);
        let Some(known) = seen.by_profile.get_mut(&self.profile) else { return };
        let forgotten = self.fields.iter().filter(|field| known.remove(*field)).count();
        seen.count -= forgotten;
    }
}

fn lock(fields: &Mutex<Fields>) -> MutexGuard<'_, Fields> {
    fields.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(seen: &SeenFields, profile: &str, fields: &[&str]) -> Option<Example> {
        seen.claim(profile, &fields.iter().map(|field| (*field).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_field_is_claimed_once_per_profile() {
        let seen = SeenFields::new(10);
        claim(&seen, "p", &["a", "b"]).unwrap().keep();
        assert_eq!(claim(&seen, "p", &["a", "c"]).unwrap().fields(), ["c"]);
        assert!(claim(&seen, "q", &["a"]).is_some());
        assert!(claim(&seen, "p", &["a", "b"]).is_none());
    }

    #[test]
    fn an_example_that_is_not_kept_leaves_the_field_to_the_next_message() {
        let seen = SeenFields::new(10);
        let first = claim(&seen, "p", &["a"]);
        assert!(claim(&seen, "p", &["a"]).is_none(), "one is on its way");
        drop(first);
        claim(&seen, "p", &["a"]).unwrap().keep();
        assert!(claim(&seen, "p", &["a"]).is_none());
    }

    #[test]
    fn what_is_remembered_is_bounded_and_what_is_forgotten_makes_room() {
        let seen = SeenFields::new(2);
        let first = claim(&seen, "p", &["a", "b", "c"]).unwrap();
        assert_eq!(first.fields(), ["a", "b"]);
        assert!(claim(&seen, "q", &["d"]).is_none());
        drop(first);
        assert!(claim(&seen, "q", &["d"]).is_some());
    }
}
