//! Connections from CONNACK to the end: keep-alive, takeover, subscriptions, shutdown.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Bench, publishes};
use crate::mqtt::TopicFilter;
use crate::mqtt::endpoint::{AuthPolicy, AuthPolicyOptions, EndpointOptions, Principal, SubscribeDecision, Subscriptions};
use crate::mqtt::testing::wire::{self, CONNACK, DISCONNECT, PUBACK, SUBACK, UNSUBACK};
use crate::mqtt::testing::{FakeIntake, eventually};

#[tokio::test(start_paused = true)]
async fn silence_of_one_and_a_half_keep_alives_ends_the_connection() {
    for level in [4, 5] {
        let bench = Bench::new(FakeIntake::immediate());
        let mut client = bench.connect_as(wire::Connect { level, keep_alive: 4, ..wire::Connect::default() }).await;
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_secs(5)).await;
            client.expect_silence().await;
        }
        let last_ping = Instant::now();
        if level == 5 {
            assert_eq!(client.expect(DISCONNECT).await, [0x8d, 0]);
        }
        client.expect_end().await;
        assert_eq!(last_ping.elapsed(), Duration::from_secs(6));
        assert_eq!(bench.metrics.endpoint.keep_alive_timeouts.get(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn keep_alive_does_not_run_while_we_are_the_ones_who_do_not_read() {
    let bench = Bench::with(FakeIntake::manual(), EndpointOptions { max_in_flight: 1, ..EndpointOptions::default() });
    let mut client = bench.connect_as(wire::Connect { keep_alive: 4, ..wire::Connect::default() }).await;
    client.send(&publishes(4, 1, 1)).await;
    bench.intake.wait_for(1).await;
    // The client is in the middle of its next message, and what it has sent of it stays unread for ten keep-alives.
    let next = publishes(4, 2, 1);
    client.send(&next[..5]).await;
    tokio::time::sleep(Duration::from_secs(40)).await;
    bench.intake.resolve(0, Ok(()));
    assert_eq!(client.acks(PUBACK, 1).await, [1]);
    client.send(&next[5..]).await;
    bench.intake.wait_for(2).await;
    bench.intake.resolve(1, Ok(()));
    assert_eq!(client.acks(PUBACK, 1).await, [2]);
}

#[tokio::test(start_paused = true)]
async fn a_client_without_keep_alive_gets_ours() {
    let options = EndpointOptions { default_keep_alive: Duration::from_secs(100), ..EndpointOptions::default() };
    let bench = Bench::with(FakeIntake::immediate(), options);
    let mut new = bench.dial();
    new.send(&wire::Connect { level: 5, client_id: "new", keep_alive: 0, ..wire::Connect::default() }.bytes()).await;
    let connack = new.expect(CONNACK).await;
    assert!(connack.windows(3).any(|window| window == [0x13, 0, 100]), "Server Keep Alive in {connack:?}");
    let mut old = bench.connect_as(wire::Connect { client_id: "old", keep_alive: 0, ..wire::Connect::default() }).await;
    let started = Instant::now();
    tokio::time::sleep(Duration::from_secs(140)).await;
    assert_eq!(new.expect(DISCONNECT).await, [0x8d, 0]);
    old.expect_end().await;
    assert_eq!(started.elapsed(), Duration::from_secs(150));
    assert_eq!(bench.metrics.endpoint.keep_alive_timeouts.get(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_second_connection_with_the_same_identifier_ends_the_first() {
    for level in [4, 5] {
        let bench = Bench::new(FakeIntake::manual());
        let mut first = bench.connect(level).await;
        first.send(&publishes(level, 1, 1)).await;
        bench.intake.wait_for(1).await;
        let mut second = bench.connect(level).await;
        if level == 5 {
            assert_eq!(first.expect(DISCONNECT).await, [0x8e, 0]);
        }
        first.expect_end().await;
        // The second is not disturbed by the end of the first, and sends again what was not acknowledged.
        second.send(&publishes(level, 1, 1)).await;
        bench.intake.wait_for(2).await;
        bench.intake.resolve(1, Ok(()));
        assert_eq!(second.acks(PUBACK, 1).await, [1]);
        assert_eq!(bench.metrics.endpoint.takeovers.get(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_client_identifier_is_assigned_or_refused() {
    let bench = Bench::new(FakeIntake::immediate());
    // 3.1.1 with a clean session: two of them do not take over each other.
    let mut first = bench.connect_as(wire::Connect { client_id: "", ..wire::Connect::default() }).await;
    let _second = bench.connect_as(wire::Connect { client_id: "", ..wire::Connect::default() }).await;
    first.expect_silence().await;
    // 3.1.1 without one.
    let mut client = bench.dial();
    client.send(&wire::Connect { client_id: "", clean: false, ..wire::Connect::default() }.bytes()).await;
    assert_eq!(client.expect(CONNACK).await, [0, 2]);
    client.expect_end().await;
    // MQTT 5 is told.
    let mut client = bench.dial();
    client.send(&wire::Connect { level: 5, client_id: "", clean: false, ..wire::Connect::default() }.bytes()).await;
    let connack = client.expect(CONNACK).await;
    assert!(connack.windows(10).any(|window| window == b"stadtwarte"), "Assigned Client Identifier in {connack:?}");
}

#[tokio::test(start_paused = true)]
async fn sessions_are_not_kept_and_mqtt_5_is_told() {
    let bench = Bench::new(FakeIntake::immediate());
    let mut client = bench.dial();
    client.send(&wire::Connect { level: 5, clean: false, properties: &[0x11, 0, 0, 1, 0], ..wire::Connect::default() }.bytes()).await;
    let connack = client.expect(CONNACK).await;
    assert_eq!(connack[0], 0, "session_present");
    assert!(connack.windows(5).any(|window| window == [0x11, 0, 0, 0, 0]), "Session Expiry Interval 0 in {connack:?}");
}

#[tokio::test(start_paused = true)]
async fn a_will_is_accepted_and_never_becomes_a_message() {
    for level in [4, 5] {
        let bench = Bench::new(FakeIntake::immediate());
        let client = bench.connect_as(wire::Connect { level, will: Some(("gone", "1")), ..wire::Connect::default() }).await;
        drop(client);
        eventually("the connection is gone", || bench.metrics.endpoint.connections_open.get() == 0).await;
        assert!(bench.intake.messages().is_empty());
    }
}

/// Grants what a public door shows.
struct Public;

impl Subscriptions for Public {
    fn authorize(&self, subscriber: &Principal, filter: &TopicFilter) -> SubscribeDecision {
        assert_eq!(subscriber.as_str(), "anonymous");
        if filter.as_str().starts_with("v1.1/") { SubscribeDecision::GrantAtMostOnce } else { SubscribeDecision::Refuse }
    }
}

#[tokio::test(start_paused = true)]
async fn subscriptions_are_refused_unless_somebody_grants_them() {
    for (level, answers) in [(4, &[0, 3, 0x80, 0x80, 0x80][..]), (5, &[0, 3, 0, 0x87, 0x87, 0x8f])] {
        let bench = Bench::new(FakeIntake::immediate());
        let mut client = bench.connect(level).await;
        client.send(&wire::subscribe(level, 3, &["a/b", "#", "a/#/b"])).await;
        assert_eq!(client.expect(SUBACK).await, answers);
    }
    let policy = Arc::new(AuthPolicy::new(AuthPolicyOptions::default(), None));
    let bench = Bench::build(FakeIntake::immediate(), EndpointOptions::default(), policy, Arc::new(Public));
    let mut client = bench.connect(4).await;
    client.send(&wire::subscribe(4, 3, &["v1.1/Datastreams(4)/Observations", "$SYS/#"])).await;
    assert_eq!(client.expect(SUBACK).await, [0, 3, 0, 0x80]);
}

#[tokio::test(start_paused = true)]
async fn unsubscribe_is_answered() {
    for (level, answer) in [(4, &[0, 3][..]), (5, &[0, 3, 0, 0x11, 0x11])] {
        let bench = Bench::new(FakeIntake::immediate());
        let mut client = bench.connect(level).await;
        client.send(&wire::unsubscribe(level, 3, &["a", "b"])).await;
        assert_eq!(client.expect(UNSUBACK).await, answer);
    }
}

#[tokio::test(start_paused = true)]
async fn shutdown_acknowledges_what_was_read_and_says_goodbye() {
    for level in [4, 5] {
        let bench = Bench::new(FakeIntake::manual());
        let mut client = bench.connect(level).await;
        client.send(&publishes(level, 1, 3)).await;
        bench.intake.wait_for(3).await;
        let server = bench.server.clone();
        let shutdown = tokio::spawn(async move { server.shut_down().await });
        eventually("shutdown has begun", || bench.server.shared.shutdown.is_cancelled()).await;
        client.send(&publishes(level, 4, 1)).await;
        for number in 0..3 {
            bench.intake.resolve(number, Ok(()));
        }
        assert_eq!(client.acks(PUBACK, 3).await, [1, 2, 3]);
        if level == 5 {
            assert_eq!(client.expect(DISCONNECT).await, [0x8b, 0]);
        }
        client.expect_end().await;
        drop(client);
        shutdown.await.unwrap();
        assert_eq!(bench.intake.messages().len(), 3);
        assert_eq!(bench.metrics.endpoint.connections_open.get(), 0);
        // Newcomers find the door closed.
        bench.dial().expect_end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn shutdown_does_not_wait_longer_than_its_deadline_and_acknowledges_nothing_it_may_not() {
    let bench = Bench::new(FakeIntake::manual());
    let mut client = bench.connect(4).await;
    client.send(&publishes(4, 1, 3)).await;
    bench.intake.wait_for(3).await;
    let stuck = bench.connect_as(wire::Connect { client_id: "stuck", ..wire::Connect::default() }).await;
    let started = Instant::now();
    let server = bench.server.clone();
    let shutdown = tokio::spawn(async move { server.shut_down().await });
    client.expect_end().await;
    assert_eq!(started.elapsed(), EndpointOptions::default().drain_timeout);
    // Both peers are told and do not close their side.
    shutdown.await.unwrap();
    assert_eq!(started.elapsed(), EndpointOptions::default().drain_timeout + EndpointOptions::default().linger_timeout);
    drop(stuck);
    assert_eq!(bench.metrics.endpoint.acks.get(), 0);
}
