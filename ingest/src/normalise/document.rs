//! Reads a TOML file and remembers where everything stands, so that every mistake is reported with its line and key.
//!
//! Reading by hand instead of deriving it costs a few lines per key and buys this: all mistakes of a file are reported at once,
//! a derived reader stops at the first.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::ConfigError;

/// A file being read, and the mistakes found in it so far.
pub(super) struct Source<'i> {
    file: &'i str,
    text: &'i str,
    errors: RefCell<Vec<ConfigError>>,
}

impl<'i> Source<'i> {
    pub(super) fn new(file: &'i str, text: &'i str) -> Self {
        Self { file, text, errors: RefCell::default() }
    }

    /// The document. Mistakes in the syntax are reported; what could be read is returned all the same.
    pub(super) fn parse(&self) -> DeTable<'i> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in errors {
            self.report(error.span().map(|span| span.start), "", format!("not TOML: {}", error.message()));
        }
        table.into_inner()
    }

    pub(super) fn report(&self, at: Option<usize>, key: &str, message: impl Display) {
        let error =
            ConfigError { file: self.file.to_owned(), line: at.map(|at| self.line(at)), key: key.to_owned(), message: message.to_string() };
        self.errors.borrow_mut().push(error);
    }

    fn line(&self, at: usize) -> usize {
        self.text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
    }

    /// The mistakes, by line.
    pub(super) fn into_errors(self) -> Vec<ConfigError> {
        let mut errors = self.errors.into_inner();
        errors.sort_by_key(|error| error.line);
        errors
    }
}

/// A value and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Item<'d, 'i> {
    source: &'d Source<'i>,
    at: usize,
    value: &'d DeValue<'i>,
}

/// A table of the file. Whoever reads it asks for each key that may be there and calls [`Section::finish`], which reports the others.
pub(super) struct Section<'d, 'i> {
    source: &'d Source<'i>,
    table: &'d DeTable<'i>,
    path: String,
    at: Option<usize>,
    known: RefCell<BTreeSet<&'static str>>,
}

