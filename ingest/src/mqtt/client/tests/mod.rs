//! The client against brokers: a scripted one behind the seam, one made of bytes on a socket, our own endpoint, a real Mosquitto.

mod mosquitto;
mod own_endpoint;
mod raw_broker;
mod scripted;
pub(super) mod tls;

use std::sync::Arc;
use std::time::Duration;

use stadtwarte_model::{ManualClock, Timestamp};
use tokio::time::timeout;

use super::{BrokerOptions, BrokerState, Client, ClientHandle, Protocol};
use crate::message::Intake;
use crate::mqtt::MqttMetrics;
use crate::mqtt::testing::{DEADLINE, FakeIntake};

const BOTH: [Protocol; 2] = [Protocol::V3, Protocol::V5];

/// Short pauses, so that tests in real time stay short.
fn quick(name: &str, url: &str, client_id: &str) -> BrokerOptions {
    BrokerOptions {
        min_backoff: Duration::from_millis(10),
        max_backoff: Duration::from_millis(50),
        min_retry_backoff: Duration::from_millis(10),
        max_retry_backoff: Duration::from_millis(50),
        resubscribe_after: Duration::from_millis(100),
        ..BrokerOptions::new(name, url, client_id, ["#"])
    }
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::from_micros(42)))
}

fn spawn(options: BrokerOptions, intake: &Arc<FakeIntake>, metrics: &MqttMetrics) -> ClientHandle {
    Client::spawn(options, Arc::clone(intake) as Arc<dyn Intake>, clock(), metrics).unwrap()
}

/// Waits until the state is as wanted; returns it.
async fn reach(client: &ClientHandle, wanted: impl Fn(&BrokerState) -> bool) -> BrokerState {
    let mut state = client.state();
    let reached = timeout(DEADLINE, state.wait_for(|state| wanted(state))).await;
    match reached {
        Ok(Ok(state)) => state.clone(),
        _ => panic!("the state is {:?}", *client.state().borrow()),
    }
}

async fn subscribed(client: &ClientHandle) {
    reach(client, |state| *state == BrokerState::Subscribed).await;
}
