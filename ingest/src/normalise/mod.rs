//! Normalise: the decoded fields of an uplink become readings of observed properties, in fixed units, with what is known against them.
mod built_in;
mod catalogue;
mod collect;
mod document;
mod error;
mod example;
mod field;
mod kind;
mod matching;
mod names;
mod number;
mod path;
mod profile;
mod property;
mod quantity;
mod rules;
#[cfg(test)]
mod tests;
mod vocabulary;
mod walk;

use stadtwarte_model::uplink::EventTime;
use stadtwarte_model::{Position, Quality, QualityFlag, Reading, Timestamp, Uplink};

pub use catalogue::{Catalogue, ThingHint};
pub use error::{ConfigError, ConfigErrors};
pub use kind::{ParseThingKindError, ThingKind};
pub use profile::{DEFAULT_PROFILE, Profile, Unlisted};
pub use property::{PropertyDefinition, ResultKind};

use walk::Walk;

/// How deep an object is looked into; what lies deeper is reported as unknown.
pub const MAX_DEPTH: usize = 8;
/// How many values of an object are looked at; the rest counts as truncated.
pub const MAX_LEAVES: usize = 2048;
/// How many problems and how many unknown fields are reported per uplink, the first by path.
pub const MAX_PROBLEMS: usize = 64;
/// Longest path in a report, in characters.
pub const MAX_PATH_CHARS: usize = 200;
/// Readings older than this on arrival are flagged as late: one hour in microseconds.
pub const LATE_AFTER_MICROS: i64 = 3_600_000_000;

/// What an uplink says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Normalised {
    /// Its readings, at most [`PER_RECORD`](stadtwarte_model::ObservationId::PER_RECORD): listed fields in the order of the profile, then
    /// the others by path.
    pub readings: Vec<Reading>,
    /// Where the payload says that the device was.
    pub position: Option<Position>,
    /// Known fields whose value cannot be read.
    pub unreadable: Vec<FieldProblem>,
    /// Paths of fields that carry a value and that neither the profile nor a rule by name knows.
    pub unknown_fields: Vec<String>,
    /// Whether the object was larger than the bounds, so that something in it was not read.
    pub truncated: bool,
}

/// A known field whose value cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldProblem {
    /// Its path in the object.
    pub path: String,
    /// The value, and why it cannot be read.
    pub detail: String,
}

/// Turns the decoded object of an uplink into readings.
///
/// Input: an uplink whose network server or codec decoded the payload; one without `object` gives nothing. `event_time` is the time of
/// every reading. Output: finite numbers in the unit of their property, truth values and texts, in an order that does not depend on the
/// order of the object's members. No clock, no I/O; the work is bounded by [`MAX_LEAVES`] and [`MAX_DEPTH`].
#[must_use]
pub fn normalise(catalogue: &Catalogue, profile: &Profile, uplink: &Uplink, event_time: EventTime, received_at: Timestamp) -> Normalised {
    let Some(object) = &uplink.object else { return Normalised::default() };
    let quality = Quality::GOOD
        .with_if(QualityFlag::ClockSuspect, event_time.clock_suspect)
        .with_if(QualityFlag::Late, received_at.micros_since(event_time.time) > LATE_AFTER_MICROS)
        .with_if(QualityFlag::Simulated, uplink.simulated);
    Walk::new(profile, catalogue.rules(), object, &uplink.device.tags).run().finish(event_time.time, quality, profile.position_scale)
}
