//! Packets byte by byte and a client that sends what it is told, so that tests do not trust the codec under test.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::DEADLINE;

/// A packet with this first byte.
pub(crate) fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![first];
    let mut remaining = body.len();
    loop {
        let byte = u8::try_from(remaining % 128).unwrap();
        remaining /= 128;
        packet.push(if remaining > 0 { byte | 0x80 } else { byte });
        if remaining == 0 {
            break;
        }
    }
    packet.extend_from_slice(body);
    packet
}

fn string(text: &str) -> Vec<u8> {
    let mut bytes = u16::try_from(text.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// CONNECT fields that tests vary.
pub(crate) struct Connect<'a> {
    pub(crate) level: u8,
    pub(crate) client_id: &'a str,
    pub(crate) clean: bool,
    pub(crate) keep_alive: u16,
    pub(crate) properties: &'a [u8],
    pub(crate) will: Option<(&'a str, &'a str)>,
    pub(crate) login: Option<(&'a str, &'a str)>,
}

impl Default for Connect<'_> {
    fn default() -> Self {
        Self { level: 4, client_id: "client", clean: true, keep_alive: 60, properties: &[], will: None, login: None }
    }
}

impl Connect<'_> {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut flags = if self.clean { 2 } else { 0 };
        flags |= if self.will.is_some() { 4 } else { 0 };
        flags |= if self.login.is_some() { 0xc0 } else { 0 };
        let mut body = string("MQTT");
        body.extend_from_slice(&[self.level, flags]);
        body.extend_from_slice(&self.keep_alive.to_be_bytes());
        if self.level == 5 {
            body.push(u8::try_from(self.properties.len()).unwrap());
            body.extend_from_slice(self.properties);
        }
        body.extend(string(self.client_id));
        if let Some((topic, payload)) = self.will {
            if self.level == 5 {
                body.push(0);
            }
            body.extend(string(topic));
            body.extend(string(payload));
        }
        if let Some((username, password)) = self.login {
            body.extend(string(username));
            body.extend(string(password));
        }
        packet(0x10, &body)
    }
}

pub(crate) fn connect_v4(client_id: &str) -> Vec<u8> {
    Connect { client_id, ..Connect::default() }.bytes()
}

pub(crate) fn connect_v5(client_id: &str, properties: &[u8]) -> Vec<u8> {
    Connect { level: 5, client_id, properties, ..Connect::default() }.bytes()
}

/// PUBLISH of this quality of service; `packet_id` is left out for 0.
pub(crate) fn publish(level: u8, qos: u8, packet_id: u16, topic: &str, payload: &[u8]) -> Vec<u8> {
    let mut body = string(topic);
    if qos > 0 {
        body.extend_from_slice(&packet_id.to_be_bytes());
    }
    if level == 5 {
        body.push(0);
    }
    body.extend_from_slice(payload);
    packet(0x30 | (qos << 1), &body)
}

pub(crate) fn pubrel(packet_id: u16) -> Vec<u8> {
    packet(0x62, &packet_id.to_be_bytes())
}

/// SUBSCRIBE with quality of service 1 for each filter.
pub(crate) fn subscribe(level: u8, packet_id: u16, filters: &[&str]) -> Vec<u8> {
    let mut body = packet_id.to_be_bytes().to_vec();
    if level == 5 {
        body.push(0);
    }
    for filter in filters {
        body.extend(string(filter));
        body.push(1);
    }
    packet(0x82, &body)
}

pub(crate) fn unsubscribe(level: u8, packet_id: u16, filters: &[&str]) -> Vec<u8> {
    let mut body = packet_id.to_be_bytes().to_vec();
    if level == 5 {
        body.push(0);
    }
    for filter in filters {
        body.extend(string(filter));
    }
    packet(0xa2, &body)
}

pub(crate) const PINGREQ: &[u8] = &[0xc0, 0];
pub(crate) const PINGRESP: u8 = 0xd0;
pub(crate) const CONNACK: u8 = 0x20;
pub(crate) const PUBACK: u8 = 0x40;
pub(crate) const PUBREC: u8 = 0x50;
pub(crate) const PUBCOMP: u8 = 0x70;
pub(crate) const SUBACK: u8 = 0x90;
pub(crate) const UNSUBACK: u8 = 0xb0;
pub(crate) const DISCONNECT: u8 = 0xe0;

/// Sends bytes, reads packets.
pub(crate) struct RawClient<S> {
    pub(crate) stream: S,
}

impl<S: AsyncRead + AsyncWrite + Unpin> RawClient<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        timeout(DEADLINE, self.stream.write_all(bytes)).await.expect("the peer reads in time").unwrap();
    }

    /// The next packet, or `None` at the end of the stream.
    pub(crate) async fn receive(&mut self) -> Option<(u8, Vec<u8>)> {
        timeout(DEADLINE, self.read_packet()).await.expect("a packet or the end comes in time")
    }

    /// The next packet; fails at the end of the stream.
    pub(crate) async fn expect(&mut self, first: u8) -> Vec<u8> {
        let (received, body) = self.receive().await.expect("a packet, not the end of the stream");
        assert_eq!(received, first, "{received:#x} instead of {first:#x}, body {body:?}");
        body
    }

    /// Fails unless the stream ends without another packet.
    pub(crate) async fn expect_end(&mut self) {
        assert_eq!(self.receive().await, None);
    }

    /// The packet identifiers of the next `count` acknowledgements, each a success.
    pub(crate) async fn acks(&mut self, first: u8, count: usize) -> Vec<u16> {
        let mut ids = Vec::new();
        for _ in 0..count {
            let body = self.expect(first).await;
            assert!(body.len() == 2 || body[2] == 0, "negative acknowledgement {body:?}");
            ids.push(u16::from_be_bytes([body[0], body[1]]));
        }
        ids
    }

    /// Proves that nothing has arrived: whatever was on its way would come before the answer to this ping.
    pub(crate) async fn expect_silence(&mut self) {
        self.send(PINGREQ).await;
        self.expect(PINGRESP).await;
    }

    /// For peers that do not read at the moment: nothing comes within this time.
    pub(crate) async fn expect_nothing_for(&mut self, time: Duration) {
        assert!(timeout(time, self.read_packet()).await.is_err(), "something came");
    }

    async fn read_packet(&mut self) -> Option<(u8, Vec<u8>)> {
        let first = self.stream.read_u8().await.ok()?;
        let mut remaining = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.stream.read_u8().await.ok()?;
            remaining |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let mut body = vec![0; remaining];
        self.stream.read_exact(&mut body).await.ok()?;
        Some((first, body))
    }
}
