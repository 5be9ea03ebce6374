//! The endpoint from the outside: bytes in, bytes out.
//!
//! Where no socket of the operating system is involved the clock of the runtime stands still and jumps to the next timer when nothing else is
//! left to do: the defaults are tested as they are, durations are exact, and a machine that is busy changes nothing.

mod acknowledgement;
mod back_pressure;
mod fuzz;
mod guards;
mod interop;
mod lifecycle;
mod limits;
mod login;
mod websocket;

use std::sync::Arc;

use stadtwarte_model::{ManualClock, Timestamp};
use tokio::io::DuplexStream;

use super::{AuthPolicy, AuthPolicyOptions, Authenticator, EndpointOptions, NoSubscriptions, PeerAddr, Server, Subscriptions};
use crate::mqtt::MqttMetrics;
use crate::mqtt::testing::FakeIntake;
use crate::mqtt::testing::wire::{self, CONNACK, RawClient};

/// A server with a fake intake behind it.
struct Bench {
    intake: Arc<FakeIntake>,
    metrics: Arc<MqttMetrics>,
    clock: Arc<ManualClock>,
    server: Server,
}

const LOCAL: &str = "127.0.0.1:40000";
const REMOTE: &str = "192.0.2.7:40000";

impl Bench {
    fn new(intake: FakeIntake) -> Self {
        Self::with(intake, EndpointOptions::default())
    }

    fn with(intake: FakeIntake, options: EndpointOptions) -> Self {
        let policy = AuthPolicy::new(AuthPolicyOptions::default(), None);
        Self::build(intake, options, Arc::new(policy), Arc::new(NoSubscriptions))
    }

    fn build(
        intake: FakeIntake,
        options: EndpointOptions,
        authenticator: Arc<dyn Authenticator>,
        subscriptions: Arc<dyn Subscriptions>,
    ) -> Self {
        let intake = Arc::new(intake);
        let metrics = Arc::new(MqttMetrics::default());
        let clock = Arc::new(ManualClock::new(Timestamp::from_micros(1_000_000)));
        let server = Server::new(options, intake.clone(), authenticator, subscriptions, clock.clone(), Arc::clone(&metrics)).unwrap();
        Self { intake, metrics, clock, server }
    }

    /// A connection that has sent nothing.
    fn dial(&self) -> RawClient<DuplexStream> {
        self.dial_from(PeerAddr::tcp(LOCAL.parse().unwrap()), 64 << 10)
    }

    fn dial_from(&self, peer: PeerAddr, socket_bytes: usize) -> RawClient<DuplexStream> {
        let (near, far) = tokio::io::duplex(socket_bytes);
        let server = self.server.clone();
        tokio::spawn(async move { server.serve_stream(far, peer).await });
        RawClient::new(near)
    }

    /// A connection that is logged in.
    async fn connect(&self, level: u8) -> RawClient<DuplexStream> {
        self.connect_as(wire::Connect { level, ..wire::Connect::default() }).await
    }

    async fn connect_as(&self, connect: wire::Connect<'_>) -> RawClient<DuplexStream> {
        let mut client = self.dial();
        client.send(&connect.bytes()).await;
        let connack = client.expect(CONNACK).await;
        assert_eq!(connack[..2], [0, 0], "session_present and the code are 0: {connack:?}");
        client
    }
}

/// `count` publishes of quality of service 1 with identifiers from `first`, in one buffer.
fn publishes(level: u8, first: u16, count: u16) -> Vec<u8> {
    (first..first + count).flat_map(|id| wire::publish(level, 1, id, &format!("t/{id}"), b"payload")).collect()
}
