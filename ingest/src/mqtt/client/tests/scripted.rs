//! A broker that does what the test says, behind the same seam as the library.
//!
//! The clock of the runtime stands still and jumps to the next timer when nothing else is left to do, so the defaults are tested as they are.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{clock, reach, subscribed};
use crate::message::{Intake, Refusal};
use crate::mqtt::MqttMetrics;
use crate::mqtt::client::link::{AckId, Broker, Incoming, Link, LinkError, LinkEvent, Requests};
use crate::mqtt::client::{BrokerOptions, BrokerState, ClientHandle, spawn_with};
use crate::mqtt::testing::{FakeIntake, eventually};

type Step = Result<LinkEvent, LinkError>;

/// Gives out one prepared link per connection attempt; further attempts wait for ever.
struct Script {
    links: Mutex<VecDeque<ScriptedLink>>,
}

struct ScriptedLink {
    steps: mpsc::UnboundedReceiver<Step>,
    requests: Arc<Recorded>,
}

/// What the client asked for on one connection.
#[derive(Default)]
struct Recorded {
    acks: Mutex<Vec<u16>>,
    subscriptions: Mutex<usize>,
    is_full: std::sync::atomic::AtomicBool,
    /// What was acknowledged when it said goodbye.
    goodbye: Mutex<Option<Vec<u16>>>,
}

impl Recorded {
    fn acks(&self) -> Vec<u16> {
        self.acks.lock().unwrap().clone()
    }
}

impl Requests for Recorded {
    fn try_ack(&self, ack: AckId) -> bool {
        if self.is_full.load(std::sync::atomic::Ordering::SeqCst) {
            return false;
        }
        self.acks.lock().unwrap().push(ack.packet_id);
        true
    }

    fn try_subscribe(&self) -> bool {
        *self.subscriptions.lock().unwrap() += 1;
        true
    }

    fn try_disconnect(&self) -> bool {
        *self.goodbye.lock().unwrap() = Some(self.acks());
        true
    }
}

impl Broker for Script {
    fn link(&self) -> Box<dyn Link> {
        let (_, never) = mpsc::unbounded_channel();
        let idle = || ScriptedLink { steps: never, requests: Arc::default() };
        Box::new(self.links.lock().unwrap().pop_front().unwrap_or_else(idle))
    }
}

impl Link for ScriptedLink {
    fn poll(&mut self) -> BoxFuture<'_, Step> {
        async {
            match self.steps.recv().await {
                Some(step) => step,
                None => std::future::pending().await,
            }
        }
        .boxed()
    }

    fn requests(&self) -> Arc<dyn Requests> {
        Arc::clone(&self.requests) as Arc<dyn Requests>
    }
}

/// The hand of the test on one connection.
struct Connection {
    steps: mpsc::UnboundedSender<Step>,
    requests: Arc<Recorded>,
}

impl Connection {
    fn connect(&self, session_present: bool) {
        self.steps.send(Ok(LinkEvent::Connected { session_present })).unwrap();
        self.steps.send(Ok(LinkEvent::Subscribed(vec![Ok(1)]))).unwrap();
    }

    fn publish(&self, packet_id: Option<u16>, topic: &str, bytes: usize) {
        let payload = Bytes::from(vec![0; bytes]);
        let ack = packet_id.map(|packet_id| AckId { packet_id, is_exactly_once: false });
        let incoming = Incoming { topic: topic.to_owned(), size: topic.len() + bytes, payload, retained: false, is_repeat: false, ack };
        self.steps.send(Ok(LinkEvent::Message(incoming))).unwrap();
    }

    fn lose(&self) {
        self.fail(LinkError::Lost("cable cut".to_owned()));
    }

    fn fail(&self, error: LinkError) {
        self.steps.send(Err(error)).unwrap();
    }
}

struct Bench {
    intake: Arc<FakeIntake>,
    metrics: MqttMetrics,
    client: ClientHandle,
    connections: Vec<Connection>,
}

fn bench(intake: FakeIntake, connections: usize, change: impl FnOnce(&mut BrokerOptions)) -> Bench {
    let mut options = BrokerOptions::new("b", "mqtt://nowhere", "c", ["#"]);
    change(&mut options);
    let (hands, links): (Vec<_>, VecDeque<_>) = (0..connections)
        .map(|_| {
            let (sender, steps) = mpsc::unbounded_channel();
            let requests = Arc::new(Recorded::default());
            (Connection { steps: sender, requests: Arc::clone(&requests) }, ScriptedLink { steps, requests })
        })
        .unzip();
    let intake = Arc::new(intake);
    let metrics = MqttMetrics::default();
    let broker = Arc::new(Script { links: Mutex::new(links) });
    let client = spawn_with(options, broker, Arc::clone(&intake) as Arc<dyn Intake>, clock(), &metrics);
    Bench { intake, metrics, client, connections: hands }
}

