//! Packets of the core into ours, and what the core does not check.

use bytes::Bytes;
use mqtt_protocol_core::mqtt::packet::{self, Property, v3_1_1, v5_0};
use mqtt_protocol_core::mqtt::result_code::MqttError;

use super::{CloseReason, Connect, Decoded, Packet, Publish, Qos};
use crate::mqtt::topic::is_topic_name;

/// CONNECT of 3.1.1.
pub(super) fn read_connect_v3(packet: &v3_1_1::Connect) -> Connect {
    Connect {
        client_id: packet.client_id().to_owned(),
        clean: packet.clean_session(),
        keep_alive: packet.keep_alive(),
        username: packet.user_name().map(str::to_owned),
        password: packet.password().map(<[u8]>::to_vec),
        wants_enhanced_auth: false,
        wants_session_kept: false,
    }
}

/// CONNECT of 5.
pub(super) fn read_connect_v5(packet: &v5_0::Connect) -> Connect {
    let properties = packet.props();
    Connect {
        client_id: packet.client_id().to_owned(),
        clean: packet.clean_start(),
        keep_alive: packet.keep_alive(),
        username: packet.user_name().map(str::to_owned),
        password: packet.password().map(<[u8]>::to_vec),
        wants_enhanced_auth: properties.iter().any(|property| matches!(property, Property::AuthenticationMethod(_))),
        wants_session_kept: properties
            .iter()
            .any(|property| matches!(property, Property::SessionExpiryInterval(expiry) if expiry.val() != 0)),
    }
}

/// Anything but CONNECT.
pub(super) fn read_packet(packet: packet::Packet) -> Decoded {
    match packet {
        packet::Packet::V3_1_1Publish(publish) => {
            let flags = (publish.retain(), publish.dup());
            read_publish(publish.qos(), publish.packet_id(), flags, publish.topic_name(), publish.payload().as_slice())
        }
        packet::Packet::V5_0Publish(publish) => {
            let flags = (publish.retain(), publish.dup());
            read_publish(publish.qos(), publish.packet_id(), flags, publish.topic_name(), publish.payload().as_slice())
        }
        packet::Packet::V3_1_1Pubrel(pubrel) => Decoded::Packet(Packet::Pubrel(pubrel.packet_id())),
        packet::Packet::V5_0Pubrel(pubrel) => Decoded::Packet(Packet::Pubrel(pubrel.packet_id())),
        packet::Packet::V3_1_1Subscribe(subscribe) => {
            let filters = subscribe.entries().iter().map(|entry| entry.topic_filter().to_owned()).collect();
            Decoded::Packet(Packet::Subscribe { packet_id: subscribe.packet_id(), filters })
        }
        packet::Packet::V5_0Subscribe(subscribe) => {
            let filters = subscribe.entries().iter().map(|entry| entry.topic_filter().to_owned()).collect();
            Decoded::Packet(Packet::Subscribe { packet_id: subscribe.packet_id(), filters })
        }
        packet::Packet::V3_1_1Unsubscribe(unsubscribe) => {
            let filters = unsubscribe.entries().len();
            Decoded::Packet(Packet::Unsubscribe { packet_id: unsubscribe.packet_id(), filters })
        }
        packet::Packet::V5_0Unsubscribe(unsubscribe) => {
            let filters = unsubscribe.entries().len();
            Decoded::Packet(Packet::Unsubscribe { packet_id: unsubscribe.packet_id(), filters })
        }
        packet::Packet::V3_1_1Pingreq(_) | packet::Packet::V5_0Pingreq(_) => Decoded::Packet(Packet::Pingreq),
        packet::Packet::V3_1_1Disconnect(_) | packet::Packet::V5_0Disconnect(_) => Decoded::Packet(Packet::Disconnect),
        // AUTH: refused at CONNECT, so it is out of place. The rest answers publishes of ours, and there are none.
        _ => Decoded::Violation(CloseReason::Protocol),
    }
}

/// Guard 4: topic names have no wildcards and are not empty, identifiers are not 0. In other packets the core refuses 0 itself.
fn read_publish(qos: packet::Qos, packet_id: Option<u16>, (retain, is_repeat): (bool, bool), topic: &str, payload: &[u8]) -> Decoded {
    let qos = match qos {
        packet::Qos::AtMostOnce => Qos::AtMostOnce,
        packet::Qos::AtLeastOnce => Qos::AtLeastOnce,
        packet::Qos::ExactlyOnce => Qos::ExactlyOnce,
    };
    let packet_id = packet_id.unwrap_or_default();
    if qos != Qos::AtMostOnce && packet_id == 0 {
        return Decoded::Violation(CloseReason::Protocol);
    }
    if !is_topic_name(topic) {
        return Decoded::Violation(CloseReason::TopicNameInvalid);
    }
    let payload = Bytes::copy_from_slice(payload);
    Decoded::Packet(Packet::Publish(Publish { qos, packet_id, retain, is_repeat, topic: topic.to_owned(), payload }))
}

/// What to tell the client about an error of the core.
pub(super) fn close_reason(error: MqttError) -> CloseReason {
    match error {
        MqttError::PacketTooLarge => CloseReason::PacketTooLarge,
        MqttError::ReceiveMaximumExceeded => CloseReason::ReceiveMaximumExceeded,
        MqttError::TopicAliasInvalid => CloseReason::TopicAliasInvalid,
        MqttError::TopicNameInvalid => CloseReason::TopicNameInvalid,
        MqttError::MalformedPacket | MqttError::InsufficientBytes => CloseReason::Malformed,
        _ => CloseReason::Protocol,
    }
}
