//! The demo city and its simulator.
//!
//! ```text
//! City ──▶ World ─┐                          ┌─▶ Generator ──▶ publisher ──▶ MQTT server     live, or as load
//!   └──▶ Fleet ───┴─▶ DeviceType::measure ───┤
//!                                            └─▶ history                                    a year in seconds
//! ```
//!
//! - [`city`]: a synthetic German town as GeoJSON layers.
//! - [`world`]: weather, water, traffic, people: functions of seed, place and time without state.
//! - [`devices`]: real LoRaWAN device types, from measured value to vendor bytes and decoded object and back.
//! - [`fleet`]: devices at sensible places with names, tags and gateways that hear them.
//! - [`envelope`]: genuine messages of `ChirpStack` v4 and The Things Stack v3.
//! - [`traffic`]: reports turned into messages, with the mistakes of real networks.
//! - [`publisher`]: the open-loop load generator and the live feed.
//! - [`history`]: columns of times and numbers for bulk import.
//!
//! Everything follows from one seed. History and live stream agree because they ask the same functions. Device identifiers begin
//! with the byte 0x02 and belong to nobody.

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
