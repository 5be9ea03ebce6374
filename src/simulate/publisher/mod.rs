//! An open-loop MQTT load generator, and the live feed of the demo city.
//!
//! ```text
//! schedule ──▶ Generator ──▶ Connection (channel) ──▶ poll task ──▶ server
//!    │                           ▲        ledger ◀── Outgoing(Publish), PubAck ──┘
//!    └── never waits for acknowledgements; only the bound on messages in flight can hold it up, and that is reported
//! ```
//!
//! Open loop means: when the server stalls, messages are still due at their times. What could not be sent in time is sent late, its
//! latency counts from the moment it was due, and the report says how late the schedule ran. Without that a slow server would slow
//! down its own test (coordinated omission).

mod connection;
mod error;
mod latency;
mod ledger;
mod options;
mod report;
mod schedule;
mod target;

pub use error::Error;
pub use latency::{Latency, LatencySummary};
pub use options::{Clock, Options, Pace, Qos};
pub use report::{Progress, Report};
pub use target::Target;

use super::fleet::Fleet;
use super::traffic::{Generator, Message, MessageKind};
use connection::Connection;
use ledger::AckLog;
use report::Tally;
use schedule::Schedule;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How often progress is reported.
const PROGRESS_EVERY: Duration = Duration::from_millis(250);

/// Reports are dated a moment before they are published, because a real frame spends that time in the network server.
const NETWORK_LEAD_US: i64 = 300_000;

/// Messages between two looks at the clock and at the other tasks.
const BATCH: u32 = 32;

/// Publishes the traffic of a fleet until the count is reached or `shutdown` resolves, then waits for outstanding acknowledgements.
///
/// `progress` is called about four times a second. Needs a Tokio runtime with time and network; with more than one worker thread
/// generating and sending run side by side.
///
/// # Errors
/// [`Error::Unreachable`] or [`Error::Refused`] when no connection could be made at the start; [`Error::AckLog`] when the list of
/// acknowledged messages cannot be written. Later connection losses are no errors: they are repaired and counted.
pub async fn run(
    fleet: Arc<Fleet>,
    options: Options,
    mut progress: impl FnMut(&Progress),
    shutdown: impl Future<Output = ()>,
) -> Result<Report, Error> {
    // Fused: asked to stop while acknowledgements are outstanding, the drain asks once more.
    let mut shutdown = pin!(futures::FutureExt::fuse(shutdown));
    let log = options.acked_log.as_deref().map(AckLog::create).transpose()?;
    let connections = tokio::select! {
        connections = connect(&options, log.as_ref()) => connections?,
        () = &mut shutdown => return Ok(Report::default()),
    };
    let start_us = options.clock.now_us() - NETWORK_LEAD_US;
    let mut sender = Sender {
        generator: Generator::new(Arc::clone(&fleet), options.faults, start_us),
        schedule: Schedule::new(&fleet, &options, Instant::now()),
        tally: Tally::new(Instant::now()),
        connections: &connections,
        options: &options,
        waiting: None,
    };
    let mut next_progress = Instant::now() + PROGRESS_EVERY;
    while !sender.is_done() {
        let wake = sender.send_due().min(next_progress);
        if Instant::now() >= next_progress {
            progress(&sender.tally.progress(&connections));
            next_progress += PROGRESS_EVERY;
            if let Some(error) = log.as_ref().and_then(AckLog::failure) {
                return Err(error);
            }
        }
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            () = sender.pause_until(wake) => {}
        }
    }
    let tally = sender.tally;
    drain(&connections, &options, &tally, &mut progress, shutdown).await;
    let report = tally.finish(&connections);
    for connection in connections {
        connection.close().await;
    }
    log.as_ref().and_then(AckLog::failure).map_or(Ok(report), Err)
}

async fn connect(options: &Options, log: Option<&AckLog>) -> Result<Vec<Connection>, Error> {
    let connections: Vec<Connection> =
        (0..options.connections.max(1)).map(|number| Connection::open(options, number, log.cloned())).collect();
    for connection in &connections {
        connection.wait_until_connected(options).await?;
    }
    Ok(connections)
}

/// Waits until everything is acknowledged, the deadline passes, or the caller loses patience.
async fn drain(
    connections: &[Connection],
    options: &Options,
    tally: &Tally,
    progress: &mut impl FnMut(&Progress),
    mut shutdown: std::pin::Pin<&mut impl Future<Output = ()>>,
) {
    let deadline = Instant::now() + options.drain_deadline;
    let mut next_progress = Instant::now() + PROGRESS_EVERY;
    while connections.iter().any(|connection| connection.outstanding() > 0) && Instant::now() < deadline {
        tokio::select! {
            () = &mut shutdown => return,
            () = tokio::time::sleep(Duration::from_millis(5)) => {}
        }
        if Instant::now() >= next_progress {
            progress(&tally.progress(connections));
            next_progress += PROGRESS_EVERY;
        }
    }
}

/// Takes messages when they are due and hands them to connections.
struct Sender<'a> {
    generator: Generator,
    schedule: Schedule,
    tally: Tally,
    connections: &'a [Connection],
    options: &'a Options,
    /// A message whose connection had no room yet, and when it was due.
    waiting: Option<(Message, Instant)>,
}

impl Sender<'_> {
    fn is_done(&self) -> bool {
        self.options.count.is_some_and(|count| self.tally.sent >= count)
    }

    /// Sends what is due, at most one batch, and returns when to come back.
    fn send_due(&mut self) -> Instant {
        for _ in 0..BATCH {
            if self.is_done() {
                return Instant::now();
            }
            let now = Instant::now();
            let due = match self.waiting.take() {
                Some(waiting) => waiting,
                None => match self.schedule.next(&mut self.generator, &self.options.clock, now) {
                    Ok(due) => due,
                    Err(later) => {
                        self.tally.on_time(now);
                        return later;
                    }
                },
            };
            if let Some(refused) = self.hand_over(due, now) {
                self.waiting = Some(refused);
                self.tally.held_up(now);
                return now + Duration::from_millis(20);
            }
        }
        Instant::now()
    }

    /// Gives a message to its connection, or gives it back when there is no room.
    fn hand_over(&mut self, (message, due): (Message, Instant), now: Instant) -> Option<(Message, Instant)> {
        // A device always uses the same connection, which keeps its frames in order.
        let connection = &self.connections[message.device % self.connections.len()];
        let kind = message.kind;
        match connection.publish(message, due) {
            Ok(()) => {
                self.tally.sent(kind, due, now);
                None
            }
            Err(message) => Some((message, due)),
        }
    }

    /// Waits until a moment, or until a connection has room again when one was full.
    async fn pause_until(&self, wake: Instant) {
        match &self.waiting {
            Some((message, _)) => {
                let connection = &self.connections[message.device % self.connections.len()];
                let _ = tokio::time::timeout_at(wake, connection.room()).await;
            }
            None if wake <= Instant::now() => tokio::task::yield_now().await,
            None => tokio::time::sleep_until(wake).await,
        }
    }
}

/// True for messages that carry a reading.
const fn is_reading(kind: MessageKind) -> bool {
    matches!(kind, MessageKind::Uplink | MessageKind::Duplicate | MessageKind::GatewayCopy)
}

#[cfg(test)]
mod tests;
