//! A small town with something of everything, and ways to ask it.
//!
//! | station | class | datastreams |
//! |---|---|---|
//! | 1 Münsterplatz | public | 1 air_temperature, 2 relative_humidity, 3 secret_power (internal) |
//! | 2 Datumsgrenze, at 179.5 E | public | 4 water_level |
//! | 3 Bauhof Hinterzimmer | internal | 5 air_temperature |
//! | 4 Wohnung Nummer Sieben | personal | 6 room_occupancy |
//! | 5 Parkplatz, without a place | public | 7 parking_state (text), 8 air_temperature depth_1 |

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::response::Response;
use futures::StreamExt;
use prometheus_client::registry::Registry;
use serde_json::Value;
use stadtwarte_model::uplink::{Radio, Reception, TimeSource};
use stadtwarte_model::{
    Clock, DatastreamId, DevEui, ManualClock, ObservationId, Position, Quality, ResultValue, Role, Timestamp, Unit, Visibility,
};
use stadtwarte_query::{Engine, Limits};
use stadtwarte_store::{
    Appended, DataFolder, DatastreamKey, Entry, NewDatastream, NewDevice, NewObservation, NewProperty, NewThing, Options, RegistryWriter,
    Store, UplinkRow,
};
use tempfile::TempDir;
use tokio::time::timeout;
use tower::ServiceExt;

use crate::{ApiOptions, Town};

/// 2026-03-01T12:00:00Z.
pub const NOON: i64 = 1_772_366_400_000_000;
pub const DEV_EUI: &str = "24e124aabbccdd01";
/// What must never be seen without a key.
pub const SECRETS: [&str; 11] = [
    DEV_EUI,
    "24-E1-24-AA-BB-CC-DD-01",
    "gateway-in-the-steeple",
    "device-on-the-lamp-post",
    "endpoint-of-the-works",
    "secret_power",
    "Bauhof Hinterzimmer",
    "Wohnung Nummer Sieben",
    "room_occupancy",
    "profile-of-the-maker",
    "Hidden Model X",
];
/// No answer in a test takes longer.
pub const DEADLINE: Duration = Duration::from_secs(20);

pub struct City {
    pub folder: TempDir,
    pub store: Store,
    pub engine: Engine,
    pub clock: Arc<ManualClock>,
    pub options: ApiOptions,
    pub app: Router,
}

/// A whole answer.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    pub async fn of(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let body = timeout(DEADLINE, to_bytes(body, 64 << 20)).await.expect("in time").expect("whole");
        Self { status: parts.status, headers: parts.headers, body }
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The detail of the problem it must be.
    pub fn problem(&self, status: u16) -> String {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert!(problem["type"].as_str().unwrap().starts_with("/problems/") && problem["title"].is_string(), "{problem}");
        assert!(problem["instance"].as_str().unwrap().starts_with('/'), "{problem}");
        assert_eq!(problem["id"], self.header("x-request-id"));
        problem["detail"].as_str().unwrap().to_owned()
    }
}

impl City {
    pub async fn new() -> Self {
        Self::with(|_| {}, Limits::default()).await
    }

    pub async fn with(change: impl FnOnce(&mut ApiOptions), limits: Limits) -> Self {
        let city = Self::over(TempDir::new().unwrap(), change, limits).await;
        city.store
            .registry()
            .write(|writer| {
                register(writer);
                Ok(())
            })
            .unwrap();
        city
    }

    /// The same town after a restart of the platform.
    pub async fn reopened(self, limits: Limits) -> Self {
        self.store.shut_down().await.unwrap();
        let Self { folder, store, engine, app, .. } = self;
        drop((store, engine, app));
        Self::over(folder, |_| {}, limits).await
    }

