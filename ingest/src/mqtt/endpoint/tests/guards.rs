//! The guards around the protocol core, one test each; see the table in `guard`.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::Notify;

use super::{Bench, publishes};
use crate::mqtt::endpoint::{Authenticator, Decision, EndpointOptions, Grant, Login, LoginRefusal, NoSubscriptions, Principal, TopicScope};
use crate::mqtt::testing::FakeIntake;
use crate::mqtt::testing::wire::{self, CONNACK, DISCONNECT, PUBACK};

#[tokio::test(start_paused = true)]
async fn guard_1_a_topic_alias_maximum_of_zero_is_harmless() {
    let bench = Bench::new(FakeIntake::immediate());
    let mut client = bench.connect_as(wire::Connect { level: 5, properties: &[0x22, 0, 0], ..wire::Connect::default() }).await;
    client.send(&publishes(5, 1, 1)).await;
    assert_eq!(client.acks(PUBACK, 1).await, [1]);
}

#[tokio::test(start_paused = true)]
async fn guard_2_the_first_packet_must_be_connect() {
    for bytes in [wire::publish(4, 0, 0, "a", b"x"), wire::PINGREQ.to_vec(), b"GET / HTTP/1.1\r\n\r\n".to_vec(), vec![0x20, 2, 0, 0]] {
        let bench = Bench::new(FakeIntake::immediate());
        let mut client = bench.dial();
        client.send(&bytes).await;
        client.expect_end().await;
        assert!(bench.intake.messages().is_empty());
        assert_eq!(bench.metrics.endpoint.connections_refused.get_or_create(&[("reason", "protocol")]).get(), 1);
    }
}

/// Packets that are errors on an open connection; the core reports the marked ones without asking to close.
fn errors(level: u8) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("second CONNECT", wire::Connect { level, ..wire::Connect::default() }.bytes()),
        ("CONNACK from a client (reported only)", vec![0x20, 2, 0, 0]),
        ("SUBACK from a client (reported only)", vec![0x90, 3, 0, 1, 0]),
        ("PINGRESP from a client (reported only)", vec![0xd0, 0]),
        ("packet type 0 (reported only)", vec![0x00, 0]),
        ("AUTH", vec![0xf0, 0]),
        ("PUBACK for nothing", vec![0x40, 2, 0, 1]),
        ("quality of service 3", vec![0x36, 4, 0, 1, b'a', b'x']),
        ("topic cut short", vec![0x30, 3, 0, 9, b'a']),
        ("topic that is not UTF-8", vec![0x30, 3, 0, 1, 0xff]),
        ("remaining length of five bytes", vec![0x30, 0xff, 0xff, 0xff, 0xff, 0x01]),
        ("empty SUBSCRIBE", wire::subscribe(level, 1, &[])),
    ]
}

#[tokio::test(start_paused = true)]
async fn guard_2_every_error_closes() {
    for level in [4, 5] {
        for (what, bytes) in errors(level) {
            let bench = Bench::new(FakeIntake::immediate());
            let mut client = bench.connect(level).await;
            client.send(&bytes).await;
            // A publish behind the error must not be taken any more.
            client.send(&wire::publish(level, 1, 9, "after", b"x")).await;
            if level == 5 {
                let reason = client.expect(DISCONNECT).await[0];
                assert!((0x81..=0x82).contains(&reason), "{what}: {reason:#x}");
            }
            client.expect_end().await;
            assert!(bench.intake.messages().is_empty(), "{what}");
            assert_eq!(bench.metrics.endpoint.protocol_errors.get(), 1, "{what}");
        }
    }
}

/// Answers a login when the test says so.
struct Slow {
    decide: Arc<Notify>,
    decision: Decision,
}

impl Authenticator for Slow {
    fn authenticate<'a>(&'a self, _: Login<'a>) -> BoxFuture<'a, Decision> {
        Box::pin(async move {
            self.decide.notified().await;
            self.decision.clone()
        })
    }
}

