//! Takes field names apart, so that `TempC1`, `temperature_1`, `ch1.temp` and `sensors[1].temperature.value` are all the first
//! temperature.
//!
//! A name is split into words at separators, at capitals and before trailing digits. The words are looked up as a whole; when that
//! finds nothing, words that say something else are taken off the ends, one at a time, and what is left is looked up again:
//!
//! | taken off | example | becomes |
//! |---|---|---|
//! | a number, with a word such as `ch`, `channel`, `probe` | `temperature_ch2`, `temp2` | channel `2` |
//! | a statistic | `temperature_max` | channel `max` |
//! | a depth | `soil_temp_30cm` | channel `30cm` |
//! | a unit | `tempF`, `pressure_hPa` | the unit |
//! | a filler | `temperature_value` | nothing |
//!
//! Nested names are looked up with their parents first (`soil.temperature` is not `temperature`). Parents that are not part of the name
//! become part of the channel, unless they are mere containers such as `data`.

use std::collections::HashMap;

use super::vocabulary::{is_channel_word, is_container, is_filler, is_not_now, is_statistic, units_of_ending};
use super::words::{Words, fold, fold_path, has_identifier, is_depth, slug, split, split_number};

/// Longer names are not looked up.
pub(super) const MAX_NAME_BYTES: usize = 64;
/// How many parents may be part of a name.
const MAX_PARENTS: usize = 2;
/// How many times words are taken off.
const MAX_STEPS: usize = 5;
/// Longer channels are refused: the field is then unknown.
pub(super) const MAX_CHANNEL_BYTES: usize = 64;

/// One step of the way into an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Segment<'a> {
    Key(&'a str),
    /// An element of a list, its index as text.
    Index(&'static str),
}

impl<'a> Segment<'a> {
    pub(super) fn as_str(self) -> &'a str {
        match self {
            Self::Key(key) => key,
            Self::Index(index) => index,
        }
    }
}

/// A name with everything taken off that is not the quantity's own name.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found<T> {
    pub(super) meaning: T,
    /// The units that the name may state, as UCUM codes.
    pub(super) units: &'static [&'static str],
    /// What tells the field apart from others of the same quantity.
    pub(super) channel: Option<String>,
}

/// The names that mean something.
#[derive(Debug, Clone)]
pub(super) struct Names<T> {
    meanings: HashMap<String, T>,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self { meanings: HashMap::new() }
    }
}

impl<T: Copy> Names<T> {
    /// Adds a name; the error is the meaning it already has.
    pub(super) fn insert(&mut self, name: &str, meaning: T) -> Result<(), T> {
        let mut folded = String::new();
        fold(&split(name), &mut folded);
        if let Some(other) = self.meanings.get(&folded) {
            return Err(*other);
        }
        self.meanings.insert(folded, meaning);
        Ok(())
    }

    /// What the field at `path` means; `accepts` says whether a meaning can be in one of the units that the name states. `folded` is a
    /// buffer to work in.
    pub(super) fn find(&self, path: &[Segment<'_>], folded: &mut String, accepts: impl Fn(T, &[&'static str]) -> bool) -> Option<Found<T>> {
        let key = path.iter().rposition(|segment| matches!(segment, Segment::Key(_)))?;
        let mut starts = [key; MAX_PARENTS + 1];
        let keys_above = (0..key).rev().filter(|index| matches!(path[*index], Segment::Key(_)));
        let parents = starts.iter_mut().skip(1).zip(keys_above).map(|(start, index)| *start = index).count();
        // From the longest name to the shortest.
        starts[..=parents].iter().rev().copied().find_map(|start| {
            // Most names are listed as they stand.
            fold_path(&path[start..], folded)?;
            if let Some(meaning) = self.meanings.get(folded.as_str()).copied().filter(|meaning| accepts(*meaning, &[])) {
                let channel = channel(&path[..start], &[]).ok()?;
                return Some(Found { meaning, units: &[], channel });
            }
            let words = Words::of(&path[start..])?;
            let taken = Search { names: self, accepts: &accepts, folded: &mut *folded }.run(words, &[], Vec::new(), 0)?;
            let channel = channel(&path[..start], &taken.channel).ok()?;
            Some(Found { meaning: taken.meaning, units: taken.units, channel })
        })
    }
}

struct Taken<'a, T> {
    meaning: T,
    units: &'static [&'static str],
    channel: Vec<&'a str>,
}

struct Search<'n, T, A> {
    names: &'n Names<T>,
    accepts: &'n A,
    folded: &'n mut String,
}

