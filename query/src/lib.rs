//! Answers: SQL over one consistent snapshot, station views, series and the live stream, each behind the same access policy.
//!
//! ```text
//! caller's role ─▶ access policy ─▶ tables of the snapshot (files + hot rows) ─▶ plan ─▶ prune ─▶ scan ─▶ stream of batches
//! ```
//! This crate never writes. It is asked by every door, so that no door shows what another hides from the same caller.

mod access;
mod answer;
mod calls;
mod catalog;
mod counted;
mod engine;
mod error;
mod files;
mod fit;
mod follow;
mod functions;
mod guard;
mod hidden;
mod interrupt;
mod limits;
pub mod output;
mod references;
mod registry_tables;
mod repeated;
mod series;
mod shapes;
mod stations;
mod stored_table;
mod weight;
mod workers;

pub use answer::Answer;
pub use engine::Engine;
pub use error::{Error, ErrorKind};
pub use follow::{LiveEvent, LiveReading};
pub use limits::Limits;
pub use series::{Bucket, RawPoint, Series, SeriesPoints, SeriesRequest};
pub use stations::{Station, StationDatastream, View};
