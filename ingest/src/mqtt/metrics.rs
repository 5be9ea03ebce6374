//! Counters of both doors.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Labels of a counter that is split once, for example by quality of service.
pub(crate) type Labels = [(&'static str, &'static str); 1];

/// Labels of a client counter: the name of the broker in the settings.
pub(crate) type BrokerLabel = Vec<(String, String)>;

/// Counters of the endpoint and of all clients. Create once, register once, pass as `Arc`.
#[derive(Debug, Default)]
pub struct MqttMetrics {
    /// Counters of the endpoint.
    pub endpoint: EndpointMetrics,
    /// Counters of the clients, split by broker.
    pub client: ClientMetrics,
}

impl MqttMetrics {
    /// Adds every counter to a registry. Names begin with `mqtt_endpoint_` and `mqtt_client_`.
    pub fn register(&self, registry: &mut Registry) {
        self.endpoint.register(registry.sub_registry_with_prefix("mqtt_endpoint"));
        self.client.register(registry.sub_registry_with_prefix("mqtt_client"));
    }
}

/// Counters of the endpoint.
#[derive(Debug, Default)]
pub struct EndpointMetrics {
    /// Connections open now, including those that have not logged in yet.
    pub connections_open: Gauge,
    /// Connections accepted since start.
    pub connections: Counter,
    /// Connections turned away, by `reason`: `limit`, `peer_limit`, `login`, `protocol`, `timeout`, `client_id`, `unavailable`.
    pub connections_refused: Family<Labels, Counter>,
    /// PUBLISH packets accepted for the intake, by `qos`.
    pub publishes: Family<Labels, Counter>,
    /// PUBACK and PUBREC packets that report success.
    pub acks: Counter,
    /// Messages the intake refused, by `reason`: `retry`, `fatal`.
    pub refusals: Family<Labels, Counter>,
    /// Messages refused because the publisher may not publish on that topic.
    pub unauthorized: Counter,
    /// Packets above the size limit.
    pub oversize: Counter,
    /// Connections closed because of a packet the protocol does not allow.
    pub protocol_errors: Counter,
    /// Connections closed because their client identifier connected again.
    pub takeovers: Counter,
    /// Connections closed after one and a half keep-alives of silence.
    pub keep_alive_timeouts: Counter,
    /// Connections closed because they did not take what we wrote.
    pub write_timeouts: Counter,
    /// Resends of a message whose acknowledgement is still under way; dropped, the first one is answered.
    pub resends: Counter,
    /// Errors of `accept`, such as too many open files.
    pub accept_errors: Counter,
}

impl EndpointMetrics {
    fn register(&self, registry: &mut Registry) {
        registry.register("connections_open", "Connections open now", self.connections_open.clone());
        registry.register("connections", "Connections accepted", self.connections.clone());
        registry.register("connections_refused", "Connections turned away, by reason", self.connections_refused.clone());
        registry.register("publishes", "Messages accepted for the intake, by quality of service", self.publishes.clone());
        registry.register("acks", "Acknowledgements of durable messages", self.acks.clone());
        registry.register("refusals", "Messages the intake refused, by reason", self.refusals.clone());
        registry.register("unauthorized", "Messages on topics their publisher may not use", self.unauthorized.clone());
        registry.register("oversize", "Packets above the size limit", self.oversize.clone());
        registry.register("protocol_errors", "Connections closed for a protocol violation", self.protocol_errors.clone());
        registry.register("takeovers", "Connections closed because their client identifier connected again", self.takeovers.clone());
        registry.register("keep_alive_timeouts", "Connections closed after silence", self.keep_alive_timeouts.clone());
        registry.register("write_timeouts", "Connections closed because they did not read", self.write_timeouts.clone());
        registry.register("resends", "Resends dropped while the first one is under way", self.resends.clone());
        registry.register("accept_errors", "Errors of accept", self.accept_errors.clone());
    }

    pub(crate) fn refused(&self, reason: &'static str) {
        self.connections_refused.get_or_create(&[("reason", reason)]).inc();
    }
}