#[tokio::test(start_paused = true)]
async fn acks_leave_only_after_the_receipt_and_in_arrival_order() {
    let bench = bench(FakeIntake::manual(), 1, |_| {});
    let connection = &bench.connections[0];
    connection.connect(false);
    for id in 1..=4 {
        connection.publish(Some(id), "t", 1);
    }
    bench.intake.wait_for(4).await;
    for number in [3, 1, 2] {
        bench.intake.resolve(number, Ok(()));
    }
    // Nothing may happen now; a message that went all the way round proves that the tasks have run.
    connection.publish(None, "later", 1);
    bench.intake.wait_for(5).await;
    assert!(connection.requests.acks().is_empty());
    bench.intake.resolve(0, Ok(()));
    eventually("all four are acknowledged", || connection.requests.acks() == [1, 2, 3, 4]).await;
}

#[tokio::test(start_paused = true)]
async fn an_ack_of_a_lost_connection_never_reaches_the_next_one() {
    let bench = bench(FakeIntake::manual(), 2, |_| {});
    let [first, second] = &bench.connections[..] else { unreachable!() };
    first.connect(false);
    first.publish(Some(7), "old", 1);
    bench.intake.wait_for(1).await;
    first.lose();
    second.connect(true);
    // The broker uses the identifier for another message.
    second.publish(Some(7), "new", 1);
    bench.intake.wait_for(2).await;
    bench.intake.resolve(0, Ok(()));
    let stale = bench.metrics.client.of("b").stale_acks;
    eventually("the stale acknowledgement is dropped", || stale.get() == 1).await;
    assert!(first.requests.acks().is_empty() && second.requests.acks().is_empty());
    bench.intake.resolve(1, Ok(()));
    eventually("the new message is acknowledged", || second.requests.acks() == [7]).await;
}

