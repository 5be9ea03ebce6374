//! Settings: built-in defaults, then the file, then the environment, then flags. Mistakes are named with key and line, all at once.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use stadtwarte_ingest::dialect::Dialect;
use stadtwarte_model::Visibility;
use toml::{Table, Value};

/// The documented defaults; also what the program runs with when there is no file.
const DEFAULTS: &str = include_str!("../config/default.toml");

/// Prefix of settings in the environment.
const ENVIRONMENT: &str = "STADTWARTE_";

/// All settings. Each key is documented in `config/default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "config/default.toml documents every key, and a test compares the two")]
pub struct Settings {
    pub town: Town,
    pub data: Data,
    pub http: Http,
    pub mqtt: Mqtt,
    #[serde(default)]
    pub broker: Vec<Broker>,
    pub ingest: Ingest,
    pub store: Store,
    pub query: Query,
    pub log: Log,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "see Settings")]
pub struct Town {
    pub name: String,
    pub title: String,
    #[serde(deserialize_with = "center")]
    pub center: Option<[f64; 2]>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "see Settings")]
pub struct Data {
    pub dir: PathBuf,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "see Settings")]
pub struct Http {
    pub listen: SocketAddr,
    pub max_live_connections: usize,
    pub max_body_bytes: usize,
    pub max_series_points: usize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "see Settings")]
pub struct Mqtt {
    #[serde(deserialize_with = "address_or_none")]
    pub listen: Option<SocketAddr>,
    pub anonymous_loopback: bool,
    pub max_connections: usize,
    pub max_in_flight: u16,
    pub max_packet_bytes: u32,
    pub drain_timeout_s: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "see Settings")]
pub struct Broker {
    pub name: String,
    pub url: String,
    #[serde(default = "mqtt_5")]
    pub protocol: u8,
    pub client_id: String,
    #[serde(default)]
    pub username: String,
    #[serde(default)]
    pub password_file: PathBuf,
    pub topics: Vec<String>,
    #[serde(default = "at_least_once")]
    pub qos: u8,
    #[serde(default = "twenty")]
    pub keep_alive_s: u64,
    #[serde(default = "a_week")]
    pub session_expiry_s: u64,
    #[serde(default)]
    pub ca_file: PathBuf,
    #[serde(default)]
    pub dialect: Dialect,
}

fn mqtt_5() -> u8 {
    5
}

fn at_least_once() -> u8 {
    1
}

fn twenty() -> u64 {
    20
}

fn a_week() -> u64 {
    604_800
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "see Settings")]
pub struct Ingest {
    pub provision: bool,
    pub visibility: Visibility,
    pub profiles_dir: PathBuf,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "see Settings")]
pub struct Store {
    pub flush_interval_s: u64,
    pub flush_rows: usize,
    pub queue_entries: usize,
    pub max_segment_bytes: u64,
    pub changes_rows: usize,
    pub dedup_keys: usize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "see Settings")]
pub struct Query {
    pub max_time_s: u64,
    pub memory_bytes: usize,
    pub spill_bytes: u64,
    pub metadata_bytes: usize,
    pub concurrent: usize,
    pub max_wait_s: u64,
    pub max_sql_bytes: usize,
    pub public_rows: usize,
    pub resume_rows: usize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "see Settings")]
pub struct Log {
    pub level: String,
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs: one object per line.
    Json,
}

fn center<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<[f64; 2]>, D::Error> {
    let numbers = Vec::<f64>::deserialize(deserializer)?;
    match numbers.as_slice() {
        [] => Ok(None),
        [lon, lat] if (-180.0..=180.0).contains(lon) && (-90.0..=90.0).contains(lat) => Ok(Some([*lon, *lat])),
        _ => Err(serde::de::Error::custom("expected [] or [longitude, latitude] in degrees")),
    }
}

fn address_or_none<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(serde::de::Error::custom) }
}

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What is wrong, one line per mistake.
    #[error("{}", .0.join("\n"))]
    Mistakes(Vec<String>),
}