/// Counters of the clients, each split by `broker`.
#[derive(Debug, Default)]
pub struct ClientMetrics {
    /// 1 while subscribed, else 0.
    pub subscribed: Family<BrokerLabel, Gauge>,
    /// Connections that reached CONNACK.
    pub connects: Family<BrokerLabel, Counter>,
    /// Connections lost or refused.
    pub disconnects: Family<BrokerLabel, Counter>,
    /// Messages received and handed to the intake.
    pub messages: Family<BrokerLabel, Counter>,
    /// Acknowledgements handed to the connection they belong to.
    pub acks: Family<BrokerLabel, Counter>,
    /// Acknowledgements dropped because their connection is gone; the broker delivers those messages again.
    pub stale_acks: Family<BrokerLabel, Counter>,
    /// Repeated submissions after the intake refused.
    pub retries: Family<BrokerLabel, Counter>,
    /// Messages above the size limit: acknowledged, not stored.
    pub oversize: Family<BrokerLabel, Counter>,
    /// QoS 0 messages dropped because the queue to the intake was full.
    pub dropped: Family<BrokerLabel, Counter>,
    /// Messages that came with QoS 0, whatever we subscribed with: what is sent so while we are away is lost.
    pub at_most_once: Family<BrokerLabel, Counter>,
}

impl ClientMetrics {
    fn register(&self, registry: &mut Registry) {
        registry.register("subscribed", "1 while subscribed", self.subscribed.clone());
        registry.register("connects", "Connections made", self.connects.clone());
        registry.register("disconnects", "Connections lost or refused", self.disconnects.clone());
        registry.register("messages", "Messages handed to the intake", self.messages.clone());
        registry.register("acks", "Acknowledgements of durable messages", self.acks.clone());
        registry.register("stale_acks", "Acknowledgements dropped because their connection is gone", self.stale_acks.clone());
        registry.register("retries", "Repeated submissions after a refusal", self.retries.clone());
        registry.register("oversize", "Messages above the size limit, of which only the beginning is kept", self.oversize.clone());
        registry.register("dropped", "QoS 0 messages dropped because the queue was full", self.dropped.clone());
        registry.register("at_most_once", "Messages that came with QoS 0", self.at_most_once.clone());
    }

    /// The counters of one broker, looked up once.
    pub(crate) fn of(&self, broker: &str) -> BrokerMetrics {
        let label: BrokerLabel = vec![("broker".to_owned(), broker.to_owned())];
        BrokerMetrics {
            subscribed: self.subscribed.get_or_create_owned(&label),
            connects: self.connects.get_or_create_owned(&label),
            disconnects: self.disconnects.get_or_create_owned(&label),
            messages: self.messages.get_or_create_owned(&label),
            acks: self.acks.get_or_create_owned(&label),
            stale_acks: self.stale_acks.get_or_create_owned(&label),
            retries: self.retries.get_or_create_owned(&label),
            oversize: self.oversize.get_or_create_owned(&label),
            dropped: self.dropped.get_or_create_owned(&label),
            at_most_once: self.at_most_once.get_or_create_owned(&label),
        }
    }
}

/// The counters of one broker.
#[derive(Debug, Clone)]
pub(crate) struct BrokerMetrics {
    pub(crate) subscribed: Gauge,
    pub(crate) connects: Counter,
    pub(crate) disconnects: Counter,
    pub(crate) messages: Counter,
    pub(crate) acks: Counter,
    pub(crate) stale_acks: Counter,
    pub(crate) retries: Counter,
    pub(crate) oversize: Counter,
    pub(crate) dropped: Counter,
    pub(crate) at_most_once: Counter,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_appears_under_its_name() {
        let metrics = MqttMetrics::default();
        let mut registry = Registry::with_prefix("stadtwarte");
        metrics.register(&mut registry);
        metrics.endpoint.refused("login");
        metrics.client.of("kommune").messages.inc();
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        assert!(text.contains("stadtwarte_mqtt_endpoint_connections_open 0"), "{text}");
        assert!(text.contains(r#"stadtwarte_mqtt_endpoint_connections_refused_total{reason="login"} 1"#), "{text}");
        assert!(text.contains(r#"stadtwarte_mqtt_client_messages_total{broker="kommune"} 1"#), "{text}");
    }
}
