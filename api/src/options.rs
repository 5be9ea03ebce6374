//! What the binary passes in, and the bounds of the doors.

use std::sync::Arc;
use std::time::Duration;

use stadtwarte_model::Position;
use tokio_util::sync::CancellationToken;

use crate::mqtt::MqttUpgrade;
use crate::operation::{Health, NoFurtherChecks};

/// How the doors are set up.
#[derive(Clone)]
pub struct ApiOptions {
    /// Which town this is.
    pub town: Town,
    /// The bounds.
    pub limits: ApiLimits,
    /// What else must be well for the platform to be ready, such as connections to brokers.
    pub health: Arc<dyn Health>,
    /// Serves MQTT over WebSocket at `/mqtt`; without it there is no such door.
    pub mqtt_websocket: Option<Arc<dyn MqttUpgrade>>,
    /// Ends the live streams when it is cancelled. Pass the same token to [`crate::serve`].
    pub shutdown: CancellationToken,
}

impl Default for ApiOptions {
    fn default() -> Self {
        Self {
            town: Town::default(),
            limits: ApiLimits::default(),
            health: Arc::new(NoFurtherChecks),
            mqtt_websocket: None,
            shutdown: CancellationToken::new(),
        }
    }
}

/// Which town the platform shows.
#[derive(Debug, Clone)]
pub struct Town {
    /// Its name.
    pub name: String,
    /// A line below the name.
    pub title: Option<String>,
    /// Where a map of it is centred.
    pub center: Option<Position>,
    /// Whether it is the invented town of the demo.
    pub demo: bool,
    /// The version of the program.
    pub version: String,
}

impl Default for Town {
    fn default() -> Self {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Self { name: "Stadtwarte".to_owned(), title: None, center: None, demo: false, version }
    }
}

/// The bounds of the doors. Those of queries are in [`stadtwarte_query::Limits`].
#[derive(Debug, Clone)]
pub struct ApiLimits {
    /// The most points of one series.
    pub max_points: usize,
    /// The most values of a repeatable filter such as `property`.
    pub max_filter_values: usize,
    /// The largest request body.
    pub max_body_bytes: usize,
    /// How long a request body may take to arrive.
    pub body_timeout: Duration,
    /// How much of an SQL answer is computed before its first byte is sent: errors within it still get an error status.
    pub sql_head_bytes: usize,
    /// The most memory for the rows of an SQL answer whose format cannot be streamed (`table`, `parquet`).
    pub sql_buffer_bytes: usize,
    /// How long the reader of an SQL answer may stand still before the query is given up.
    pub sql_stall: Duration,
    /// Live connections at the same time, server-sent events and `WebSockets` together.
    pub max_live: usize,
    /// How long a live connection may be silent before a sign of life is sent.
    pub live_keep_alive: Duration,
    /// The largest MQTT message over WebSocket.
    pub max_mqtt_message_bytes: usize,
    /// Connections at the same time; more wait to be accepted.
    pub max_connections: usize,
    /// How long a client may take to send the head of a request, or keep an idle connection.
    pub header_timeout: Duration,
    /// How long a client may take nothing of a response before the connection is closed.
    pub write_timeout: Duration,
    /// How long requests may take to finish once the platform shuts down.
    pub shutdown_timeout: Duration,
}

impl Default for ApiLimits {
    fn default() -> Self {
        Self {
            max_points: 10_000,
            max_filter_values: 100,
            max_body_bytes: 256 << 10,
            body_timeout: Duration::from_secs(10),
            sql_head_bytes: 64 << 10,
            sql_buffer_bytes: 128 << 20,
            sql_stall: Duration::from_secs(10),
            max_live: 1000,
            live_keep_alive: Duration::from_secs(15),
            max_mqtt_message_bytes: 2 << 20,
            max_connections: 4096,
            header_timeout: Duration::from_secs(20),
            write_timeout: Duration::from_secs(30),
            shutdown_timeout: Duration::from_secs(10),
        }
    }
}
