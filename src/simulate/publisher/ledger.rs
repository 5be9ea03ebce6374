//! The books of one connection: what is queued, what is on the wire, what was acknowledged and how long it took.
//!
//! rumqttc tells the packet identifier of a publish only when it writes it, and writes in the order of its channel. So the ledger
//! keeps a queue in the same order: the next `Outgoing::Publish(id)` belongs to its front.

use super::error::Error;
use super::latency::Latency;
use crate::simulate::envelope::MessageId;
use std::collections::VecDeque;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

/// A message between hand-over and acknowledgement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pending {
    /// When it was due by the schedule.
    pub(crate) due: Instant,
    /// When it was written to the socket.
    pub(crate) written: Option<Instant>,
    /// Identity, when it is an uplink.
    pub(crate) id: Option<MessageId>,
}

/// Counters of a connection.
#[derive(Debug, Default, Clone)]
pub(crate) struct Counters {
    /// Publishes written to a socket, repetitions included.
    pub(crate) written: u64,
    /// Publishes acknowledged.
    pub(crate) acknowledged: u64,
    /// Publishes written again after a lost connection.
    pub(crate) resent: u64,
    /// Connections lost after they were established.
    pub(crate) losses: u64,
    /// From the socket to the acknowledgement.
    pub(crate) ack: Latency,
    /// From the due time to the acknowledgement.
    pub(crate) response: Latency,
}

/// The books.
#[derive(Debug)]
pub(crate) struct Ledger {
    queued: VecDeque<Pending>,
    by_packet: Vec<Option<Pending>>,
    in_flight: usize,
    pub(crate) counters: Counters,
    pub(crate) is_connected: bool,
    /// The last failure, for messages.
    pub(crate) failure: Option<Failure>,
    log: Option<AckLog>,
}

/// Why a connection is down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The server said no.
    Refused(String),
    /// Anything else.
    Lost(String),
}

impl Ledger {
    pub(crate) fn new(log: Option<AckLog>) -> Self {
        Self {
            queued: VecDeque::new(),
            by_packet: Vec::new(),
            in_flight: 0,
            counters: Counters::default(),
            is_connected: false,
            failure: None,
            log,
        }
    }

    /// Messages queued or waiting for their acknowledgement.
    pub(crate) fn outstanding(&self) -> usize {
        self.queued.len() + self.in_flight
    }

    /// A message was put into the channel.
    pub(crate) fn queue(&mut self, pending: Pending) {
        self.queued.push_back(pending);
    }

    /// The last message could not be put into the channel after all.
    pub(crate) fn unqueue(&mut self) {
        self.queued.pop_back();
    }

    /// The front of the queue was written. Packet identifier 0 means quality of service 0: nothing will be acknowledged.
    pub(crate) fn written(&mut self, packet: u16, now: Instant) {
        let Some(mut pending) = self.queued.pop_front() else { return };
        self.counters.written += 1;
        self.counters.resent += u64::from(pending.written.is_some());
        if packet == 0 {
            return;
        }
        pending.written = Some(now);
        let slot = usize::from(packet);
        if self.by_packet.len() <= slot {
            self.by_packet.resize(slot + 1, None);
        }
        if self.by_packet[slot].replace(pending).is_none() {
            self.in_flight += 1;
        }
    }

    /// A publish was acknowledged.
    pub(crate) fn acknowledged(&mut self, packet: u16, now: Instant) {
        let Some(pending) = self.take(packet) else { return };
        self.counters.acknowledged += 1;
        self.counters.response.record(now.duration_since(pending.due));
        if let Some(written) = pending.written {
            self.counters.ack.record(now.duration_since(written));
        }
        if let (Some(id), Some(log)) = (pending.id, &self.log) {
            log.append(&id);
        }
    }

    /// Puts a message the client gave back to the end of the queue, because the connection is gone: one from the wire under its
    /// identifier, or (identifier 0) the next one from the channel. Giving back all of them in order keeps the order.
    pub(crate) fn requeue(&mut self, packet: u16) {
        let pending = if packet == 0 { self.queued.pop_front() } else { self.take(packet) };
        self.queued.extend(pending);
    }

    fn take(&mut self, packet: u16) -> Option<Pending> {
        let pending = self.by_packet.get_mut(usize::from(packet))?.take()?;
        self.in_flight -= 1;
        Some(pending)
    }
}

/// The file of acknowledged identities. Written line by line without a buffer in between: whoever kills a process and compares needs
/// every line that was earned.
#[derive(Debug, Clone)]
pub(crate) struct AckLog {
    path: Arc<PathBuf>,
    state: Arc<Mutex<AckLogState>>,
}

#[derive(Debug)]
struct AckLogState {
    file: File,
    failure: Option<std::io::Error>,
}

impl AckLog {
    /// Creates or empties the file.
    pub(crate) fn create(path: &Path) -> Result<Self, Error> {
        let file = File::create(path).map_err(|source| Error::AckLog { path: path.to_owned(), source })?;
        Ok(Self { path: Arc::new(path.to_owned()), state: Arc::new(Mutex::new(AckLogState { file, failure: None })) })
    }

    fn append(&self, id: &MessageId) {
        let mut state = lock(&self.state);
        if let Err(error) = state.file.write_all(format!("{id}\n").as_bytes()) {
            state.failure.get_or_insert(error);
        }
    }

    /// The first failure, once.
    pub(crate) fn failure(&self) -> Option<Error> {
        lock(&self.state).failure.take().map(|source| Error::AckLog { path: self.path.as_ref().clone(), source })
    }
}

/// Locks; a panic elsewhere does not make counters unusable.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn pending(now: Instant) -> Pending {
        Pending { due: now, written: None, id: None }
    }

    #[test]
    fn acknowledgements_in_any_order_find_their_messages() {
        let now = Instant::now();
        let mut ledger = Ledger::new(None);
        for packet in 1..=3 {
            ledger.queue(pending(now));
            ledger.written(packet, now);
        }
        for packet in [2, 3, 1] {
            ledger.acknowledged(packet, now + Duration::from_millis(u64::from(packet)));
        }
        ledger.acknowledged(2, now);
        assert_eq!((ledger.counters.acknowledged, ledger.outstanding()), (3, 0));
        assert_eq!(ledger.counters.ack.summary().max, Duration::from_millis(3));
    }

    #[test]
    fn after_a_lost_connection_messages_are_queued_in_their_order() {
        let now = Instant::now();
        let mut ledger = Ledger::new(None);
        for seconds in 0..4 {
            ledger.queue(pending(now + Duration::from_secs(seconds)));
        }
        ledger.written(1, now);
        ledger.written(2, now);
        // The client gives back: two from the wire, then two from the channel.
        for packet in [1, 2, 0, 0] {
            ledger.requeue(packet);
        }
        let order: Vec<Instant> = ledger.queued.iter().map(|pending| pending.due).collect();
        assert_eq!(order, [0, 1, 2, 3].map(|seconds| now + Duration::from_secs(seconds)).to_vec());
        assert_eq!((ledger.outstanding(), ledger.in_flight), (4, 0));
    }

    #[test]
    fn quality_zero_leaves_nothing_outstanding() {
        let now = Instant::now();
        let mut ledger = Ledger::new(None);
        ledger.queue(pending(now));
        ledger.written(0, now);
        assert_eq!((ledger.counters.written, ledger.outstanding()), (1, 0));
    }
}