/// Where a value came from, for messages.
struct Origin<'a> {
    name: String,
    text: &'a str,
}

impl Settings {
    /// The settings for this process. `file` is the one named on the command line; without it `./stadtwarte.toml` is used where it exists.
    ///
    /// # Errors
    /// Every mistake of file and environment, with key and line.
    pub fn load(file: Option<&Path>, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, SettingsError> {
        let implicit = Path::new("stadtwarte.toml");
        let path = file.or_else(|| implicit.exists().then_some(implicit));
        let text = match path {
            Some(path) => std::fs::read_to_string(path).map_err(|source| SettingsError::Unreadable { path: path.to_owned(), source })?,
            None => String::new(),
        };
        let name = path.map_or_else(String::new, |path| path.display().to_string());
        Self::from_parts(&Origin { name, text: &text }, environment)
    }

    fn from_parts(origin: &Origin<'_>, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, SettingsError> {
        let mut file: Table =
            origin.text.parse().map_err(|error: toml::de::Error| SettingsError::Mistakes(vec![syntax_error(origin, &error)]))?;
        let mut mistakes = Vec::new();
        // One mistake at a time is found; it is taken out and the rest is looked at again.
        while let Err((path, message)) = parse(&file) {
            mistakes.push(format!("{}: {message}", place(origin, &path)));
            if !remove(&mut file, &path) {
                break;
            }
        }
        for (key, value) in environment {
            if let Some(key) = key.strip_prefix(ENVIRONMENT).filter(|key| key.contains("__")) {
                let mut with = file.clone();
                set(&mut with, key, &value);
                match parse(&with) {
                    Ok(_) => file = with,
                    Err((_, message)) => mistakes.push(format!("{ENVIRONMENT}{key}: {message}")),
                }
            }
        }
        match parse(&file) {
            Ok(settings) if mistakes.is_empty() => Ok(settings),
            _ => Err(SettingsError::Mistakes(mistakes)),
        }
    }
}

/// The settings of the defaults overlaid by `file`; an error carries the path of the offending key.
fn parse(file: &Table) -> Result<Settings, (Vec<String>, String)> {
    let mut merged: Table = DEFAULTS.parse().map_err(|error: toml::de::Error| (Vec::new(), error.to_string()))?;
    overlay(&mut merged, file);
    serde_path_to_error::deserialize(Value::Table(merged)).map_err(|error| {
        let message = error.inner().message().to_owned();
        let mut path: Vec<String> = error.path().iter().map(ToString::to_string).collect();
        // For an unknown key, the path ends at its table and the message names the key.
        if let Some(unknown) = message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next())
            && path.last().is_none_or(|last| last != unknown)
        {
            path.push(unknown.to_owned());
        }
        (path, message)
    })
}

fn overlay(base: &mut Table, over: &Table) {
    for (key, value) in over {
        match (base.get_mut(key), value) {
            (Some(Value::Table(base)), Value::Table(over)) => overlay(base, over),
            _ => {
                base.insert(key.clone(), value.clone());
            }
        }
    }
}

fn remove(table: &mut Table, path: &[String]) -> bool {
    match path {
        [] => false,
        [key] => table.remove(key).is_some(),
        [key, rest @ ..] => match table.get_mut(key) {
            Some(Value::Table(inner)) => remove(inner, rest) || table.remove(key).is_some(),
            Some(_) => table.remove(key).is_some(),
            None => false,
        },
    }
}

/// `HTTP__LISTEN` sets `http.listen`. The value is TOML where it is, else a text.
fn set(table: &mut Table, key: &str, value: &str) {
    let lower = key.to_ascii_lowercase();
    let mut parts = lower.split("__").map(str::to_owned).collect::<Vec<_>>();
    let Some(last) = parts.pop() else { return };
    let literal = format!("value = {value}").parse::<Table>().ok().and_then(|mut table| table.remove("value"));
    let mut inner = table;
    for part in parts {
        let next = inner.entry(part).or_insert_with(|| Value::Table(Table::new()));
        let Value::Table(next) = next else { return };
        inner = next;
    }
    inner.insert(last, literal.unwrap_or_else(|| Value::String(value.to_owned())));
}

