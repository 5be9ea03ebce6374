//! Settings of one external broker; every bound has a name here.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::tls;
use crate::mqtt::{Error, TopicFilter};

/// Version of the protocol to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// MQTT 3.1.1, for brokers that know nothing else, such as The Things Stack.
    V3,
    /// MQTT 5.
    V5,
}

/// Quality of service to subscribe with. There is no 2: rumqttc delivers repetitions of it again and can be disconnected by it,
/// and the pipeline recognises duplicates anyway (pitfall 10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscribeQos {
    /// 0: what is sent while we are away, or while the queue is full, is lost.
    AtMostOnce,
    /// 1: the broker keeps it until we acknowledge. The delivery is at most as good as the publisher's own quality of service:
    /// `ChirpStack` publishes with 0 unless its `integration.mqtt.qos` says 1 (pitfall 18).
    AtLeastOnce,
}

/// Files of an `mqtts://` connection, PEM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// Certificates that sign the broker's; without it those of the operating system.
    pub ca_file: Option<PathBuf>,
    /// Our certificate chain, when the broker asks for one. Needs `key_file`.
    pub certificate_file: Option<PathBuf>,
    /// Our private key.
    pub key_file: Option<PathBuf>,
}

/// Settings of one external broker. Build with [`BrokerOptions::new`], then change fields.
#[derive(Clone)]
pub struct BrokerOptions {
    /// Name of this broker; messages carry it as their source.
    pub name: String,
    /// `mqtt://host[:1883]` or `mqtts://host[:8883]`.
    pub url: String,
    /// Default MQTT 5.
    pub protocol: Protocol,
    /// Identifies our session at the broker: stable over restarts, used by nobody else.
    pub client_id: String,
    /// User name, if the broker wants one.
    pub username: Option<String>,
    /// Password; never shown.
    pub password: Option<String>,
    /// Topic filters to subscribe to. `$share/group/filter` works with MQTT 5 and gives up order per device (pitfall 17).
    pub topics: Vec<String>,
    /// Default 1.
    pub qos: SubscribeQos,
    /// Ping interval; a dead link is noticed after at most twice this time. Default 20 s, at least 5 s.
    pub keep_alive: Duration,
    /// Time for DNS, TCP, TLS and CONNACK together. Default 15 s.
    pub connect_timeout: Duration,
    /// Time for SUBACK. Default 15 s.
    pub subscribe_timeout: Duration,
    /// Of a message above this size only the beginning is kept, so that a few cannot fill the memory. Default 1 MiB.
    pub max_kept_bytes: u32,
    /// Largest packet that is read. MQTT 5 brokers are told and drop what is larger; at 3.1.1 brokers it ends the connection, again
    /// and again until somebody removes it. Default 16 MiB.
    pub max_packet_bytes: u32,
    /// QoS 1 messages that may be unacknowledged. MQTT 5 brokers are told (Receive Maximum); 3.1.1 brokers have a window of their
    /// own. Not every broker keeps to it: Mosquitto 2.0.11 sends twenty more for every acknowledgement while it works off a
    /// backlog, in both versions. Above twice this number nothing is read until the store has caught up. Default 256.
    pub max_in_flight: u16,
    /// QoS 0 messages that may wait for the intake; further ones are dropped and counted. Default 1024.
    pub max_queued_messages: usize,
    /// Bytes of QoS 0 messages that may wait for the intake. Default 16 MiB.
    pub max_queued_bytes: usize,
    /// How long the broker keeps our session while we are away (MQTT 5; in 3.1.1 the broker decides). Default 7 days.
    pub session_expiry: Duration,
    /// First pause before a reconnect; doubles up to `max_backoff`, each pause shortened by up to half at random. Default 1 s.
    pub min_backoff: Duration,
    /// Longest pause before a reconnect. Default 60 s.
    pub max_backoff: Duration,
    /// A connection that lasted this long makes the next pause short again. Default 30 s.
    pub stable_after: Duration,
    /// First pause before a message the intake refused is submitted again; doubles up to `max_retry_backoff`. Default 500 ms.
    pub min_retry_backoff: Duration,
    /// Longest pause before a refused message is submitted again. Default 30 s.
    pub max_retry_backoff: Duration,
    /// When a filter was refused, how long until it is asked for again. Default 60 s.
    pub resubscribe_after: Duration,
    /// At shutdown, time for receipts and acknowledgements under way. Default 5 s.
    pub drain_timeout: Duration,
    /// Files for `mqtts://`.
    pub tls: TlsOptions,
}

/// Where to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) is_tls: bool,
}

