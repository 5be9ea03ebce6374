//! Who may see what.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The class of a datastream or thing. A datastream is shown by the stricter of its own class and that of its thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Open data: anyone, without a key.
    #[default]
    Public,
    /// For the town's own staff.
    Internal,
    /// Relates to persons; only for those who keep the data, never on a public door.
    Personal,
}

impl Visibility {
    /// Its name as stored: `public`, `internal` or `personal`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Personal => "personal",
        }
    }

    /// The stricter of two classes.
    #[must_use]
    pub fn stricter(self, other: Self) -> Self {
        self.max(other)
    }
}

impl fmt::Display for Visibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no visibility class.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a visibility class: expected public, internal or personal")]
pub struct ParseVisibilityError(pub String);

impl FromStr for Visibility {
    type Err = ParseVisibilityError;

    fn from_str(text: &str) -> Result<Self, ParseVisibilityError> {
        match text {
            "public" => Ok(Self::Public),
            "internal" => Ok(Self::Internal),
            "personal" => Ok(Self::Personal),
            other => Err(ParseVisibilityError(other.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_classes_are_inverse() {
        for class in [Visibility::Public, Visibility::Internal, Visibility::Personal] {
            assert_eq!(class.to_string().parse(), Ok(class));
        }
        assert!("".parse::<Visibility>().is_err());
    }
}
