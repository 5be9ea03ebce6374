//! Settings: built-in defaults, then the file, then the environment, then flags. Mistakes are named with key and line, all at once.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use stadtwarte_ingest::dialect::Dialect;
use stadtwarte_model::Visibility;
use toml::{Table, Value};

mod bounds;

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
    #[serde(skip)]
    origin: Origin,
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
    pub max_in_flight_bytes: usize,
    pub max_packet_bytes: u32,
    pub drain_timeout_s: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "see Settings")]
pub struct Broker {
    pub name: String,
    pub url: String,
    #[serde(default = "mqtt_5", deserialize_with = "protocol")]
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

/// Where a broker is, the same for all ways to write it; what is no address is looked at later.
fn address_of(url: &str) -> String {
    let url = url.trim_end_matches('/').to_ascii_lowercase();
    let has_port = url.rsplit(':').next().is_some_and(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
    match (has_port, url.starts_with("mqtts://")) {
        (true, _) => url,
        (false, true) => format!("{url}:8883"),
        (false, false) => format!("{url}:1883"),
    }
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
    pub max_devices: usize,
    pub max_datastreams_per_device: usize,
    pub max_datastreams: usize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "see Settings")]
pub struct Store {
    pub flush_interval_s: u64,
    pub flush_rows: usize,
    pub flush_bytes: usize,
    pub min_free_bytes: u64,
    pub queue_entries: usize,
    pub max_segment_bytes: u64,
    pub changes_rows: usize,
    pub dedup_keys: usize,
    pub compaction_interval_s: u64,
    #[serde(deserialize_with = "share")]
    pub compaction_share: f64,
    pub keep_replaced_s: u64,
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
    #[serde(deserialize_with = "level")]
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

fn share<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let share = f64::deserialize(deserializer)?;
    if (0.05..=1.0).contains(&share) { Ok(share) } else { Err(serde::de::Error::custom(format!("must be from 0.05 to 1, not {share}"))) }
}

fn protocol<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    match u8::deserialize(deserializer)? {
        known @ (3 | 5) => Ok(known),
        other => Err(serde::de::Error::custom(format!("must be 3 (for 3.1.1) or 5, not {other}"))),
    }
}

fn level<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let read = tracing_subscriber::EnvFilter::try_new(&text);
    read.map(|_| text).map_err(|error| serde::de::Error::custom(format!("{error}; try `info`, or `warn,stadtwarte_ingest=debug`")))
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

/// Where values came from, for messages.
#[derive(Debug, Clone, Default)]
struct Origin {
    /// Name and text of the file.
    name: String,
    text: String,
    /// What the environment set.
    variables: BTreeMap<Vec<String>, String>,
}

/// Something wrong with the value at a path.
type Mistake = (Vec<String>, String);

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
        Self::from_parts(name, &text, environment)
    }

    fn from_parts(name: String, text: &str, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, SettingsError> {
        let mut origin = Origin { name, text: text.to_owned(), variables: BTreeMap::new() };
        let mut table: Table =
            text.parse().map_err(|error: toml::de::Error| SettingsError::Mistakes(vec![syntax_error(&origin, &error)]))?;
        let mut mistakes = Vec::new();
        let variables: BTreeMap<String, String> = environment.into_iter().collect();
        for (variable, value) in variables {
            let Some(key) = variable.strip_prefix(ENVIRONMENT).filter(|key| key.contains("__")) else { continue };
            match set(&mut table, key, &value) {
                Some(path) => {
                    origin.variables.insert(path, variable);
                }
                None => mistakes.push((Vec::new(), format!("{variable}: there is no such setting"))),
            }
        }
        let brokers = brokers(&mut table, &mut mistakes);
        let settings = read(table, &mut mistakes);
        match settings.filter(|_| mistakes.is_empty()) {
            Some(settings) => Ok(Self { broker: brokers, origin, ..settings }),
            None => Err(SettingsError::Mistakes(mistakes.iter().map(|mistake| origin.message(mistake)).collect())),
        }
    }
}

impl Settings {
    /// A mistake that only its use brought to light, with the place of the setting.
    #[must_use]
    pub fn mistake(&self, path: &[&str], message: impl std::fmt::Display) -> String {
        self.origin.message(&(path.iter().map(ToString::to_string).collect(), message.to_string()))
    }
}

/// All but the brokers: the defaults overlaid by `table`.
fn read(mut table: Table, mistakes: &mut Vec<Mistake>) -> Option<Settings> {
    loop {
        let mut merged: Table = match DEFAULTS.parse() {
            Ok(defaults) => defaults,
            Err(error) => {
                mistakes.push((Vec::new(), format!("the built-in defaults: {error}")));
                return None;
            }
        };
        overlay(&mut merged, &table);
        // One mistake at a time is found; it is taken out and the rest is looked at again.
        let (path, message) = match deserialize(&Value::Table(merged)) {
            Ok(settings) => return Some(settings),
            Err(mistake) => mistake,
        };
        let is_out = remove(&mut table, &path);
        mistakes.push((path, message));
        if !is_out {
            return None;
        }
    }
}

