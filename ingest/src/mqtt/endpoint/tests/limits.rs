//! Bounds on connections, time and sizes.

use std::time::Duration;

use super::{Bench, LOCAL, REMOTE, publishes};
use crate::mqtt::endpoint::{EndpointOptions, PeerAddr};
use crate::mqtt::testing::FakeIntake;
use crate::mqtt::testing::wire::{self, CONNACK, DISCONNECT, PUBACK};

fn refused(bench: &Bench, reason: &'static str) -> u64 {
    bench.metrics.endpoint.connections_refused.get_or_create(&[("reason", reason)]).get()
}

#[tokio::test(start_paused = true)]
async fn connections_above_the_limit_are_closed_at_once_and_places_are_given_back() {
    let bench = Bench::with(FakeIntake::immediate(), EndpointOptions { max_connections: 2, ..EndpointOptions::default() });
    let first = bench.connect_as(wire::Connect { client_id: "1", ..wire::Connect::default() }).await;
    let mut second = bench.connect_as(wire::Connect { client_id: "2", ..wire::Connect::default() }).await;
    let mut third = bench.dial();
    third.expect_end().await;
    assert_eq!(refused(&bench, "limit"), 1);
    assert_eq!(bench.metrics.endpoint.connections_open.get(), 2);
    drop(first);
    crate::mqtt::testing::eventually("the place is free", || bench.metrics.endpoint.connections_open.get() == 1).await;
    let _fourth = bench.connect_as(wire::Connect { client_id: "4", ..wire::Connect::default() }).await;
    second.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn one_remote_address_cannot_take_every_place() {
    let options = EndpointOptions { max_connections_per_peer: 1, ..EndpointOptions::default() };
    let bench = Bench::with(FakeIntake::immediate(), options);
    let remote = PeerAddr::tcp(REMOTE.parse().unwrap());
    let _first = bench.dial_from(remote, 1024);
    crate::mqtt::testing::eventually("the first is in", || bench.metrics.endpoint.connections_open.get() == 1).await;
    bench.dial_from(remote, 1024).expect_end().await;
    assert_eq!(refused(&bench, "peer_limit"), 1);
    bench.connect(4).await;
}

#[tokio::test(start_paused = true)]
async fn a_stranger_that_sends_connect_one_byte_at_a_time_is_cut_off() {
    let bench = Bench::new(FakeIntake::immediate());
    let mut client = bench.dial();
    let started = tokio::time::Instant::now();
    let connect = wire::connect_v4("slow");
    for byte in &connect[..5] {
        client.send(&[*byte]).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    client.expect_end().await;
    assert_eq!(started.elapsed(), EndpointOptions::default().connect_timeout);
    assert_eq!(refused(&bench, "timeout"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stranger_may_not_send_a_large_connect() {
    let bench = Bench::new(FakeIntake::immediate());
    let mut client = bench.dial();
    let will = "x".repeat(20_000);
    client.send(&wire::Connect { will: Some(("t", &will)), ..wire::Connect::default() }.bytes()[..100]).await;
    client.expect_end().await;
    assert_eq!(refused(&bench, "protocol"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_message_of_12_kb_or_1_mib_is_taken_and_one_of_2_mb_is_refused_clearly() {
    for level in [4, 5] {
        let bench = Bench::new(FakeIntake::immediate());
        let mut client = bench.connect(level).await;
        for (id, size) in [(1, 12_000), (2, 1 << 20)] {
            client.send(&wire::publish(level, 1, id, "big", &vec![7; size])).await;
            assert_eq!(client.acks(PUBACK, 1).await, [id]);
        }
        let sizes: Vec<_> = bench.intake.messages().iter().map(|message| message.payload.len()).collect();
        assert_eq!(sizes, [12_000, 1 << 20]);
        // The peer is still sending when it is refused; all of it is thrown away, and it reads why.
        client.send(&wire::publish(level, 1, 3, "big", &vec![7; 2_000_000])).await;
        if level == 5 {
            assert_eq!(client.expect(DISCONNECT).await, [0x95, 0]);
        }
        client.expect_end().await;
        assert_eq!(bench.metrics.endpoint.oversize.get(), 1);
        assert_eq!(bench.intake.messages().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_identifier_may_not_be_longer_than_the_bound() {
    for (level, code) in [(4, 2), (5, 0x85)] {
        let bench = Bench::new(FakeIntake::immediate());
        let mut client = bench.dial();
        client.send(&wire::Connect { level, client_id: &"c".repeat(257), ..wire::Connect::default() }.bytes()).await;
        assert_eq!(client.expect(CONNACK).await[..2], [0, code]);
        client.expect_end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn other_levels_of_the_protocol_get_an_answer_they_understand() {
    let mut mqisdp = vec![0, 6];
    mqisdp.extend_from_slice(b"MQIsdp\x03\x02\0\x3c\0\x01c");
    for (connect, answer) in [
        (wire::packet(0x10, &mqisdp), &[0, 1][..]),
        (wire::Connect { level: 3, ..wire::Connect::default() }.bytes(), &[0, 1]),
        (wire::Connect { level: 6, ..wire::Connect::default() }.bytes(), &[0, 0x84, 0]),
    ] {
        let bench = Bench::new(FakeIntake::immediate());
        let mut client = bench.dial();
        client.send(&connect).await;
        assert_eq!(client.expect(CONNACK).await, answer);
        client.expect_end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn messages_arriving_in_single_bytes_are_put_together() {
    let bench = Bench::new(FakeIntake::immediate());
    let mut client = bench.dial_from(PeerAddr::tcp(LOCAL.parse().unwrap()), 1);
    let mut bytes = wire::connect_v4("c");
    bytes.extend(publishes(4, 1, 3));
    client.send(&bytes).await;
    client.expect(CONNACK).await;
    assert_eq!(client.acks(PUBACK, 3).await, [1, 2, 3]);
}
