//! A real Mosquitto: sessions, redelivery, restarts, refusals.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::{BOTH, quick, reach, spawn, subscribed};
use crate::message::Refusal;
use crate::mqtt::MqttMetrics;
use crate::mqtt::client::{BrokerOptions, BrokerState, Protocol};
use crate::mqtt::testing::mosquitto::{Mosquitto, Setup, access_list_plugin};
use crate::mqtt::testing::{FakeIntake, eventually};

fn options(broker: &Mosquitto, protocol: Protocol) -> BrokerOptions {
    BrokerOptions { protocol, ..quick("mosquitto", &broker.url(), "stadtwarte-test") }
}

fn lines(from: usize, to: usize) -> Vec<String> {
    (from..to).map(|number| format!("{number:04}")).collect()
}

fn payloads(intake: &FakeIntake) -> Vec<String> {
    intake.messages().iter().map(|message| String::from_utf8(message.payload.to_vec()).unwrap()).collect()
}

/// Proves that the broker holds nothing more for our session: a message sent now is the next one to come.
async fn expect_nothing_left(broker: &Mosquitto, protocol: Protocol) {
    let intake = Arc::new(FakeIntake::immediate());
    let client = spawn(options(broker, protocol), &intake, &MqttMetrics::default());
    subscribed(&client).await;
    broker.publish("t", 1, b"sentinel").await;
    eventually("the sentinel comes", || payloads(&intake).contains(&"sentinel".to_owned())).await;
    assert_eq!(payloads(&intake), ["sentinel"]);
    client.shutdown().await;
}

#[tokio::test]
async fn messages_come_in_order_and_are_acknowledged_only_after_the_receipt() {
    for protocol in BOTH {
        let broker = Mosquitto::start().await;
        let intake = Arc::new(FakeIntake::manual());
        let client = spawn(options(&broker, protocol), &intake, &MqttMetrics::default());
        subscribed(&client).await;
        broker.publish_lines("a/b", 1, &lines(0, 3)).await;
        intake.wait_for(3).await;
        assert_eq!(payloads(&intake), ["0000", "0001", "0002"]);
        assert!(intake.messages().iter().all(|message| message.topic == "a/b" && &*message.source == "mosquitto"));
        // Killed before any receipt: the broker must deliver all three to whoever comes with this identifier next.
        drop(client);
        let intake = Arc::new(FakeIntake::manual());
        let client = spawn(options(&broker, protocol), &intake, &MqttMetrics::default());
        intake.wait_for(3).await;
        assert_eq!(payloads(&intake), ["0000", "0001", "0002"]);
        intake.resolve(0, Ok(()));
        intake.resolve(1, Ok(()));
        // Shutdown sends the two acknowledgements; the third message stays with the broker.
        client.shutdown().await;
        let intake = Arc::new(FakeIntake::immediate());
        let client = spawn(options(&broker, protocol), &intake, &MqttMetrics::default());
        intake.wait_for(1).await;
        assert_eq!(payloads(&intake), ["0002"]);
        client.shutdown().await;
        expect_nothing_left(&broker, protocol).await;
    }
}

#[tokio::test]
async fn a_killed_broker_loses_nothing_and_no_ack_of_the_old_connection_reaches_the_new_one() {
    for protocol in BOTH {
        let mut broker = Mosquitto::start_with(Setup { is_persistent: true, ..Setup::default() }).await;
        let intake = Arc::new(FakeIntake::manual());
        let metrics = MqttMetrics::default();
        let client = spawn(options(&broker, protocol), &intake, &metrics);
        subscribed(&client).await;
        broker.publish_lines("a", 1, &lines(0, 60)).await;
        broker.save("0059").await;
        // Mosquitto sends twenty without an acknowledgement.
        intake.wait_for(20).await;
        broker.kill().await;
        reach(&client, |state| matches!(state, BrokerState::Disconnected { .. })).await;
        let of_first_connection = intake.messages().len();
        broker.restart().await;
        subscribed(&client).await;
        intake.wait_for(of_first_connection + 1).await;
        // Receipts of the first connection come only now.
        for number in 0..of_first_connection {
            intake.resolve(number, Ok(()));
        }
        let of_broker = metrics.client.of("mosquitto");
        let stale = u64::try_from(of_first_connection).unwrap();
        eventually("their acknowledgements are dropped", || of_broker.stale_acks.get() == stale).await;
        assert_eq!(of_broker.acks.get(), 0);
        // Everything is delivered on the second connection, what was under way on the first one included.
        for number in of_first_connection..of_first_connection + 60 {
            intake.wait_for(number + 1).await;
            intake.resolve(number, Ok(()));
        }
        eventually("all are acknowledged", || of_broker.acks.get() == 60).await;
        let redelivered: HashSet<_> = payloads(&intake)[of_first_connection..].iter().cloned().collect();
        assert_eq!(redelivered, lines(0, 60).into_iter().collect());
        client.shutdown().await;
        expect_nothing_left(&broker, protocol).await;
    }
}

