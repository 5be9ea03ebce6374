//! Traffic: reports of devices turned into messages, with the mistakes of real networks.

mod faults;
mod generator;
mod message;
#[cfg(test)]
mod tests;

pub use faults::Faults;
pub use generator::Generator;
pub use message::{Message, MessageKind};
