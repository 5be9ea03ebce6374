//! Bounds on what is in flight.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::{Bench, publishes};
use crate::mqtt::endpoint::EndpointOptions;
use crate::mqtt::testing::wire::{self, CONNACK, DISCONNECT, PUBACK};
use crate::mqtt::testing::{FakeIntake, eventually};

#[tokio::test(start_paused = true)]
async fn a_3_1_1_publisher_is_not_read_while_its_window_is_full() {
    let bench = Bench::with(FakeIntake::manual(), EndpointOptions { max_in_flight: 10, ..EndpointOptions::default() });
    let mut client = bench.connect(4).await;
    client.send(&publishes(4, 1, 25)).await;
    bench.intake.wait_for(10).await;
    // The bytes of all 25 are in this process; exactly ten were handed on, and a ping behind them is not answered.
    client.send(wire::PINGREQ).await;
    client.expect_nothing_for(Duration::from_millis(50)).await;
    assert_eq!(bench.intake.messages().len(), 10);
    bench.intake.resolve(0, Ok(()));
    bench.intake.wait_for(11).await;
    for number in 1..25 {
        bench.intake.wait_for(number + 1).await;
        bench.intake.resolve(number, Ok(()));
    }
    // The ping is answered once it is read, which may be before the last receipts.
    let mut acks = Vec::new();
    for _ in 0..26 {
        match client.receive().await.expect("26 packets") {
            (PUBACK, body) => acks.push(u16::from_be_bytes([body[0], body[1]])),
            (first, _) => assert_eq!(first, wire::PINGRESP),
        }
    }
    assert_eq!(acks, (1..=25).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn an_mqtt_5_publisher_is_told_its_window_and_its_pings_are_answered_while_it_is_full() {
    let bench = Bench::with(FakeIntake::manual(), EndpointOptions { max_in_flight: 10, ..EndpointOptions::default() });
    let mut client = bench.dial();
    client.send(&wire::connect_v5("c", &[])).await;
    let connack = client.expect(CONNACK).await;
    assert!(connack.windows(3).any(|window| window == [0x21, 0, 10]), "Receive Maximum 10 in {connack:?}");
    assert!(connack.windows(5).any(|window| window == [0x27, 0, 0x11, 0, 0]), "Maximum Packet Size 1,114,112 in {connack:?}");
    client.send(&publishes(5, 1, 10)).await;
    bench.intake.wait_for(10).await;
    client.expect_silence().await;
    // One more than the window: 0x93, after the acknowledgements of what was in it.
    client.send(&publishes(5, 11, 1)).await;
    eventually("the violation is noticed", || bench.metrics.endpoint.protocol_errors.get() == 1).await;
    for number in 0..10 {
        bench.intake.resolve(number, Ok(()));
    }
    assert_eq!(client.acks(PUBACK, 10).await, (1..=10).collect::<Vec<_>>());
    assert_eq!(client.expect(DISCONNECT).await, [0x93, 0]);
    assert_eq!(bench.intake.messages().len(), 10);
}

#[tokio::test(start_paused = true)]
async fn at_most_once_messages_of_mqtt_5_are_bounded_too() {
    let bench = Bench::with(FakeIntake::manual(), EndpointOptions { max_in_flight: 10, ..EndpointOptions::default() });
    let mut client = bench.connect(5).await;
    let bytes: Vec<u8> = (0..30).flat_map(|_| wire::publish(5, 0, 0, "a", b"x")).collect();
    client.send(&bytes).await;
    bench.intake.wait_for(10).await;
    client.send(wire::PINGREQ).await;
    client.expect_nothing_for(Duration::from_millis(50)).await;
    assert_eq!(bench.intake.messages().len(), 10);
}

#[tokio::test(start_paused = true)]
async fn bytes_in_flight_are_bounded_per_connection() {
    let options = EndpointOptions { max_in_flight_bytes: 10_000, read_buffer_bytes: 64 << 10, ..EndpointOptions::default() };
    let bench = Bench::with(FakeIntake::manual(), options);
    let mut client = bench.connect(4).await;
    for id in 1..=9 {
        client.send(&wire::publish(4, 1, id, "t", &[0; 4000])).await;
    }
    // The third one crosses the bound.
    bench.intake.wait_for(3).await;
    client.send(wire::PINGREQ).await;
    client.expect_nothing_for(Duration::from_millis(50)).await;
    assert_eq!(bench.intake.messages().len(), 3);
    for number in 0..9 {
        bench.intake.wait_for(number + 1).await;
        bench.intake.resolve(number, Ok(()));
    }
    assert_eq!(client.acks(PUBACK, 9).await.len(), 9);
}

#[tokio::test(start_paused = true)]
async fn bytes_in_flight_are_bounded_over_all_connections_and_every_connection_can_still_move() {
    let options = EndpointOptions { max_total_in_flight_bytes: 5000, ..EndpointOptions::default() };
    let bench = Bench::with(FakeIntake::manual(), options);
    let mut greedy = bench.connect_as(wire::Connect { client_id: "greedy", ..wire::Connect::default() }).await;
    for id in 1..=4 {
        greedy.send(&wire::publish(4, 1, id, "t", &[0; 4000])).await;
    }
    bench.intake.wait_for(2).await;
    let mut other = bench.connect_as(wire::Connect { client_id: "other", ..wire::Connect::default() }).await;
    other.send(&wire::publish(4, 1, 1, "o", &[0; 4000])).await;
    bench.intake.wait_for(3).await;
    assert_eq!(bench.intake.topics(), ["t", "t", "o"]);
    drop((greedy, other));
    let total = || bench.server.shared.total_in_flight_bytes.load(Ordering::SeqCst);
    for number in 0..5 {
        bench.intake.resolve(number, Ok(()));
    }
    eventually("closed connections give their bytes back", || total() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_take_its_acknowledgements_is_cut_off() {
    let options = EndpointOptions { max_outbound_bytes: 256, ..EndpointOptions::default() };
    let bench = Bench::with(FakeIntake::immediate(), options);
    // A socket that takes 64 bytes: CONNACK and fifteen acknowledgements.
    let mut client = bench.dial_from(crate::mqtt::PeerAddr::tcp(super::LOCAL.parse().unwrap()), 64);
    client.send(&wire::connect_v4("c")).await;
    let flood: Vec<u8> = publishes(4, 1, 2000);
    let started = tokio::time::Instant::now();
    let (mut reader, mut writer) = tokio::io::split(client.stream);
    let written = writer.write_all(&flood).await;
    assert!(written.is_err(), "the endpoint stops reading and closes");
    assert_eq!(started.elapsed(), EndpointOptions::default().write_timeout);
    // Memory stayed bounded: reading stopped long before all was taken.
    assert!(bench.intake.messages().len() < 500, "{}", bench.intake.messages().len());
    assert_eq!(bench.metrics.endpoint.write_timeouts.get(), 1);
    let mut rest = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut reader, &mut rest).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_does_not_hold_up_the_batch_it_has_sent() {
    // The intake must be polled to take the batch, also while the answers of this connection cannot be written.
    let bench = Bench::new(FakeIntake::immediate());
    let mut client = bench.dial_from(crate::mqtt::PeerAddr::tcp(super::LOCAL.parse().unwrap()), 8);
    client.send(&wire::connect_v4("c")).await;
    // Fills the eight bytes towards us, so that CONNACK and PINGRESP are stuck, then one publish.
    for _ in 0..4 {
        client.send(wire::PINGREQ).await;
    }
    bench.intake.close_gate();
    client.send(&publishes(4, 1, 1)).await;
    bench.intake.open_gate();
    bench.intake.wait_for(1).await;
}
