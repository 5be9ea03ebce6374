//! The binary's own parts: command line, settings, wiring, and the simulator with its demo city.

pub mod commands;
pub mod demo;
mod health;
mod keys;
pub mod platform;
pub mod settings;
pub mod simulate;
pub mod system;
mod websocket;
