//! MQTT 5 with `rumqttc`. This module and [`super::rumqttc_v4`] are the only ones that know its types.

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use rumqttc::v5::mqttbytes::v5::{
    ConnectProperties, ConnectReturnCode, DisconnectReasonCode, Filter, Packet, Publish, RetainForwardRule, SubscribeReasonCode,
};
use rumqttc::v5::mqttbytes::{Error as CodecError, QoS};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, StateError};
use rumqttc::{NetworkOptions, Transport};

use super::link::{AckId, Broker, Incoming, Link, LinkError, LinkEvent, Requests};
use super::options::{Address, BrokerOptions, SubscribeQos};
use super::orphans::Orphans;

/// A broker that speaks MQTT 5.
pub(super) struct BrokerV5 {
    options: MqttOptions,
    filters: Arc<[Filter]>,
    queue: usize,
    orphans: Arc<Orphans>,
}

impl BrokerV5 {
    /// Prepares connections. `options` are validated; the setters of rumqttc panic on what is not.
    pub(super) fn new(options: &BrokerOptions, address: &Address, transport: Transport) -> Self {
        let mut mqtt = MqttOptions::new(&options.client_id, &address.host, address.port);
        // Pitfall 15: this replaces receive maximum, session expiry and packet size, so it comes first and alone. Pitfall 11: no
        // topic alias maximum, an aliased publish would reach us with an empty topic.
        mqtt.set_connect_properties(ConnectProperties {
            // Pitfall 2: without it the session dies with the connection, whatever clean start says.
            session_expiry_interval: u32::try_from(options.session_expiry.as_secs()).ok(),
            // Pitfall 8: the window is our back-pressure; the broker stops when so many are not acknowledged.
            receive_maximum: Some(options.max_in_flight),
            // Pitfall 1: the default is 10 KiB, is not announced, and kills the connection over and over.
            max_packet_size: Some(options.max_packet_bytes),
            ..ConnectProperties::new()
        });
        // Pitfall 2.
        mqtt.set_clean_start(false);
        // Pitfall 6: the default acknowledges on read, before anything is on disk.
        mqtt.set_manual_acks(true);
        // Pitfall 14.
        mqtt.set_keep_alive(options.keep_alive);
        // Pitfall 12: covers DNS, TCP, TLS and CONNACK; nothing of ours cuts a connection attempt short.
        mqtt.set_connection_timeout(options.connect_timeout.as_secs());
        mqtt.set_transport(transport);
        // Acknowledgements are small; held back by the kernel they would slow the broker down.
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        mqtt.set_network_options(network);
        // We publish nothing; the default would allocate room for 65,535 outgoing messages per connection.
        mqtt.set_outgoing_inflight_upper_limit(16);
        if let Some(username) = &options.username {
            mqtt.set_credentials(username, options.password.clone().unwrap_or_default());
        }
        let qos = match options.qos {
            SubscribeQos::AtMostOnce => QoS::AtMostOnce,
            // Pitfall 10: never 2.
            SubscribeQos::AtLeastOnce => QoS::AtLeastOnce,
        };
        let filters = options.topics.iter().map(|topic| {
            let mut filter = Filter::new(topic, qos);
            // Retained messages are snapshots, not events: do not send them on subscribing.
            filter.retain_forward_rule = RetainForwardRule::Never;
            filter
        });
        // Pitfall 7: room for every acknowledgement that can be due, the subscription and the goodbye.
        let queue = usize::from(options.max_in_flight) + 8;
        Self { options: mqtt, filters: filters.collect(), queue, orphans: Arc::default() }
    }
}

impl Broker for BrokerV5 {
    fn link(&self) -> Box<dyn Link> {
        // Pitfalls 4, 9: a new event loop per connection, so no event, request or acknowledgement of the last one is left in it.
        let (client, mut events) = AsyncClient::new(self.options.clone(), self.queue);
        for packet_id in self.orphans.all() {
            let received = Packet::Publish(acknowledged(AckId { packet_id, is_exactly_once: true }));
            let _ = events.state.handle_incoming_packet(received);
        }
        events.state.events.clear();
        let requests = Arc::new(RequestsV5 { client, filters: Arc::clone(&self.filters) });
        Box::new(LinkV5 { events, requests, orphans: Arc::clone(&self.orphans), error: None })
    }
}

struct LinkV5 {
    events: EventLoop,
    requests: Arc<RequestsV5>,
    orphans: Arc<Orphans>,
    /// Why the connection ended, kept until what was read before is handed on.
    error: Option<LinkError>,
}

