//! Tests of the whole step: object in, readings out.

mod bounds;
mod config_errors;
mod profiles;
mod real_names;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value};
use stadtwarte_model::uplink::{EventTime, TimeSource};
use stadtwarte_model::{Reading, ResultValue, Timestamp};

use super::example::uplink;
use super::{Catalogue, Normalised, normalise};

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::built_in().unwrap_or_else(|errors| panic!("{errors}")));

const NOON: Timestamp = Timestamp::from_millis(1_772_366_400_000);

fn on_time() -> EventTime {
    EventTime { time: NOON, source: TimeSource::NetworkServer, clock_suspect: false }
}

/// What the profile of this name makes of an object.
fn by_profile(profile: &str, object: Map<String, Value>) -> Normalised {
    let profile = CATALOGUE.profile(profile).expect("a built-in profile");
    normalise(&CATALOGUE, profile, &uplink(object, BTreeMap::new()), on_time(), NOON)
}

/// What the default profile makes of an object.
fn by_name(object: &str) -> Normalised {
    by_profile("default", serde_json::from_str(object).unwrap())
}

/// A reading as one line: `air_temperature[2] = 21.5 Cel (late)`.
fn line(reading: &Reading) -> String {
    let channel = reading.channel.as_ref().map(|channel| format!("[{channel}]")).unwrap_or_default();
    let value = match &reading.value {
        ResultValue::Number(number) => format!("{number} {}", reading.unit),
        ResultValue::Boolean(flag) => flag.to_string(),
        ResultValue::Text(text) | ResultValue::Json(text) => format!("{text:?}"),
    };
    let quality = if reading.quality.to_string() == "good" { String::new() } else { format!(" ({})", reading.quality) };
    format!("{}{channel} = {value}{quality}", reading.property)
}

fn lines(normalised: &Normalised) -> Vec<String> {
    normalised.readings.iter().map(line).collect()
}
