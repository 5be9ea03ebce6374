//! One LoRaWAN uplink as a network server reported it.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::{DevEui, JoinEui};
use crate::place::Position;
use crate::time::Timestamp;

/// How far a gateway's clock may be from the network server's before it is not believed: 60 s in microseconds.
pub const GATEWAY_CLOCK_TOLERANCE_MICROS: i64 = 60_000_000;

/// How far in the future a time may lie before it is not believed: 5 min in microseconds.
pub const FUTURE_TOLERANCE_MICROS: i64 = 300_000_000;

/// One uplink frame, complete: what a dialect parser makes of a topic and a payload.
#[derive(Debug, Clone, PartialEq)]
pub struct Uplink {
    /// The device that sent it, with all the network server said about it.
    pub device: DeviceDescription,
    /// The network server's own identity of this uplink, where it has one (`ChirpStack`: `deduplicationId`).
    pub deduplication_id: Option<String>,
    /// The session: `session_key_id`, or the device address. Frame counters are only comparable within one.
    pub session: Option<String>,
    /// The frame counter as reported.
    pub f_cnt: Option<u32>,
    /// The LoRaWAN port; `None` for frames without one.
    pub f_port: Option<u8>,
    /// Whether the device asked for an acknowledgement.
    pub confirmed: bool,
    /// The application payload (`FRMPayload`), decrypted unless `encrypted`.
    pub frm_payload: Vec<u8>,
    /// Whether `frm_payload` is still encrypted end to end.
    pub encrypted: bool,
    /// What the network server's codec made of the payload.
    pub object: Option<serde_json::Map<String, serde_json::Value>>,
    /// The times reported for it.
    pub times: UplinkTimes,
    /// How it was transmitted.
    pub radio: Radio,
    /// Each gateway that heard it, best signal-to-noise ratio first.
    pub receptions: Vec<Reception>,
    /// Marked as simulated by the network server.
    pub simulated: bool,
    /// Fields that could not be read; the rest of the message was kept.
    pub warnings: Vec<String>,
}

/// What a network server says about the device of an uplink.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceDescription {
    /// The identifier burnt into the device.
    pub dev_eui: DevEui,
    /// The join server it belongs to.
    pub join_eui: Option<JoinEui>,
    /// The name an operator gave it.
    pub name: Option<String>,
    /// The device profile or model name, such as `Milesight EM300-TH`.
    pub profile: Option<String>,
    /// Brand and model identifiers, where the network server knows them.
    pub brand_model: Option<(String, String)>,
    /// The application it is registered in.
    pub application: Option<String>,
    /// Tags or attributes that an operator attached.
    pub tags: BTreeMap<String, String>,
    /// Where an operator or a service of the network server says that the device is; not what the device says of where it was, and
    /// never where a gateway is.
    pub position: Option<Position>,
}

/// The times a network server reports for one uplink. Any of them may be wrong; see [`UplinkTimes::event_time`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UplinkTimes {
    /// From a satellite-disciplined gateway clock.
    pub gps: Option<Timestamp>,
    /// By the clock of the network server.
    pub network_server: Option<Timestamp>,
    /// By the clock of the gateway with the best reception.
    pub gateway: Option<Timestamp>,
    /// The time the network server itself chose as the uplink's, where it chooses one.
    pub reported: Option<Timestamp>,
    /// Whether a clock that ought to be right stood before there was LoRaWAN, so that its time was left out.
    pub has_unset_clock: bool,
}

/// Which clock an event time was taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeSource {
    /// The payload itself.
    Payload,
    /// A satellite-disciplined gateway.
    Gps,
    /// The network server.
    NetworkServer,
    /// A gateway whose clock agreed with the network server's, or that had nobody to disagree with.
    Gateway,
    /// This platform's receive time, because nothing better was believable.
    Received,
}

impl TimeSource {
    /// Its name as stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Payload => "payload",
            Self::Gps => "gps",
            Self::NetworkServer => "network_server",
            Self::Gateway => "gateway",
            Self::Received => "received",
        }
    }
}

impl fmt::Display for TimeSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for TimeSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Payload, Self::Gps, Self::NetworkServer, Self::Gateway, Self::Received]
            .into_iter()
            .find(|source| source.as_str() == text)
            .ok_or_else(|| format!("`{text}` is not a time source"))
    }
}

/// The chosen time of an uplink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventTime {
    /// The time.
    pub time: Timestamp,
    /// Whose clock it is.
    pub source: TimeSource,
    /// Whether a reported clock was not believed.
    pub clock_suspect: bool,
}

