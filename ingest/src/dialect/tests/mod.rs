//! Tests of whole messages. Parts are tested beside their code.

mod golden;
mod messages;
mod mutations;
mod properties;
mod render;