impl<T: Copy, A: Fn(T, &[&'static str]) -> bool> Search<'_, T, A> {
    fn run<'a>(&mut self, words: Words<'a>, units: &'static [&'static str], channel: Vec<&'a str>, step: usize) -> Option<Taken<'a, T>> {
        let last = *words.as_slice().last()?;
        fold(words.as_slice(), self.folded);
        if let Some(meaning) = self.names.meanings.get(self.folded.as_str()).copied().filter(|meaning| (self.accepts)(*meaning, units)) {
            return Some(Taken { meaning, units, channel });
        }
        if step == MAX_STEPS {
            return None;
        }
        self.without_number(words, units, &channel, step)
            .or_else(|| self.without_unit(words, units, &channel, step))
            .or_else(|| self.without_word(words, last, words.without_last(1), units, &channel, step))
            .or_else(|| self.without_word(words, words.as_slice()[0], words.without_first(1), units, &channel, step))
    }

    /// Takes off a trailing number or depth, or a leading channel such as `ch1`.
    fn without_number<'a>(
        &mut self,
        words: Words<'a>,
        units: &'static [&'static str],
        channel: &[&'a str],
        step: usize,
    ) -> Option<Taken<'a, T>> {
        let last = *words.as_slice().last()?;
        if is_depth(last) {
            return self.run(words.without_last(1), units, with(channel, last), step + 1);
        }
        if let Some((word, number)) = split_number(last) {
            let shorter = if word.is_empty() { words.without_last(1) } else { words.with_last(word) };
            let found = self.run(shorter, units, with(channel, number), step + 1);
            if found.is_some() || !shorter.as_slice().last().is_some_and(|word| is_channel_word(word)) {
                return found;
            }
            return self.run(shorter.without_last(1), units, with(channel, number), step + 1);
        }
        let (first, second) = (words.as_slice()[0], words.as_slice().get(1).copied().unwrap_or_default());
        match split_number(first) {
            Some((word, number)) if is_channel_word(word) => self.run(words.without_first(1), units, with(channel, number), step + 1),
            None if is_channel_word(first) => match split_number(second) {
                Some(("", number)) => self.run(words.without_first(2), units, with(channel, number), step + 1),
                _ => None,
            },
            _ => None,
        }
    }

    /// Takes off a unit of one to three words, the longest first.
    fn without_unit<'a>(
        &mut self,
        words: Words<'a>,
        units: &'static [&'static str],
        channel: &[&'a str],
        step: usize,
    ) -> Option<Taken<'a, T>> {
        if !units.is_empty() {
            return None;
        }
        (1..=3.min(words.len.checked_sub(1)?)).rev().find_map(|count| {
            fold(&words.as_slice()[words.len - count..], self.folded);
            let stated = units_of_ending(self.folded)?;
            self.run(words.without_last(count), stated, channel.to_vec(), step + 1)
        })
    }

    /// Takes off `word` when it is a statistic or says nothing.
    fn without_word<'a>(
        &mut self,
        words: Words<'a>,
        word: &'a str,
        shorter: Words<'a>,
        units: &'static [&'static str],
        channel: &[&'a str],
        step: usize,
    ) -> Option<Taken<'a, T>> {
        if words.len < 2 {
            return None;
        }
        if is_statistic(word) {
            return self.run(shorter, units, with(channel, word), step + 1);
        }
        if is_filler(word) { self.run(shorter, units, channel.to_vec(), step + 1) } else { None }
    }
}

fn with<'a>(channel: &[&'a str], word: &'a str) -> Vec<&'a str> {
    // Words come off the end, so the one taken last stands first in the name.
    std::iter::once(word).chain(channel.iter().copied()).collect()
}

/// The channel made of parents that are not part of the name and of what was taken off; an error when it must not be read at all.
fn channel(parents: &[Segment<'_>], taken: &[&str]) -> Result<Option<String>, ()> {
    let mut words = Vec::new();
    for parent in parents {
        if parent.as_str().len() > MAX_NAME_BYTES {
            return Err(());
        }
        let parent = split(parent.as_str());
        if parent.iter().any(|word| is_not_now(word)) {
            return Err(());
        }
        let mut folded = String::new();
        fold(&parent, &mut folded);
        if !is_container(&folded) {
            words.extend(parent);
        }
    }
    let slug = slug(words.into_iter().chain(taken.iter().copied()));
    if slug.len() > MAX_CHANNEL_BYTES || has_identifier(&slug) { Err(()) } else { Ok((!slug.is_empty()).then_some(slug)) }
}