/// Takes the brokers out of `table`, each read by itself.
fn brokers(table: &mut Table, mistakes: &mut Vec<Mistake>) -> Vec<Broker> {
    let list = match table.remove("broker") {
        None => return Vec::new(),
        Some(Value::Array(list)) => list,
        Some(_) => {
            mistakes.push((vec!["broker".to_owned()], "write [[broker]], once for each".to_owned()));
            return Vec::new();
        }
    };
    let mut brokers: Vec<Broker> = Vec::new();
    for (index, mut value) in list.into_iter().enumerate() {
        let here = |path: Vec<String>| ["broker".to_owned(), index.to_string()].into_iter().chain(path).collect::<Vec<_>>();
        let mut taken_out = Vec::new();
        loop {
            let (path, message) = match deserialize::<Broker>(&value) {
                Ok(broker) => {
                    let same = |other: &Broker| (other.name == broker.name).then_some("name");
                    let same_session = |other: &Broker| {
                        (address_of(&other.url) == address_of(&broker.url) && other.client_id == broker.client_id).then_some("client_id")
                    };
                    if broker.name == stadtwarte_ingest::mqtt::ENDPOINT_SOURCE {
                        mistakes.push((here(vec!["name".to_owned()]), "this is the name of the built-in endpoint".to_owned()));
                    }
                    if let Some(key) = brokers.iter().find_map(|other| same(other).or_else(|| same_session(other))) {
                        mistakes.push((here(vec![key.to_owned()]), "another broker has the same".to_owned()));
                    }
                    brokers.push(broker);
                    break;
                }
                Err(mistake) => mistake,
            };
            let is_out = value.as_table_mut().is_some_and(|table| remove(table, &path));
            // What was wrong and is out now is not missing, too.
            if !taken_out.contains(&message) {
                taken_out.extend(path.last().map(|key| format!("missing field `{key}`")));
                mistakes.push((here(path), message));
            }
            if !is_out {
                break;
            }
        }
    }
    brokers
}

/// Reads a value within the bounds of its numbers; an error carries the path of the offending key.
fn deserialize<T: serde::de::DeserializeOwned>(value: &Value) -> Result<T, Mistake> {
    if let Some((path, message)) = bounds::broken(value) {
        return Err((path.split('.').map(str::to_owned).collect(), message));
    }
    serde_path_to_error::deserialize(value.clone()).map_err(|error| {
        let message = error.inner().message().to_owned();
        let mut path: Vec<String> = error.path().iter().map(segment).collect();
        // For an unknown key, the path ends at its table and the message names the key.
        if let Some(unknown) = message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next())
            && path.last().is_none_or(|last| last != unknown)
        {
            path.push(unknown.to_owned());
        }
        (path, message)
    })
}

