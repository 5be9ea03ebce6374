//! The live stream: every new reading as it becomes durable, over server-sent events or a WebSocket.
//!
//! ```text
//! Engine::follow(role, position) ─▶ Filter ─▶ Feed (events, signs of life, end at shutdown) ─▶ sse | ws
//! ```
//! A connection takes events when the client can: nothing is buffered for it beyond one page. A client that is slower than the town for
//! long falls behind what is kept for followers, then reads from the table page by page, then gets `reset`; one that takes nothing is disconnected.

mod event;
mod feed;
mod filter;
pub(crate) mod sse;
pub(crate) mod ws;

pub(crate) use event::{LiveReading, ResetPosition};
