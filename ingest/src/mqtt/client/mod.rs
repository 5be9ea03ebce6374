//! MQTT clients of external brokers. Each broker has a set of tasks of its own:
//!
//! ```text
//!                 ┌─ connection: polls, nothing else ──try_send──▶ queue ──▶ delivery ──▶ Intake
//! broker ◀──link──┤        ▲ request queue                                      │ receipt
//!                 │        ├──────────────── try_ack ◀──────────────────────────┘
//!                 └─ subscriber: after every CONNACK ──try_subscribe──▶ SUBACK looked at
//! ```
//!
//! The library is behind the traits of `link`. Its pitfalls, and where each is handled:
//!
//! | # | pitfall of rumqttc 0.25.1 | handled |
//! |---|---|---|
//! | 1 | 10 KiB packet limit, endless reconnects above it | limits in `rumqttc_v4`, `rumqttc_v5`; oversize messages in `connection`, packets above every limit back off and say so |
//! | 2 | clean session by default; MQTT 5 needs a session expiry too | `rumqttc_v4`, `rumqttc_v5`, `options` (stable `client_id`) |
//! | 3 | no resubscription | `subscriber`, on every CONNACK |
//! | 4 | queued requests are lost with the session | a new event loop per connection (`link`) |
//! | 5 | SUBACK refusals are only logged | `subscriber`, state `Refused` |
//! | 6 | acknowledges on read | manual acknowledgements, sent by `delivery` after the receipt |
//! | 7 | waiting for the request queue in the polling task deadlocks | `try_` requests only, queue as long as the window |
//! | 8 | a blocked poll loses the connection | `connection` only polls; Receive Maximum and withheld acknowledgements hold the broker back, and a broker that ignores both is read slower, never so slowly that a ping is late |
//! | 9 | stale events and acknowledgements after a reconnect | a new event loop per connection; `session` travels with each message |
//! | 10 | QoS 2 repeats and can disconnect | `SubscribeQos` has no 2; what an earlier program left in our session is received all the same (`orphans`) |
//! | 11 | aliased publishes have no topic | topic alias maximum is not set (`rumqttc_v5`) |
//! | 12 | a dropped poll restarts the handshake | `connection` drops a poll only to end the link; `connect_timeout` is the library's own |
//! | 13 | errors return at once and the next poll reconnects | `connection` with `backoff`; one log line per change (`state`) |
//! | 14 | keep-alive 60 s, noticed after twice that | `keep_alive` 20 s |
//! | 15 | `set_connect_properties` replaces earlier settings | called first and alone (`rumqttc_v5`) |
//! | 16 | TLS pulls in aws-lc | feature without provider; the binary installs one for everything, `tls` says so when none is installed |
//! | 17 | shared subscriptions break the order per device | allowed, documented at `BrokerOptions::topics`; the pipeline orders by event time |
//! | 18 | brokers drop queued messages, publishers send QoS 0 | documented at `SubscribeQos::AtLeastOnce`, counted and warned of in `connection`; broker presets are in `deploy/` |
//! | 19 | takeover flaps for ever | 0x8E is final (`connection`); 3.1.1 brokers cannot say it and Mosquitto 2.0.11 does not, there pauses grow and the reason says it |
//!
//! Also found: rumqttc reads an MQTT 5 DISCONNECT without a property length, which the standard allows, as an incomplete packet. Of
//! brokers that send it so, the reason is lost and pitfall 19 looks like a lost connection.
//!
//! A message the intake refuses with `Retry` stays unacknowledged and is submitted again with growing pauses, while the connection
//! is polled on; the window bounds how many that can be. Retained messages are not asked for in MQTT 5; the flag is passed on.
//! Messages delivered twice are passed on twice; the pipeline recognises them.

mod backoff;
mod connection;
mod delivery;
mod link;
mod options;
mod orphans;
mod rumqttc_v4;
mod rumqttc_v5;
mod session;
mod state;
mod subscriber;
#[cfg(test)]
mod tests;
mod tls;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use stadtwarte_model::Clock;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

pub use options::{BrokerOptions, Protocol, SubscribeQos, TlsOptions};
pub use state::BrokerState;

