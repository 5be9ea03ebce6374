//! The wiring: which parts a running platform is made of, in one visible place.
//!
//! ```text
//! settings ─▶ store ─▶ pipeline ─▶ MQTT endpoint, broker clients
//!                └────▶ engine ─▶ HTTP doors
//! ```

use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use stadtwarte_api::{ApiLimits, ApiOptions, Town};
use stadtwarte_ingest::mqtt::client::{BrokerOptions, Client, ClientHandle, Protocol, SubscribeQos};
use stadtwarte_ingest::mqtt::endpoint::{AuthPolicy, AuthPolicyOptions, Endpoint, EndpointOptions, Server};
use stadtwarte_ingest::mqtt::{Error as MqttError, MqttMetrics};
use stadtwarte_ingest::normalise::Catalogue;
use stadtwarte_ingest::{IngestMetrics, Pipeline, PipelineOptions};
use stadtwarte_model::{Clock, Position};
use stadtwarte_query::{Engine, Limits};
use stadtwarte_store::{DataFolder, Store};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::health::PlatformHealth;
use crate::keys::KeyVerifier;
use crate::settings::{Broker, Settings};
use crate::system::SystemClock;

/// How often changes that another process made to the registry are taken over.
const REGISTRY_REFRESH: Duration = Duration::from_secs(1);

/// The addresses of an open platform.
#[derive(Debug, Clone, Copy)]
pub struct Doors {
    /// API and portal.
    pub http: SocketAddr,
    /// The MQTT endpoint.
    pub mqtt: Option<SocketAddr>,
}

/// A running platform.
pub struct Platform {
    store: Store,
    pipeline: Arc<Pipeline>,
    catalogue: Catalogue,
    doors: Doors,
    shutdown: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
    brokers: Vec<ClientHandle>,
}

impl Platform {
    /// Opens the data folder and every door. `demo` marks the town as invented.
    ///
    /// # Errors
    /// Names the address, folder, broker or file that is the trouble.
    pub async fn start(settings: &Settings, demo: bool) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let shutdown = CancellationToken::new();
        let catalogue = catalogue(settings)?;
        // Doors are bound before anything is opened: an occupied port must not cost a recovery.
        let http = bind("http.listen", settings.http.listen).await?;
        let mqtt = match settings.mqtt.listen {
            Some(address) => Some(bind("mqtt.listen", address).await?),
            None => None,
        };
        let store = Store::open(DataFolder::new(&settings.data.dir), store_options(settings), Arc::clone(&clock)).await?;
        let ingest_metrics = Arc::new(IngestMetrics::default());
        let mqtt_metrics = Arc::new(MqttMetrics::default());
        let pipeline = Arc::new(Pipeline::new(store.clone(), catalogue.clone(), pipeline_options(settings), Arc::clone(&ingest_metrics)));
        let engine = Engine::new(store.clone(), limits(settings))?;

        let mut tasks = Vec::new();
        let flusher = store.clone();
        let token = shutdown.clone();
        tasks.push(tokio::spawn(async move { flusher.flush_regularly(token.cancelled_owned()).await }));
        let compactor = store.clone();
        let token = shutdown.clone();
        tasks.push(tokio::spawn(async move { compactor.compact_regularly(token.cancelled_owned()).await }));
        tasks.push(tokio::spawn(refresh_registry(store.clone(), shutdown.clone())));

        let server = mqtt_server(settings, &store, &pipeline, &clock, &mqtt_metrics)?;
        let mut doors = Doors { http: http.local_addr()?, mqtt: None };
        if let Some(listener) = mqtt {
            let endpoint = Endpoint::over(listener, server.clone())?;
            doors.mqtt = Some(endpoint.local_addr());
            tasks.push(tokio::spawn(endpoint.run(shutdown.clone())));
        }
        let brokers = settings
            .broker
            .iter()
            .map(|broker| Ok(Client::spawn(broker_options(broker)?, pipeline.clone(), Arc::clone(&clock), &mqtt_metrics)?));
        let brokers = brokers.collect::<anyhow::Result<Vec<_>>>()?;

