//! Normalise: the decoded fields of an uplink become readings of observed properties, in fixed units, with what is known against them.
//!
//! ```text
//! Uplink.object ──▶ listed field (profile, by path) ──┐
//!              └──▶ other field (rule, by name) ──────┴─▶ number + unit ─▶ property's unit ─▶ range ─▶ Reading
//! Uplink.device ─▶ profile_for ─▶ Profile          what fits nowhere: unreadable (with the reason) or unknown (with the path)
//! ```
//!
//! A [`Catalogue`] holds the observed properties (`config/properties.toml`) and the device profiles (`config/profiles/*.toml`), built in
//! or a town's own. Everything is checked when it is loaded; [`normalise`] then cannot fail.
//!
//! ```
//! use stadtwarte_ingest::normalise::Catalogue;
//!
//! let town = r#"
//!     name = "Acme Beehive"
//!     kind = "other"
//!     title = "Beehive"
//!     title_de = "Bienenstock"
//!     match = { profiles = ["*beehive*"], models = ["acme/beehive"] }
//!     field = [{ path = "brood.t", property = "device_temperature", scale = 0.1, invalid = [-999] }]
//!
//!     [[example]]
//!     object = '{"brood": {"t": 347}}'
//!     readings = [{ property = "device_temperature", value = 34.7, unit = "Cel" }]
//! "#;
//! let catalogue = Catalogue::load([("beehive.toml".to_owned(), town.to_owned())])?;
//! catalogue.check_examples()?;
//! # Ok::<(), stadtwarte_ingest::normalise::ConfigErrors>(())
//! ```
//!
//! # How a profile is written
//!
//! One TOML file per device model or family. Unknown keys are errors.
//!
//! | key | what |
//! |---|---|
//! | `name` | unique; usually brand and model. Devices whose network server calls their profile so have it |
//! | `kind` | the kind of Thing: `air_quality`, `weather`, `soil`, `water_level`, `noise`, `parking`, `waste`, `people`, `street_light`, `energy`, `mobility`, `indoor`, `other` |
//! | `title`, `title_de` | what people call such a Thing |
//! | `datasheet` | link, optional |
//! | `visibility` | the most open class of its Things; `public` unless stated |
//! | `match` | `profiles`, `models` (`brand/model`), both with `*` and `?`; `fields` that give the device away; case and punctuation do not count |
//! | `unlisted` | what becomes of other fields: `by_name` (rules of the default profile, unless stated), `report`, `ignore` |
//! | `ignore` | paths that are known and no readings, with all below them that is not listed |
//! | `position` | paths `lat`, `lon`, `height` of a position in the payload; `scale` when they are not in degrees |
//! | `field` | list of fields, below |
//! | `example` | list of examples: `object` (JSON text), `tags`, and what must come of it: `readings`, `position`, `unreadable`, `unknown` |
//!
//! | key of a `field` | what |
//! |---|---|
//! | `path` | where it stands: `temperature`, `air.temperature`, `sensors[0].temp`, `"PM2.5"`, `line_*_in`. The same path may give several properties |
//! | `property` | code in the catalogue of properties |
//! | `unit` | unit of the raw number; the property's unless stated |
//! | `unit_path` | where the object itself states the unit (`energyUnit`); `unit` beside `value` is found without |
//! | `scale`, `offset` | raw × scale + offset, before the conversion. With `scale`, `unit` may be of another dimension (pulses to cubic metres) |
//! | `zero_at` | raw value that counts as zero: a number, or `{ tag = "sensor_height", default = 4200 }`, a tag of the device such as `4.2 m` |
//! | `full_at` | raw value that counts as 100 %, with `zero_at` as 0 %: the fill level of a container |
//! | `channel` | tells several of the same property apart; `*` repeats what the `*` of the path stood for |
//! | `range` | plausible values in the property's unit, instead of the property's own |
//! | `map` | raw texts, numbers or truth values to results: `{ occupied = true, free = false }` |
//! | `invalid` | raw values that mean "no value" |
//!
//! The default profile (`default.toml`) has `rule` instead of `field`; how a rule is written stands there.
//!
//! # What is decided how
//!
//! | case | decision |
//! |---|---|
//! | number as text, with a unit | read and converted; a unit of another dimension makes the field unreadable, never a guess |
//! | `null`, empty, `NaN`, `--`, a sentinel | no reading, no problem |
//! | outside the range | kept, flagged `out_of_range` |
//! | not finite, beyond 10^15, of the wrong type | unreadable, with path and value |
//! | unit not stated, and in real doubt | by the rule, flagged `unit_guessed`; a profile's word is never in doubt |
//! | one quantity listed under two paths (two codecs) | the one listed first |
//! | one quantity found twice by name | both; the second has its path as its channel |
//! | list element with a time of its own | unknown: a log of the past must not be read as of now |

mod adjustment;
mod built_in;
mod catalogue;
mod collect;
mod column;
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
mod raw;
mod rules;
#[cfg(test)]
mod tests;
mod vocabulary;
mod walk;
mod words;

use stadtwarte_model::uplink::EventTime;
use stadtwarte_model::{Position, Quality, QualityFlag, Reading, Timestamp, Uplink};

pub use catalogue::{Catalogue, ThingHint};
pub use column::Column;
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
