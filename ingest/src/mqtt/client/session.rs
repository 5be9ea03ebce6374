//! One connection as the other tasks see it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;

use super::link::Requests;

/// Pitfall 9: what belongs to one connection carries it along, so that an acknowledgement can never reach the next one, where
/// its packet identifier may mean another message.
pub(super) struct Session {
    /// Counts connections of this broker from 1.
    pub(super) generation: u64,
    pub(super) requests: Arc<dyn Requests>,
    is_closed: AtomicBool,
    /// An acknowledgement was left out: later ones must be too, or they would overtake it.
    has_gap: AtomicBool,
    superseded: CancellationToken,
    kicked: CancellationToken,
}

impl Session {
    pub(super) fn new(generation: u64, requests: Arc<dyn Requests>) -> Self {
        Self {
            generation,
            requests,
            is_closed: AtomicBool::new(false),
            has_gap: AtomicBool::new(false),
            superseded: CancellationToken::new(),
            kicked: CancellationToken::new(),
        }
    }

    /// The connection ended.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
    }

    /// Whether acknowledgements still make sense.
    pub(super) fn takes_acks(&self) -> bool {
        !self.is_closed.load(Ordering::SeqCst) && !self.has_gap.load(Ordering::SeqCst)
    }

    /// From here on nothing is acknowledged on this connection.
    pub(super) fn leave_gap(&self) {
        self.has_gap.store(true, Ordering::SeqCst);
    }

    /// The broker kept the session and sends again what was not acknowledged on this connection.
    pub(super) fn supersede(&self) {
        self.superseded.cancel();
    }

    /// See [`supersede`](Self::supersede).
    pub(super) fn superseded(&self) -> &CancellationToken {
        &self.superseded
    }

    /// Ends the connection from another task.
    pub(super) fn kick(&self) {
        self.kicked.cancel();
    }

    /// See [`kick`](Self::kick).
    pub(super) fn kicked(&self) -> &CancellationToken {
        &self.kicked
    }
}