impl<'d, 'i> Section<'d, 'i> {
    pub(super) fn root(source: &'d Source<'i>, table: &'d DeTable<'i>) -> Self {
        Self { source, table, path: String::new(), at: None, known: RefCell::default() }
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Reports a mistake at `key`, or at this table when it has no such key.
    pub(super) fn report(&self, key: &str, message: impl Display) {
        let at = self.table.get_key_value(key).map(|(_, value)| value.span().start).or(self.at);
        self.source.report(at, &self.path_of(key), message);
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// The names of all keys, for tables whose keys are data.
    pub(super) fn items(&self) -> impl Iterator<Item = (&'d str, Item<'d, 'i>)> {
        let source = self.source;
        self.table.iter().map(move |(key, value)| (&**key.get_ref(), Item { source, at: value.span().start, value: value.get_ref() }))
    }

    pub(super) fn item(&self, key: &'static str) -> Option<Item<'d, 'i>> {
        self.known.borrow_mut().insert(key);
        let value = self.table.get(key)?;
        Some(Item { source: self.source, at: value.span().start, value: value.get_ref() })
    }

    /// Reads `key` by `read`; reports what `expected` says when it is something else.
    fn read<T>(&self, key: &'static str, expected: &str, read: impl FnOnce(Item<'d, 'i>) -> Option<T>) -> Option<T> {
        let item = self.item(key)?;
        let found = read(item);
        if found.is_none() {
            self.report(key, format!("expected {expected}, found {}", item.describe()));
        }
        found
    }

    pub(super) fn text(&self, key: &'static str) -> Option<&'d str> {
        self.read(key, "text", Item::text)
    }

    /// Text that must be there and not be empty; empty after reporting when it is not.
    pub(super) fn required_text(&self, key: &'static str) -> &'d str {
        let Some(item) = self.item(key) else {
            self.report(key, "missing: this text is required");
            return "";
        };
        match item.text() {
            Some(text) if !text.trim().is_empty() => return text,
            Some(_) => self.report(key, "must not be empty"),
            None => self.report(key, format!("expected text, found {}", item.describe())),
        }
        ""
    }

    /// Text that some type parses.
    pub(super) fn parsed<T: FromStr<Err: Display>>(&self, key: &'static str) -> Option<T> {
        match self.text(key)?.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.report(key, error);
                None
            }
        }
    }

    pub(super) fn number(&self, key: &'static str) -> Option<f64> {
        self.read(key, "a finite number", Item::number)
    }

    pub(super) fn flag(&self, key: &'static str) -> Option<bool> {
        self.read(key, "true or false", |item| item.value.as_bool())
    }

    /// Two numbers, the first smaller.
    pub(super) fn range(&self, key: &'static str) -> Option<(f64, f64)> {
        self.read(key, "two numbers, the smaller first, such as [-40, 60]", |item| {
            let [low, high] = &**item.value.as_array()? else { return None };
            let (low, high) = (item.with(low).number()?, item.with(high).number()?);
            (low < high).then_some((low, high))
        })
    }

    /// The elements of a list; none when the key is absent.
    pub(super) fn list(&self, key: &'static str) -> Vec<Item<'d, 'i>> {
        self.read(key, "a list", |item| Some(item.value.as_array()?.iter().map(|value| item.with(value)).collect())).unwrap_or_default()
    }

    /// A list of texts, with places; none when the key is absent.
    pub(super) fn texts(&self, key: &'static str) -> Vec<(&'d str, usize)> {
        let texts = self.list(key).into_iter().filter_map(|item| {
            let text = item.text();
            if text.is_none() {
                item.report(&self.path_of(key), format!("expected text, found {}", item.describe()));
            }
            Some((text?, item.at))
        });
        texts.collect()
    }

    pub(super) fn section(&self, key: &'static str) -> Option<Self> {
        let path = self.path_of(key);
        self.read(key, "a table", |item| item.section(path))
    }

    /// The tables of a list, `[[key]]` or inline; none when the key is absent.
    pub(super) fn sections(&self, key: &'static str) -> Vec<Self> {
        let sections = self.list(key).into_iter().enumerate().filter_map(|(index, item)| {
            let path = format!("{}[{index}]", self.path_of(key));
            let section = item.section(path.clone());
            if section.is_none() {
                item.report(&path, format!("expected a table, found {}", item.describe()));
            }
            section
        });
        sections.collect()
    }

    pub(super) fn report_at(&self, at: usize, key: &str, message: impl Display) {
        self.source.report(Some(at), &self.path_of(key), message);
    }

    /// The line this table begins on.
    pub(super) fn line(&self) -> Option<usize> {
        self.at.map(|at| self.source.line(at))
    }

    /// Reports every key that nobody asked for.
    pub(super) fn finish(self) {
        let known = self.known.take();
        for (key, _) in self.table {
            let name: &str = key.get_ref();
            if !known.contains(name) {
                let known: Vec<_> = known.iter().copied().collect();
                let message = format!("unknown key; known here: {}", known.join(", "));
                self.source.report(Some(key.span().start), &self.path_of(name), message);
            }
        }
    }
}

impl<'d, 'i> Item<'d, 'i> {
    fn with(self, value: &'d Spanned<DeValue<'i>>) -> Self {
        Self { source: self.source, at: value.span().start, value: value.get_ref() }
    }

    pub(super) fn report(self, key: &str, message: impl Display) {
        self.source.report(Some(self.at), key, message);
    }

    pub(super) fn text(self) -> Option<&'d str> {
        self.value.as_str()
    }

    pub(super) fn flag(self) -> Option<bool> {
        self.value.as_bool()
    }

    pub(super) fn number(self) -> Option<f64> {
        let number = match self.value {
            DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str().replace('_', "").parse().ok()?,
            DeValue::Float(float) => float.as_str().replace('_', "").parse().ok()?,
            _ => return None,
        };
        f64::is_finite(number).then_some(number)
    }

    pub(super) fn section(self, path: String) -> Option<Section<'d, 'i>> {
        let table = self.value.as_table()?;
        Some(Section { source: self.source, table, path, at: Some(self.at), known: RefCell::default() })
    }

    pub(super) fn describe(self) -> String {
        match (self.text(), self.number()) {
            (Some(text), _) => format!("the text \"{text}\""),
            (_, Some(number)) => format!("the number {number}"),
            _ => format!("a value of type {}", self.value.type_str()),
        }
    }
}
