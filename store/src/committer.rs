//! The one commit point: a thread that turns entries into durable, visible records.
//!
//! ```text
//! queue ─▶ group ─▶ recognise duplicates ─▶ write + fdatasync ─▶ publish to queries ─▶ answer each caller
//! ```
//! A group is whatever has queued up while the previous one was being synced, so the group grows with the load and a lone entry
//! waits for nobody. Acknowledgements, SQL, the API and the live feed all lie behind this point and cannot disagree.

use std::sync::{Arc, RwLock};

use stadtwarte_model::LogSequence;
use tokio::sync::{mpsc, oneshot, watch};

use crate::Counters;
use crate::dedup::{Foreign, Identity, Keys, Known, Window};
use crate::entry::{Appended, Entry};
use crate::error::AppendError;
use crate::room::Room;
use crate::state::{Group, State};
use crate::wal::{GroupError, MAX_PAYLOAD_BYTES, Record, RotateError, Wal};

/// Answers one appended entry.
pub(crate) type Answer = oneshot::Sender<Result<Appended, AppendError>>;

/// One entry on its way into the log.
pub(crate) struct Submission {
    pub entry: Box<Entry>,
    /// Whether an equal entry that is stored already is this one.
    pub is_repeat: bool,
    pub answer: Answer,
}

pub(crate) enum Command {
    Append(Submission),
    /// Begin a new segment and set the hot rows aside; answers with the last record before the cut.
    Seal(oneshot::Sender<Cut>),
    /// Let the next group go wrong.
    #[cfg(test)]
    Fail(Fault),
}

/// Where the log was cut.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    /// The last record before.
    pub sequence: LogSequence,
    /// The size of all records before that are in no file.
    pub unwritten_bytes: usize,
}

/// What can go wrong with a group, for tests.
#[cfg(test)]
pub(crate) enum Fault {
    Sync,
    Panic,
}

/// A group takes no more entries beyond this size: all its rows are copied while it is made visible.
const MAX_GROUP_BYTES: usize = 16 << 20;

pub(crate) struct Committer {
    pub wal: Wal,
    pub window: Window,
    pub state: Arc<RwLock<State>>,
    pub position: watch::Sender<LogSequence>,
    pub counters: Arc<Counters>,
    pub max_group_entries: usize,
    pub max_segment_bytes: u64,
    /// The size of the records that are in no file yet.
    pub unwritten: watch::Sender<usize>,
    /// Whether the disk has room.
    pub room: Arc<Room>,
    /// Whether the log takes no more entries until a restart.
    pub failed: watch::Sender<bool>,
    #[cfg(test)]
    pub fault: Option<Fault>,
}

impl Drop for Committer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.fail();
        }
    }
}

impl Committer {
    /// Runs until every sender of the queue is gone; whatever was queued by then is still committed.
    pub fn run(mut self, mut queue: mpsc::Receiver<Command>) {
        while let Some(command) = queue.blocking_recv() {
            let mut group = Vec::new();
            let mut bytes = 0;
            let mut seals = Vec::new();
            let mut next = Some(command);
            while let Some(command) = next {
                match command {
                    Command::Append(submission) => {
                        bytes += submission.entry.approximate_bytes();
                        group.push(submission);
                    }
                    Command::Seal(answer) => seals.push(answer),
                    #[cfg(test)]
                    Command::Fail(fault) => self.fault = Some(fault),
                }
                // A seal ends the group: what is queued behind it belongs after the cut.
                let is_full = group.len() >= self.max_group_entries || bytes >= MAX_GROUP_BYTES;
                next = if seals.is_empty() && !is_full { queue.try_recv().ok() } else { None };
            }
            self.commit(group);
            for answer in seals {
                self.seal(answer);
            }
            if self.wal.bytes() > self.max_segment_bytes {
                self.rotate();
            }
        }
    }

    fn commit(&mut self, group: Vec<Submission>) {
        if group.is_empty() {
            return;
        }
        if self.has_failed() {
            return answer_all(group.into_iter().map(|submission| (submission.answer, Err(AppendError::Poisoned))));
        }
        if self.room.is_short() {
            return answer_all(group.into_iter().map(|submission| (submission.answer, Err(AppendError::Unavailable))));
        }
        let first = self.wal.next();
        let mut records = Vec::with_capacity(group.len());
        let mut answers = Vec::with_capacity(group.len());
        for Submission { entry, is_repeat, answer } in group {
            answers.push((answer, self.stage(*entry, is_repeat, &mut records)));
        }
        let bytes = self.wal.staged_bytes();
        let outcome = self.write().map_err(|error| self.failed(error)).and_then(|()| {
            self.recovered();
            // Before the rows are visible: whoever is answered next must find them counted.
            self.unwritten.send_modify(|unwritten| *unwritten += bytes);
            self.publish(records)
        });
        if let Err(error) = outcome {
            self.wal.rewind_to(first);
            self.window.forget_from(first);
            for (_, outcome) in &mut answers {
                // What had already been on disk before this group stays acknowledged.
                if outcome.is_ok_and(|appended| sequence_of(appended) >= first) {
                    *outcome = Err(error);
                }
            }
        }
        answer_all(answers);
    }

    fn write(&mut self) -> Result<(), GroupError> {
        #[cfg(test)]
        match self.fault.take() {
            Some(Fault::Sync) => return Err(GroupError::Poisoned(std::io::Error::other("a test"))),
            Some(Fault::Panic) => panic!("a test"),
            None => {}
        }
        self.wal.commit()
    }

