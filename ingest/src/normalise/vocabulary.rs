//! The words that field names are made of, apart from the names of quantities themselves, which `config/profiles/default.toml` lists.

/// Endings that state a unit, in lower case without separators: `tempC`, `pressure_hPa`, `activePower_kW`. Where an ending has several
/// meanings, the quantity decides: `_ms` is metres per second for wind and milliseconds for a duration.
const UNIT_ENDINGS: &[(&str, &[&str])] = &[
    ("a", &["A"]),
    ("amp", &["A"]),
    ("amps", &["A"]),
    ("ampere", &["A"]),
    ("ah", &["A.h"]),
    ("bar", &["bar"]),
    ("c", &["Cel"]),
    ("celsius", &["Cel"]),
    ("degc", &["Cel"]),
    ("degreec", &["Cel"]),
    ("degreesc", &["Cel"]),
    ("degreescelsius", &["Cel"]),
    ("°c", &["Cel"]),
    ("°", &["deg", "Cel"]),
    ("cm", &["cm"]),
    ("db", &["dB[SPL]", "dB"]),
    ("dba", &["dB[SPL]"]),
    ("dbm", &["dB[mW]"]),
    ("deg", &["deg", "Cel"]),
    ("degree", &["deg", "Cel"]),
    ("degrees", &["deg", "Cel"]),
    ("dsm", &["dS/m"]),
    ("f", &["[degF]"]),
    ("degf", &["[degF]"]),
    ("fahrenheit", &["[degF]"]),
    ("°f", &["[degF]"]),
    ("hpa", &["hPa"]),
    ("hz", &["Hz"]),
    ("k", &["K"]),
    ("kelvin", &["K"]),
    ("kmh", &["km/h"]),
    ("kph", &["km/h"]),
    ("kpa", &["kPa"]),
    ("kw", &["kW"]),
    ("kwh", &["kW.h"]),
    ("km", &["km"]),
    ("klux", &["klx"]),
    ("l", &["L"]),
    ("liter", &["L"]),
    ("liters", &["L"]),
    ("litre", &["L"]),
    ("litres", &["L"]),
    ("lh", &["L/h"]),
    ("lux", &["lx"]),
    ("lx", &["lx"]),
    ("m", &["m"]),
    ("meter", &["m"]),
    ("meters", &["m"]),
    ("metre", &["m"]),
    ("metres", &["m"]),
    ("m3", &["m3"]),
    ("m³", &["m3"]),
    ("m3h", &["m3/h"]),
    ("ma", &["mA"]),
    ("mbar", &["hPa"]),
    ("mgl", &["mg/L"]),
    ("mgm3", &["mg/m3"]),
    ("mm", &["mm"]),
    ("mmh", &["mm/h"]),
    ("mph", &["[mi_i]/h"]),
    ("mps", &["m/s"]),
    ("ms", &["m/s", "ms"]),
    ("mscm", &["mS/cm"]),
    ("mv", &["mV"]),
    ("millivolt", &["mV"]),
    ("mwh", &["MW.h"]),
    ("ntu", &["[NTU]"]),
    ("pa", &["Pa"]),
    ("pct", &["%"]),
    ("perc", &["%"]),
    ("percent", &["%"]),
    ("percentage", &["%"]),
    ("prozent", &["%"]),
    ("%", &["%"]),
    ("ppb", &["[ppb]"]),
    ("ppm", &["[ppm]"]),
    ("psi", &["[psi]"]),
    ("rh", &["%"]),
    ("s", &["s"]),
    ("sec", &["s"]),
    ("seconds", &["s"]),
    ("min", &["min"]),
    ("minutes", &["min"]),
    ("h", &["h"]),
    ("hours", &["h"]),
    ("ugm3", &["ug/m3"]),
    ("µgm3", &["ug/m3"]),
    ("μgm3", &["ug/m3"]),
    ("uscm", &["uS/cm"]),
    ("µscm", &["uS/cm"]),
    ("v", &["V"]),
    ("volt", &["V"]),
    ("volts", &["V"]),
    ("w", &["W"]),
    ("watt", &["W"]),
    ("watts", &["W"]),
    ("wh", &["W.h"]),
    ("wm2", &["W/m2"]),
];