use self::connection::Runner;
use self::delivery::{Context, Queued, deliver};
use self::link::Broker;
use self::rumqttc_v4::BrokerV4;
use self::rumqttc_v5::BrokerV5;
use self::state::StateCell;
use super::log_gate::LogGate;
use super::{Error, MqttMetrics};
use crate::message::Intake;

/// Connects to external brokers.
#[derive(Debug)]
pub struct Client;

impl Client {
    /// Starts the tasks of one broker and returns at once; a broker that is down is waited for. Call inside a tokio runtime.
    ///
    /// # Errors
    /// [`Error::BrokerSetting`] when a setting makes no sense or a certificate file is not usable.
    pub fn spawn(
        options: BrokerOptions,
        intake: Arc<dyn Intake>,
        clock: Arc<dyn Clock>,
        metrics: &MqttMetrics,
    ) -> Result<ClientHandle, Error> {
        options.validate()?;
        let address = options.address()?;
        let transport = tls::transport(&options, &address)?;
        let broker: Arc<dyn Broker> = match options.protocol {
            Protocol::V3 => Arc::new(BrokerV4::new(&options, &address, transport)),
            Protocol::V5 => Arc::new(BrokerV5::new(&options, &address, transport)),
        };
        Ok(spawn_with(options, broker, intake, clock, metrics))
    }
}

/// Starts the tasks over any [`Broker`].
fn spawn_with(
    options: BrokerOptions,
    broker: Arc<dyn Broker>,
    intake: Arc<dyn Intake>,
    clock: Arc<dyn Clock>,
    metrics: &MqttMetrics,
) -> ClientHandle {
    let source: Arc<str> = Arc::from(options.name.as_str());
    let metrics = metrics.client.of(&options.name);
    let state = Arc::new(StateCell::new(Arc::clone(&source), options.client_id.clone(), Arc::clone(&clock), metrics.clone()));
    let state_receiver = state.subscribe();
    let stopping = CancellationToken::new();
    let failed = CancellationToken::new();
    let drained = CancellationToken::new();
    let queued = Arc::new(Queued::default());
    let options = Arc::new(options);
    let (sender, receiver) = mpsc::channel(options.max_pending());
    let context = Context {
        options: Arc::clone(&options),
        intake,
        metrics: metrics.clone(),
        queued: Arc::clone(&queued),
        stopping: stopping.clone(),
        is_stalled: AtomicBool::new(false),
    };
    let runner = Runner {
        options: Arc::clone(&options),
        source: Arc::clone(&source),
        broker,
        clock,
        state,
        metrics,
        queued,
        window: Arc::new(Semaphore::new(options.max_window())),
        is_quality_noted: false,
        paused: Duration::ZERO,
        queue: Some(sender),
        stopping: stopping.clone(),
        failed: failed.clone(),
        drained: drained.clone(),
        log: LogGate::default(),
    };
    let delivery = tokio::spawn(async move {
        // Also when the task panics: the connection must not wait for it.
        let _drained = drained.drop_guard();
        if deliver(Arc::new(context), receiver).await.is_err() {
            failed.cancel();
        }
    });
    ClientHandle {
        name: source,
        state: state_receiver,
        stopping,
        drain_timeout: options.drain_timeout,
        connection: AbortOnDropHandle::new(tokio::spawn(runner.run())),
        delivery: AbortOnDropHandle::new(delivery),
    }
}

/// The tasks of one broker; they end when this is dropped.
#[derive(Debug)]
pub struct ClientHandle {
    name: Arc<str>,
    state: watch::Receiver<BrokerState>,
    stopping: CancellationToken,
    drain_timeout: Duration,
    connection: AbortOnDropHandle<()>,
    delivery: AbortOnDropHandle<()>,
}

impl ClientHandle {
    /// Name of the broker in the settings.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the connection stands; the receiver sees every later change.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<BrokerState> {
        self.state.clone()
    }

    /// Takes nothing more, waits up to `drain_timeout` for receipts, acknowledges, says goodbye. The broker keeps the session.
    pub async fn shutdown(self) {
        self.stopping.cancel();
        // The tasks keep deadlines of their own; this one also covers a receipt that never comes.
        let limit = self.drain_timeout + Duration::from_secs(2);
        let _ = tokio::time::timeout(limit, async {
            let _ = self.connection.await;
            let _ = self.delivery.await;
        })
        .await;
    }
}