impl BrokerOptions {
    /// Options with defaults.
    pub fn new(
        name: impl Into<String>,
        url: impl Into<String>,
        client_id: impl Into<String>,
        topics: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        Self {
            name: name.into(),
            url: url.into(),
            protocol: Protocol::V5,
            client_id: client_id.into(),
            username: None,
            password: None,
            topics: topics.into_iter().map(Into::into).collect(),
            qos: SubscribeQos::AtLeastOnce,
            keep_alive: Duration::from_secs(20),
            connect_timeout: Duration::from_secs(15),
            subscribe_timeout: Duration::from_secs(15),
            max_kept_bytes: 1 << 20,
            max_packet_bytes: 16 << 20,
            max_in_flight: 256,
            max_queued_messages: 1024,
            max_queued_bytes: 16 << 20,
            session_expiry: Duration::from_hours(7 * 24),
            min_backoff: Duration::from_secs(1),
            max_backoff: Duration::from_mins(1),
            stable_after: Duration::from_secs(30),
            min_retry_backoff: Duration::from_millis(500),
            max_retry_backoff: Duration::from_secs(30),
            resubscribe_after: Duration::from_mins(1),
            drain_timeout: Duration::from_secs(5),
            tls: TlsOptions::default(),
        }
    }

    /// Checks everything that can be checked without the network, the certificate files included. For `mqtts://` the process must
    /// have installed a rustls crypto provider.
    ///
    /// # Errors
    /// [`Error::BrokerSetting`] names the broker, the field, the rule or the file.
    pub fn validate(&self) -> Result<(), Error> {
        self.validate_values()?;
        tls::transport(self, &self.address()?).map(drop)
    }

    fn validate_values(&self) -> Result<(), Error> {
        if self.topics.is_empty() {
            return Err(self.mistake("topics", "must name at least one topic filter"));
        }
        for topic in &self.topics {
            TopicFilter::try_new(topic).map_err(|error| self.mistake("topics", error.to_string()))?;
        }
        if self.password.is_some() && self.username.is_none() {
            return Err(self.mistake("username", "must be set when `password` is"));
        }
        if self.tls.certificate_file.is_some() != self.tls.key_file.is_some() {
            return Err(self.mistake("certificate_file", "must be set together with `key_file`"));
        }
        let rules = [
            ("name", !self.name.is_empty(), "must not be empty"),
            // Without a stable identifier there is no session that survives a restart (pitfall 2).
            ("client_id", !self.client_id.trim().is_empty(), "must not be empty: the broker keeps our session under it"),
            ("client_id", u16::try_from(self.client_id.len()).is_ok(), "must be at most 65535 bytes"),
            ("keep_alive", self.keep_alive >= Duration::from_secs(5), "must be at least 5 s"),
            ("keep_alive", self.keep_alive <= Duration::from_secs(u16::MAX.into()), "must be at most 65535 s"),
            ("connect_timeout", self.connect_timeout >= Duration::from_secs(1), "must be at least 1 s"),
            ("subscribe_timeout", !self.subscribe_timeout.is_zero(), "must be longer than nothing"),
            ("max_kept_bytes", self.max_kept_bytes >= 64 << 10, "must be at least 64 KiB: network servers send more than 10 KiB"),
            ("max_packet_bytes", self.max_packet_bytes >= self.max_kept_bytes, "must be at least `max_kept_bytes`"),
            ("max_packet_bytes", self.max_packet_bytes <= 268_435_455, "must be at most 268435455, the limit of MQTT"),
            ("max_in_flight", self.max_in_flight >= 1, "must be at least 1"),
            ("max_queued_messages", self.max_queued_messages >= 1, "must be at least 1"),
            ("session_expiry", u32::try_from(self.session_expiry.as_secs()).is_ok(), "must be at most 4294967295 s"),
            ("min_backoff", !self.min_backoff.is_zero(), "must be longer than nothing"),
            ("max_backoff", self.max_backoff >= self.min_backoff, "must be at least `min_backoff`"),
            ("min_retry_backoff", !self.min_retry_backoff.is_zero(), "must be longer than nothing"),
            ("max_retry_backoff", self.max_retry_backoff >= self.min_retry_backoff, "must be at least `min_retry_backoff`"),
            ("resubscribe_after", !self.resubscribe_after.is_zero(), "must be longer than nothing"),
        ];
        match rules.into_iter().find(|(_, holds, _)| !holds) {
            Some((key, _, reason)) => Err(self.mistake(key, reason)),
            None => Ok(()),
        }
    }

    /// QoS 1 messages between socket and disk at most: a window for what is left of a lost connection, one for its successor.
    pub(super) fn max_window(&self) -> usize {
        2 * usize::from(self.max_in_flight)
    }

    /// Messages between socket and disk at most.
    pub(super) fn max_pending(&self) -> usize {
        self.max_window() + self.max_queued_messages
    }

