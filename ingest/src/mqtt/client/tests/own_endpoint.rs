//! The client against our own endpoint, which says what Mosquitto 2.0.11 does not.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{clock, quick, reach, spawn, subscribed};
use crate::mqtt::client::{BrokerOptions, BrokerState, Protocol};
use crate::mqtt::endpoint::{
    AuthPolicy, AuthPolicyOptions, Endpoint, EndpointOptions, NoSubscriptions, Principal, Server, SubscribeDecision, Subscriptions,
};
use crate::mqtt::testing::FakeIntake;
use crate::mqtt::{MqttMetrics, TopicFilter};

/// Grants everything and delivers nothing.
struct Everything;

impl Subscriptions for Everything {
    fn authorize(&self, _: &Principal, _: &TopicFilter) -> SubscribeDecision {
        SubscribeDecision::GrantAtMostOnce
    }
}

/// Starts an endpoint; returns its URL.
async fn endpoint(subscriptions: Arc<dyn Subscriptions>) -> String {
    let policy = Arc::new(AuthPolicy::new(AuthPolicyOptions::default(), None));
    let options = EndpointOptions { address: ([127, 0, 0, 1], 0).into(), ..EndpointOptions::default() };
    let metrics = Arc::new(MqttMetrics::default());
    let server = Server::new(options, Arc::new(FakeIntake::immediate()), policy, subscriptions, clock(), metrics).unwrap();
    let endpoint = Endpoint::listen(server).await.unwrap();
    let url = format!("mqtt://{}", endpoint.local_addr());
    tokio::spawn(endpoint.run(CancellationToken::new()));
    url
}

#[tokio::test]
async fn a_client_whose_identifier_connects_again_gives_in_for_good() {
    let url = endpoint(Arc::new(Everything)).await;
    let intake = Arc::new(FakeIntake::immediate());
    let first = spawn(quick("first", &url, "same"), &intake, &MqttMetrics::default());
    subscribed(&first).await;
    let second = spawn(quick("second", &url, "same"), &intake, &MqttMetrics::default());
    assert_eq!(reach(&first, BrokerState::is_final).await, BrokerState::TakenOver);
    subscribed(&second).await;
}

#[tokio::test]
async fn refused_filters_are_visible_in_both_versions() {
    for (protocol, reason) in [(Protocol::V3, "refused"), (Protocol::V5, "NotAuthorized")] {
        let url = endpoint(Arc::new(NoSubscriptions)).await;
        let intake = Arc::new(FakeIntake::immediate());
        let client = spawn(BrokerOptions { protocol, ..quick("b", &url, "c") }, &intake, &MqttMetrics::default());
        let state = reach(&client, |state| matches!(state, BrokerState::Refused { .. })).await;
        assert_eq!(state, BrokerState::Refused { reason: format!("subscription refused for `#`: {reason}") });
    }
}
