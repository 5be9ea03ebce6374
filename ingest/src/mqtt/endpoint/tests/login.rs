//! Logins over the wire; the policy itself is tested beside it.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::{Bench, REMOTE, publishes};
use crate::mqtt::TopicFilter;
use crate::mqtt::endpoint::{
    AuthPolicy, AuthPolicyOptions, Authenticator, CredentialVerifier, Decision, EndpointOptions, Grant, Login, LoginRefusal,
    NoSubscriptions, PeerAddr, Principal, TopicScope, VerifierUnavailable,
};
use crate::mqtt::testing::FakeIntake;
use crate::mqtt::testing::wire::{self, CONNACK, PUBACK};

struct Always(Decision);

impl Authenticator for Always {
    fn authenticate<'a>(&'a self, _: Login<'a>) -> BoxFuture<'a, Decision> {
        Box::pin(std::future::ready(self.0.clone()))
    }
}

fn bench_with(decision: Decision) -> Bench {
    Bench::build(FakeIntake::immediate(), EndpointOptions::default(), Arc::new(Always(decision)), Arc::new(NoSubscriptions))
}

#[tokio::test(start_paused = true)]
async fn refusals_have_the_codes_of_their_version() {
    for (refusal, v3, v5) in
        [(LoginRefusal::BadCredentials, 4, 0x86), (LoginRefusal::NotAuthorized, 5, 0x87), (LoginRefusal::Unavailable, 3, 0x88)]
    {
        for (level, code) in [(4, v3), (5, v5)] {
            let bench = bench_with(Decision::Refuse(refusal));
            let mut client = bench.dial();
            client.send(&wire::Connect { level, login: Some(("u", "p")), ..wire::Connect::default() }.bytes()).await;
            assert_eq!(client.expect(CONNACK).await[..2], [0, code]);
            client.expect_end().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn enhanced_authentication_is_refused() {
    let bench = Bench::new(FakeIntake::immediate());
    let mut client = bench.dial();
    client.send(&wire::connect_v5("c", &[0x15, 0, 1, b'X'])).await;
    assert_eq!(client.expect(CONNACK).await[..2], [0, 0x8c]);
    client.expect_end().await;
}

/// Knows one gateway that may publish under its own topic.
struct Gateways;

impl CredentialVerifier for Gateways {
    fn verify<'a>(&'a self, username: &'a str, password: &'a [u8]) -> BoxFuture<'a, Result<Option<Grant>, VerifierUnavailable>> {
        let grant = (username == "gateway-7" && password == b"secret").then(|| Grant {
            principal: Principal::new("gateway-7"),
            publish: TopicScope::Under(vec![TopicFilter::try_new("gateway/7/#").unwrap()]),
        });
        Box::pin(std::future::ready(Ok(grant)))
    }
}

fn bench_of_gateways() -> Bench {
    let policy = AuthPolicy::new(AuthPolicyOptions::default(), Some(Arc::new(Gateways)));
    Bench::build(FakeIntake::immediate(), EndpointOptions::default(), Arc::new(policy), Arc::new(NoSubscriptions))
}

#[tokio::test(start_paused = true)]
async fn a_remote_publisher_needs_its_credential() {
    let bench = bench_of_gateways();
    let remote = PeerAddr::tcp(REMOTE.parse().unwrap());
    for (login, code) in [(None, 5), (Some(("gateway-7", "wrong")), 4), (Some(("gateway-7", "secret")), 0)] {
        let mut client = bench.dial_from(remote, 4096);
        client.send(&wire::Connect { login, ..wire::Connect::default() }.bytes()).await;
        assert_eq!(client.expect(CONNACK).await, [0, code]);
        if code == 0 {
            client.send(&wire::publish(4, 1, 1, "gateway/7/up", b"x")).await;
            assert_eq!(client.acks(PUBACK, 1).await, [1]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_websocket_is_never_anonymous_even_from_this_machine() {
    let bench = bench_of_gateways();
    let mut client = bench.dial_from(PeerAddr::websocket(super::LOCAL.parse().unwrap()), 4096);
    client.send(&wire::connect_v4("browser")).await;
    assert_eq!(client.expect(CONNACK).await, [0, 5]);
}

#[tokio::test(start_paused = true)]
async fn a_publisher_stays_inside_its_topics() {
    for level in [4, 5] {
        let bench = bench_of_gateways();
        let login = Some(("gateway-7", "secret"));
        let mut client = bench.connect_as(wire::Connect { level, login, ..wire::Connect::default() }).await;
        let mut bytes = wire::publish(level, 1, 1, "gateway/7/up", b"x");
        bytes.extend(wire::publish(level, 1, 2, "gateway/8/up", b"forged"));
        bytes.extend(wire::publish(level, 1, 3, "gateway/7/up", b"z"));
        client.send(&bytes).await;
        assert_eq!(client.acks(PUBACK, 1).await, [1]);
        if level == 5 {
            assert_eq!(client.expect(PUBACK).await, [0, 2, 0x87]);
            assert_eq!(client.acks(PUBACK, 1).await, [3]);
        } else {
            client.expect_end().await;
        }
        assert!(!bench.intake.topics().contains(&"gateway/8/up".to_owned()));
        assert_eq!(bench.metrics.endpoint.unauthorized.get(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_forged_messages_only_never_reaches_the_intake() {
    let bench = bench_of_gateways();
    let login = Some(("gateway-7", "secret"));
    let mut client = bench.connect_as(wire::Connect { level: 5, login, ..wire::Connect::default() }).await;
    client.send(&publishes(5, 1, 2)).await;
    assert_eq!(client.expect(PUBACK).await, [0, 1, 0x87]);
    assert_eq!(client.expect(PUBACK).await, [0, 2, 0x87]);
    assert!(bench.intake.batches().is_empty());
}