impl UplinkTimes {
    /// Chooses the time of the uplink, given when this platform received it.
    ///
    /// Order: satellite time; network server's receive time; a gateway's time only within 60 s of the network server's (or
    /// of the reported time when that is all there is); else `received_at`. Times more than five minutes in the future are never
    /// believed. A time far in the past from a network server is believed: it is a buffered or replayed message.
    /// Source: gateway clocks in recorded messages are years off (facts on LoRaWAN, section 1.3 and 1.7).
    #[must_use]
    pub fn event_time(&self, received_at: Timestamp) -> EventTime {
        let plausible = |time: &Timestamp| time.micros_since(received_at) <= FUTURE_TOLERANCE_MICROS;
        let server = self.network_server.or(self.reported).filter(plausible);
        let near_server = |time: Timestamp| {
            time.micros_since(server.unwrap_or(received_at)).unsigned_abs() <= GATEWAY_CLOCK_TOLERANCE_MICROS.unsigned_abs()
        };
        let suspect = |time: Option<Timestamp>| time.is_some_and(|time| !near_server(time));
        let future = |time: Option<Timestamp>| time.is_some_and(|time| !plausible(&time));
        let clock_suspect =
            self.has_unset_clock || suspect(self.gateway) || [self.gps, self.network_server, self.reported].into_iter().any(future);
        let chosen = |time, source| EventTime { time, source, clock_suspect };
        if let Some(gps) = self.gps.filter(plausible) {
            return chosen(gps, TimeSource::Gps);
        }
        if let Some(server) = server {
            return chosen(server, TimeSource::NetworkServer);
        }
        match self.gateway {
            Some(gateway) if near_server(gateway) => chosen(gateway, TimeSource::Gateway),
            _ => chosen(received_at, TimeSource::Received),
        }
    }
}

/// How an uplink was transmitted.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Radio {
    /// Centre frequency in hertz.
    pub frequency_hz: Option<u64>,
    /// LoRa spreading factor, 5 to 12.
    pub spreading_factor: Option<u8>,
    /// LoRa bandwidth in hertz.
    pub bandwidth_hz: Option<u32>,
    /// Index of the data rate in the region's table.
    pub data_rate: Option<u8>,
}

/// One gateway's reception of an uplink.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Reception {
    /// The gateway's identifier as the network server spells it, lower case where it is an EUI.
    pub gateway_id: String,
    /// Received signal strength in dBm.
    pub rssi_dbm: Option<f64>,
    /// Signal-to-noise ratio in dB.
    pub snr_db: Option<f64>,
    /// By the gateway's own clock.
    pub gateway_time: Option<Timestamp>,
    /// Where the gateway is.
    pub position: Option<Position>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_time() -> impl Strategy<Value = Option<Timestamp>> {
        let near = -200_000_000_000..200_000_000_000_i64;
        proptest::option::of(prop_oneof![any::<i64>(), near].prop_map(Timestamp::from_micros))
    }

    proptest! {
        #[test]
        fn an_uplinks_time_is_one_that_was_reported_or_that_of_receipt_and_never_in_the_future(
            gps in any_time(), network_server in any_time(), gateway in any_time(), reported in any_time(), has_unset_clock: bool,
        ) {
            let received = Timestamp::from_micros(0);
            let times = UplinkTimes { gps, network_server, gateway, reported, has_unset_clock };
            let chosen = times.event_time(received);
            prop_assert!(chosen.time.as_micros() <= FUTURE_TOLERANCE_MICROS);
            let source = match chosen.source {
                TimeSource::Gps => gps,
                TimeSource::NetworkServer => network_server.or(reported),
                TimeSource::Gateway => gateway,
                TimeSource::Received => Some(received),
                TimeSource::Payload => None,
            };
            prop_assert_eq!(source, Some(chosen.time));
            prop_assert!(chosen.clock_suspect || !has_unset_clock);
        }
    }

    #[test]
    fn names_and_time_sources_are_inverse() {
        for source in [TimeSource::Payload, TimeSource::Gps, TimeSource::NetworkServer, TimeSource::Gateway, TimeSource::Received] {
            assert_eq!(source.to_string().parse(), Ok(source));
        }
    }

    #[allow(clippy::unnecessary_wraps, reason = "the table below wants options")]
    fn at(seconds: i64) -> Option<Timestamp> {
        Some(Timestamp::from_micros(seconds * 1_000_000))
    }

    #[test]
    fn the_most_trustworthy_believable_clock_wins() {
        let none = UplinkTimes::default();
        let received = Timestamp::from_micros(10_000 * 1_000_000);
        let cases = [
            ("nothing reported", none, 10_000, TimeSource::Received, false),
            ("satellite first", UplinkTimes { gps: at(9_998), network_server: at(9_999), ..none }, 9_998, TimeSource::Gps, false),
            ("server next", UplinkTimes { network_server: at(9_999), gateway: at(9_990), ..none }, 9_999, TimeSource::NetworkServer, false),
            (
                "gateway three years off",
                UplinkTimes { network_server: at(9_999), gateway: at(-90_000_000), ..none },
                9_999,
                TimeSource::NetworkServer,
                true,
            ),
            ("gateway alone and near", UplinkTimes { gateway: at(9_950), ..none }, 9_950, TimeSource::Gateway, false),
            ("gateway alone and far", UplinkTimes { gateway: at(5_000), ..none }, 10_000, TimeSource::Received, true),
            (
                "buffered by the server for a day",
                UplinkTimes { network_server: at(-76_400), ..none },
                -76_400,
                TimeSource::NetworkServer,
                false,
            ),
            ("server never set", UplinkTimes { has_unset_clock: true, ..none }, 10_000, TimeSource::Received, true),
            ("server in the future", UplinkTimes { network_server: at(20_000), ..none }, 10_000, TimeSource::Received, true),
        ];
        for (name, times, seconds, source, clock_suspect) in cases {
            let expected = EventTime { time: at(seconds).unwrap(), source, clock_suspect };
            assert_eq!(times.event_time(received), expected, "{name}");
        }
    }
}
