//! Roles, and what each may see.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::visibility::Visibility;

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Anyone, without a key: open data only.
    #[default]
    Public,
    /// A gateway or network server: may publish, sees open data only.
    Publisher,
    /// The town's planners: open and internal data.
    Planner,
    /// Runs the platform: everything, also devices, uplinks and quarantine.
    Operator,
    /// As operator; may also manage keys.
    Admin,
}

impl Role {
    const ALL: [Self; 5] = [Self::Public, Self::Publisher, Self::Planner, Self::Operator, Self::Admin];

    /// Its name as stored and as given on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Publisher => "publisher",
            Self::Planner => "planner",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// Whether data of this class is shown.
    #[must_use]
    pub const fn sees(self, visibility: Visibility) -> bool {
        match self {
            Self::Public | Self::Publisher => matches!(visibility, Visibility::Public),
            Self::Planner => matches!(visibility, Visibility::Public | Visibility::Internal),
            Self::Operator | Self::Admin => true,
        }
    }

    /// Whether devices, uplinks, gateways and quarantine are shown: tables that carry device identifiers.
    #[must_use]
    pub const fn sees_devices(self) -> bool {
        matches!(self, Self::Operator | Self::Admin)
    }

    /// Whether uplinks may be published over MQTT.
    #[must_use]
    pub const fn may_publish(self) -> bool {
        matches!(self, Self::Publisher | Self::Operator | Self::Admin)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a role: expected publisher, planner, operator or admin")]
pub struct ParseRoleError(pub String);

impl FromStr for Role {
    type Err = ParseRoleError;

    fn from_str(text: &str) -> Result<Self, ParseRoleError> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| ParseRoleError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_roles_are_inverse() {
        for role in Role::ALL {
            assert_eq!(role.to_string().parse(), Ok(role));
        }
        assert!("".parse::<Role>().is_err());
    }
}