fn syntax_error(origin: &Origin<'_>, error: &toml::de::Error) -> String {
    let line = error.span().map_or(1, |span| line_of(origin.text, span.start));
    format!("{}:{line}: {}", origin.name, error.message())
}

/// `file:line: key`, as far as the key can be found in the file.
fn place(origin: &Origin<'_>, path: &[String]) -> String {
    let key = path.join(".");
    let document = toml_edit::Document::parse(origin.text).ok();
    let offset = document.as_ref().and_then(|document| offset_of(document.as_item(), path));
    offset.map_or_else(|| format!("{}: {key}", origin.name), |offset| format!("{}:{}: {key}", origin.name, line_of(origin.text, offset)))
}

/// Where the key at the end of `path`, or the deepest one that is there, begins.
fn offset_of(item: &toml_edit::Item, path: &[String]) -> Option<usize> {
    let (first, rest) = path.split_first()?;
    let (key, value) = match (item.as_table_like(), first.parse::<usize>()) {
        (Some(table), _) => table.get_key_value(first).map(|(key, value)| (key.span(), value))?,
        (None, Ok(index)) => (None, item.get(index)?),
        (None, Err(_)) => return None,
    };
    offset_of(value, rest).or_else(|| key.or_else(|| value.span()).map(|span| span.start))
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, environment: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
        let environment = environment.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Settings::from_parts(&Origin { name: "town.toml".into(), text }, environment).map_err(|error| match error {
            SettingsError::Mistakes(mistakes) => mistakes,
            SettingsError::Unreadable { .. } => unreachable!("nothing is read"),
        })
    }

    #[test]
    fn the_defaults_are_complete_and_valid() {
        let settings = load("", &[]).unwrap();
        assert_eq!(settings.http.listen.port(), 8080);
        assert!(settings.broker.is_empty());
    }

    #[test]
    fn the_documented_broker_example_is_valid() {
        let example: Vec<&str> = DEFAULTS
            .lines()
            .skip_while(|line| *line != "# [[broker]]")
            .take_while(|line| line.starts_with("# "))
            .map(|line| line.trim_start_matches("# "))
            .collect();
        let settings = load(&example.join("\n"), &[]).unwrap();
        assert_eq!(settings.broker[0].session_expiry_s, 604_800);
    }

    #[test]
    fn every_mistake_is_named_with_key_and_line() {
        let text = "[http]\nlisten = \"nowhere\"\nmax_body = 5\n\n[stoer]\nx = 1\n[query]\nconcurrent = -1\n";
        let mistakes = load(text, &[]).unwrap_err();
        let expected =
            ["town.toml:2: http.listen:", "town.toml:3: http.max_body:", "town.toml:5: stoer:", "town.toml:8: query.concurrent:"];
        for place in expected {
            assert!(mistakes.iter().any(|mistake| mistake.starts_with(place)), "{place} not in {mistakes:#?}");
        }
        assert_eq!(mistakes.len(), expected.len(), "{mistakes:#?}");
        assert!(load("[http\n", &[]).unwrap_err()[0].starts_with("town.toml:1:"));
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let environment =
            [("STADTWARTE_HTTP__LISTEN", "127.0.0.1:0"), ("STADTWARTE_TOWN__NAME", "Warte"), ("HOME", "/x"), ("STADTWARTE_KEY", "k")];
        let settings = load("[http]\nlisten = \"127.0.0.1:9\"", &environment).unwrap();
        assert_eq!((settings.http.listen.port(), settings.town.name.as_str()), (0, "Warte"));
        let mistakes = load("", &[("STADTWARTE_QUERY__CONCURRENT", "many")]).unwrap_err();
        assert!(mistakes[0].starts_with("STADTWARTE_QUERY__CONCURRENT: "), "{mistakes:?}");
        assert!(load("", &[("STADTWARTE_QUERY__NO_SUCH", "1")]).is_err());
    }
}
