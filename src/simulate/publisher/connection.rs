//! One MQTT connection: a client, its poll task, and the books between them.
//!
//! Pitfalls of rumqttc 0.25 that are handled here (numbers as in its source and issues):
//! - Polling happens in a task of its own and never waits for anything else (#263, #1025).
//! - The request channel has room for everything the bound on messages in flight allows, so `try_publish` never fails for space.
//! - `set_inflight` is far above that bound: identifiers then practically never collide, even when a server acknowledges out of order.
//! - After an error `poll` would reconnect at once: there is a pause that doubles, with jitter.
//! - A new session clears `pending`, so messages that were unacknowledged or unsent are taken out after the error and sent again
//!   after the next `ConnAck`; events parsed before the error are booked first (`state.events` survives `clean`).

use super::error::Error;
use super::ledger::{AckLog, Failure, Ledger, Pending, lock};
use super::options::{Options, Qos};
use crate::simulate::numeric::len_u64;
use crate::simulate::random::{hash, unit};
use crate::simulate::traffic::Message;
use rumqttc::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, Outgoing, Packet, Publish, QoS, Request};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// Bound on a packet in either direction.
const MAX_PACKET: usize = 1 << 20;

/// A connection with its poll task. Dropping it ends the task.
#[derive(Debug)]
pub(crate) struct Connection {
    client: AsyncClient,
    shared: Arc<Shared>,
    qos: QoS,
    limit: usize,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    ledger: Mutex<Ledger>,
    /// Wakes the sender when there is room again.
    room: Notify,
    /// Wakes whoever waits for the first connection.
    state: Notify,
}

impl Connection {
    /// Starts connecting in the background.
    pub(crate) fn open(options: &Options, number: usize, log: Option<AckLog>) -> Self {
        let limit = (options.max_in_flight / options.connections.max(1)).clamp(1, 60_000);
        let qos = match options.qos {
            Qos::AtMostOnce => QoS::AtMostOnce,
            Qos::AtLeastOnce => QoS::AtLeastOnce,
        };
        let (client, mut event_loop) = AsyncClient::new(mqtt_options(options, number, limit), limit + 16);
        // Else the kernel holds a small packet back while an earlier one is unacknowledged, up to 40 ms.
        event_loop.network_options.set_tcp_nodelay(true);
        let shared = Arc::new(Shared { ledger: Mutex::new(Ledger::new(log)), room: Notify::new(), state: Notify::new() });
        let poller = Poller { client: client.clone(), event_loop, shared: Arc::clone(&shared), qos, saved: VecDeque::new(), number };
        Self { client, shared, qos, limit, task: tokio::spawn(poller.run()) }
    }

    /// Waits for the first `ConnAck`.
    pub(crate) async fn wait_until_connected(&self, options: &Options) -> Result<(), Error> {
        let deadline = Instant::now() + options.connect_deadline;
        loop {
            let changed = self.shared.state.notified();
            let failure = {
                let ledger = lock(&self.shared.ledger);
                if ledger.is_connected {
                    return Ok(());
                }
                ledger.failure.clone()
            };
            let address = options.target.to_string();
            if let Some(Failure::Refused(reason)) = failure {
                return Err(Error::Refused { address, reason });
            }
            if tokio::time::timeout_at(deadline, changed).await.is_err() {
                let reason = match failure {
                    Some(Failure::Lost(reason) | Failure::Refused(reason)) => reason,
                    None => "no answer".to_owned(),
                };
                return Err(Error::Unreachable { address, seconds: options.connect_deadline.as_secs(), reason });
            }
        }
    }

    /// Queues a message, or gives it back when the connection is down or its bound is reached.
    pub(crate) fn publish(&self, message: Message, due: Instant) -> Result<(), Message> {
        let mut ledger = lock(&self.shared.ledger);
        if !ledger.is_connected || ledger.outstanding() >= self.limit {
            return Err(message);
        }
        ledger.queue(Pending { due, written: None, id: message.id });
        let Message { topic, payload, kind, id, device } = message;
        match self.client.try_publish(topic, self.qos, false, payload) {
            Ok(()) => Ok(()),
            Err(error) => {
                ledger.unqueue();
                let (rumqttc::ClientError::Request(request) | rumqttc::ClientError::TryRequest(request)) = error;
                match request {
                    Request::Publish(Publish { topic, payload, .. }) => Err(Message { topic, payload: payload.into(), kind, id, device }),
                    _ => Ok(()),
                }
            }
        }
    }

    /// Resolves when there may be room again.
    pub(crate) async fn room(&self) {
        self.shared.room.notified().await;
    }

    /// Messages queued or unacknowledged.
    pub(crate) fn outstanding(&self) -> usize {
        lock(&self.shared.ledger).outstanding()
    }