    async fn over(folder: TempDir, change: impl FnOnce(&mut ApiOptions), limits: Limits) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_micros(NOON)));
        let store = Store::open(DataFolder::new(folder.path()), Options::default(), clock.clone()).await.unwrap();
        let engine = Engine::new(store.clone(), limits).unwrap();
        let town = Town { name: "Auenstadt".into(), center: Position::try_new(9.99, 48.4, None), demo: true, ..Town::default() };
        let mut options = ApiOptions { town, ..ApiOptions::default() };
        change(&mut options);
        let app = router_of(&options, &engine, &clock);
        Self { folder, store, engine, clock, options, app }
    }

    /// The doors built anew, as after a restart.
    pub fn rebuilt(&self) -> Router {
        router_of(&self.options, &self.engine, &self.clock)
    }

    pub fn key(&self, role: Role) -> String {
        self.store.registry().write(|writer| writer.create_key("test", role, self.clock.now())).unwrap()
    }

    pub fn position(&self) -> ObservationId {
        self.store.snapshot().stream_position()
    }

    /// Appends one reading that was measured `seconds` after noon.
    pub async fn read(&self, datastream: i64, seconds: i64, value: ResultValue) -> ObservationId {
        let entry = entry(datastream, seconds, value);
        match self.store.append(entry).await.unwrap().await.unwrap() {
            Appended::Stored(sequence) => ObservationId::try_new(sequence, 0).unwrap(),
            Appended::Redelivered(_) => panic!("a test reading came twice"),
        }
    }

    pub async fn number(&self, datastream: i64, seconds: i64, value: f64) -> ObservationId {
        self.read(datastream, seconds, ResultValue::Number(value)).await
    }

    /// One reading on every datastream, a second apart.
    pub async fn filled(self) -> Self {
        for datastream in [1, 2, 3, 4, 5, 6, 8] {
            #[allow(clippy::cast_precision_loss, reason = "small")]
            self.number(datastream, datastream, 10.0 + datastream as f64 / 2.0).await;
        }
        self.read(7, 7, ResultValue::Text("belegt, \"voll\"".into())).await;
        self
    }

    pub async fn send(&self, request: Request<Body>) -> Reply {
        send(&self.app, request).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(request(Method::GET, path, &[])).await
    }

    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.send(request(Method::GET, path, headers)).await
    }

    pub async fn sql(&self, body: &str, headers: &[(&str, &str)]) -> Reply {
        let mut request = request(Method::POST, "/api/v1/sql", headers);
        if !request.headers().contains_key("content-type") {
            request.headers_mut().insert("content-type", "application/sql".parse().unwrap());
        }
        *request.body_mut() = Body::from(body.to_owned());
        self.send(request).await
    }

    /// An open stream of server-sent events.
    pub async fn follow(&self, path: &str, headers: &[(&str, &str)]) -> Events {
        let response = self.app.clone().oneshot(request(Method::GET, path, headers)).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut events = Events { body: response.into_body().into_data_stream(), text: String::new() };
        let first = events.block().await.expect("a first block");
        assert!(first.starts_with("retry: 2000\nid: "), "{first}");
        events
    }
}

fn router_of(options: &ApiOptions, engine: &Engine, clock: &Arc<ManualClock>) -> Router {
    crate::router(options.clone(), engine.clone(), clock.clone(), Registry::with_prefix("stadtwarte"))
}

pub async fn send(app: &Router, request: Request<Body>) -> Reply {
    let response = timeout(DEADLINE, app.clone().oneshot(request)).await.expect("in time").unwrap();
    Reply::of(response).await
}

pub fn request(method: Method, path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Server-sent events as they arrive.
pub struct Events {
    body: axum::body::BodyDataStream,
    text: String,
}

/// One event.
#[derive(Debug, PartialEq)]
pub struct Event {
    pub id: ObservationId,
    pub name: String,
    pub data: Value,
}

impl Events {
    /// The next block of lines; `None` at the end of the stream.
    pub async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let block = block.to_owned();
                self.text = rest.to_owned();
                return Some(block);
            }
            let bytes = timeout(DEADLINE, self.body.next()).await.expect("an event in time")?.unwrap();
            self.text.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }

    /// The next event, signs of life left out.
    pub async fn event(&mut self) -> Option<Event> {
        timeout(DEADLINE, self.next_event()).await.expect("an event in time")
    }

    async fn next_event(&mut self) -> Option<Event> {
        loop {
            let block = self.block().await?;
            let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            if let Some(data) = field("data") {
                let id = field("id").unwrap().parse().unwrap();
                return Some(Event { id, name: field("event").unwrap().to_owned(), data: serde_json::from_str(data).unwrap() });
            }
        }
    }

    pub async fn ids(&mut self, count: usize) -> Vec<ObservationId> {
        let mut ids = Vec::new();
        for _ in 0..count {
            ids.push(self.event().await.expect("one more event").id);
        }
        ids
    }
}

