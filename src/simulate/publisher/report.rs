//! Counting what was sent, and the numbers a run ends with.

use super::connection::Connection;
use super::is_reading;
use super::latency::{Latency, LatencySummary};
use super::ledger::Counters;
use crate::simulate::numeric::float_u64;
use crate::simulate::traffic::MessageKind;
use std::time::Duration;
use tokio::time::Instant;

/// Lateness from which the schedule counts as behind.
const BEHIND: Duration = Duration::from_millis(50);

/// The state of a run, for a progress display.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Progress {
    /// Since the start.
    pub elapsed: Duration,
    /// Messages handed to connections.
    pub sent: u64,
    /// Messages acknowledged.
    pub acknowledged: u64,
    /// Messages queued or unacknowledged.
    pub in_flight: usize,
    /// Messages per second since the start.
    pub rate_per_s: f64,
    /// PUBACK latency so far.
    pub ack: LatencySummary,
    /// True while every connection is up.
    pub is_connected: bool,
}

/// The result of a run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    /// From the first due message to the last hand-over.
    pub elapsed: Duration,
    /// Messages handed to connections.
    pub sent: u64,
    /// Of these, messages with a reading: uplinks, duplicates and gateway copies.
    pub readings: u64,
    /// Of these, first deliveries of uplinks.
    pub uplinks: u64,
    /// Of these, repeated deliveries of the same message.
    pub duplicates: u64,
    /// Of these, further messages for the same frame.
    pub gateway_copies: u64,
    /// Join and status events.
    pub other_events: u64,
    /// Messages acknowledged by the server; 0 with quality of service 0.
    pub acknowledged: u64,
    /// Messages still queued or unacknowledged at the end.
    pub unacknowledged: u64,
    /// Messages written again because a connection was lost before their acknowledgement.
    pub resent: u64,
    /// Connections lost.
    pub connection_losses: u64,
    /// Messages handed to connections per second.
    pub achieved_per_s: f64,
    /// PUBACK latency: from the socket to the acknowledgement.
    pub ack: LatencySummary,
    /// The same from the moment a message was due: what a device would notice.
    pub response: LatencySummary,
    /// How late messages were handed over.
    pub lateness: LatencySummary,
    /// Time during which the schedule was more than 50 ms behind.
    pub behind: Duration,
}

/// What the sender counts.
#[derive(Debug)]
pub(crate) struct Tally {
    start: Instant,
    last: Instant,
    pub(crate) sent: u64,
    uplinks: u64,
    duplicates: u64,
    gateway_copies: u64,
    other_events: u64,
    lateness: Latency,
    behind: Duration,
    behind_since: Option<Instant>,
}

impl Tally {
    pub(crate) fn new(start: Instant) -> Self {
        Self {
            start,
            last: start,
            sent: 0,
            uplinks: 0,
            duplicates: 0,
            gateway_copies: 0,
            other_events: 0,
            lateness: Latency::default(),
            behind: Duration::ZERO,
            behind_since: None,
        }
    }

    /// A message was handed over.
    pub(crate) fn sent(&mut self, kind: MessageKind, due: Instant, now: Instant) {
        self.sent += 1;
        self.last = now;
        match kind {
            MessageKind::Uplink => self.uplinks += 1,
            MessageKind::Duplicate => self.duplicates += 1,
            MessageKind::GatewayCopy => self.gateway_copies += 1,
            MessageKind::Join | MessageKind::Status => self.other_events += 1,
        }
        debug_assert!(is_reading(kind) || self.other_events > 0);
        let late = now.saturating_duration_since(due);
        self.lateness.record(late);
        if late > BEHIND {
            self.held_up(now);
        } else {
            self.on_time(now);
        }
    }

    /// The schedule is behind at this moment.
    pub(crate) fn held_up(&mut self, now: Instant) {
        let since = self.behind_since.replace(now).unwrap_or(now);
        self.behind += now.saturating_duration_since(since);
    }

    /// The schedule is on time at this moment.
    pub(crate) fn on_time(&mut self, now: Instant) {
        if let Some(since) = self.behind_since.take() {
            self.behind += now.saturating_duration_since(since);
        }
    }

    pub(crate) fn progress(&self, connections: &[Connection]) -> Progress {
        let books = sum(connections);
        let elapsed = self.start.elapsed();
        Progress {
            elapsed,
            sent: self.sent,
            acknowledged: books.acknowledged,
            in_flight: connections.iter().map(Connection::outstanding).sum(),
            rate_per_s: rate(self.sent, elapsed),
            ack: books.ack.summary(),
            is_connected: connections.iter().all(|connection| connection.with_ledger(|ledger| ledger.is_connected)),
        }
    }

    pub(crate) fn finish(mut self, connections: &[Connection]) -> Report {
        self.on_time(self.last);
        let books = sum(connections);
        let elapsed = self.last.saturating_duration_since(self.start);
        let unacknowledged = connections.iter().map(Connection::outstanding).sum();
        Report {
            elapsed,
            sent: self.sent,
            readings: self.uplinks + self.duplicates + self.gateway_copies,
            uplinks: self.uplinks,
            duplicates: self.duplicates,
            gateway_copies: self.gateway_copies,
            other_events: self.other_events,
            acknowledged: books.acknowledged,
            unacknowledged: crate::simulate::numeric::len_u64(unacknowledged),
            resent: books.resent,
            connection_losses: books.losses,
            achieved_per_s: rate(self.sent, elapsed),
            ack: books.ack.summary(),
            response: books.response.summary(),
            lateness: self.lateness.summary(),
            behind: self.behind,
        }
    }
}

fn rate(count: u64, elapsed: Duration) -> f64 {
    float_u64(count) / elapsed.as_secs_f64().max(1e-3)
}

fn sum(connections: &[Connection]) -> Counters {
    let mut total = Counters::default();
    for connection in connections {
        connection.with_ledger(|ledger| {
            let counters = &ledger.counters;
            total.written += counters.written;
            total.acknowledged += counters.acknowledged;
            total.resent += counters.resent;
            total.losses += counters.losses;
            total.ack.merge(&counters.ack);
            total.response.merge(&counters.response);
        });
    }
    total
}
