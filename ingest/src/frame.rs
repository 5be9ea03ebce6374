//! One understood uplink on its way to the log.

use std::borrow::Cow;
use std::sync::Arc;

use stadtwarte_model::entity::Device;
use stadtwarte_model::quarantine::{QuarantineReason, Verdict};
use stadtwarte_model::uplink::EventTime;
use stadtwarte_model::{Position, Reading, Uplink};
use stadtwarte_store::{Entry, NewObservation, RegistryState, UplinkRow};

use crate::dialect::Dialect;
use crate::message::Message;
use crate::normalise::{Normalised, Profile, ThingKind};
use crate::provision::{self, Bounds, Sighting};
use crate::seen::{Example, SeenFields};

/// An uplink with what was read from it.
pub(crate) struct Frame<'c> {
    pub message: Message,
    pub dialect: Dialect,
    pub uplink: Uplink,
    pub event_time: EventTime,
    pub normalised: Normalised,
    pub profile: &'c Profile,
}

/// What is to be said against a message.
struct Ruling {
    reason: QuarantineReason,
    detail: Cow<'static, str>,
    example: Option<Example>,
}

impl Ruling {
    fn new(reason: QuarantineReason, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { reason, detail: detail.into(), example: None }
    }
}

impl Frame<'_> {
    /// Whether the registry lacks, and has room for, anything that this frame needs.
    pub fn is_new(&self, registry: &RegistryState, bounds: Bounds) -> bool {
        provision::is_incomplete(registry, bounds, &self.uplink.device, &self.normalised.readings)
    }

    /// Whether the device is somewhere else than where it is registered.
    pub fn has_moved(&self, registry: &RegistryState) -> bool {
        provision::has_moved(registry, &self.uplink.device, &self.message.source)
    }

    /// What the registry needs to know of it.
    pub fn sighting(&self) -> Sighting {
        Sighting {
            description: self.uplink.device.clone(),
            profile: self.profile.name.clone(),
            source: Arc::clone(&self.message.source),
            readings: self.normalised.readings.clone(),
            received_at: self.message.received_at,
        }
    }

    /// The entry for the log; and, when it is kept for the sake of unknown fields, the claim to be their example.
    pub fn into_entry(self, registry: &RegistryState, seen: &SeenFields) -> (Entry, Option<Example>) {
        let device = registry.devices.get(&self.uplink.device.dev_eui);
        let position = self.position(registry, device.map(AsRef::as_ref));
        let observations: Vec<_> = device.map_or_else(Vec::new, |device| {
            self.normalised.readings.iter().filter_map(|reading| observation(registry, device, reading, position)).collect()
        });
        let ruling = self.ruling(device.map(|_| observations.len()), seen);
        let dev_eui = self.uplink.device.dev_eui;
        let (verdict, example) = ruling.map_or((None, None), |Ruling { reason, detail, example }| {
            (Some(Verdict { reason, detail: detail.into_owned(), dev_eui: Some(dev_eui) }), example)
        });
        let Message { source, topic, payload, received_at, .. } = self.message;
        let entry = Entry {
            source: source.to_string(),
            topic,
            received_at,
            observations,
            raw: if verdict.is_some() { payload.to_vec() } else { Vec::new() },
            verdict,
            uplink: Some(row(self.uplink, self.dialect, self.event_time)),
        };
        (entry, example)
    }

    /// Where the readings were taken: what the device itself says, else where it is registered. Something that moves and does not
    /// say where it is could be anywhere.
    fn position(&self, registry: &RegistryState, device: Option<&Device>) -> Option<Position> {
        let moves = |device: &Device| {
            let thing = registry.things.get(&device.thing_id);
            thing.is_some_and(|thing| thing.kind == ThingKind::Mobility.as_str())
        };
        self.normalised.position.or_else(|| provision::place_of(registry, device.filter(|device| !moves(device))?))
    }

    /// The gravest objection first.
    /// `stored` is the number of its readings that are stored, when its device is registered.
    fn ruling(&self, stored: Option<usize>, seen: &SeenFields) -> Option<Ruling> {
        use QuarantineReason::{Encrypted, NothingUnderstood, TooManyReadings, Undecoded, UnknownDevice, UnknownField, UnreadableValue};
        let (uplink, normalised, profile) = (&self.uplink, &self.normalised, &self.profile.name);
        let object_is_empty = uplink.object.as_ref().is_none_or(serde_json::Map::is_empty);
        let Some(stored) = stored else {
            let detail = format!(
                "device {} is not registered: `ingest.provision` forbids adding it, or `ingest.max_devices` is reached",
                uplink.device.dev_eui
            );
            return Some(Ruling::new(UnknownDevice, detail));
        };
        if uplink.encrypted {
            return Some(Ruling::new(Encrypted, "the payload is encrypted end to end"));
        }
        if object_is_empty && !uplink.frm_payload.is_empty() {
            return Some(Ruling::new(Undecoded, "the network server sent no decoded object"));
        }
        if normalised.readings.is_empty() && normalised.unreadable.is_empty() && !normalised.unknown_fields.is_empty() {
            let fields = normalised.unknown_fields.join(", ");
            return Some(Ruling::new(NothingUnderstood, format!("profile {profile} knows none of the fields {fields}")));
        }
        if !normalised.unreadable.is_empty() {
            let problems: Vec<String> =
                normalised.unreadable.iter().map(|problem| format!("{}: {}", problem.path, problem.detail)).collect();
            return Some(Ruling::new(UnreadableValue, problems.join("; ")));
        }
        if stored < normalised.readings.len() {
            let all = normalised.readings.len();
            let detail = format!(
                "{stored} of {all} readings were stored: the device has `ingest.max_datastreams_per_device` series, or all have `ingest.max_datastreams`"
            );
            return Some(Ruling::new(TooManyReadings, detail));
        }
        if normalised.truncated {
            return Some(Ruling::new(TooManyReadings, format!("the first {stored} readings were stored")));
        }
        let example = seen.claim(profile, &normalised.unknown_fields)?;
        let detail = format!("profile {profile} does not know {}; kept once as an example", example.fields().join(", "));
        Some(Ruling { example: Some(example), ..Ruling::new(UnknownField, detail) })
    }
}

fn row(uplink: Uplink, dialect: Dialect, event_time: EventTime) -> UplinkRow {
    UplinkRow {
        dialect: dialect.name().to_owned(),
        dev_eui: uplink.device.dev_eui,
        deduplication_id: uplink.deduplication_id,
        session: uplink.session,
        f_cnt: uplink.f_cnt,
        f_port: uplink.f_port,
        confirmed: uplink.confirmed,
        event_time: event_time.time,
        time_source: event_time.source,
        gateway_time: uplink.times.gateway,
        server_time: uplink.times.network_server,
        payload: uplink.frm_payload,
        object: uplink.object.map(|object| serde_json::Value::Object(object).to_string()),
        receptions: uplink.receptions,
        radio: uplink.radio,
        warnings: uplink.warnings,
    }
}

fn observation(registry: &RegistryState, device: &Device, reading: &Reading, position: Option<Position>) -> Option<NewObservation> {
    Some(NewObservation {
        datastream_id: provision::datastream_of(registry, device, reading)?,
        phenomenon_time: reading.phenomenon_time,
        phenomenon_end: None,
        result_time: None,
        value: reading.value.clone(),
        quality: reading.quality,
        position,
    })
}
