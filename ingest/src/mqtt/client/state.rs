//! Where a broker connection stands, for readiness, metrics and one log line per change.

use std::sync::{Arc, Mutex, PoisonError};

use stadtwarte_model::{Clock, Timestamp};
use tokio::sync::watch;

use crate::mqtt::metrics::BrokerMetrics;

/// Where the connection to one broker stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrokerState {
    /// Not connected yet.
    Connecting,
    /// Connected, every filter granted.
    Subscribed,
    /// Not connected; another attempt follows.
    Disconnected {
        /// Since when.
        since: Timestamp,
        /// Why.
        reason: String,
    },
    /// The broker refused the login or a filter; another attempt follows.
    Refused {
        /// What was refused, with the broker's reason.
        reason: String,
    },
    /// Another client connected with our client identifier. Final: two clients that take over from each other never end.
    TakenOver,
    /// The log has failed. Final: a restart is needed.
    StoreFailed,
    /// Shut down. Final.
    Stopped,
}

impl BrokerState {
    /// Whether nothing more will happen.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::TakenOver | Self::StoreFailed | Self::Stopped)
    }
}

/// Holds the state, logs each change once.
pub(super) struct StateCell {
    broker: Arc<str>,
    client_id: String,
    clock: Arc<dyn Clock>,
    metrics: BrokerMetrics,
    sender: watch::Sender<BrokerState>,
    generation: Mutex<u64>,
}

impl StateCell {
    pub(super) fn new(broker: Arc<str>, client_id: String, clock: Arc<dyn Clock>, metrics: BrokerMetrics) -> Self {
        Self { broker, client_id, clock, metrics, sender: watch::Sender::new(BrokerState::Connecting), generation: Mutex::new(0) }
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<BrokerState> {
        self.sender.subscribe()
    }

    /// Begins the next connection; states of earlier ones are ignored from here on.
    pub(super) fn next_generation(&self) -> u64 {
        let mut generation = self.generation.lock().unwrap_or_else(PoisonError::into_inner);
        *generation += 1;
        *generation
    }

    /// The connection ended. `since` stays when it was not up in between.
    pub(super) fn disconnected(&self, reason: String) {
        let since = match &*self.sender.borrow() {
            BrokerState::Disconnected { since, .. } => *since,
            _ => self.clock.now(),
        };
        self.set(&BrokerState::Disconnected { since, reason });
    }

    /// Sets a state that concerns connection `generation`, unless there is a newer one.
    pub(super) fn set_of(&self, generation: u64, state: &BrokerState) {
        let current = self.generation.lock().unwrap_or_else(PoisonError::into_inner);
        if *current == generation {
            self.set(state);
        }
    }

    /// Sets a state. Nothing leaves a final one.
    pub(super) fn set(&self, state: &BrokerState) {
        let has_changed = self.sender.send_if_modified(|current| {
            if current == state || current.is_final() {
                return false;
            }
            current.clone_from(state);
            true
        });
        if has_changed {
            self.metrics.subscribed.set(i64::from(*state == BrokerState::Subscribed));
            self.log(state);
        }
    }

    fn log(&self, state: &BrokerState) {
        let broker = &*self.broker;
        match state {
            BrokerState::Connecting => {}
            BrokerState::Subscribed => tracing::info!(broker, "subscribed"),
            BrokerState::Disconnected { reason, .. } => tracing::warn!(broker, reason, "not connected to the broker, will keep trying"),
            BrokerState::Refused { reason } => {
                tracing::error!(broker, reason, "the broker refuses us: check login and access list; will ask again");
            }
            BrokerState::TakenOver => tracing::error!(
                broker,
                client_id = self.client_id,
                "another client uses our client identifier; this connection stays closed: give each ingestor its own `client_id` and restart"
            ),
            BrokerState::StoreFailed => {
                tracing::error!(broker, "the write-ahead log has failed, the connection stays closed until a restart");
            }
            BrokerState::Stopped => tracing::info!(broker, "connection closed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use stadtwarte_model::ManualClock;

    use super::*;
    use crate::mqtt::MqttMetrics;

    fn cell(clock: &Arc<ManualClock>) -> StateCell {
        let metrics = MqttMetrics::default().client.of("b");
        StateCell::new("b".into(), "c".to_owned(), Arc::clone(clock) as Arc<dyn Clock>, metrics)
    }

    #[test]
    fn a_disconnection_keeps_its_beginning_while_attempts_fail() {
        let clock = Arc::new(ManualClock::new(Timestamp::from_micros(5)));
        let cell = cell(&clock);
        cell.disconnected("refused".to_owned());
        clock.set(Timestamp::from_micros(9));
        cell.disconnected("timeout".to_owned());
        let expected = BrokerState::Disconnected { since: Timestamp::from_micros(5), reason: "timeout".to_owned() };
        assert_eq!(*cell.subscribe().borrow(), expected);
    }

    #[test]
    fn a_late_word_of_an_earlier_connection_is_ignored_and_final_states_stay() {
        let cell = cell(&Arc::new(ManualClock::new(Timestamp::from_micros(5))));
        let first = cell.next_generation();
        let second = cell.next_generation();
        cell.set_of(first, &BrokerState::Subscribed);
        assert_eq!(*cell.subscribe().borrow(), BrokerState::Connecting);
        cell.set_of(second, &BrokerState::Subscribed);
        assert_eq!(cell.metrics.subscribed.get(), 1);
        cell.set(&BrokerState::TakenOver);
        cell.set_of(second, &BrokerState::Subscribed);
        cell.disconnected("x".to_owned());
        assert_eq!(*cell.subscribe().borrow(), BrokerState::TakenOver);
        assert_eq!(cell.metrics.subscribed.get(), 0);
    }
}
