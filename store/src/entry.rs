//! What the ingestor appends: one entry per received message, complete and ready to be stored.

use serde::{Deserialize, Serialize};
use stadtwarte_model::quarantine::Verdict;
use stadtwarte_model::uplink::{Radio, Reception, TimeSource};
use stadtwarte_model::{DatastreamId, DevEui, Observation, ObservationId, Position, Quality, ResultValue, Timestamp};

/// One message with everything that was made of it. Its parts are stored together or not at all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The connection it came through.
    pub source: String,
    /// Its MQTT topic, or what plays that role.
    pub topic: String,
    /// When it was received.
    pub received_at: Timestamp,
    /// The uplink frame, when it was one.
    pub uplink: Option<UplinkRow>,
    /// What was read from it, at most [`ObservationId::PER_RECORD`].
    pub observations: Vec<NewObservation>,
    /// Set when the message, or a part of it, was not understood.
    pub verdict: Option<Verdict>,
    /// The message as it came, present when there is a verdict.
    pub raw: Vec<u8>,
}

impl Entry {
    /// About the size of its record: what can be large, and something for the rest.
    pub(crate) fn approximate_bytes(&self) -> usize {
        let uplink = self.uplink.as_ref().map_or(0, |uplink| {
            let texts = uplink.object.as_ref().map_or(0, String::len) + uplink.warnings.iter().map(String::len).sum::<usize>();
            200 + uplink.payload.len() + texts + 200 * uplink.receptions.len()
        });
        200 + self.topic.len() + self.raw.len() + uplink + 150 * self.observations.len()
    }
}

/// The columns of one uplink, without what only the log can know (`uplink_id`, `duplicate_of`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UplinkRow {
    /// The dialect that parsed it, such as `chirpstack_v4`.
    pub dialect: String,
    /// The device.
    pub dev_eui: DevEui,
    /// The network server's identity of the uplink.
    pub deduplication_id: Option<String>,
    /// The session that the frame counter belongs to.
    pub session: Option<String>,
    /// The frame counter.
    pub f_cnt: Option<u32>,
    /// The port.
    pub f_port: Option<u8>,
    /// Whether the device asked for an acknowledgement.
    pub confirmed: bool,
    /// The chosen time.
    pub event_time: Timestamp,
    /// Whose clock it is.
    pub time_source: TimeSource,
    /// By the best gateway's clock.
    pub gateway_time: Option<Timestamp>,
    /// By the network server's clock.
    pub server_time: Option<Timestamp>,
    /// The application payload.
    pub payload: Vec<u8>,
    /// The decoded object as JSON text.
    pub object: Option<String>,
    /// Gateways that heard it, best first.
    pub receptions: Vec<Reception>,
    /// How it was transmitted.
    pub radio: Radio,
    /// What could not be read of it.
    pub warnings: Vec<String>,
}

/// An observation before the log gave it its identity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewObservation {
    /// Which datastream it belongs to.
    pub datastream_id: DatastreamId,
    /// When it was true, or when the interval began.
    pub phenomenon_time: Timestamp,
    /// When the interval ended.
    pub phenomenon_end: Option<Timestamp>,
    /// When the result was produced.
    pub result_time: Option<Timestamp>,
    /// The value.
    pub value: ResultValue,
    /// What is known against it.
    pub quality: Quality,
    /// Where it was measured.
    pub position: Option<Position>,
}

impl NewObservation {
    pub(crate) fn identified(self, id: ObservationId, received_at: Timestamp) -> Observation {
        Observation {
            id,
            datastream_id: self.datastream_id,
            phenomenon_time: self.phenomenon_time,
            phenomenon_end: self.phenomenon_end,
            result_time: self.result_time,
            received_at,
            value: self.value,
            quality: self.quality,
            position: self.position,
        }
    }
}

/// What became of an entry, once it is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// Stored under this log sequence, which is also its `uplink_id`.
    Stored(stadtwarte_model::LogSequence),
    /// The same message had already been stored under this sequence; nothing was added.
    Redelivered(stadtwarte_model::LogSequence),
}
