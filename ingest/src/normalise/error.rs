//! What is wrong in the files: every mistake with file, line and key.

use std::fmt;

/// One mistake in a file of properties or profiles. Prints as `file:line: key: message`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The file as it was named when it was loaded.
    pub file: String,
    /// The line it is on, counted from 1; `None` when it concerns the file as a whole.
    pub line: Option<usize>,
    /// The key it is about, such as `field[2].unit`; empty when it concerns the file as a whole.
    pub key: String,
    /// What is wrong, with the value, and what would be right.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": `{}`", self.key)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// All mistakes found, in the order of files and lines; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors(Vec<ConfigError>);

impl ConfigErrors {
    /// `Ok` when there is no mistake.
    pub(super) fn none_in(errors: Vec<ConfigError>) -> Result<(), Self> {
        if errors.is_empty() { Ok(()) } else { Err(Self(errors)) }
    }

    /// A mistake that concerns a file as a whole.
    pub(super) fn one(file: &str, message: String) -> Self {
        Self(vec![ConfigError { file: file.to_owned(), line: None, key: String::new(), message }])
    }

    /// The mistakes.
    pub fn iter(&self) -> impl Iterator<Item = &ConfigError> {
        self.0.iter()
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for error in &self.0 {
            write!(f, "{separator}{error}")?;
            separator = "\n";
        }
        Ok(())
    }
}