fn segment(segment: &serde_path_to_error::Segment) -> String {
    match segment {
        serde_path_to_error::Segment::Seq { index } => index.to_string(),
        other => other.to_string(),
    }
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

/// `HTTP__LISTEN` sets `http.listen`, `BROKER__0__URL` the `url` of the first broker. The value is TOML where it is, else a text.
/// Returns the path that was set; `None` when nothing can be there.
fn set(table: &mut Table, name: &str, value: &str) -> Option<Vec<String>> {
    let path: Vec<String> = name.to_ascii_lowercase().split("__").map(str::to_owned).collect();
    let (key, above) = path.split_last()?;
    let literal = format!("value = {value}").parse::<Table>().ok().and_then(|mut table| table.remove("value"));
    let mut inner = table;
    let mut above = above.iter().peekable();
    while let Some(part) = above.next() {
        let index = above.peek().and_then(|next| next.parse::<usize>().ok());
        let new = if index.is_some() { Value::Array(Vec::new()) } else { Value::Table(Table::new()) };
        inner = match (inner.entry(part.as_str()).or_insert(new), index) {
            (Value::Table(table), None) => table,
            (Value::Array(list), Some(index)) if index <= list.len() => {
                above.next();
                if index == list.len() {
                    list.push(Value::Table(Table::new()));
                }
                list[index].as_table_mut()?
            }
            _ => return None,
        };
    }
    inner.insert(key.clone(), literal.unwrap_or_else(|| Value::String(value.to_owned())));
    Some(path)
}

fn syntax_error(origin: &Origin, error: &toml::de::Error) -> String {
    let line = error.span().map_or(1, |span| line_of(&origin.text, span.start));
    format!("{}:{line}: {}", origin.name, error.message())
}

impl Origin {
    /// Where the mistake was made, as exactly as can be told: variable, or file, line and key.
    fn message(&self, (path, message): &Mistake) -> String {
        if path.is_empty() {
            return message.clone();
        }
        if let Some((_, variable)) = self.variables.iter().find(|(set, _)| set.starts_with(path) || path.starts_with(set)) {
            return format!("{variable}: {message}");
        }
        let key = path.join(".");
        let document = toml_edit::Document::parse(self.text.as_str()).ok();
        match document.as_ref().and_then(|document| offset_of(document.as_item(), path)) {
            Some(offset) => format!("{}:{}: {key}: {message}", self.name, line_of(&self.text, offset)),
            None if self.name.is_empty() => format!("{key}: {message}"),
            None => format!("{}: {key}: {message}", self.name),
        }
    }
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
        Settings::from_parts("town.toml".to_owned(), text, environment).map_err(|error| match error {
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
        let environment = [
            ("STADTWARTE_BROKER__0__NAME", "ttn"),
            ("STADTWARTE_BROKER__0__URL", "mqtts://eu1.example:8883"),
            ("STADTWARTE_BROKER__0__CLIENT_ID", "warte"),
            ("STADTWARTE_BROKER__0__TOPICS", "[\"v3/#\"]"),
        ];
        assert_eq!(load("", &environment).unwrap().broker[0].topics, ["v3/#"]);
        assert_eq!(load("", &[("STADTWARTE_BROKER__7__URL", "x")]).unwrap_err(), ["STADTWARTE_BROKER__7__URL: there is no such setting"]);
        let both = load("[http]\nlisten = \"nowhere\"", &[("STADTWARTE_HTTP__LISTEN", "127.0.0.1:0")]);
        assert_eq!(both.unwrap().http.listen.port(), 0, "what the environment replaces need not be right");
    }

    #[test]
    fn mistakes_of_brokers_are_named_with_their_lines() {
        let text = r#"[[broker]]
name = "one"
url = "mqtt://127.0.0.1"
client_id = "a"
topics = "v3/#"
qos = 2

[[broker]]
name = "two"
client_id = "a"
topics = ["v3/#"]
keepalive = 5

[[broker]]
name = "one"
url = "mqtt://127.0.0.1"
client_id = "b"
topics = ["v3/#"]
keep_alive_s = 1

[[broker]]
name = "one"
url = "mqtt://127.0.0.1"
client_id = "c"
topics = ["v3/#"]

[[broker]]
name = "one"
url = "mqtt://127.0.0.1"
client_id = "d"
topics = ["v3/#"]

[[broker]]
name = "three"
url = "mqtt://127.0.0.1:1883/"
client_id = "d"
topics = ["v3/#"]
"#;
        let mistakes = load(text, &[]).unwrap_err();
        let expected = [
            "town.toml:5: broker.0.topics: ",
            "town.toml:6: broker.0.qos: must be from 0 to 1, not 2",
            "town.toml:8: broker.1: missing field `url`",
            "town.toml:12: broker.1.keepalive: unknown field",
            "town.toml:19: broker.2.keep_alive_s: must be from 5 to 65535, not 1",
            "town.toml:28: broker.4.name: another broker has the same",
            "town.toml:36: broker.5.client_id: another broker has the same",
        ];
        for place in expected {
            assert!(mistakes.iter().any(|mistake| mistake.starts_with(place)), "{place} not in {mistakes:#?}");
        }
        let endpoint = "[[broker]]\nname = \"endpoint\"\nurl = \"mqtt://h\"\nclient_id = \"a\"\ntopics = [\"v3/#\"]";
        assert_eq!(load(endpoint, &[]).unwrap_err(), ["town.toml:2: broker.0.name: this is the name of the built-in endpoint"]);
        assert!(load("broker = 3", &[]).unwrap_err()[0].starts_with("town.toml:1: broker: write [[broker]]"));
    }

    #[test]
    fn numbers_that_make_no_sense_are_refused() {
        for (text, expected) in [
            ("[query]\nmemory_bytes = 0", "town.toml:2: query.memory_bytes: must be from "),
            ("[query]\nconcurrent = 9223372036854775807", "town.toml:2: query.concurrent: must be from "),
            ("[query]\nmax_time_s = 9223372036854775807", "town.toml:2: query.max_time_s: must be from "),
            ("[store]\ndedup_keys = 0", "town.toml:2: store.dedup_keys: must be from "),
            ("[store]\ncompaction_share = 0.0", "town.toml:2: store.compaction_share: must be from "),
            ("[log]\nlevel = \"loud=very\"", "town.toml:2: log.level: "),
        ] {
            let mistakes = load(text, &[]).unwrap_err();
            assert!(mistakes.len() == 1 && mistakes[0].starts_with(expected), "{mistakes:?}");
        }
    }
}