#[tokio::test]
async fn a_broker_that_forgot_us_is_subscribed_again() {
    for protocol in BOTH {
        let mut broker = Mosquitto::start().await;
        let intake = Arc::new(FakeIntake::immediate());
        let client = spawn(options(&broker, protocol), &intake, &MqttMetrics::default());
        for round in 1..=3 {
            subscribed(&client).await;
            broker.publish("a", 1, b"x").await;
            intake.wait_for(round).await;
            broker.kill().await;
            reach(&client, |state| matches!(state, BrokerState::Disconnected { .. })).await;
            broker.restart().await;
        }
        subscribed(&client).await;
        client.shutdown().await;
    }
}

#[tokio::test]
async fn a_broker_that_is_down_at_start_is_waited_for() {
    for protocol in BOTH {
        let mut broker = Mosquitto::prepare(Setup::default());
        let intake = Arc::new(FakeIntake::immediate());
        let client = spawn(options(&broker, protocol), &intake, &MqttMetrics::default());
        reach(&client, |state| matches!(state, BrokerState::Disconnected { .. })).await;
        broker.restart().await;
        subscribed(&client).await;
        client.shutdown().await;
    }
}

#[tokio::test]
async fn large_messages_pass_and_too_large_ones_do_not_start_a_reconnect_loop() {
    for protocol in BOTH {
        let broker = Mosquitto::start().await;
        let intake = Arc::new(FakeIntake::immediate());
        let metrics = MqttMetrics::default();
        let client = spawn(options(&broker, protocol), &intake, &metrics);
        subscribed(&client).await;
        broker.publish("a", 1, &[b'1'; 12_000]).await;
        broker.publish("a", 1, &vec![b'2'; 2_000_000]).await;
        broker.publish("a", 1, b"after").await;
        intake.wait_for(3).await;
        let sizes: Vec<_> = intake.messages().iter().map(|message| (message.payload.len(), message.cut_from)).collect();
        assert_eq!(sizes, [(12_000, None), (1 << 20, Some(2_000_000)), (5, None)]);
        let of_broker = metrics.client.of("mosquitto");
        assert_eq!(of_broker.connects.get(), 1);
        assert_eq!(of_broker.oversize.get(), 1);
        client.shutdown().await;
        expect_nothing_left(&broker, protocol).await;
    }
}

#[tokio::test]
async fn a_takeover_that_the_broker_does_not_name_slows_down_and_says_what_it_may_be() {
    for protocol in BOTH {
        let broker = Mosquitto::start().await;
        let intake = Arc::new(FakeIntake::immediate());
        let first = spawn(options(&broker, protocol), &intake, &MqttMetrics::default());
        let _second = spawn(options(&broker, protocol), &intake, &MqttMetrics::default());
        reach(&first, |state| matches!(state, BrokerState::Disconnected { reason, .. } if reason.contains("another client"))).await;
    }
}

/// Anonymous clients may subscribe under `allowed/` only.
const ACCESS_LIST: &str = r#"{
  "defaultACLAccess": { "publishClientSend": true, "publishClientReceive": true, "subscribe": false, "unsubscribe": true },
  "anonymousGroup": "everybody",
  "clients": [],
  "groups": [{ "groupname": "everybody", "roles": [{ "rolename": "reader" }], "clients": [] }],
  "roles": [{ "rolename": "reader", "acls": [{ "acltype": "subscribePattern", "topic": "allowed/#", "priority": 0, "allow": true }] }]
}"#;

#[tokio::test]
async fn a_subscription_against_the_access_list_is_loud() {
    for protocol in BOTH {
        let broker = Mosquitto::start_with(Setup {
            lines: vec![format!("plugin {}", access_list_plugin().display()), "plugin_opt_config_file DIR/access.json".to_owned()],
            files: vec![("access.json", ACCESS_LIST.to_owned())],
            ..Setup::default()
        })
        .await;
        let intake = Arc::new(FakeIntake::immediate());
        let topics = vec!["allowed/#".to_owned(), "secret/#".to_owned()];
        let client = spawn(BrokerOptions { topics, ..options(&broker, protocol) }, &intake, &MqttMetrics::default());
        let state = reach(&client, |state| matches!(state, BrokerState::Refused { .. })).await;
        let BrokerState::Refused { reason } = state else { unreachable!() };
        assert!(reason.contains("secret/#") && !reason.contains("allowed/#"), "{reason}");
        // What was granted is delivered all the same.
        broker.publish("allowed/x", 1, b"x").await;
        intake.wait_for(1).await;
        client.shutdown().await;
    }
}

