//! Where messages come in: an MQTT endpoint in our own process, and MQTT clients of external brokers.
//!
//! ```text
//! gateway, network server ──▶ endpoint ──┐                                  ┌──▶ receipt ──▶ PUBACK to the publisher
//!                                        ├──▶ Message ──▶ Intake (WAL) ─────┤
//! external broker ──────────▶ client  ───┘                                  └──▶ receipt ──▶ PUBACK to the broker
//! ```
//!
//! Both doors keep the same promise: an acknowledgement leaves only after [`Receipt`](crate::message::Receipt) of that
//! message resolved to `Ok`, and acknowledgements leave in the order in which the messages arrived.
//!
//! Everything that touches packets of `mqtt-protocol-core` lives in `endpoint::codec`, everything of `rumqttc` in
//! `client::rumqttc_v4` and `client::rumqttc_v5`, so either can be replaced without touching the loops.

pub mod client;
pub mod endpoint;
mod error;
mod log_gate;
mod metrics;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod topic;

pub use client::{BrokerOptions, BrokerState, Client, ClientHandle, Protocol, SubscribeQos, TlsOptions};
pub use endpoint::{
    AuthPolicy, Authenticator, Decision, ENDPOINT_SOURCE, Endpoint, EndpointOptions, Grant, Login, PeerAddr, Server, Subscriptions,
    TopicScope,
};
pub use error::Error;
pub use metrics::{ClientMetrics, EndpointMetrics, MqttMetrics};
pub use topic::{InvalidFilter, TopicFilter};
