//! The only module that knows packets of `mqtt-protocol-core`. Bytes in, our own small packet types out, and back.
//!
//! The core is a codec with protocol state per connection: packet framing and limits, receive maximum, topic aliases, the set
//! of QoS 2 identifiers seen. It never acknowledges by itself (`auto_pub_response` is off, its default); what it wants to send
//! on its own is looked at, never passed on blindly: for a repeated QoS 2 PUBLISH it emits PUBREC at once, also while the
//! first one is not on disk yet.

mod read;

use bytes::Bytes;
use mqtt_protocol_core::mqtt::common::Cursor;
use mqtt_protocol_core::mqtt::connection::{Connection, ConnectionOptions, Event};
use mqtt_protocol_core::mqtt::packet::{self, GenericPacketTrait, Property, v3_1_1, v5_0};
use mqtt_protocol_core::mqtt::result_code::{
    ConnectReasonCode, ConnectReturnCode, MqttError, PubackReasonCode, PubcompReasonCode, PubrecReasonCode, SubackReasonCode,
    SubackReturnCode, UnsubackReasonCode,
};
use mqtt_protocol_core::mqtt::{Version as CoreVersion, role};

use self::read::{close_reason, read_connect_v3, read_connect_v5, read_packet};

/// Version of the protocol a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    V3,
    V5,
}

/// Bounds the codec enforces.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) max_packet_bytes: u32,
    pub(super) max_in_flight: u16,
}

/// What a client asked for in CONNECT. A will is read and dropped: a will is no uplink (see the module docs of `endpoint`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Connect {
    pub(super) client_id: String,
    /// Clean Session of 3.1.1, Clean Start of 5.
    pub(super) clean: bool,
    /// Seconds; 0 asks for none.
    pub(super) keep_alive: u16,
    pub(super) username: Option<String>,
    pub(super) password: Option<Vec<u8>>,
    /// MQTT 5: the client wants an authentication exchange with AUTH packets.
    pub(super) wants_enhanced_auth: bool,
    /// MQTT 5: the client wants its session kept after the connection.
    pub(super) wants_session_kept: bool,
}

/// What CONNACK tells a client that was let in.
#[derive(Debug, Default)]
pub(super) struct Accepted<'a> {
    pub(super) assigned_client_id: Option<&'a str>,
    pub(super) server_keep_alive: Option<u16>,
    pub(super) wants_session_kept: bool,
}

/// Why CONNACK turns a client away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConnectRefusal {
    ProtocolLevel,
    ClientId,
    BadCredentials,
    NotAuthorized,
    Unavailable,
    EnhancedAuth,
}

/// Quality of service of a PUBLISH.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::enum_variant_names, reason = "the names the standard uses")]
pub(super) enum Qos {
    AtMostOnce,
    AtLeastOnce,
    ExactlyOnce,
}

/// A PUBLISH whose topic is a topic name and whose packet identifier is not 0 unless the quality of service is 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Publish {
    pub(super) qos: Qos,
    pub(super) packet_id: u16,
    pub(super) retain: bool,
    /// DUP: the client may have sent it before.
    pub(super) is_repeat: bool,
    pub(super) topic: String,
    pub(super) payload: Bytes,
}

/// What a client may send after CONNECT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Packet {
    Publish(Publish),
    /// A QoS 2 PUBLISH whose identifier is still in use: not a new message.
    ResentExactlyOnce(u16),
    Pubrel(u16),
    Subscribe {
        packet_id: u16,
        filters: Vec<String>,
    },
    Unsubscribe {
        packet_id: u16,
        filters: usize,
    },
    Pingreq,
    Disconnect,
}

/// Result of one step of [`Codec::decode`].
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decoded {
    /// All input is consumed; more is needed for the next packet.
    Incomplete,
    Packet(Packet),
    /// The connection must be closed; MQTT 5 clients are told why.
    Violation(CloseReason),
}

/// Why we close a connection; the reason code of an MQTT 5 DISCONNECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum CloseReason {
    Malformed = 0x81,
    Protocol = 0x82,
    StoreFailed = 0x83,
    ShuttingDown = 0x8b,
    KeepAliveTimeout = 0x8d,
    TakenOver = 0x8e,
    TopicNameInvalid = 0x90,
    ReceiveMaximumExceeded = 0x93,
    TopicAliasInvalid = 0x94,
    PacketTooLarge = 0x95,
    /// The store cannot take messages now.
    QuotaExceeded = 0x97,
}

