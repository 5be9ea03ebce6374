//! Who is at the other end of a connection.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Address of a peer and how it reached us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddr {
    address: SocketAddr,
    transport: Transport,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transport {
    Tcp,
    Tls,
    WebSocket,
}

impl PeerAddr {
    /// A peer of our own TCP listener.
    #[must_use]
    pub fn tcp(address: SocketAddr) -> Self {
        Self { address, transport: Transport::Tcp }
    }

    /// A peer of our own TLS listener.
    #[must_use]
    pub fn tls(address: SocketAddr) -> Self {
        Self { address, transport: Transport::Tls }
    }

    /// A peer that came through an HTTP upgrade. It is never [local](Self::is_local): a web page of anyone can open a
    /// WebSocket to this machine from a browser on it, and a reverse proxy makes the whole world look like loopback.
    #[must_use]
    pub fn websocket(address: SocketAddr) -> Self {
        Self { address, transport: Transport::WebSocket }
    }

    /// Whether a process on this machine connected to us directly.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.transport != Transport::WebSocket && self.address.ip().to_canonical().is_loopback()
    }

    /// The key under which limits count this peer: the IPv4 address, or the /64 network of an IPv6 address, because one
    /// subscriber line has the whole /64.
    pub(crate) fn network(&self) -> IpAddr {
        match self.address.ip().to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        }
    }
}

impl fmt::Display for PeerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.transport {
            Transport::Tcp => "mqtt",
            Transport::Tls => "mqtts",
            Transport::WebSocket => "ws",
        };
        write!(f, "{scheme}://{}", self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_direct_loopback_connections_are_local() {
        assert!(PeerAddr::tcp(address("127.0.0.1:9")).is_local());
        assert!(PeerAddr::tcp(address("[::1]:9")).is_local());
        assert!(PeerAddr::tcp(address("[::ffff:127.0.0.1]:9")).is_local());
        assert!(!PeerAddr::websocket(address("127.0.0.1:9")).is_local());
        assert!(!PeerAddr::tcp(address("192.0.2.1:9")).is_local());
    }

    #[test]
    fn addresses_of_one_ipv6_line_count_as_one_peer() {
        let one = PeerAddr::tcp(address("[2001:db8:1:2::1]:9")).network();
        let two = PeerAddr::tcp(address("[2001:db8:1:2:ffff::7]:9")).network();
        let other = PeerAddr::tcp(address("[2001:db8:1:3::1]:9")).network();
        assert_eq!(one, two);
        assert_ne!(one, other);
    }
}
