//! MQTT 3.1.1 with `rumqttc`. This module and [`super::rumqttc_v5`] are the only ones that know its types.

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, EventLoop, MqttOptions, Packet, Publish, QoS, StateError, SubscribeFilter,
    SubscribeReasonCode, Transport, mqttbytes,
};

use super::link::{AckId, Broker, Incoming, Link, LinkError, LinkEvent, Requests};
use super::options::{Address, BrokerOptions, SubscribeQos};
use super::orphans::Orphans;

/// A broker that speaks MQTT 3.1.1.
pub(super) struct BrokerV4 {
    options: MqttOptions,
    connect_timeout_s: u64,
    filters: Arc<[SubscribeFilter]>,
    queue: usize,
    orphans: Arc<Orphans>,
}

impl BrokerV4 {
    /// Prepares connections. `options` are validated; the setters of rumqttc panic on what is not.
    pub(super) fn new(options: &BrokerOptions, address: &Address, transport: Transport) -> Self {
        let mut mqtt = MqttOptions::new(&options.client_id, &address.host, address.port);
        // Pitfall 1: the default is 10 KiB and kills the connection over and over. 3.1.1 brokers cannot be told a limit, so more is
        // read than is wanted, and dropped in `connection`.
        let max_incoming = usize::try_from(options.max_packet_bytes).unwrap_or(usize::MAX);
        mqtt.set_max_packet_size(max_incoming, max_incoming);
        // Pitfall 2.
        mqtt.set_clean_session(false);
        // Pitfall 6: the default acknowledges on read, before anything is on disk.
        mqtt.set_manual_acks(true);
        // Pitfall 14.
        mqtt.set_keep_alive(options.keep_alive);
        mqtt.set_transport(transport);
        // We publish nothing.
        mqtt.set_inflight(16);
        if let Some(username) = &options.username {
            mqtt.set_credentials(username, options.password.clone().unwrap_or_default());
        }
        let qos = match options.qos {
            SubscribeQos::AtMostOnce => QoS::AtMostOnce,
            // Pitfall 10: never 2.
            SubscribeQos::AtLeastOnce => QoS::AtLeastOnce,
        };
        let filters = options.topics.iter().map(|topic| SubscribeFilter::new(topic.clone(), qos)).collect();
        // Pitfall 7: room for every acknowledgement that can be due, the subscription and the goodbye.
        let queue = usize::from(options.max_in_flight) + 8;
        Self { options: mqtt, connect_timeout_s: options.connect_timeout.as_secs(), filters, queue, orphans: Arc::default() }
    }
}

impl Broker for BrokerV4 {
    fn link(&self) -> Box<dyn Link> {
        // Pitfalls 4, 9: a new event loop per connection, so no event, request or acknowledgement of the last one is left in it.
        let (client, mut events) = AsyncClient::new(self.options.clone(), self.queue);
        // Pitfall 12: covers DNS, TCP, TLS and CONNACK; nothing of ours cuts a connection attempt short.
        events.network_options.set_connection_timeout(self.connect_timeout_s);
        // Acknowledgements are small; held back by the kernel they would slow the broker down.
        events.network_options.set_tcp_nodelay(true);
        for packet_id in self.orphans.all() {
            let received = Packet::Publish(acknowledged(AckId { packet_id, is_exactly_once: true }));
            let _ = events.state.handle_incoming_packet(received);
        }
        events.state.events.clear();
        let requests = Arc::new(RequestsV4 { client, filters: Arc::clone(&self.filters) });
        Box::new(LinkV4 { events, requests, orphans: Arc::clone(&self.orphans), error: None })
    }
}

struct LinkV4 {
    events: EventLoop,
    requests: Arc<RequestsV4>,
    orphans: Arc<Orphans>,
    /// Why the connection ended, kept until what was read before is handed on.
    error: Option<LinkError>,
}

impl Link for LinkV4 {
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

struct RequestsV4 {
    client: AsyncClient,
    filters: Arc<[SubscribeFilter]>,
}

impl Requests for RequestsV4 {
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
    let mut publish = Publish::new("", qos, Vec::new());
    publish.pkid = ack.packet_id;
    publish
}

fn link_event(event: Event) -> LinkEvent {
    match event {
        Event::Incoming(Packet::ConnAck(connack)) => LinkEvent::Connected { session_present: connack.session_present },
        Event::Incoming(Packet::SubAck(suback)) => {
            let outcomes = suback.return_codes.into_iter().map(|code| match code {
                SubscribeReasonCode::Success(qos) => Ok(qos as u8),
                SubscribeReasonCode::Failure => Err("refused".to_owned()),
            });
            LinkEvent::Subscribed(outcomes.collect())
        }
        Event::Incoming(Packet::Publish(publish)) => LinkEvent::Message(Incoming {
            size: publish.topic.len() + publish.payload.len(),
            // A copy: the original is a slice of the network buffer and would keep all of it in memory.
            payload: Bytes::copy_from_slice(&publish.payload),
            retained: publish.retain,
            is_repeat: publish.dup,
            ack: (publish.qos != QoS::AtMostOnce)
                .then_some(AckId { packet_id: publish.pkid, is_exactly_once: publish.qos == QoS::ExactlyOnce }),
            topic: publish.topic,
        }),
        Event::Outgoing(_) => LinkEvent::Sent,
        Event::Incoming(_) => LinkEvent::Other,
    }
}

fn link_error(error: ConnectionError) -> LinkError {
    match error {
        ConnectionError::ConnectionRefused(code @ ConnectReturnCode::ServiceUnavailable) => {
            LinkError::Lost(format!("the broker takes no connection now: {code:?}"))
        }
        ConnectionError::ConnectionRefused(code) => LinkError::Refused(format!("the broker refused the login: {code:?}")),
        ConnectionError::MqttState(StateError::Deserialization(mqttbytes::Error::PayloadSizeLimitExceeded(bytes))) => {
            LinkError::TooLarge(bytes)
        }
        ConnectionError::NetworkTimeout | ConnectionError::FlushTimeout => LinkError::Lost("no answer from the broker in time".to_owned()),
        ConnectionError::Io(error) => LinkError::Lost(error.to_string()),
        error => LinkError::Lost(error.to_string()),
    }
}