#[tokio::test(start_paused = true)]
async fn every_connack_is_followed_by_a_subscription() {
    let bench = bench(FakeIntake::immediate(), 3, |_| {});
    for (connection, session_present) in bench.connections.iter().zip([false, true, false]) {
        connection.connect(session_present);
        eventually("subscribed", || *connection.requests.subscriptions.lock().unwrap() == 1).await;
        subscribed(&bench.client).await;
        connection.lose();
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_filter_is_visible_and_asked_for_again() {
    let bench = bench(FakeIntake::immediate(), 1, |options| options.topics.push("secret/#".to_owned()));
    let connection = &bench.connections[0];
    connection.steps.send(Ok(LinkEvent::Connected { session_present: false })).unwrap();
    connection.steps.send(Ok(LinkEvent::Subscribed(vec![Ok(1), Err("NotAuthorized".to_owned())]))).unwrap();
    let state = reach(&bench.client, |state| matches!(state, BrokerState::Refused { .. })).await;
    assert_eq!(state, BrokerState::Refused { reason: "subscription refused for `secret/#`: NotAuthorized".to_owned() });
    let subscriptions = || *connection.requests.subscriptions.lock().unwrap();
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert_eq!(subscriptions(), 1);
    tokio::time::sleep(Duration::from_secs(1)).await;
    eventually("asked again", || subscriptions() == 2).await;
    connection.steps.send(Ok(LinkEvent::Subscribed(vec![Ok(1), Ok(1)]))).unwrap();
    subscribed(&bench.client).await;
}

#[tokio::test(start_paused = true)]
async fn a_subscription_without_an_answer_ends_the_connection() {
    let bench = bench(FakeIntake::immediate(), 2, |_| {});
    let started = Instant::now();
    bench.connections[0].steps.send(Ok(LinkEvent::Connected { session_present: false })).unwrap();
    reach(&bench.client, |state| matches!(state, BrokerState::Disconnected { reason, .. } if reason.contains("subscription"))).await;
    assert_eq!(started.elapsed(), Duration::from_secs(15));
    bench.connections[1].connect(false);
    subscribed(&bench.client).await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_message_is_submitted_again_and_holds_back_later_acks() {
    // The message on `stubborn` is refused five times.
    let refusals = Mutex::new(5);
    let intake = FakeIntake::immediate().answering(move |_, message| {
        let mut left = refusals.lock().unwrap();
        if message.topic == "stubborn" && *left > 0 {
            *left -= 1;
            return Err(Refusal::Retry);
        }
        Ok(())
    });
    let bench = bench(intake, 1, |_| {});
    let connection = &bench.connections[0];
    connection.connect(false);
    connection.publish(Some(1), "easy", 1);
    connection.publish(Some(2), "stubborn", 1);
    connection.publish(Some(3), "easy", 1);
    bench.intake.wait_for(4).await;
    let acks = connection.requests.acks();
    assert!(acks.is_empty() || acks == [1], "{acks:?}");
    eventually("all are acknowledged in order", || connection.requests.acks() == [1, 2, 3]).await;
    assert_eq!(bench.metrics.client.of("b").retries.get(), 5);
    assert_eq!(bench.intake.topics().iter().filter(|topic| *topic == "stubborn").count(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_refused_message_is_left_to_the_broker_once_it_delivers_it_again() {
    let intake = FakeIntake::immediate().answering(|number, _| if number == 0 { Err(Refusal::Retry) } else { Ok(()) });
    // The next submission of the first message would come after an hour.
    let bench = bench(intake, 2, |options| {
        options.min_retry_backoff = Duration::from_hours(1);
        options.max_retry_backoff = Duration::from_hours(1);
    });
    let [first, second] = &bench.connections[..] else { unreachable!() };
    first.connect(false);
    first.publish(Some(1), "t", 1);
    bench.intake.wait_for(1).await;
    first.lose();
    second.connect(true);
    second.publish(Some(1), "t", 1);
    eventually("the redelivered one is acknowledged", || second.requests.acks() == [1]).await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_log_acknowledges_nothing_and_is_final() {
    let bench = bench(FakeIntake::manual(), 2, |_| {});
    let connection = &bench.connections[0];
    connection.connect(false);
    connection.publish(Some(1), "t", 1);
    connection.publish(Some(2), "t", 1);
    bench.intake.wait_for(2).await;
    bench.intake.resolve(1, Ok(()));
    bench.intake.resolve(0, Err(Refusal::Fatal));
    let state = reach(&bench.client, BrokerState::is_final).await;
    assert_eq!(state, BrokerState::StoreFailed);
    assert!(connection.requests.acks().is_empty());
}

#[tokio::test(start_paused = true)]
async fn polling_goes_on_while_the_intake_makes_everything_wait() {
    let bench = bench(FakeIntake::immediate(), 1, |options| {
        options.max_in_flight = 10;
        options.max_queued_messages = 5;
    });
    let connection = &bench.connections[0];
    connection.connect(false);
    subscribed(&bench.client).await;
    bench.intake.close_gate();
    for id in 1..=10 {
        connection.publish(Some(id), "kept", 1);
    }
    for _ in 0..20 {
        connection.publish(None, "fleeting", 1);
    }
    let dropped = bench.metrics.client.of("b").dropped;
    // All thirty were polled although not one could be handed on: ten are inside the window, five wait, fifteen are dropped.
    eventually("the surplus is dropped", || dropped.get() == 15).await;
    assert!(bench.intake.messages().is_empty());
    bench.intake.open_gate();
    bench.intake.wait_for(15).await;
    eventually("the window is acknowledged", || connection.requests.acks() == (1..=10).collect::<Vec<_>>()).await;
    assert_eq!(*bench.client.state().borrow(), BrokerState::Subscribed);
}

#[tokio::test(start_paused = true)]
async fn queued_bytes_are_bounded_too() {
    let bench = bench(FakeIntake::immediate(), 1, |options| options.max_queued_bytes = 1000);
    let connection = &bench.connections[0];
    connection.connect(false);
    bench.intake.close_gate();
    for _ in 0..5 {
        connection.publish(None, "t", 600);
    }
    let dropped = bench.metrics.client.of("b").dropped;
    eventually("three are dropped", || dropped.get() == 3).await;
    bench.intake.open_gate();
    bench.intake.wait_for(2).await;
    // What was settled gives its bytes back.
    eventually("room again", || {
        connection.publish(None, "t", 600);
        bench.intake.messages().len() > 2
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_ignores_the_window_is_read_as_fast_as_the_store_goes() {
    let bench = bench(FakeIntake::manual(), 1, |options| options.max_in_flight = 3);
    let connection = &bench.connections[0];
    connection.connect(false);
    for id in 1..=30 {
        connection.publish(Some(id), "t", 1);
    }
    for number in 0..30 {
        bench.intake.wait_for(number + 1).await;
        // Twice the window and no more.
        assert!(bench.intake.messages().len() <= number + 6);
        bench.intake.resolve(number, Ok(()));
    }
    eventually("all are acknowledged", || connection.requests.acks() == (1..=30).collect::<Vec<_>>()).await;
    assert_eq!(bench.metrics.client.of("b").connects.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn reading_never_pauses_so_long_that_a_ping_is_late() {
    let bench = bench(FakeIntake::manual(), 2, |options| options.max_in_flight = 1);
    let [first, second] = &bench.connections[..] else { unreachable!() };
    first.connect(false);
    subscribed(&bench.client).await;
    for id in 1..=3 {
        first.publish(Some(id), "t", 1);
    }
    let started = Instant::now();
    reach(&bench.client, |state| matches!(state, BrokerState::Disconnected { reason, .. } if reason.contains("keep up"))).await;
    // A quarter of the keep-alive of 20 s.
    assert_eq!(started.elapsed(), Duration::from_secs(5));
    assert!(first.requests.acks().is_empty());
    second.connect(true);
    subscribed(&bench.client).await;
}

#[tokio::test(start_paused = true)]
async fn of_an_oversize_message_the_beginning_is_handed_on_and_acknowledged_in_its_turn() {
    let bench = bench(FakeIntake::manual(), 1, |_| {});
    let connection = &bench.connections[0];
    connection.connect(false);
    connection.publish(Some(1), "small", 10);
    connection.publish(Some(2), "big", (1 << 20) + 1);
    connection.publish(None, "big", (1 << 20) + 1);
    connection.publish(Some(3), "small", 10);
    bench.intake.wait_for(4).await;
    for number in [1, 2, 3] {
        bench.intake.resolve(number, Ok(()));
    }
    assert!(connection.requests.acks().is_empty());
    bench.intake.resolve(0, Ok(()));
    eventually("acknowledged in order", || connection.requests.acks() == [1, 2, 3]).await;
    let kept: Vec<_> = bench.intake.messages().iter().map(|message| (message.payload.len(), message.cut_from)).collect();
    let cut = (1 << 20, Some((1 << 20) + 1));
    assert_eq!(kept, [(10, None), cut, cut, (10, None)]);
    assert_eq!(bench.metrics.client.of("b").oversize.get(), 2);
}

#[tokio::test(start_paused = true)]
async fn oversize_messages_without_acknowledgement_give_their_room_back() {
    let bench = bench(FakeIntake::immediate(), 1, |options| options.max_queued_bytes = 3 << 20);
    let connection = &bench.connections[0];
    connection.connect(false);
    for number in 1..=5 {
        connection.publish(None, "big", 4 << 20);
        bench.intake.wait_for(number).await;
    }
    assert_eq!(bench.metrics.client.of("b").oversize.get(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_packet_above_every_limit_is_counted_and_named_and_does_not_start_a_reconnect_storm() {
    let bench = bench(FakeIntake::immediate(), 2, |_| {});
    for connection in &bench.connections {
        connection.connect(true);
        connection.fail(LinkError::TooLarge(20_000_000));
    }
    let state = reach(&bench.client, |state| matches!(state, BrokerState::Disconnected { .. })).await;
    assert!(matches!(&state, BrokerState::Disconnected { reason, .. } if reason.contains("20000000 bytes")), "{state:?}");
    let of_broker = bench.metrics.client.of("b");
    // The longest pause at once: a minute, shortened by up to half.
    tokio::time::sleep(Duration::from_secs(29)).await;
    assert_eq!((of_broker.connects.get(), of_broker.oversize.get()), (1, 1));
    tokio::time::sleep(Duration::from_secs(32)).await;
    assert_eq!((of_broker.connects.get(), of_broker.oversize.get()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn messages_that_were_published_without_an_acknowledgement_are_counted() {
    let bench = bench(FakeIntake::immediate(), 1, |_| {});
    let connection = &bench.connections[0];
    connection.connect(false);
    connection.publish(Some(1), "kept", 1);
    connection.publish(None, "fleeting", 1);
    connection.publish(None, "fleeting", 1);
    bench.intake.wait_for(3).await;
    assert_eq!(bench.metrics.client.of("b").at_most_once.get(), 2);
}

#[tokio::test(start_paused = true)]
async fn acks_wait_in_order_while_the_request_queue_is_full() {
    let bench = bench(FakeIntake::immediate(), 1, |_| {});
    let connection = &bench.connections[0];
    connection.requests.is_full.store(true, std::sync::atomic::Ordering::SeqCst);
    connection.connect(false);
    for id in 1..=5 {
        connection.publish(Some(id), "t", 1);
    }
    bench.intake.wait_for(5).await;
    assert!(connection.requests.acks().is_empty());
    connection.requests.is_full.store(false, std::sync::atomic::Ordering::SeqCst);
    eventually("all are acknowledged", || connection.requests.acks() == [1, 2, 3, 4, 5]).await;
}

#[tokio::test(start_paused = true)]
async fn a_takeover_is_final() {
    let bench = bench(FakeIntake::immediate(), 2, |_| {});
    bench.connections[0].connect(false);
    bench.connections[0].fail(LinkError::TakenOver);
    assert_eq!(reach(&bench.client, BrokerState::is_final).await, BrokerState::TakenOver);
}

#[tokio::test(start_paused = true)]
async fn connections_that_never_last_slow_down_and_say_what_it_may_be() {
    let bench = bench(FakeIntake::immediate(), 4, |_| {});
    for connection in &bench.connections {
        connection.connect(true);
        connection.lose();
    }
    let state =
        reach(&bench.client, |state| matches!(state, BrokerState::Disconnected { reason, .. } if reason.contains("another client"))).await;
    assert!(matches!(state, BrokerState::Disconnected { since, .. } if since.as_micros() == 42));
}

#[tokio::test(start_paused = true)]
async fn reconnects_are_bounded_while_the_network_flaps_for_ten_minutes() {
    let bench = bench(FakeIntake::immediate(), 100, |_| {});
    for connection in &bench.connections {
        connection.connect(true);
        connection.lose();
    }
    tokio::time::sleep(Duration::from_mins(10)).await;
    let connects = bench.metrics.client.of("b").connects.get();
    // At once, then after 1, 2, 4, 8, 16, 32 and 60, 60, ... seconds, each shortened by up to half: 15 attempts to 25.
    assert!((15..=25).contains(&connects), "{connects}");
}

#[tokio::test(start_paused = true)]
async fn shutdown_waits_for_receipts_and_acknowledges_them() {
    let bench = bench(FakeIntake::manual(), 1, |_| {});
    let connection = &bench.connections[0];
    connection.connect(false);
    connection.publish(Some(1), "t", 1);
    connection.publish(Some(2), "t", 1);
    bench.intake.wait_for(2).await;
    let state = bench.client.state();
    let requests = Arc::clone(&connection.requests);
    let shutdown = tokio::spawn(bench.client.shutdown());
    bench.intake.resolve(0, Ok(()));
    eventually("the first is acknowledged", || requests.acks() == [1]).await;
    assert!(!shutdown.is_finished());
    bench.intake.resolve(1, Ok(()));
    eventually("the second is acknowledged", || requests.acks() == [1, 2]).await;
    shutdown.await.unwrap();
    assert_eq!(*requests.goodbye.lock().unwrap(), Some(vec![1, 2]), "goodbye comes last");
    assert_eq!(*state.borrow(), BrokerState::Stopped);
}

#[tokio::test(start_paused = true)]
async fn shutdown_does_not_wait_for_the_next_submission_and_leaves_no_gap_between_acks() {
    let intake = FakeIntake::immediate().answering(|number, _| if number == 1 { Err(Refusal::Retry) } else { Ok(()) });
    let bench = bench(intake, 1, |options| options.min_retry_backoff = Duration::from_secs(30));
    let connection = &bench.connections[0];
    connection.connect(false);
    for id in 1..=3 {
        connection.publish(Some(id), "t", 1);
    }
    bench.intake.wait_for(3).await;
    let started = Instant::now();
    bench.client.shutdown().await;
    // The second in which a broker may close after our goodbye; this one does not.
    assert_eq!(started.elapsed(), Duration::from_secs(1));
    // The third is on disk too, but its acknowledgement would overtake that of the second.
    assert_eq!(connection.requests.acks(), [1]);
}

#[tokio::test(start_paused = true)]
async fn shutdown_does_not_wait_for_ever_for_a_receipt() {
    let bench = bench(FakeIntake::manual(), 1, |_| {});
    let connection = &bench.connections[0];
    connection.connect(false);
    connection.publish(Some(1), "t", 1);
    bench.intake.wait_for(1).await;
    let started = Instant::now();
    bench.client.shutdown().await;
    // `drain_timeout`, and two seconds for a task that does not keep to it.
    assert_eq!(started.elapsed(), Duration::from_secs(7));
    assert!(connection.requests.acks().is_empty());
}