fn entry(datastream: i64, seconds: i64, value: ResultValue) -> Entry {
    let time = Timestamp::from_micros(NOON + seconds * 1_000_000);
    let position = match datastream {
        4 => Position::try_new(179.5, -17.0, None),
        7 | 8 => None,
        _ => Position::try_new(9.99, 48.4, None),
    };
    let observation = NewObservation {
        datastream_id: DatastreamId::try_new(datastream).unwrap(),
        phenomenon_time: time,
        phenomenon_end: None,
        result_time: None,
        value,
        quality: Quality::GOOD,
        position,
    };
    Entry {
        source: "endpoint-of-the-works".into(),
        topic: format!("application/1/device/{DEV_EUI}/event/up"),
        received_at: time.plus_micros(200_000),
        uplink: Some(uplink(time, datastream, seconds)),
        observations: vec![observation],
        verdict: None,
        raw: vec![],
    }
}

fn uplink(event_time: Timestamp, datastream: i64, seconds: i64) -> UplinkRow {
    UplinkRow {
        dialect: "chirpstack_v4".into(),
        dev_eui: DEV_EUI.parse::<DevEui>().unwrap(),
        deduplication_id: Some(format!("{datastream}-{seconds}")),
        session: None,
        // No two frames alike, or the store would take them for the same.
        f_cnt: u32::try_from(datastream * 1_000_000 + seconds + 500_000).ok(),
        f_port: Some(85),
        confirmed: false,
        event_time,
        time_source: TimeSource::NetworkServer,
        gateway_time: None,
        server_time: None,
        payload: vec![1, 2, 3],
        object: None,
        receptions: vec![Reception { gateway_id: "gateway-in-the-steeple".into(), ..Reception::default() }],
        radio: Radio::default(),
        warnings: vec![],
    }
}

fn register(writer: &mut RegistryWriter<'_>) {
    let since = Timestamp::from_micros(NOON);
    let mut thing = |name: &str, kind: &str, visibility, position| {
        let new = NewThing {
            name: Some(name.into()),
            description: format!("Station {name}"),
            kind: kind.into(),
            visibility,
            properties: serde_json::Map::new(),
            position,
        };
        writer.add_thing(new, since).unwrap()
    };
    let square = thing("Münsterplatz", "air_quality", Visibility::Public, Position::try_new(9.99, 48.4, None));
    let date_line = thing("Datumsgrenze", "water_level", Visibility::Public, Position::try_new(179.5, -17.0, None));
    let yard = thing("Bauhof Hinterzimmer", "air_quality", Visibility::Internal, Position::try_new(9.98, 48.41, None));
    let flat = thing("Wohnung Nummer Sieben", "people_counter", Visibility::Personal, Position::try_new(9.97, 48.42, None));
    let parking = thing("Parkplatz", "parking", Visibility::Public, None);
    let sensor = writer.ensure_sensor("Milesight EM300-TH", "").unwrap();
    let hidden_sensor = writer.ensure_sensor("Hidden Model X", "").unwrap();
    for (thing_id, code, unit, channel, visibility) in [
        (square, "air_temperature", "Cel", None, Visibility::Public),
        (square, "relative_humidity", "%", None, Visibility::Public),
        (square, "secret_power", "W", None, Visibility::Internal),
        (date_line, "water_level", "m", None, Visibility::Public),
        (yard, "air_temperature", "Cel", None, Visibility::Public),
        (flat, "room_occupancy", "1", None, Visibility::Public),
        (parking, "parking_state", "1", None, Visibility::Public),
        (parking, "air_temperature", "[degF]", Some("depth_1"), Visibility::Public),
    ] {
        let property =
            NewProperty { code: code.into(), name: format!("The {code}"), name_de: format!("Das {code}"), ..NewProperty::default() };
        let observed_property_id = writer.ensure_property(&property).unwrap();
        let sensor_id = if thing_id == yard || thing_id == flat { hidden_sensor } else { sensor };
        let key = DatastreamKey {
            thing_id,
            sensor_id,
            observed_property_id,
            unit: unit.parse::<Unit>().unwrap(),
            channel: channel.map(str::to_owned),
        };
        writer
            .ensure_datastream(NewDatastream { key, name: format!("{code} of {thing_id}"), description: String::new(), visibility })
            .unwrap();
    }
    let device = NewDevice {
        dev_eui: DEV_EUI.parse().unwrap(),
        name: "device-on-the-lamp-post".into(),
        thing_id: square,
        sensor_id: sensor,
        profile: "profile-of-the-maker".into(),
        source: "endpoint-of-the-works".into(),
        first_seen: since,
    };
    writer.add_device(device).unwrap();
}