        let mut registry = prometheus_client::registry::Registry::with_prefix("stadtwarte");
        ingest_metrics.register(&mut registry);
        mqtt_metrics.register(&mut registry);
        let options = ApiOptions {
            town: town(settings, demo),
            limits: api_limits(settings),
            health: Arc::new(PlatformHealth::new(&brokers)),
            mqtt_websocket: Some(Arc::new(crate::websocket::MqttOverWebsocket::new(server))),
            shutdown: shutdown.clone(),
        };
        let limits = options.limits.clone();
        let router = stadtwarte_api::router(options, engine, clock, registry);
        let token = shutdown.clone();
        tasks.push(tokio::spawn(async move {
            if let Err(error) = stadtwarte_api::serve(http, router, limits, token).await {
                tracing::error!(%error, "the HTTP doors closed");
            }
        }));
        Ok(Self { store, pipeline, catalogue, doors, shutdown, tasks, brokers })
    }

    /// The addresses.
    #[must_use]
    pub fn doors(&self) -> Doors {
        self.doors
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The pipeline, for messages that come from inside.
    #[must_use]
    pub fn pipeline(&self) -> &Arc<Pipeline> {
        &self.pipeline
    }

    /// Properties and profiles.
    #[must_use]
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// Resolves when the platform begins to shut down.
    #[must_use]
    pub fn shutdown(&self) -> CancellationToken {
        self.shutdown.clone()
    }

    /// Writes the real addresses to `ready_file`, as JSON, replacing it in one step.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn announce(&self, ready_file: Option<&Path>) -> anyhow::Result<()> {
        let Some(path) = ready_file else { return Ok(()) };
        let addresses = serde_json::json!({
            "http": self.doors.http.to_string(),
            "mqtt": self.doors.mqtt.map(|mqtt| mqtt.to_string()),
            "pid": std::process::id(),
        });
        let temporary = path.with_extension("tmp");
        std::fs::write(&temporary, format!("{addresses}\n"))
            .and_then(|()| std::fs::rename(&temporary, path))
            .with_context(|| format!("--ready-file {}", path.display()))
    }

    /// Runs until `stop` resolves, then shuts down in order: doors, then the store.
    ///
    /// # Errors
    /// When the log failed, after which only a new process can store anything; when the last rows could not be written to files. What was
    /// acknowledged is in the log then.
    pub async fn run_until(self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let log_failed = tokio::select! {
            () = stop => false,
            () = self.store.failed() => true,
        };
        tracing::info!("shutting down");
        self.shutdown.cancel();
        for broker in self.brokers {
            broker.shutdown().await;
        }
        for task in self.tasks {
            // A task that panicked has reported it; the others still get their orderly end.
            let _ = task.await;
        }
        let closed = self.store.shut_down().await.map_err(|error| anyhow!(error).context("the last rows stay in the log"));
        if log_failed {
            return Err(anyhow!("the write-ahead log failed; what was acknowledged is safe, and a new start goes on from there"));
        }
        closed
    }
}

async fn bind(key: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("{key}: {address}"))
}

/// Everything that can be checked without opening a door or a folder.
///
/// # Errors
/// One line per mistake.
pub fn check(settings: &Settings) -> Result<(), Vec<String>> {
    let mut mistakes = Vec::new();
    match catalogue(settings) {
        Ok(catalogue) => mistakes.extend(catalogue.check_examples().err().map(|errors| errors.to_string())),
        Err(error) => mistakes.push(settings.mistake(&["ingest", "profiles_dir"], format_args!("{error:#}"))),
    }
    mistakes.extend(endpoint_options(settings).validate().err().map(|error| error.to_string()));
    for (index, broker) in settings.broker.iter().enumerate() {
        if let Err(MqttError::BrokerSetting { key, reason, .. }) = broker_options(broker).and_then(|options| options.validate()) {
            mistakes.push(settings.mistake(&["broker", &index.to_string(), key], reason));
        }
    }
    if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
}

/// The bounds of querying.
#[must_use]
pub fn limits(settings: &Settings) -> Limits {
    let query = &settings.query;
    Limits {
        max_time: Duration::from_secs(query.max_time_s),
        memory_bytes: query.memory_bytes,
        spill_bytes: query.spill_bytes,
        metadata_bytes: query.metadata_bytes,
        concurrent: query.concurrent,
        max_wait: Duration::from_secs(query.max_wait_s),
        max_sql_bytes: query.max_sql_bytes,
        public_rows: query.public_rows,
        resume_rows: query.resume_rows,
    }
}

fn catalogue(settings: &Settings) -> anyhow::Result<Catalogue> {
    let folder = &settings.ingest.profiles_dir;
    if folder.as_os_str().is_empty() {
        return Ok(Catalogue::built_in()?);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            files.push((path.display().to_string(), text));
        }
    }
    files.sort();
    Ok(Catalogue::load(files)?)
}

fn store_options(settings: &Settings) -> stadtwarte_store::Options {
    let store = &settings.store;
    stadtwarte_store::Options {
        queue_entries: store.queue_entries,
        max_segment_bytes: store.max_segment_bytes,
        flush_interval: Duration::from_secs(store.flush_interval_s),
        flush_rows: store.flush_rows,
        flush_bytes: store.flush_bytes,
        min_free_bytes: store.min_free_bytes,
        changes_rows: store.changes_rows,
        dedup_keys: store.dedup_keys,
        compaction_interval: Duration::from_secs(store.compaction_interval_s),
        compaction_share: store.compaction_share,
        keep_replaced: Duration::from_secs(store.keep_replaced_s),
        ..stadtwarte_store::Options::default()
    }
}

