//! The doors as their callers see them, over a real store in a temporary folder.

mod access;
mod attacks;
mod caching;
mod garbage;
mod harness;
mod live;
mod openapi;
mod operation;
mod portal;
mod problems;
mod series;
mod server;
mod sql;
mod stations;
mod twin;