#[tokio::test(start_paused = true)]
async fn guard_3_nothing_behind_connect_is_looked_at_while_the_login_is_checked() {
    let grant = Grant { principal: Principal::new("gateway"), publish: TopicScope::Any };
    for (decision, expected) in [(Decision::Accept(grant), 3), (Decision::Refuse(LoginRefusal::BadCredentials), 0)] {
        for level in [4, 5] {
            let decide = Arc::new(Notify::new());
            let authenticator = Slow { decide: Arc::clone(&decide), decision: decision.clone() };
            let bench =
                Bench::build(FakeIntake::immediate(), EndpointOptions::default(), Arc::new(authenticator), Arc::new(NoSubscriptions));
            let mut client = bench.dial();
            let mut bytes = wire::Connect { level, ..wire::Connect::default() }.bytes();
            bytes.extend(publishes(level, 1, 2));
            client.send(&bytes).await;
            client.send(&publishes(level, 3, 1)).await;
            client.expect_nothing_for(Duration::from_millis(30)).await;
            assert!(bench.intake.messages().is_empty());
            decide.notify_one();
            let connack = client.expect(CONNACK).await;
            assert_eq!(connack[1] == 0, expected > 0);
            if expected > 0 {
                assert_eq!(client.acks(PUBACK, 3).await, [1, 2, 3]);
            } else {
                client.expect_end().await;
            }
            assert_eq!(bench.intake.messages().len(), expected);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn guard_4_topics_and_identifiers_that_are_none_are_refused() {
    for level in [4, 5] {
        let packets = [
            (wire::publish(level, 1, 1, "a/+/b", b"x"), 0x90),
            (wire::publish(level, 0, 0, "a/#", b"x"), 0x90),
            (wire::publish(level, 1, 1, "a\0b", b"x"), 0x90),
            (wire::publish(level, 1, 0, "a", b"x"), 0x82),
            (wire::publish(level, 2, 0, "a", b"x"), 0x82),
            // An empty topic: in MQTT 5 it stands for a topic alias, and none was agreed.
            (wire::publish(level, 1, 1, "", b"x"), 0x94),
            (wire::subscribe(level, 0, &["a"]), 0x82),
            (wire::unsubscribe(level, 0, &["a"]), 0x82),
            (wire::pubrel(0), 0x81),
        ];
        for (bytes, reason) in packets {
            let bench = Bench::new(FakeIntake::immediate());
            let mut client = bench.connect(level).await;
            client.send(&bytes).await;
            if level == 5 {
                let received = client.expect(DISCONNECT).await[0];
                assert!(received == reason || (received == 0x81 && reason == 0x82), "{received:#x} instead of {reason:#x}: {bytes:?}");
            }
            client.expect_end().await;
            assert!(bench.intake.messages().is_empty());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn guard_4_a_topic_alias_that_was_never_offered_is_refused() {
    let bench = Bench::new(FakeIntake::immediate());
    let mut client = bench.connect(5).await;
    // Topic `a`, identifier 1, the property Topic Alias 1, payload `x`.
    client.send(&wire::packet(0x32, &[0, 1, b'a', 0, 1, 3, 0x23, 0, 1, b'x'])).await;
    assert_eq!(client.expect(DISCONNECT).await, [0x94, 0]);
    client.expect_end().await;
    assert!(bench.intake.messages().is_empty());
}

#[tokio::test(start_paused = true)]
async fn guard_5_a_header_that_announces_too_much_is_refused_before_its_bytes_come() {
    for level in [4, 5] {
        let bench = Bench::new(FakeIntake::immediate());
        let mut client = bench.connect(level).await;
        // 268,435,455 bytes announced, none sent.
        client.send(&[0x32, 0xff, 0xff, 0xff, 0x7f]).await;
        if level == 5 {
            assert_eq!(client.expect(DISCONNECT).await, [0x95, 0]);
        }
        client.expect_end().await;
        assert_eq!(bench.metrics.endpoint.oversize.get(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn guard_6_a_resend_of_a_message_in_flight_is_answered_once() {
    for level in [4, 5] {
        let bench = Bench::new(FakeIntake::manual());
        let mut client = bench.connect(level).await;
        let first = wire::publish(level, 1, 5, "a", b"x");
        let mut again = first.clone();
        again[0] |= 8;
        client.send(&first).await;
        bench.intake.wait_for(1).await;
        client.send(&again).await;
        client.expect_silence().await;
        bench.intake.resolve(0, Ok(()));
        assert_eq!(client.acks(PUBACK, 1).await, [5]);
        client.expect_silence().await;
        assert_eq!(bench.intake.messages().len(), 1);
        assert_eq!(bench.metrics.endpoint.resends.get(), 1);
        // Once it is acknowledged the identifier is free.
        client.send(&again).await;
        bench.intake.wait_for(2).await;
    }
}

#[tokio::test(start_paused = true)]
async fn guard_6_another_message_under_an_identifier_in_flight_is_never_acknowledged() {
    for (qos, first_ack) in [(1, PUBACK), (2, PUBACK)] {
        let bench = Bench::new(FakeIntake::manual());
        let mut client = bench.connect(5).await;
        client.send(&wire::publish(5, 1, 5, "a", b"x")).await;
        client.send(&wire::publish(5, qos, 5, "a", b"another")).await;
        bench.intake.wait_for(1).await;
        bench.intake.resolve(0, Ok(()));
        assert_eq!(client.acks(first_ack, 1).await, [5]);
        assert_eq!(client.expect(DISCONNECT).await, [0x82, 0]);
        client.expect_end().await;
        assert_eq!(bench.intake.messages().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_panics_takes_nothing_with_it() {
    /// Panics on the first login.
    struct Panics(std::sync::atomic::AtomicBool);
    impl Authenticator for Panics {
        fn authenticate<'a>(&'a self, _: Login<'a>) -> BoxFuture<'a, Decision> {
            assert!(self.0.swap(true, std::sync::atomic::Ordering::SeqCst), "the first login panics, as a defect would");
            let grant = Grant { principal: Principal::new("gateway"), publish: TopicScope::Any };
            Box::pin(std::future::ready(Decision::Accept(grant)))
        }
    }
    let options = EndpointOptions { max_connections: 1, ..EndpointOptions::default() };
    let bench = Bench::build(FakeIntake::immediate(), options, Arc::new(Panics(false.into())), Arc::new(NoSubscriptions));
    let mut client = bench.dial();
    client.send(&wire::connect_v4("c")).await;
    client.expect_end().await;
    // Its slot, its counter and its client identifier are free again.
    let mut client = bench.connect(4).await;
    client.send(&publishes(4, 1, 1)).await;
    assert_eq!(client.acks(PUBACK, 1).await, [1]);
    assert_eq!(bench.metrics.endpoint.connections_open.get(), 1);
}