/// Which acknowledgement answers a PUBLISH.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AckKind {
    Puback,
    Pubrec,
}

/// What an acknowledgement says. 3.1.1 knows only `Stored`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AckResult {
    /// The message is on disk.
    Stored,
    /// The publisher may not use this topic.
    NotAuthorized,
}

/// Answer to one filter of a SUBSCRIBE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FilterAnswer {
    AtMostOnce,
    NotAuthorized,
    Invalid,
}

/// A packet the peer said it does not take (its Maximum Packet Size is smaller than an acknowledgement).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unsendable;

/// Codec and protocol state of one connection.
pub(super) struct Codec {
    core: Connection<role::Server>,
    version: Version,
    /// Cleared by the first violation: the core then refuses to send, but acknowledgements of durable messages still leave.
    is_core_alive: bool,
}

impl Codec {
    /// Opens a connection from its CONNECT packet, which [`super::guard`] has measured.
    ///
    /// # Errors
    /// `None` when the packet is malformed: close without an answer (3.1.4-1).
    pub(super) fn open(version: Version, packet: &[u8], limits: Limits) -> Result<(Self, Connect), Option<ConnectRefusal>> {
        let options = ConnectionOptions::new().maximum_packet_size_recv(limits.max_packet_bytes);
        // 3.1.1 has no Receive Maximum: there the loop stops reading instead.
        let (core_version, options) = match version {
            Version::V3 => (CoreVersion::V3_1_1, options),
            Version::V5 => (CoreVersion::V5_0, options.receive_maximum(limits.max_in_flight)),
        };
        let mut core = Connection::<role::Server>::with_options(core_version, options);
        let mut cursor = Cursor::new(packet);
        let mut connect = Err(None);
        for event in core.recv(&mut cursor) {
            match event {
                Event::NotifyPacketReceived(packet::Packet::V3_1_1Connect(packet)) => connect = Ok(read_connect_v3(&packet)),
                Event::NotifyPacketReceived(packet::Packet::V5_0Connect(packet)) => connect = Ok(read_connect_v5(&packet)),
                Event::NotifyError(MqttError::ClientIdentifierNotValid) => return Err(Some(ConnectRefusal::ClientId)),
                Event::NotifyPacketReceived(_) | Event::NotifyError(_) | Event::RequestClose => return Err(None),
                _ => {}
            }
        }
        Ok((Self { core, version, is_core_alive: true }, connect?))
    }

    /// The version of this connection.
    pub(super) fn version(&self) -> Version {
        self.version
    }

    /// Takes the next packet from the front of `input`.
    pub(super) fn decode(&mut self, input: &mut &[u8]) -> Decoded {
        let mut cursor = Cursor::new(*input);
        let events = self.core.recv(&mut cursor);
        let consumed = usize::try_from(cursor.position()).unwrap_or(usize::MAX).min(input.len());
        *input = &input[consumed..];
        let mut decoded = Decoded::Incomplete;
        for event in events {
            decoded = match event {
                // Guard 2: an error closes whether or not the core asks for it. It also sends its own DISCONNECT; ours replaces it,
                // because acknowledgements of what came before must leave first.
                Event::NotifyError(error) => Decoded::Violation(close_reason(error)),
                Event::RequestClose => Decoded::Violation(CloseReason::Protocol),
                Event::NotifyPacketReceived(packet) => read_packet(packet),
                Event::RequestSendPacket { packet: packet::Packet::V3_1_1Pubrec(pubrec), .. } => {
                    Decoded::Packet(Packet::ResentExactlyOnce(pubrec.packet_id()))
                }
                Event::RequestSendPacket { packet: packet::Packet::V5_0Pubrec(pubrec), .. } => {
                    Decoded::Packet(Packet::ResentExactlyOnce(pubrec.packet_id()))
                }
                // Timers: keep-alive is ours, see `connection`.
                _ => decoded,
            };
        }
        if matches!(decoded, Decoded::Violation(_)) {
            self.is_core_alive = false;
        }
        decoded
    }

