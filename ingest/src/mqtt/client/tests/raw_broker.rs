//! Brokers that misbehave in ways no real one can be made to: bytes on a socket.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::{BOTH, quick, reach, spawn, subscribed};
use crate::mqtt::MqttMetrics;
use crate::mqtt::client::{BrokerOptions, BrokerState, ClientHandle, Protocol};
use crate::mqtt::testing::wire::{self, CONNACK, PUBCOMP, PUBREC, RawClient, SUBACK, packet};
use crate::mqtt::testing::{DEADLINE, FakeIntake};

struct Broker {
    listener: TcpListener,
    protocol: Protocol,
}

impl Broker {
    async fn listen(protocol: Protocol) -> Self {
        Self { listener: TcpListener::bind(("127.0.0.1", 0)).await.unwrap(), protocol }
    }

    fn options(&self) -> BrokerOptions {
        let url = format!("mqtt://{}", self.listener.local_addr().unwrap());
        BrokerOptions { protocol: self.protocol, ..quick("raw", &url, "c") }
    }

    fn level(&self) -> u8 {
        if self.protocol == Protocol::V5 { 5 } else { 4 }
    }

    async fn accept(&self) -> RawClient<TcpStream> {
        let (stream, _) = timeout(DEADLINE, self.listener.accept()).await.expect("the client comes in time").unwrap();
        RawClient::new(stream)
    }

    /// Lets the client in and grants its subscription.
    async fn serve(&self, client: &ClientHandle) -> RawClient<TcpStream> {
        let is_v5 = self.protocol == Protocol::V5;
        let mut connection = self.accept().await;
        connection.expect(0x10).await;
        // With session present.
        connection.send(&packet(CONNACK, if is_v5 { &[1, 0, 0] } else { &[1, 0] })).await;
        let subscribe = connection.expect(0x82).await;
        let id = &subscribe[..2];
        connection.send(&packet(SUBACK, &if is_v5 { [id, &[0, 1]].concat() } else { [id, &[1]].concat() })).await;
        subscribed(client).await;
        connection
    }
}

#[tokio::test]
async fn a_broker_that_accepts_and_never_answers_is_given_up() {
    for protocol in BOTH {
        let broker = Broker::listen(protocol).await;
        let silent = BrokerOptions { connect_timeout: Duration::from_secs(1), ..broker.options() };
        let client = spawn(silent, &Arc::new(FakeIntake::immediate()), &MqttMetrics::default());
        let _held = broker.accept().await;
        reach(&client, |state| matches!(state, BrokerState::Disconnected { reason, .. } if reason.contains("in time"))).await;
        // And tries again.
        broker.accept().await;
    }
}

async fn lose_the_link(protocol: Protocol) {
    let broker = Broker::listen(protocol).await;
    let options = BrokerOptions { keep_alive: Duration::from_secs(5), ..broker.options() };
    let client = spawn(options, &Arc::new(FakeIntake::immediate()), &MqttMetrics::default());
    let mut connection = broker.serve(&client).await;
    // From here on the broker takes everything and says nothing: one ping, and where the second is due the client gives up.
    assert!(connection.expect(wire::PINGREQ[0]).await.is_empty());
    connection.expect_end().await;
    reach(&client, |state| matches!(state, BrokerState::Disconnected { .. })).await;
}

#[tokio::test]
async fn a_dead_link_is_noticed_by_pings() {
    tokio::join!(lose_the_link(Protocol::V3), lose_the_link(Protocol::V5));
}

#[tokio::test]
async fn a_packet_above_every_limit_ends_the_connection_before_its_bytes_come() {
    for protocol in BOTH {
        let broker = Broker::listen(protocol).await;
        let metrics = MqttMetrics::default();
        let client = spawn(broker.options(), &Arc::new(FakeIntake::immediate()), &metrics);
        let mut connection = broker.serve(&client).await;
        // 268,435,455 bytes announced, few sent.
        connection.send(&[0x32, 0xff, 0xff, 0xff, 0x7f, 0, 1, b'a']).await;
        reach(&client, |state| matches!(state, BrokerState::Disconnected { reason, .. } if reason.contains("268435455 bytes"))).await;
        assert_eq!(metrics.client.of("raw").oversize.get(), 1);
    }
}

#[tokio::test]
async fn a_message_of_quality_2_in_a_session_that_somebody_left_is_received_once_it_is_on_disk() {
    for protocol in BOTH {
        let broker = Broker::listen(protocol).await;
        let intake = Arc::new(FakeIntake::manual());
        let client = spawn(broker.options(), &intake, &MqttMetrics::default());
        let mut connection = broker.serve(&client).await;
        connection.send(&wire::publish(broker.level(), 2, 7, "a", b"x")).await;
        connection.send(&wire::publish(broker.level(), 2, 8, "a", b"y")).await;
        intake.wait_for(2).await;
        intake.resolve(0, Ok(()));
        // PUBREC for the one on disk and for no other.
        assert_eq!(connection.acks(PUBREC, 1).await, [7]);
        connection.send(&wire::pubrel(7)).await;
        assert_eq!(connection.acks(PUBCOMP, 1).await, [7]);
        intake.resolve(1, Ok(()));
        assert_eq!(connection.acks(PUBREC, 1).await, [8]);
    }
}

#[tokio::test]
async fn a_release_of_a_message_that_an_earlier_connection_received_is_answered() {
    for protocol in BOTH {
        let broker = Broker::listen(protocol).await;
        let client = spawn(broker.options(), &Arc::new(FakeIntake::immediate()), &MqttMetrics::default());
        // The library ends the connection; the next one knows.
        let mut connection = broker.serve(&client).await;
        connection.send(&wire::pubrel(9)).await;
        connection.expect_end().await;
        reach(&client, |state| matches!(state, BrokerState::Disconnected { .. })).await;
        let mut connection = broker.serve(&client).await;
        connection.send(&wire::pubrel(9)).await;
        assert_eq!(connection.acks(PUBCOMP, 1).await, [9]);
    }
}
