//! What to publish, where, and how fast.

use super::target::Target;
use crate::simulate::traffic::Faults;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Wall clock: microseconds since 1970, UTC. Passed in, so that tests can hold it.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> i64 + Send + Sync>);

impl Clock {
    /// A clock that asks `now` for microseconds since 1970.
    pub fn new(now: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Now, in microseconds since 1970.
    #[must_use]
    pub fn now_us(&self) -> i64 {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// Quality of service of publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Qos {
    /// Fire and forget; nothing is acknowledged.
    AtMostOnce,
    /// Every message is acknowledged.
    #[default]
    AtLeastOnce,
}

/// When messages are due.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// Evenly, at a rate, devices taking turns: the load generator.
    Rate {
        /// Messages per second.
        per_s: f64,
    },
    /// Every device twice during a burst, so that it has sent every kind of message it has, then devices taking turns evenly: the demo.
    Turns {
        /// Time over which the first reports are spread.
        burst: Duration,
        /// Reports per second afterwards.
        per_s: f64,
    },
}

/// Options of a run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The server.
    pub target: Target,
    /// User and password, if the server wants them.
    pub credentials: Option<(String, String)>,
    /// Quality of service.
    pub qos: Qos,
    /// When messages are due.
    pub pace: Pace,
    /// Stop after this many messages, join and status events included; `None` runs until shutdown.
    pub count: Option<u64>,
    /// Number of MQTT connections; devices are divided among them.
    pub connections: usize,
    /// Bound on messages queued or unacknowledged, over all connections. When it is reached the schedule falls behind.
    pub max_in_flight: usize,
    /// Beginning of the client identifiers.
    pub client_id: String,
    /// Imperfections.
    pub faults: Faults,
    /// File that receives the identity of every acknowledged uplink, one per line, as acknowledgements arrive (see `MessageId` for
    /// the form). Copies of a message share its identity, so a line may occur more than once.
    pub acked_log: Option<PathBuf>,
    /// How long to try at the start until a server answers.
    pub connect_deadline: Duration,
    /// How long to wait for outstanding acknowledgements at the end.
    pub drain_deadline: Duration,
    /// Wall clock.
    pub clock: Clock,
}

impl Options {
    /// The usual options for a server.
    #[must_use]
    pub fn new(target: Target, clock: Clock) -> Self {
        Self {
            target,
            credentials: None,
            qos: Qos::AtLeastOnce,
            pace: Pace::Rate { per_s: 100.0 },
            count: None,
            connections: 1,
            max_in_flight: 10_000,
            client_id: "stadtwarte-simulator".to_owned(),
            faults: Faults::default(),
            acked_log: None,
            connect_deadline: Duration::from_secs(10),
            drain_deadline: Duration::from_secs(30),
            clock,
        }
    }
}