    /// CONNACK that lets the client in. `session_present` is always 0: sessions end with their connection.
    pub(super) fn accept(&mut self, accepted: &Accepted<'_>, out: &mut Vec<u8>) -> Result<(), Unsendable> {
        let packet = match self.version {
            Version::V3 => {
                let connack = v3_1_1::Connack::builder().session_present(false).return_code(ConnectReturnCode::Accepted).build();
                connack.map(packet::Packet::from)
            }
            Version::V5 => connack_properties(accepted).and_then(|properties| {
                let connack = v5_0::Connack::builder().session_present(false).reason_code(ConnectReasonCode::Success);
                connack.props(properties).build().map(packet::Packet::from)
            }),
        };
        self.send(packet, out)
    }

    /// PUBACK or PUBREC.
    pub(super) fn acknowledge(&mut self, kind: AckKind, packet_id: u16, result: AckResult, out: &mut Vec<u8>) -> Result<(), Unsendable> {
        let packet = match (self.version, kind) {
            (Version::V3, AckKind::Puback) => v3_1_1::Puback::builder().packet_id(packet_id).build().map(packet::Packet::from),
            (Version::V3, AckKind::Pubrec) => v3_1_1::Pubrec::builder().packet_id(packet_id).build().map(packet::Packet::from),
            (Version::V5, AckKind::Puback) => {
                let puback = v5_0::Puback::builder().packet_id(packet_id);
                let puback = match result {
                    AckResult::Stored => puback,
                    AckResult::NotAuthorized => puback.reason_code(PubackReasonCode::NotAuthorized),
                };
                puback.build().map(packet::Packet::from)
            }
            (Version::V5, AckKind::Pubrec) => {
                let pubrec = v5_0::Pubrec::builder().packet_id(packet_id);
                let pubrec = match result {
                    AckResult::Stored => pubrec,
                    AckResult::NotAuthorized => pubrec.reason_code(PubrecReasonCode::NotAuthorized),
                };
                pubrec.build().map(packet::Packet::from)
            }
        };
        self.send(packet, out)
    }

    /// PUBCOMP; MQTT 5 says when the identifier was not in use, 3.1.1 has no word for it and answers all the same (4.3.3).
    pub(super) fn complete(&mut self, packet_id: u16, is_known: bool, out: &mut Vec<u8>) -> Result<(), Unsendable> {
        let packet = match self.version {
            Version::V3 => v3_1_1::Pubcomp::builder().packet_id(packet_id).build().map(packet::Packet::from),
            Version::V5 => {
                let pubcomp = v5_0::Pubcomp::builder().packet_id(packet_id);
                let pubcomp = if is_known { pubcomp } else { pubcomp.reason_code(PubcompReasonCode::PacketIdentifierNotFound) };
                pubcomp.build().map(packet::Packet::from)
            }
        };
        self.send(packet, out)
    }

    /// SUBACK with one answer per filter, in order.
    pub(super) fn suback(&mut self, packet_id: u16, answers: &[FilterAnswer], out: &mut Vec<u8>) -> Result<(), Unsendable> {
        let packet = match self.version {
            Version::V3 => {
                let codes = answers.iter().map(|answer| match answer {
                    FilterAnswer::AtMostOnce => SubackReturnCode::SuccessMaximumQos0,
                    FilterAnswer::NotAuthorized | FilterAnswer::Invalid => SubackReturnCode::Failure,
                });
                v3_1_1::Suback::builder().packet_id(packet_id).return_codes(codes.collect()).build().map(packet::Packet::from)
            }
            Version::V5 => {
                let codes = answers.iter().map(|answer| match answer {
                    FilterAnswer::AtMostOnce => SubackReasonCode::GrantedQos0,
                    FilterAnswer::NotAuthorized => SubackReasonCode::NotAuthorized,
                    FilterAnswer::Invalid => SubackReasonCode::TopicFilterInvalid,
                });
                v5_0::Suback::builder().packet_id(packet_id).reason_codes(codes.collect()).build().map(packet::Packet::from)
            }
        };
        self.send(packet, out)
    }

