//! Subscribes after every CONNACK, from a task of its own, and looks at what the broker answers.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::options::{BrokerOptions, SubscribeQos};
use super::session::Session;
use super::state::{BrokerState, StateCell};

/// What SUBACK said, per filter.
pub(super) type Outcomes = Vec<Result<u8, String>>;

/// Pause when the request queue is full, which it is not on a fresh connection.
const QUEUE_PAUSE: Duration = Duration::from_millis(20);

/// Subscribes on one connection, and again from time to time while a filter is refused: an access list may be mended without
/// anybody restarting us.
///
/// Pitfall 3: nothing arrives after a reconnect without a subscription, and subscribing twice changes nothing. Pitfall 5: refusals
/// come as codes in SUBACK that the library only logs.
pub(super) async fn subscribe(
    session: Arc<Session>,
    mut subacks: mpsc::Receiver<Outcomes>,
    options: Arc<BrokerOptions>,
    state: Arc<StateCell>,
) {
    loop {
        while !session.requests.try_subscribe() {
            sleep(QUEUE_PAUSE).await;
        }
        let outcomes = match timeout(options.subscribe_timeout, subacks.recv()).await {
            Ok(Some(outcomes)) => outcomes,
            Ok(None) => return,
            Err(_) => {
                tracing::warn!(broker = options.name, "the broker did not answer the subscription in time, reconnecting");
                return session.kick();
            }
        };
        match refusal(&options, &outcomes) {
            None => {
                warn_of_downgrade(&options, &outcomes);
                return state.set_of(session.generation, &BrokerState::Subscribed);
            }
            Some(reason) => state.set_of(session.generation, &BrokerState::Refused { reason }),
        }
        sleep(options.resubscribe_after).await;
    }
}

/// What was refused, if anything.
fn refusal(options: &BrokerOptions, outcomes: &Outcomes) -> Option<String> {
    if outcomes.len() != options.topics.len() {
        return Some(format!("the broker answered {} of {} filters", outcomes.len(), options.topics.len()));
    }
    let refused: Vec<_> = options
        .topics
        .iter()
        .zip(outcomes)
        .filter_map(|(topic, outcome)| outcome.as_ref().err().map(|reason| format!("`{topic}`: {reason}")))
        .collect();
    (!refused.is_empty()).then(|| format!("subscription refused for {}", refused.join(", ")))
}

/// A grant below what was asked for is legal and means that messages can be lost.
fn warn_of_downgrade(options: &BrokerOptions, outcomes: &Outcomes) {
    if options.qos == SubscribeQos::AtLeastOnce && outcomes.iter().any(|outcome| outcome == &Ok(0)) {
        tracing::warn!(broker = options.name, "the broker granted only quality of service 0: what is sent while we are away is lost");
    }
}
