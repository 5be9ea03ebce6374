//! When acknowledgements leave, in which order, and when they do not.

use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::{Bench, publishes};
use crate::message::Refusal;
use crate::mqtt::endpoint::EndpointOptions;
use crate::mqtt::testing::wire::{self, DISCONNECT, PUBACK, PUBCOMP, PUBREC};
use crate::mqtt::testing::{FakeIntake, eventually};

#[tokio::test(start_paused = true)]
async fn acks_leave_only_after_the_receipt_resolves() {
    for level in [4, 5] {
        let bench = Bench::new(FakeIntake::manual());
        let mut client = bench.connect(level).await;
        client.send(&publishes(level, 1, 2)).await;
        bench.intake.wait_for(2).await;
        client.expect_silence().await;
        bench.intake.resolve(0, Ok(()));
        assert_eq!(client.acks(PUBACK, 1).await, [1]);
        client.expect_silence().await;
        bench.intake.resolve(1, Ok(()));
        assert_eq!(client.acks(PUBACK, 1).await, [2]);
        assert_eq!(bench.metrics.endpoint.acks.get(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn acks_leave_in_arrival_order_when_receipts_resolve_in_any_order() {
    for level in [4, 5] {
        let bench = Bench::new(FakeIntake::manual());
        let mut client = bench.connect(level).await;
        client.send(&publishes(level, 10, 5)).await;
        bench.intake.wait_for(5).await;
        for number in [4, 2, 1, 3] {
            bench.intake.resolve(number, Ok(()));
            client.expect_silence().await;
        }
        bench.intake.resolve(0, Ok(()));
        assert_eq!(client.acks(PUBACK, 5).await, [10, 11, 12, 13, 14]);
    }
}

#[tokio::test(start_paused = true)]
async fn publishes_of_one_read_are_one_batch_in_order_with_the_time_of_the_read() {
    let bench = Bench::new(FakeIntake::immediate());
    let mut client = bench.connect(4).await;
    bench.clock.set(stadtwarte_model::Timestamp::from_micros(7_000_000));
    client.send(&publishes(4, 1, 20)).await;
    assert_eq!(client.acks(PUBACK, 20).await, (1..=20).collect::<Vec<_>>());
    assert_eq!(bench.intake.batches(), [20]);
    let messages = bench.intake.messages();
    assert_eq!(bench.intake.topics(), (1..=20).map(|id| format!("t/{id}")).collect::<Vec<_>>());
    assert!(messages.iter().all(|message| message.received_at.as_micros() == 7_000_000));
    assert!(messages.iter().all(|message| &*message.source == "endpoint" && &message.payload[..] == b"payload"));
}

#[tokio::test(start_paused = true)]
async fn acks_of_earlier_batches_leave_while_the_intake_makes_a_batch_wait() {
    let bench = Bench::new(FakeIntake::manual());
    let mut client = bench.connect(4).await;
    client.send(&publishes(4, 1, 2)).await;
    bench.intake.wait_for(2).await;
    bench.intake.close_gate();
    client.send(&publishes(4, 3, 1)).await;
    bench.intake.resolve(0, Ok(()));
    bench.intake.resolve(1, Ok(()));
    assert_eq!(client.acks(PUBACK, 2).await, [1, 2]);
    assert_eq!(bench.intake.topics().len(), 2);
    bench.intake.open_gate();
    bench.intake.wait_for(3).await;
    bench.intake.resolve(2, Ok(()));
    assert_eq!(client.acks(PUBACK, 1).await, [3]);
}

#[tokio::test(start_paused = true)]
async fn a_fire_and_forget_publisher_is_heard_to_the_end() {
    let bench = Bench::new(FakeIntake::immediate());
    bench.intake.close_gate();
    let mut client = bench.connect(4).await;
    client.send(&wire::publish(4, 0, 0, "a/b", b"x")).await;
    client.send(&[0xe0, 0]).await;
    drop(client);
    bench.intake.open_gate();
    bench.intake.wait_for(1).await;
    assert_eq!(bench.intake.topics(), ["a/b"]);
}

#[tokio::test(start_paused = true)]
async fn what_came_before_the_end_of_the_stream_is_acknowledged() {
    let bench = Bench::new(FakeIntake::manual());
    let mut client = bench.connect(4).await;
    client.send(&publishes(4, 1, 3)).await;
    client.stream.shutdown().await.unwrap();
    bench.intake.wait_for(3).await;
    for number in 0..3 {
        bench.intake.resolve(number, Ok(()));
    }
    assert_eq!(client.acks(PUBACK, 3).await, [1, 2, 3]);
    client.expect_end().await;
}

#[tokio::test(start_paused = true)]
async fn a_publish_that_may_be_a_repetition_says_so() {
    let bench = Bench::new(FakeIntake::immediate());
    let mut client = bench.connect(4).await;
    let mut repeated = wire::publish(4, 1, 1, "a", b"x");
    repeated[0] |= 8;
    client.send(&repeated).await;
    client.send(&wire::publish(4, 1, 2, "a", b"x")).await;
    bench.intake.wait_for(2).await;
    let flags: Vec<bool> = bench.intake.messages().iter().map(|message| message.is_repeat).collect();
    assert_eq!(flags, [true, false]);
}

#[tokio::test(start_paused = true)]
async fn a_publish_that_asks_to_be_retained_is_as_fresh_as_any() {
    let bench = Bench::new(FakeIntake::immediate());
    let mut client = bench.connect(4).await;
    let mut retained = wire::publish(4, 1, 1, "a", b"x");
    retained[0] |= 1;
    client.send(&retained).await;
    client.send(&wire::publish(4, 1, 2, "a", b"x")).await;
    client.acks(PUBACK, 2).await;
    assert_eq!(bench.intake.messages().iter().map(|message| message.retained).collect::<Vec<_>>(), [false, false]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_message_ends_the_connection_after_the_acks_before_it() {
    for level in [4, 5] {
        let intake =
            FakeIntake::after(Duration::from_millis(3)).answering(|number, _| if number == 30 { Err(Refusal::Retry) } else { Ok(()) });
        let bench = Bench::new(intake);
        let mut client = bench.connect(level).await;
        client.send(&publishes(level, 1, 50)).await;
        assert_eq!(client.acks(PUBACK, 30).await, (1..=30).collect::<Vec<_>>());
        if level == 5 {
            assert_eq!(client.expect(DISCONNECT).await, [0x97, 0]);
        }
        client.expect_end().await;
        assert_eq!(bench.metrics.endpoint.acks.get(), 30);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_publisher_is_held_before_it_may_come_back() {
    for level in [4, 5] {
        let intake = FakeIntake::immediate().answering(|_, _| Err(Refusal::Retry));
        let bench = Bench::new(intake);
        let mut client = bench.connect(level).await;
        let started = tokio::time::Instant::now();
        client.send(&publishes(level, 1, 1)).await;
        if level == 5 {
            assert_eq!(client.expect(DISCONNECT).await, [0x97, 0]);
        }
        client.expect_end().await;
        assert_eq!(started.elapsed(), EndpointOptions::default().refusal_pause);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_log_acknowledges_nothing_more_and_closes() {
    for level in [4, 5] {
        let intake = FakeIntake::immediate().answering(|number, _| if number == 2 { Err(Refusal::Fatal) } else { Ok(()) });
        let bench = Bench::new(intake);
        let mut client = bench.connect(level).await;
        client.send(&publishes(level, 1, 5)).await;
        assert_eq!(client.acks(PUBACK, 2).await, [1, 2]);
        if level == 5 {
            assert_eq!(client.expect(DISCONNECT).await, [0x83, 0]);
        }
        client.expect_end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_message_without_acknowledgement_is_counted_and_the_connection_stays() {
    let bench = Bench::with(FakeIntake::immediate().answering(|_, _| Err(Refusal::Retry)), EndpointOptions::default());
    let mut client = bench.connect(4).await;
    client.send(&wire::publish(4, 0, 0, "a", b"x")).await;
    bench.intake.wait_for(1).await;
    client.expect_silence().await;
    let refusals = || bench.metrics.endpoint.refusals.get_or_create(&[("reason", "retry")]).get();
    eventually("the refusal is counted", || refusals() == 1).await;
}

#[tokio::test(start_paused = true)]
async fn exactly_once_is_received_only_when_it_is_on_disk() {
    for level in [4, 5] {
        let bench = Bench::new(FakeIntake::manual());
        let mut client = bench.connect(level).await;
        client.send(&wire::publish(level, 2, 7, "a", b"x")).await;
        bench.intake.wait_for(1).await;
        // A repetition while the first one is not on disk: the codec would answer it at once.
        let mut again = wire::publish(level, 2, 7, "a", b"x");
        again[0] |= 8;
        client.send(&again).await;
        client.expect_silence().await;
        bench.intake.resolve(0, Ok(()));
        assert_eq!(client.acks(PUBREC, 1).await, [7]);
        // A repetition after PUBREC is answered again and not stored again.
        client.send(&again).await;
        assert_eq!(client.acks(PUBREC, 1).await, [7]);
        client.send(&wire::pubrel(7)).await;
        assert_eq!(client.acks(PUBCOMP, 1).await, [7]);
        assert_eq!(bench.intake.messages().len(), 1);
        // The identifier is free again.
        client.send(&wire::publish(level, 2, 7, "a", b"y")).await;
        bench.intake.wait_for(2).await;
        bench.intake.resolve(1, Ok(()));
        assert_eq!(client.acks(PUBREC, 1).await, [7]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_release_of_an_unknown_identifier_is_completed() {
    for (level, expected) in [(4, &[0, 9][..]), (5, &[0, 9, 0x92])] {
        let bench = Bench::new(FakeIntake::immediate());
        let mut client = bench.connect(level).await;
        client.send(&wire::pubrel(9)).await;
        assert_eq!(client.expect(PUBCOMP).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_release_before_the_message_is_received_breaks_the_exchange() {
    let bench = Bench::new(FakeIntake::manual());
    let mut client = bench.connect(5).await;
    client.send(&wire::publish(5, 2, 7, "a", b"x")).await;
    client.send(&wire::pubrel(7)).await;
    bench.intake.wait_for(1).await;
    bench.intake.resolve(0, Ok(()));
    assert_eq!(client.acks(PUBREC, 1).await, [7]);
    assert_eq!(client.expect(DISCONNECT).await, [0x82, 0]);
    client.expect_end().await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_exactly_once_message_is_not_answered() {
    let bench = Bench::new(FakeIntake::immediate().answering(|_, _| Err(Refusal::Retry)));
    let mut client = bench.connect(5).await;
    client.send(&wire::publish(5, 2, 7, "a", b"x")).await;
    assert_eq!(client.expect(DISCONNECT).await, [0x97, 0]);
    client.expect_end().await;
}

#[tokio::test(start_paused = true)]
async fn good_messages_before_a_broken_one_are_acknowledged_before_the_connection_is_closed() {
    for level in [4, 5] {
        let bench = Bench::with(FakeIntake::after(Duration::from_millis(5)), EndpointOptions::default());
        let mut client = bench.connect(level).await;
        let mut bytes = publishes(level, 1, 3);
        bytes.extend(wire::publish(level, 1, 4, "with/#/wildcard", b"x"));
        client.send(&bytes).await;
        assert_eq!(client.acks(PUBACK, 3).await, [1, 2, 3]);
        if level == 5 {
            assert_eq!(client.expect(DISCONNECT).await, [0x90, 0]);
        }
        client.expect_end().await;
        assert_eq!(bench.intake.messages().len(), 3);
    }
}
