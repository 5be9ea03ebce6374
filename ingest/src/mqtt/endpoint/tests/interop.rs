//! Real clients over real sockets: `mosquitto_pub` and `rumqttc`.

use std::sync::Arc;
use std::time::Duration;

use stadtwarte_model::{ManualClock, Timestamp};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::mqtt::endpoint::{AuthPolicy, AuthPolicyOptions, Endpoint, EndpointOptions};
use crate::mqtt::testing::{DEADLINE, FakeIntake};
use crate::mqtt::{Error, MqttMetrics};

struct Running {
    intake: Arc<FakeIntake>,
    port: u16,
    shutdown: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

async fn bind(intake: Arc<FakeIntake>, address: std::net::SocketAddr) -> Result<Endpoint, Error> {
    let policy = AuthPolicy::new(AuthPolicyOptions::default(), None);
    let clock = ManualClock::new(Timestamp::from_micros(0));
    let options = EndpointOptions { address, ..EndpointOptions::default() };
    Endpoint::bind(options, intake, Arc::new(policy), Arc::new(clock), Arc::new(MqttMetrics::default())).await
}

async fn run(intake: FakeIntake) -> Running {
    let intake = Arc::new(intake);
    let endpoint = bind(Arc::clone(&intake), ([127, 0, 0, 1], 0).into()).await.unwrap();
    let port = endpoint.local_addr().port();
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(endpoint.run(shutdown.clone()));
    Running { intake, port, shutdown, task }
}

#[tokio::test]
async fn an_occupied_address_is_named() {
    let first = bind(Arc::new(FakeIntake::immediate()), ([127, 0, 0, 1], 0).into()).await.unwrap();
    let message = bind(Arc::new(FakeIntake::immediate()), first.local_addr()).await.unwrap_err().to_string();
    assert!(message.starts_with(&format!("cannot listen for MQTT on {}: ", first.local_addr())), "{message}");
}

/// Publishes three messages with `mosquitto_pub`; returns whether it was content.
async fn mosquitto_pub(port: u16, version: &str, qos: &str) -> bool {
    let mut command = Command::new("mosquitto_pub");
    command.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-V", version, "-q", qos]);
    command.args(["-t", "interop/a", "-m", "hello", "--repeat", "3", "--repeat-delay", "0"]).kill_on_drop(true);
    let output = tokio::time::timeout(DEADLINE, command.output()).await.expect("mosquitto_pub ends in time");
    let output = output.expect("mosquitto_pub is needed for this test: apt-get install mosquitto-clients");
    output.status.success()
}

#[tokio::test]
async fn mosquitto_pub_is_served_with_every_version_and_quality_of_service() {
    let running = run(FakeIntake::after(Duration::from_millis(5))).await;
    let mut expected = 0;
    for version in ["mqttv311", "mqttv5"] {
        for qos in ["0", "1", "2"] {
            assert!(mosquitto_pub(running.port, version, qos).await, "{version} {qos}");
            expected += 3;
            running.intake.wait_for(expected).await;
        }
    }
    let messages = running.intake.messages();
    assert_eq!(messages.len(), expected);
    assert!(messages.iter().all(|message| message.topic == "interop/a" && &message.payload[..] == b"hello"));
    running.shutdown.cancel();
    running.task.await.unwrap();
}

#[tokio::test]
async fn mosquitto_pub_of_the_old_protocol_is_turned_away() {
    let running = run(FakeIntake::immediate()).await;
    assert!(!mosquitto_pub(running.port, "mqttv31", "1").await);
    assert!(running.intake.messages().is_empty());
}

#[tokio::test]
async fn rumqttc_v5_keeps_hundreds_in_flight_and_gets_every_ack_in_order() {
    let running = run(FakeIntake::after(Duration::from_millis(5))).await;
    let mut options = rumqttc::v5::MqttOptions::new("load", "127.0.0.1", running.port);
    options.set_keep_alive(Duration::from_secs(5));
    let (client, mut events) = rumqttc::v5::AsyncClient::new(options, 100);
    let publisher = tokio::spawn(async move {
        for number in 0..2000_u32 {
            let topic = format!("load/{number}");
            client.publish(topic, rumqttc::v5::mqttbytes::QoS::AtLeastOnce, false, number.to_string()).await.unwrap();
        }
        client
    });
    let mut acks = Vec::new();
    let mut sent = Vec::new();
    while acks.len() < 2000 {
        let event = tokio::time::timeout(DEADLINE, events.poll()).await.expect("events keep coming").unwrap();
        match event {
            rumqttc::v5::Event::Outgoing(rumqttc::Outgoing::Publish(id)) => sent.push(id),
            rumqttc::v5::Event::Incoming(rumqttc::v5::Incoming::PubAck(ack)) => acks.push(ack.pkid),
            _ => {}
        }
    }
    assert_eq!(acks, sent);
    let topics = running.intake.topics();
    assert_eq!(topics, (0..2000).map(|number| format!("load/{number}")).collect::<Vec<_>>());
    drop(publisher.await.unwrap());
    running.shutdown.cancel();
    running.task.await.unwrap();
}
