//! Integration tests: the real binary, real brokers, real clients. One binary, so that the query engine links once.

#![allow(clippy::disallowed_macros, reason = "tests say what repeats them")]

mod harness;

mod command_line;
mod crashes;
mod demo;
mod full_disk;
mod messages;
mod mqtt_doors;
mod readme;
mod table_clients;
mod whole_road;
