//! What readiness asks beyond the store: the connections to external brokers.

use stadtwarte_api::{Check, Health, Outcome};
use stadtwarte_ingest::mqtt::{BrokerState, ClientHandle};
use tokio::sync::watch;

/// The states of all broker connections.
pub(crate) struct PlatformHealth {
    brokers: Vec<(String, watch::Receiver<BrokerState>)>,
}

impl PlatformHealth {
    pub fn new(brokers: &[ClientHandle]) -> Self {
        Self { brokers: brokers.iter().map(|broker| (format!("broker:{}", broker.name()), broker.state())).collect() }
    }
}

impl Health for PlatformHealth {
    fn checks(&self) -> Vec<Check> {
        let check =
            |(name, state): &(String, watch::Receiver<BrokerState>)| Check { name: name.clone(), outcome: outcome(&state.borrow()) };
        self.brokers.iter().map(check).collect()
    }
}

/// The reasons themselves stay in the log: readiness is public, and they can carry addresses.
fn outcome(state: &BrokerState) -> Outcome {
    match state {
        BrokerState::Subscribed => Outcome::Pass,
        BrokerState::Connecting => Outcome::Warn("not connected yet".to_owned()),
        BrokerState::Disconnected { since, .. } => Outcome::Warn(format!("disconnected since {since}; trying again")),
        BrokerState::Refused { .. } => Outcome::Fail("the broker refused the login or a topic; see the log".to_owned()),
        BrokerState::TakenOver => Outcome::Fail("another client uses our client id; give each its own and restart".to_owned()),
        BrokerState::StoreFailed => Outcome::Fail("the log has failed; restart".to_owned()),
        BrokerState::Stopped => Outcome::Warn("stopped".to_owned()),
    }
}
