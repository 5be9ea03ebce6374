//! Bytes in: MQTT messages become durable observations.
//!
//! ```text
//! mqtt (endpoint, client) ─▶ pipeline: parse dialect ─▶ normalise ─▶ register ─▶ append ─▶ fsync ─▶ acknowledge
//! ```
//! Transports know [`message::Intake`] and nothing behind it. Dialects and normalisation are pure functions.

pub mod dialect;
mod frame;
pub mod message;
mod metrics;
pub mod mqtt;
pub mod normalise;
mod pipeline;
mod provision;
mod seen;

pub use metrics::IngestMetrics;
pub use pipeline::{Pipeline, PipelineOptions};