fn pipeline_options(settings: &Settings) -> PipelineOptions {
    let dialects: HashMap<_, _> = settings.broker.iter().map(|broker| (broker.name.clone(), broker.dialect)).collect();
    let ingest = &settings.ingest;
    PipelineOptions {
        provision: ingest.provision,
        visibility: ingest.visibility,
        dialects,
        max_devices: ingest.max_devices,
        max_datastreams_per_device: ingest.max_datastreams_per_device,
        max_datastreams: ingest.max_datastreams,
    }
}

fn endpoint_options(settings: &Settings) -> EndpointOptions {
    let mqtt = &settings.mqtt;
    let defaults = EndpointOptions::default();
    EndpointOptions {
        address: mqtt.listen.unwrap_or(defaults.address),
        max_connections: mqtt.max_connections,
        max_in_flight: mqtt.max_in_flight,
        max_total_in_flight_bytes: mqtt.max_in_flight_bytes,
        max_packet_bytes: mqtt.max_packet_bytes,
        max_in_flight_bytes: defaults.max_in_flight_bytes.min(mqtt.max_in_flight_bytes),
        drain_timeout: Duration::from_secs(mqtt.drain_timeout_s),
        ..defaults
    }
}

fn mqtt_server(
    settings: &Settings,
    store: &Store,
    pipeline: &Arc<Pipeline>,
    clock: &Arc<dyn Clock>,
    metrics: &Arc<MqttMetrics>,
) -> anyhow::Result<Server> {
    let policy = AuthPolicyOptions { anonymous_loopback: settings.mqtt.anonymous_loopback, ..AuthPolicyOptions::default() };
    let authenticator = Arc::new(AuthPolicy::new(policy, Some(Arc::new(KeyVerifier::new(store.clone())))));
    let subscriptions = Arc::new(stadtwarte_ingest::mqtt::endpoint::NoSubscriptions);
    Ok(Server::new(endpoint_options(settings), pipeline.clone(), authenticator, subscriptions, Arc::clone(clock), Arc::clone(metrics))?)
}

fn broker_options(broker: &Broker) -> Result<BrokerOptions, MqttError> {
    let mut options = BrokerOptions::new(&broker.name, &broker.url, &broker.client_id, &broker.topics);
    options.protocol = if broker.protocol == 3 { Protocol::V3 } else { Protocol::V5 };
    options.qos = if broker.qos == 0 { SubscribeQos::AtMostOnce } else { SubscribeQos::AtLeastOnce };
    options.username = Some(broker.username.clone()).filter(|username| !username.is_empty());
    if !broker.password_file.as_os_str().is_empty() {
        let password = std::fs::read_to_string(&broker.password_file).map_err(|error| MqttError::BrokerSetting {
            broker: broker.name.clone(),
            key: "password_file",
            reason: format!("{}: {error}", broker.password_file.display()),
        })?;
        options.password = Some(password.trim_end_matches(['\r', '\n']).to_owned());
    }
    options.keep_alive = Duration::from_secs(broker.keep_alive_s);
    options.session_expiry = Duration::from_secs(broker.session_expiry_s);
    options.tls.ca_file = Some(broker.ca_file.clone()).filter(|path| !path.as_os_str().is_empty());
    Ok(options)
}

fn town(settings: &Settings, demo: bool) -> Town {
    Town {
        name: settings.town.name.clone(),
        title: Some(settings.town.title.clone()).filter(|title| !title.is_empty()),
        center: settings.town.center.and_then(|[lon, lat]| Position::try_new(lon, lat, None)),
        demo,
        ..Town::default()
    }
}

fn api_limits(settings: &Settings) -> ApiLimits {
    ApiLimits {
        max_points: settings.http.max_series_points,
        max_body_bytes: settings.http.max_body_bytes,
        max_live: settings.http.max_live_connections,
        ..ApiLimits::default()
    }
}

async fn refresh_registry(store: Store, shutdown: CancellationToken) {
    while tokio::time::timeout(REGISTRY_REFRESH, shutdown.cancelled()).await.is_err() {
        let store = store.clone();
        let refreshed = tokio::task::spawn_blocking(move || store.registry().refresh()).await;
        if let Ok(Err(error)) = refreshed {
            tracing::warn!(%error, "changes to the registry by other processes could not be read");
        }
    }
}