    /// UNSUBACK; nothing was subscribed, and MQTT 5 says so.
    pub(super) fn unsuback(&mut self, packet_id: u16, filters: usize, out: &mut Vec<u8>) -> Result<(), Unsendable> {
        let packet = match self.version {
            Version::V3 => v3_1_1::Unsuback::builder().packet_id(packet_id).build().map(packet::Packet::from),
            Version::V5 => {
                let codes = vec![UnsubackReasonCode::NoSubscriptionExisted; filters];
                v5_0::Unsuback::builder().packet_id(packet_id).reason_codes(codes).build().map(packet::Packet::from)
            }
        };
        self.send(packet, out)
    }

    /// PINGRESP.
    pub(super) fn pingresp(&mut self, out: &mut Vec<u8>) -> Result<(), Unsendable> {
        let packet = match self.version {
            Version::V3 => packet::Packet::from(v3_1_1::Pingresp::new()),
            Version::V5 => packet::Packet::from(v5_0::Pingresp::new()),
        };
        self.send(Ok(packet), out)
    }

    /// MQTT 5 DISCONNECT with a reason; 3.1.1 servers have no such packet and just close.
    pub(super) fn disconnect(&self, reason: CloseReason, out: &mut Vec<u8>) {
        if self.version == Version::V5 {
            // With an empty property length, which the standard lets us leave out and rumqttc 0.25.1 waits for in vain.
            out.extend_from_slice(&[0xe0, 2, reason as u8, 0]);
        }
    }

    /// Sends through the core, so that its sets of identifiers in use stay right.
    fn send(&mut self, packet: Result<packet::Packet, MqttError>, out: &mut Vec<u8>) -> Result<(), Unsendable> {
        let packet = packet.map_err(|_| Unsendable)?;
        if !self.is_core_alive {
            out.extend_from_slice(&packet.to_continuous_buffer());
            return Ok(());
        }
        for event in self.core.send(packet) {
            match event {
                Event::RequestSendPacket { packet, .. } => out.extend_from_slice(&packet.to_continuous_buffer()),
                Event::NotifyError(_) => return Err(Unsendable),
                _ => {}
            }
        }
        Ok(())
    }
}

/// CONNACK that turns a client away, in the form of the protocol level it asked for.
pub(super) fn refusal(level: u8, refusal: ConnectRefusal, out: &mut Vec<u8>) {
    if level >= 5 {
        let reason = match refusal {
            ConnectRefusal::ProtocolLevel => 0x84,
            ConnectRefusal::ClientId => 0x85,
            ConnectRefusal::BadCredentials => 0x86,
            ConnectRefusal::NotAuthorized => 0x87,
            ConnectRefusal::Unavailable => 0x88,
            ConnectRefusal::EnhancedAuth => 0x8c,
        };
        out.extend_from_slice(&[0x20, 3, 0, reason, 0]);
    } else {
        let code = match refusal {
            ConnectRefusal::ProtocolLevel => 1,
            ConnectRefusal::ClientId => 2,
            ConnectRefusal::Unavailable => 3,
            ConnectRefusal::BadCredentials => 4,
            ConnectRefusal::NotAuthorized | ConnectRefusal::EnhancedAuth => 5,
        };
        out.extend_from_slice(&[0x20, 2, 0, code]);
    }
}

/// Receive Maximum and Maximum Packet Size are added by the core from its options.
fn connack_properties(accepted: &Accepted<'_>) -> Result<Vec<Property>, MqttError> {
    let mut properties: Vec<Property> =
        vec![packet::SharedSubscriptionAvailable::new(0)?.into(), packet::SubscriptionIdentifierAvailable::new(0)?.into()];
    if let Some(client_id) = accepted.assigned_client_id {
        properties.push(packet::AssignedClientIdentifier::new(client_id)?.into());
    }
    if let Some(seconds) = accepted.server_keep_alive {
        properties.push(packet::ServerKeepAlive::new(seconds)?.into());
    }
    if accepted.wants_session_kept {
        // Must be said when it differs from what the client asked for (3.2.2.3.2).
        properties.push(packet::SessionExpiryInterval::new(0)?.into());
    }
    Ok(properties)
}