    /// Frames one entry, unless it is known already.
    fn stage(&mut self, mut entry: Entry, is_repeat: bool, records: &mut Vec<Record>) -> Result<Appended, AppendError> {
        let keys = keys_of(&entry);
        let duplicate_of = match keys.map(|keys| self.window.check(keys, is_repeat)) {
            Some(Known::SameMessage(sequence)) => {
                self.counters.redelivered.add(1);
                return Ok(Appended::Redelivered(sequence));
            }
            Some(Known::SameFrame { sequence, has_readings }) => {
                self.counters.duplicates.add(1);
                if has_readings || entry.observations.is_empty() {
                    // The readings are already there; only the radio metadata of the second reception is news.
                    entry.observations.clear();
                    entry.verdict = None;
                    entry.raw.clear();
                }
                Some(sequence)
            }
            Some(Known::New) | None => None,
        };
        let sequence = self.wal.stage(duplicate_of, &entry).map_err(|error| {
            tracing::error!(%error, source = entry.source, topic = entry.topic, limit = MAX_PAYLOAD_BYTES, "an entry does not fit a log record");
            AppendError::TooLarge
        })?;
        if let Some(keys) = keys {
            self.window.insert(keys, sequence, !entry.observations.is_empty());
        }
        records.push(Record { sequence, duplicate_of, entry });
        Ok(Appended::Stored(sequence))
    }

    fn publish(&mut self, records: Vec<Record>) -> Result<(), AppendError> {
        let Some(last) = records.last().map(|record| record.sequence) else { return Ok(()) };
        self.counters.records.add(records.len() as u64);
        self.counters.groups.add(1);
        let group = match Group::new(records) {
            Ok(group) => group,
            Err(error) => {
                // The records are safe in the log, but this process can no longer show what it stores.
                tracing::error!(%error, "rows could not be made visible; the log takes no more entries until a restart");
                self.fail();
                return Err(AppendError::Poisoned);
            }
        };
        self.counters.observations.add(group.observation_count());
        self.state.write().unwrap_or_else(std::sync::PoisonError::into_inner).publish(group);
        self.position.send_replace(last);
        Ok(())
    }

    fn failed(&mut self, error: GroupError) -> AppendError {
        match error {
            GroupError::Undone(error) => {
                if self.counters.log_unavailable.set(1) == 0 {
                    tracing::error!(%error, path = %self.wal.path().display(), "the log cannot be written; nothing is acknowledged until it can");
                }
                AppendError::Unavailable
            }
            GroupError::Poisoned(error) => {
                tracing::error!(%error, path = %self.wal.path().display(), "the log failed to reach the disk; it takes no more entries until a restart");
                self.fail();
                AppendError::Poisoned
            }
        }
    }

    fn fail(&self) {
        self.counters.log_unavailable.set(1);
        self.failed.send_replace(true);
    }

    fn has_failed(&self) -> bool {
        *self.failed.borrow()
    }

    /// The log could be written; it may not have been before.
    fn recovered(&self) {
        // While there is too little room, it stays so.
        if !self.room.is_short() && self.counters.log_unavailable.value() > 0 && self.counters.log_unavailable.set(0) > 0 {
            tracing::info!("the log can be written again");
        }
    }

    fn seal(&mut self, answer: oneshot::Sender<Cut>) {
        self.rotate();
        let mut state = self.state.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        state.seal();
        let sealed = Cut { sequence: state.position, unwritten_bytes: *self.unwritten.borrow() };
        drop(state);
        // The flusher may have given up waiting; the rows then stay visible until the next flush takes them along.
        let _ = answer.send(sealed);
    }

    fn rotate(&mut self) {
        if self.has_failed() {
            return;
        }
        match self.wal.rotate() {
            Ok(()) => {}
            // Failing to begin a new segment is no loss: the present one simply grows on.
            Err(RotateError::Undone(error)) => tracing::warn!(%error, "could not begin a new log segment"),
            Err(RotateError::Poisoned(error)) => {
                tracing::error!(%error, "a new log segment may not be on disk; the log takes no more entries until a restart");
                self.fail();
            }
        }
    }
}

fn keys_of(entry: &Entry) -> Option<Keys> {
    let Some(uplink) = &entry.uplink else {
        let foreign = Foreign { source: &entry.source, topic: &entry.topic, raw: &entry.raw };
        return entry.verdict.is_some().then(|| foreign.keys());
    };
    let identity = Identity {
        source: &entry.source,
        deduplication_id: uplink.deduplication_id.as_deref(),
        dev_eui: uplink.dev_eui,
        session: uplink.session.as_deref(),
        f_cnt: uplink.f_cnt,
        f_port: uplink.f_port,
        payload: &uplink.payload,
        event_time: uplink.event_time,
        time_source: uplink.time_source,
    };
    identity.keys()
}

/// Puts a record that was read back from the log into the window.
pub(crate) fn remember(window: &mut Window, record: &Record) {
    if let Some(keys) = keys_of(&record.entry) {
        window.insert(keys, record.sequence, !record.entry.observations.is_empty());
    }
}

fn sequence_of(appended: Appended) -> LogSequence {
    match appended {
        Appended::Stored(sequence) | Appended::Redelivered(sequence) => sequence,
    }
}

fn answer_all(answers: impl IntoIterator<Item = (Answer, Result<Appended, AppendError>)>) {
    for (answer, outcome) in answers {
        // Whoever asked may be gone; the outcome stands all the same.
        let _ = answer.send(outcome);
    }
}
