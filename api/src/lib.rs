//! The HTTP doors: open data, SQL, the live stream, the twin's snapshot, operation, and the portal.
//!
//! ```text
//! connection ─▶ request id, metrics ─▶ CORS, headers, compression ─▶ problem details ─▶ caller's role ─▶ Engine ─▶ JSON
//! ```
//! Everything shown comes from the query engine under the caller's role, so this crate has no access rules of its own. JSON shapes live
//! next to their routes, status codes only in `error.rs`.

mod access;
mod caching;
mod error;
mod headers;
mod live;
mod metrics;
mod mqtt;
mod negotiate;
mod open_data;
mod openapi;
mod operation;
mod options;
mod params;
mod portal;
mod router;
mod server;
mod state;
mod twin;

#[cfg(test)]
mod tests;

pub use mqtt::MqttUpgrade;
pub use operation::{Check, Health, NoFurtherChecks, Outcome};
pub use options::{ApiLimits, ApiOptions, Town};
pub use router::router;
pub use server::{ServeError, serve};