    /// Looks at the books.
    pub(crate) fn with_ledger<T>(&self, look: impl FnOnce(&Ledger) -> T) -> T {
        look(&lock(&self.shared.ledger))
    }

    /// Says goodbye and waits a moment for it to be heard.
    pub(crate) async fn close(mut self) {
        let _ = self.client.try_disconnect();
        let _ = tokio::time::timeout(Duration::from_secs(1), &mut self.task).await;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn mqtt_options(options: &Options, number: usize, limit: usize) -> MqttOptions {
    let client_id = format!("{}-{number}", options.client_id);
    let mut mqtt = MqttOptions::new(client_id, options.target.host.clone(), options.target.port);
    let identifiers = limit.saturating_mul(8).clamp(1_000, usize::from(u16::MAX));
    mqtt.set_keep_alive(KEEP_ALIVE);
    mqtt.set_clean_session(true);
    mqtt.set_max_packet_size(MAX_PACKET, MAX_PACKET);
    mqtt.set_inflight(u16::try_from(identifiers).unwrap_or(u16::MAX));
    if let Some((user, password)) = &options.credentials {
        mqtt.set_credentials(user, password);
    }
    mqtt
}

/// Drives the socket.
struct Poller {
    client: AsyncClient,
    event_loop: EventLoop,
    shared: Arc<Shared>,
    qos: QoS,
    /// Publishes the client gave back after an error, in the order of the ledger's queue.
    saved: VecDeque<Publish>,
    number: usize,
}

impl Poller {
    async fn run(mut self) {
        let mut failures = 0_u32;
        loop {
            match self.event_loop.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    failures = 0;
                    self.resume();
                }
                Ok(Event::Outgoing(Outgoing::Disconnect)) => return,
                Ok(event) => self.book(&event),
                Err(error) => {
                    self.suspend(&error);
                    failures += 1;
                    tokio::time::sleep(self.pause(failures)).await;
                }
            }
        }
    }

    fn book(&self, event: &Event) {
        let now = Instant::now();
        match event {
            Event::Outgoing(Outgoing::Publish(packet)) => {
                lock(&self.shared.ledger).written(*packet, now);
                if *packet == 0 {
                    self.shared.room.notify_one();
                }
            }
            Event::Incoming(Packet::PubAck(ack)) => {
                lock(&self.shared.ledger).acknowledged(ack.pkid, now);
                self.shared.room.notify_one();
            }
            _ => {}
        }
    }

    /// The connection is gone: book what happened before, and save what has to be sent again.
    fn suspend(&mut self, error: &ConnectionError) {
        let events = std::mem::take(&mut self.event_loop.state.events);
        for event in &events {
            self.book(event);
        }
        {
            let mut ledger = lock(&self.shared.ledger);
            ledger.counters.losses += u64::from(ledger.is_connected);
            ledger.is_connected = false;
            ledger.failure = Some(match error {
                ConnectionError::ConnectionRefused(code) => Failure::Refused(format!("{code:?}")),
                other => Failure::Lost(other.to_string()),
            });
        }
        // Nothing is queued from here on. What came in since the error is still in the channel; cleaning again drains it.
        self.event_loop.clean();
        let collided = self.event_loop.state.collision.take();
        let mut ledger = lock(&self.shared.ledger);
        let (wire, channel): (Vec<Request>, Vec<Request>) = std::mem::take(&mut self.event_loop.pending)
            .into_iter()
            .partition(|request| matches!(request, Request::Publish(publish) if publish.pkid != 0));
        let collided = collided.map(|publish| Request::Publish(Publish { pkid: 0, ..publish }));
        for request in wire.into_iter().chain(collided).chain(channel) {
            if let Request::Publish(publish) = request {
                ledger.requeue(publish.pkid);
                self.saved.push_back(publish);
            }
        }
        drop(ledger);
        self.shared.state.notify_waiters();
    }

    /// A connection is there: send again what was saved, then let the sender in.
    fn resume(&mut self) {
        let mut ledger = lock(&self.shared.ledger);
        for publish in self.saved.drain(..) {
            // The channel is empty and has room for all of it.
            let _ = self.client.try_publish(publish.topic, self.qos, false, publish.payload);
        }
        ledger.is_connected = true;
        ledger.failure = None;
        drop(ledger);
        self.shared.state.notify_waiters();
        self.shared.room.notify_one();
    }

    /// Doubles from 0.1 s to 5 s; the jitter keeps several connections from knocking at the same moment.
    fn pause(&self, failures: u32) -> Duration {
        let longest = LONGEST_PAUSE.min(FIRST_PAUSE * 2_u32.saturating_pow(failures.saturating_sub(1).min(8)));
        longest.mul_f64(0.6 + 0.4 * unit(hash(len_u64(self.number), u64::from(failures))))
    }
}