    /// How long reading may pause before a ping must get out: with a ping interval before it and half of one after it, the broker
    /// (which waits one and a half) does not miss us.
    pub(super) fn max_pause(&self) -> Duration {
        self.keep_alive / 4
    }

    /// Takes the URL apart.
    pub(crate) fn address(&self) -> Result<Address, Error> {
        let (is_tls, rest) = if let Some(rest) = self.url.strip_prefix("mqtt://") {
            (false, rest)
        } else if let Some(rest) = self.url.strip_prefix("mqtts://") {
            (true, rest)
        } else {
            return Err(self.mistake("url", "must begin with mqtt:// or mqtts://"));
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains('@') {
            return Err(self.mistake("url", "must not contain a login; use `username` and `password`"));
        }
        let default_port = if is_tls { 8883 } else { 1883 };
        // `[v6]:port`: the colon of the port stands behind the bracket.
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => {
                let port = port.parse().map_err(|_| self.mistake("url", format!("`{port}` is not a port")))?;
                (host, port)
            }
            _ => (rest, default_port),
        };
        if host.is_empty() || host.contains(['/', '?', '#']) || (host.contains(':') && !host.starts_with('[')) {
            return Err(self.mistake("url", "must be mqtt://host:port or mqtts://host:port, with an IPv6 address in brackets"));
        }
        Ok(Address { host: host.to_owned(), port, is_tls })
    }

    pub(crate) fn mistake(&self, key: &'static str, reason: impl Into<String>) -> Error {
        Error::BrokerSetting { broker: self.name.clone(), key, reason: reason.into() }
    }
}

impl fmt::Debug for BrokerOptions {
    /// Leaves the login out: settings end up in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrokerOptions")
            .field("name", &self.name)
            .field("url", &self.url)
            .field("protocol", &self.protocol)
            .field("client_id", &self.client_id)
            .field("topics", &self.topics)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(url: &str) -> BrokerOptions {
        BrokerOptions::new("kommune", url, "stadtwarte", ["application/+/device/+/event/up"])
    }

    #[test]
    fn ok_urls() {
        for (url, host, port, is_tls) in [
            ("mqtt://broker.example", "broker.example", 1883, false),
            ("mqtts://broker.example", "broker.example", 8883, true),
            ("mqtt://192.0.2.1:1234/", "192.0.2.1", 1234, false),
            ("mqtt://[2001:db8::1]:1234", "[2001:db8::1]", 1234, false),
            ("mqtt://[2001:db8::1]", "[2001:db8::1]", 1883, false),
        ] {
            assert_eq!(options(url).address().unwrap(), Address { host: host.to_owned(), port, is_tls }, "{url}");
            options(url).validate_values().unwrap();
        }
    }

    #[test]
    fn err_urls() {
        for url in ["", "tcp://h", "h:1883", "mqtt://", "mqtt://:1", "mqtt://u:p@h", "mqtt://h:99999", "mqtt://2001:db8::1", "mqtt://h/x"] {
            assert!(options(url).validate().is_err(), "{url}");
        }
    }

    #[test]
    fn err_names_broker_and_setting() {
        let mistake = |change: fn(&mut BrokerOptions)| {
            let mut options = options("mqtt://h");
            change(&mut options);
            options.validate().unwrap_err().to_string()
        };
        assert_eq!(mistake(|o| o.topics.clear()), "broker `kommune`, setting `topics`: must name at least one topic filter");
        assert!(mistake(|o| o.topics.push("a/#/b".to_owned())).contains("setting `topics`: `a/#/b` is not a topic filter"));
        assert!(mistake(|o| o.client_id.clear()).contains("`client_id`"));
        assert!(mistake(|o| o.password = Some("x".to_owned())).contains("`username`"));
        assert!(mistake(|o| o.keep_alive = Duration::from_secs(1)).contains("`keep_alive`"));
        assert!(mistake(|o| o.max_kept_bytes = 10 << 10).contains("`max_kept_bytes`"));
        assert!(mistake(|o| o.tls.key_file = Some("k.pem".into())).contains("`certificate_file`"));
        let unencrypted = mistake(|o| o.tls.ca_file = Some("ca.pem".into()));
        assert!(unencrypted.contains("`ca_file`") && unencrypted.contains("mqtts://"), "{unencrypted}");
    }

    #[test]
    fn options_in_a_log_line_show_no_login() {
        let mut options = options("mqtt://h");
        options.username = Some("somebody".to_owned());
        options.password = Some("topsecret".to_owned());
        let text = format!("{options:?}");
        assert!(!text.contains("topsecret") && !text.contains("somebody"), "{text}");
    }
}
