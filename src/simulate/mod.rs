//! The demo city and its simulator: a synthetic German town, a fleet of real LoRaWAN device types in it, genuine network server
//! messages, an open-loop MQTT load generator, and a year of history in seconds.

pub mod city;
pub mod devices;
pub mod envelope;
pub mod fleet;
pub mod geo;
pub mod history;
pub mod publisher;
pub mod traffic;
pub mod world;

mod calendar;
mod json;
mod numeric;
mod random;
mod text_time;
