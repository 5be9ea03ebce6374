//! Settings of the endpoint; every bound has a name here.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::mqtt::Error;

/// Settings of the endpoint. Memory is bounded by them: per connection by `read_buffer_bytes` + `max_packet_bytes` +
/// `max_outbound_bytes` + `max_in_flight_bytes`, over all connections by `max_connections` and `max_total_in_flight_bytes`.
#[derive(Debug, Clone)]
pub struct EndpointOptions {
    /// Where to listen. Port 0 picks a free one. Default `127.0.0.1:1883`.
    pub address: SocketAddr,
    /// Name that messages carry as their source. Default `endpoint`.
    pub source: Arc<str>,
    /// Connections open at the same time; further ones are closed at once. Default 1024.
    pub max_connections: usize,
    /// Connections open at the same time from one address that is not loopback. Default 256.
    pub max_connections_per_peer: usize,
    /// Publishes per connection that wait for their receipt. MQTT 5 publishers are told (Receive Maximum); from 3.1.1
    /// publishers nothing more is read until one is settled. Default 256, at least 1.
    pub max_in_flight: u16,
    /// Bytes of topics and payloads per connection that wait for their receipt; above it nothing is read. Default 4 MiB.
    pub max_in_flight_bytes: usize,
    /// The same over all connections. A connection with nothing in flight may always read on. Default 64 MiB.
    pub max_total_in_flight_bytes: usize,
    /// Size of the largest packet taken, header included. Default 1 MiB + 64 KiB, so that a payload of 1 MiB always fits.
    pub max_packet_bytes: u32,
    /// Size of the largest CONNECT taken; nothing else is read from strangers. Default 16 KiB.
    pub max_connect_bytes: usize,
    /// Longest client identifier. Default 256 bytes.
    pub max_client_id_bytes: usize,
    /// Size of one read, and so of one batch for the intake. Default 16 KiB.
    pub read_buffer_bytes: usize,
    /// Answers that wait to be written; above it nothing is read. Default 64 KiB.
    pub max_outbound_bytes: usize,
    /// Time from the first byte to a complete CONNECT, and again for the login. Default 10 s.
    pub connect_timeout: Duration,
    /// Time in which a peer must take what we write. Default 10 s.
    pub write_timeout: Duration,
    /// Time that receipts get at the end of a connection, and at shutdown. Default 5 s.
    pub drain_timeout: Duration,
    /// Time in which what a refused peer still sends is thrown away, so that it reads why it was refused instead of a reset
    /// connection. Default 1 s.
    pub linger_timeout: Duration,
    /// How long a publisher is held when the store refused its message or it was too large, before its connection is closed; bounds
    /// how fast it can come back with the same message. Default 1 s.
    pub refusal_pause: Duration,
    /// Keep-alive of clients that ask for none. MQTT 5 clients are told (Server Keep Alive); 3.1.1 clients cannot be told
    /// and are closed after one and a half times this silence, which 3.1.2.10 permits. Default 1 h.
    pub default_keep_alive: Duration,
}

/// What messages that were published here say of where they come from; no broker may be called so.
pub const ENDPOINT_SOURCE: &str = "endpoint";

impl Default for EndpointOptions {
    fn default() -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 1883)),
            source: Arc::from(ENDPOINT_SOURCE),
            max_connections: 1024,
            max_connections_per_peer: 256,
            max_in_flight: 256,
            max_in_flight_bytes: 4 << 20,
            max_total_in_flight_bytes: 64 << 20,
            max_packet_bytes: (1 << 20) + (64 << 10),
            max_connect_bytes: 16 << 10,
            max_client_id_bytes: 256,
            read_buffer_bytes: 16 << 10,
            max_outbound_bytes: 64 << 10,
            connect_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(10),
            drain_timeout: Duration::from_secs(5),
            linger_timeout: Duration::from_secs(1),
            refusal_pause: Duration::from_secs(1),
            default_keep_alive: Duration::from_hours(1),
        }
    }
}

/// Largest packet MQTT can express: one type byte, four length bytes, 268,435,455 bytes.
const PROTOCOL_MAX_PACKET_BYTES: u32 = 268_435_460;

impl EndpointOptions {
    /// Checks that every bound lets at least one message through.
    ///
    /// # Errors
    /// [`Error::EndpointSetting`] names the field and the rule.
    pub fn validate(&self) -> Result<(), Error> {
        let rules = [
            ("max_connections", self.max_connections >= 1, "must be at least 1"),
            ("max_connections_per_peer", self.max_connections_per_peer >= 1, "must be at least 1"),
            ("max_in_flight", self.max_in_flight >= 1, "must be at least 1"),
            ("max_in_flight_bytes", self.max_in_flight_bytes >= 1, "must be at least 1"),
            ("max_total_in_flight_bytes", self.max_total_in_flight_bytes >= 1, "must be at least 1"),
            ("max_packet_bytes", self.max_packet_bytes >= 128, "must be at least 128"),
            ("max_packet_bytes", self.max_packet_bytes <= PROTOCOL_MAX_PACKET_BYTES, "must be at most 268435460, the limit of MQTT"),
            ("max_connect_bytes", self.max_connect_bytes >= 128, "must be at least 128"),
            ("max_client_id_bytes", self.max_client_id_bytes >= 23, "must be at least 23, which MQTT 3.1.1 demands"),
            ("read_buffer_bytes", self.read_buffer_bytes >= 256, "must be at least 256"),
            ("max_outbound_bytes", self.max_outbound_bytes >= 256, "must be at least 256"),
            ("connect_timeout", !self.connect_timeout.is_zero(), "must be longer than nothing"),
            ("write_timeout", !self.write_timeout.is_zero(), "must be longer than nothing"),
            ("default_keep_alive", self.default_keep_alive >= Duration::from_secs(1), "must be at least 1 s"),
            ("default_keep_alive", self.default_keep_alive <= Duration::from_secs(65_535), "must be at most 65535 s"),
        ];
        match rules.into_iter().find(|(_, holds, _)| !holds) {
            Some((key, _, reason)) => Err(Error::EndpointSetting { key, reason: reason.to_owned() }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_defaults() {
        EndpointOptions::default().validate().unwrap();
    }

    #[test]
    fn err_names_the_setting() {
        let options = EndpointOptions { max_in_flight: 0, ..EndpointOptions::default() };
        let message = options.validate().unwrap_err().to_string();
        assert_eq!(message, "MQTT endpoint setting `max_in_flight`: must be at least 1");
    }
}
