//! A plain MQTT publisher that knows exactly what was acknowledged.

use std::net::SocketAddr;
use std::time::Duration;

use rumqttc::{Client, Event, MqttOptions, Outgoing, Packet, QoS};

/// Publishes messages with QoS 1 and waits for every PUBACK. Returns how many were acknowledged before the connection broke, if it did.
pub fn publish(address: SocketAddr, messages: &[(String, Vec<u8>)]) -> usize {
    let mut options = MqttOptions::new(format!("test-{}", rand_id()), address.ip().to_string(), address.port());
    options.set_max_packet_size(8 << 20, 8 << 20).set_inflight(64).set_keep_alive(Duration::from_secs(20));
    let (client, mut connection) = Client::new(options, messages.len() + 10);
    for (topic, payload) in messages {
        client.publish(topic, QoS::AtLeastOnce, false, payload.clone()).unwrap();
    }
    let mut acknowledged = 0;
    if messages.is_empty() {
        return 0;
    }
    for event in connection.iter() {
        match event {
            Ok(Event::Incoming(Packet::PubAck(_))) => {
                acknowledged += 1;
                if acknowledged == messages.len() {
                    client.disconnect().unwrap();
                }
            }
            Ok(Event::Outgoing(Outgoing::Disconnect)) | Err(_) => break,
            Ok(_) => {}
        }
    }
    acknowledged
}

#[allow(clippy::disallowed_methods, reason = "only has to differ from run to run")]
fn rand_id() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |time| time.as_nanos())
}