/// Words that add nothing to a name: `temperature_value`, `current_temperature`.
const FILLERS: &[&str] =
    &["actual", "ambient", "current", "data", "instant", "instantaneous", "measured", "measurement", "reading", "sensor", "val", "value"];

/// Words that make a different quantity of it, which therefore becomes a channel: `temperature_max`.
const STATISTICS: &[&str] = &["average", "avg", "max", "maximum", "mean", "median", "min", "minimum", "std", "stddev"];

/// Words before the number of a channel: `temperature_ch1`, `probe_2_temp`.
const CHANNEL_WORDS: &[&str] =
    &["ch", "chan", "channel", "in", "input", "kanal", "line", "nr", "no", "phase", "port", "probe", "sensor", "slot", "zone"];

/// Names of objects and lists that only hold fields; others become part of the channel.
const CONTAINERS: &[&str] = &[
    "action",
    "air",
    "attributes",
    "channels",
    "climate",
    "data",
    "decoded",
    "device",
    "environment",
    "fields",
    "measurement",
    "measurements",
    "measures",
    "message",
    "messages",
    "metrics",
    "object",
    "objectjson",
    "params",
    "parameters",
    "payload",
    "properties",
    "reading",
    "readings",
    "result",
    "results",
    "sensor",
    "sensors",
    "state",
    "status",
    "telemetry",
    "uplink",
    "value",
    "values",
    "weather",
];

/// Names of objects whose contents are no measurements of now: limits, settings, logs, and what gateways report about themselves.
const NOT_NOW: &[&str] = &[
    "alarm",
    "alarms",
    "alert",
    "alerts",
    "calibration",
    "config",
    "configuration",
    "correction",
    "datalog",
    "error",
    "errors",
    "forecast",
    "gateway",
    "gateways",
    "gw",
    "historic",
    "historical",
    "history",
    "limit",
    "limits",
    "log",
    "logs",
    "offset",
    "previous",
    "radio",
    "record",
    "records",
    "rx",
    "rxinfo",
    "rxmetadata",
    "setpoint",
    "setpoints",
    "setting",
    "settings",
    "target",
    "threshold",
    "thresholds",
    "txinfo",
];

/// Names of a time beside values, which makes a list element a record of the past.
const TIMES: &[&str] = &["date", "datetime", "time", "timestamp", "ts", "utc"];

fn contains(words: &[&str], word: &str) -> bool {
    words.iter().any(|known| known.eq_ignore_ascii_case(word))
}

/// The units that an ending may state, as UCUM codes; `ending` is in lower case.
pub(super) fn units_of_ending(ending: &str) -> Option<&'static [&'static str]> {
    UNIT_ENDINGS.iter().find(|(known, _)| *known == ending).map(|(_, units)| *units)
}

pub(super) fn is_filler(word: &str) -> bool {
    contains(FILLERS, word)
}

pub(super) fn is_statistic(word: &str) -> bool {
    contains(STATISTICS, word)
}

pub(super) fn is_channel_word(word: &str) -> bool {
    contains(CHANNEL_WORDS, word)
}

pub(super) fn is_container(word: &str) -> bool {
    contains(CONTAINERS, word)
}

pub(super) fn is_not_now(word: &str) -> bool {
    contains(NOT_NOW, word)
}

pub(super) fn is_time(word: &str) -> bool {
    contains(TIMES, word)
}

#[cfg(test)]
mod tests {
    use stadtwarte_model::Unit;

    use super::*;

    #[test]
    fn every_ending_states_units_the_platform_can_convert() {
        for (ending, units) in UNIT_ENDINGS {
            for code in *units {
                assert_eq!(Unit::from_label(code).map(|unit| unit.to_string()).as_deref(), Some(*code), "{ending}");
            }
            assert_eq!(UNIT_ENDINGS.iter().filter(|(other, _)| other == ending).count(), 1, "{ending} twice");
        }
    }
}
