//! Integration tests: the real binary, real brokers, real clients. One binary, so that the query engine links once.

mod harness;

mod command_line;
mod crashes;
mod demo;
mod full_disk;
mod messages;
mod mqtt_doors;
mod readme;
mod whole_road;
