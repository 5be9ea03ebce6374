//! What is known against a reading.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One reason for caution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum QualityFlag {
    /// Outside the plausible range of its property.
    OutOfRange = 1,
    /// The device's or gateway's clock contradicted the server's; another time was used.
    ClockSuspect = 1 << 1,
    /// Arrived more than an hour after it was measured.
    Late = 1 << 2,
    /// The unit was not stated and was taken from the field's name.
    UnitGuessed = 1 << 3,
    /// Marked as simulated by the network server.
    Simulated = 1 << 4,
    /// The same value for longer than is plausible.
    Stuck = 1 << 5,
    /// The frame had already been received another way.
    DuplicateRadio = 1 << 6,
}

impl QualityFlag {
    const ALL: [(Self, &'static str); 7] = [
        (Self::OutOfRange, "out_of_range"),
        (Self::ClockSuspect, "clock_suspect"),
        (Self::Late, "late"),
        (Self::UnitGuessed, "unit_guessed"),
        (Self::Simulated, "simulated"),
        (Self::Stuck, "stuck"),
        (Self::DuplicateRadio, "duplicate_radio"),
    ];
}

/// All reasons for caution of one reading. Prints as `good`, or as flags joined by commas such as `late,out_of_range`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Quality(u16);

impl Quality {
    /// Nothing known against it.
    pub const GOOD: Self = Self(0);

    /// These and `flag`.
    #[must_use]
    pub const fn with(self, flag: QualityFlag) -> Self {
        Self(self.0 | flag as u16)
    }

    /// These and `flag`, where `applies`.
    #[must_use]
    pub const fn with_if(self, flag: QualityFlag, applies: bool) -> Self {
        if applies { self.with(flag) } else { self }
    }

    /// These and those.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether `flag` is among them.
    #[must_use]
    pub const fn has(self, flag: QualityFlag) -> bool {
        self.0 & flag as u16 != 0
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::GOOD {
            return f.write_str("good");
        }
        let mut separator = "";
        for (flag, name) in QualityFlag::ALL {
            if self.has(flag) {
                write!(f, "{separator}{name}")?;
                separator = ",";
            }
        }
        Ok(())
    }
}

/// A text that names no quality.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a quality: expected `good` or flags joined by commas")]
pub struct ParseQualityError(pub String);

impl FromStr for Quality {
    type Err = ParseQualityError;

    fn from_str(text: &str) -> Result<Self, ParseQualityError> {
        if text == "good" {
            return Ok(Self::GOOD);
        }
        text.split(',').try_fold(Self::GOOD, |quality, name| {
            let (flag, _) =
                QualityFlag::ALL.into_iter().find(|(_, known)| *known == name).ok_or_else(|| ParseQualityError(text.to_owned()))?;
            Ok(quality.with(flag))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printing_and_parsing_are_inverse_for_every_combination() {
        for bits in 0..1_u16 << QualityFlag::ALL.len() {
            let quality = Quality(bits);
            assert_eq!(quality.to_string().parse(), Ok(quality));
        }
    }

    #[test]
    fn err_unknown_flags() {
        assert!("fine".parse::<Quality>().is_err());
        assert!("".parse::<Quality>().is_err());
    }
}