#[tokio::test]
async fn a_refused_login_is_loud() {
    for protocol in BOTH {
        let broker = Mosquitto::start_with(Setup { lines: vec!["allow_anonymous false".to_owned()], ..Setup::default() }).await;
        let intake = Arc::new(FakeIntake::immediate());
        let login = BrokerOptions { username: Some("u".to_owned()), password: Some("wrong".to_owned()), ..options(&broker, protocol) };
        let client = spawn(login, &intake, &MqttMetrics::default());
        let state = reach(&client, |state| matches!(state, BrokerState::Refused { .. })).await;
        assert!(matches!(&state, BrokerState::Refused { reason } if reason.contains("login")), "{state:?}");
    }
}

#[tokio::test]
async fn messages_the_store_refuses_are_kept_and_the_connection_stays() {
    for protocol in BOTH {
        let broker = Mosquitto::start().await;
        // The store is away for the first forty submissions.
        let intake = Arc::new(FakeIntake::immediate().answering(|number, _| if number < 40 { Err(Refusal::Retry) } else { Ok(()) }));
        let metrics = MqttMetrics::default();
        let client = spawn(options(&broker, protocol), &intake, &metrics);
        subscribed(&client).await;
        broker.publish_lines("a", 1, &lines(0, 30)).await;
        let of_broker = metrics.client.of("mosquitto");
        eventually("all are acknowledged", || of_broker.acks.get() == 30).await;
        assert_eq!(of_broker.connects.get(), 1);
        assert_eq!(of_broker.stale_acks.get(), 0);
        let stored: HashSet<_> = payloads(&intake)[40..].iter().cloned().collect();
        assert_eq!(stored, lines(0, 30).into_iter().collect());
        client.shutdown().await;
        expect_nothing_left(&broker, protocol).await;
    }
}

#[tokio::test]
async fn retained_messages_are_not_asked_for_or_carry_their_flag() {
    let broker = Mosquitto::start().await;
    broker.publish_with("a", 1, b"snapshot", &["-r"]).await;
    let intake = Arc::new(FakeIntake::immediate());
    let v5 = spawn(options(&broker, Protocol::V5), &intake, &MqttMetrics::default());
    subscribed(&v5).await;
    broker.publish("a", 1, b"event").await;
    intake.wait_for(1).await;
    assert_eq!(payloads(&intake), ["event"]);
    v5.shutdown().await;
    let intake = Arc::new(FakeIntake::immediate());
    let old = BrokerOptions { client_id: "old".to_owned(), ..options(&broker, Protocol::V3) };
    let v3 = spawn(old, &intake, &MqttMetrics::default());
    intake.wait_for(1).await;
    assert!(intake.messages()[0].retained);
    v3.shutdown().await;
}

#[tokio::test]
async fn several_brokers_are_served_at_once_and_one_that_is_down_disturbs_nobody() {
    let (one, two) = (Mosquitto::start().await, Mosquitto::start().await);
    let down = Mosquitto::prepare(Setup::default());
    let intake = Arc::new(FakeIntake::immediate());
    let metrics = MqttMetrics::default();
    let named = |name: &str, broker: &Mosquitto| spawn(quick(name, &broker.url(), "same"), &intake, &metrics);
    let clients = [named("one", &one), named("two", &two), named("down", &down)];
    subscribed(&clients[0]).await;
    subscribed(&clients[1]).await;
    one.publish("a", 1, b"1").await;
    two.publish("a", 1, b"2").await;
    intake.wait_for(2).await;
    let sources: HashSet<_> = intake.messages().iter().map(|message| message.source.to_string()).collect();
    assert_eq!(sources, HashSet::from(["one".to_owned(), "two".to_owned()]));
    assert!(matches!(*clients[2].state().borrow(), BrokerState::Disconnected { .. }));
    for client in clients {
        client.shutdown().await;
    }
}

/// Mosquitto 2.0.11 ignores its own window and ours here: for each acknowledgement it sends twenty more.
#[tokio::test]
async fn a_backlog_larger_than_every_window_flows_through_unharmed() {
    for protocol in BOTH {
        let broker = Mosquitto::start().await;
        let intake = Arc::new(FakeIntake::immediate());
        let client = spawn(options(&broker, protocol), &intake, &MqttMetrics::default());
        subscribed(&client).await;
        client.shutdown().await;
        broker.publish_lines("a", 1, &lines(0, 3000)).await;
        let intake = Arc::new(FakeIntake::after(Duration::from_millis(2)));
        let metrics = MqttMetrics::default();
        let client = spawn(BrokerOptions { max_in_flight: 50, ..options(&broker, protocol) }, &intake, &metrics);
        intake.wait_for(3000).await;
        // Not `assert_eq`, which would print all of them.
        assert!(payloads(&intake) == lines(0, 3000), "each once, in order");
        let of_broker = metrics.client.of("mosquitto");
        eventually("all are acknowledged", || of_broker.acks.get() == 3000).await;
        assert_eq!(of_broker.connects.get(), 1);
        client.shutdown().await;
        expect_nothing_left(&broker, protocol).await;
    }
}