impl Link for LinkV5 {
    fn poll(&mut self) -> BoxFuture<'_, Result<LinkEvent, LinkError>> {
        async move {
            if self.error.is_none() {
                match self.events.poll().await {
                    Ok(event) => return Ok(link_event(event)),
                    Err(error) => {
                        if let ConnectionError::MqttState(StateError::Unsolicited(packet_id)) = &error {
                            self.orphans.remember(*packet_id);
                        }
                        self.error = Some(link_error(error));
                    }
                }
            }
            // What was read together with the end is still in the event loop. QoS 1 is delivered again; QoS 0 would be lost.
            while let Some(event) = self.events.state.events.pop_front() {
                if let Event::Incoming(Packet::Publish(publish)) = &event
                    && publish.qos == QoS::AtMostOnce
                {
                    return Ok(link_event(event));
                }
            }
            Err(self.error.clone().unwrap_or_else(|| LinkError::Lost("connection ended".to_owned())))
        }
        .boxed()
    }

    fn requests(&self) -> Arc<dyn Requests> {
        Arc::clone(&self.requests) as Arc<dyn Requests>
    }
}

struct RequestsV5 {
    client: AsyncClient,
    filters: Arc<[Filter]>,
}

impl Requests for RequestsV5 {
    fn try_ack(&self, ack: AckId) -> bool {
        self.client.try_ack(&acknowledged(ack)).is_ok()
    }

    fn try_subscribe(&self) -> bool {
        self.client.try_subscribe_many(self.filters.iter().cloned()).is_ok()
    }

    fn try_disconnect(&self) -> bool {
        self.client.try_disconnect().is_ok()
    }
}

/// As much of a message as its acknowledgement needs.
fn acknowledged(ack: AckId) -> Publish {
    let qos = if ack.is_exactly_once { QoS::ExactlyOnce } else { QoS::AtLeastOnce };
    let mut publish = Publish::new("", qos, Bytes::new(), None);
    publish.pkid = ack.packet_id;
    publish
}

fn link_event(event: Event) -> LinkEvent {
    match event {
        Event::Incoming(Packet::ConnAck(connack)) => LinkEvent::Connected { session_present: connack.session_present },
        Event::Incoming(Packet::SubAck(suback)) => {
            let outcomes = suback.return_codes.into_iter().map(|code| match code {
                SubscribeReasonCode::Success(qos) => Ok(qos as u8),
                refused => Err(format!("{refused:?}")),
            });
            LinkEvent::Subscribed(outcomes.collect())
        }
        Event::Incoming(Packet::Publish(publish)) => LinkEvent::Message(Incoming {
            size: publish.topic.len() + publish.payload.len(),
            topic: String::from_utf8_lossy(&publish.topic).into_owned(),
            // A copy: the original is a slice of the network buffer and would keep all of it in memory.
            payload: Bytes::copy_from_slice(&publish.payload),
            retained: publish.retain,
            is_repeat: publish.dup,
            ack: (publish.qos != QoS::AtMostOnce)
                .then_some(AckId { packet_id: publish.pkid, is_exactly_once: publish.qos == QoS::ExactlyOnce }),
        }),
        Event::Outgoing(_) => LinkEvent::Sent,
        Event::Incoming(_) => LinkEvent::Other,
    }
}

fn link_error(error: ConnectionError) -> LinkError {
    match error {
        ConnectionError::ConnectionRefused(
            code @ (ConnectReturnCode::ServerUnavailable
            | ConnectReturnCode::ServiceUnavailable
            | ConnectReturnCode::ServerBusy
            | ConnectReturnCode::QuotaExceeded
            | ConnectReturnCode::ConnectionRateExceeded
            | ConnectReturnCode::UnspecifiedError),
        ) => LinkError::Lost(format!("the broker takes no connection now: {code:?}")),
        ConnectionError::ConnectionRefused(code) => LinkError::Refused(format!("the broker refused the login: {code:?}")),
        // Pitfall 19.
        ConnectionError::MqttState(StateError::ServerDisconnect { reason_code: DisconnectReasonCode::SessionTakenOver, .. }) => {
            LinkError::TakenOver
        }
        ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, .. }) => {
            LinkError::Lost(format!("the broker closed the connection: {reason_code:?}"))
        }
        ConnectionError::MqttState(
            StateError::Deserialization(CodecError::PayloadSizeLimitExceeded { pkt_size: bytes, .. })
            | StateError::IncomingPacketTooLarge { pkt_size: bytes, .. },
        ) => LinkError::TooLarge(bytes),
        ConnectionError::Timeout(_) => LinkError::Lost("no answer from the broker in time".to_owned()),
        ConnectionError::Io(error) => LinkError::Lost(error.to_string()),
        error => LinkError::Lost(error.to_string()),
    }
}
