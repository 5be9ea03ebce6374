//! The road of a message, step by step.
//!
//! ```text
//! message ─▶ parse (dialect) ─▶ time ─▶ profile ─▶ normalise ─▶ register what is new ─▶ entry ─▶ log ─▶ receipt
//! ```

use std::collections::HashMap;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use stadtwarte_model::entity::Device;
use stadtwarte_model::quarantine::{QuarantineReason, Verdict};
use stadtwarte_model::uplink::EventTime;
use stadtwarte_model::{DevEui, Reading, Uplink, Visibility};
use stadtwarte_store::{AppendError, Appended, Entry, NewObservation, RegistryState, Store, UplinkRow};

use crate::dialect::{self, Dialect, Parsed};
use crate::message::{Intake, Message, Receipt, Refusal};
use crate::metrics::IngestMetrics;
use crate::normalise::{Catalogue, Normalised, normalise};
use crate::provision::{self, Sighting};
use crate::seen::SeenFields;

/// Of a message larger than this only the beginning is kept; transports refuse such messages long before.
const MAX_ENTRY_BYTES: usize = 4 << 20;

/// How many unknown fields are remembered as already exemplified.
const MAX_SEEN_FIELDS: usize = 10_000;

/// Settings of the pipeline.
#[derive(Debug, Clone)]
pub struct PipelineOptions {
    /// Whether devices that are heard for the first time are registered; otherwise their messages are kept in quarantine.
    pub provision: bool,
    /// The most open class that automatically registered Things get.
    pub visibility: Visibility,
    /// The dialect of each source; automatic for those not named.
    pub dialects: HashMap<String, Dialect>,
}

impl Default for PipelineOptions {
    fn default() -> Self {
        Self { provision: true, visibility: Visibility::Public, dialects: HashMap::new() }
    }
}

/// Takes messages from any transport to the log.
pub struct Pipeline {
    store: Store,
    catalogue: Catalogue,
    options: PipelineOptions,
    metrics: Arc<IngestMetrics>,
    seen: SeenFields,
}

/// A message after everything that needs no registry.
enum Understood {
    /// Not an uplink, and nothing to store.
    Event,
    /// Not understood at all.
    Foreign(Message, Verdict),
    /// An uplink with what was read from it.
    Uplink(Box<Frame>),
}

struct Frame {
    message: Message,
    dialect: Dialect,
    uplink: Uplink,
    event_time: EventTime,
    normalised: Normalised,
    profile: String,
}

impl Pipeline {
    /// A pipeline into `store`.
    #[must_use]
    pub fn new(store: Store, catalogue: Catalogue, options: PipelineOptions, metrics: Arc<IngestMetrics>) -> Self {
        Self { store, catalogue, options, metrics, seen: SeenFields::new(MAX_SEEN_FIELDS) }
    }

    async fn take(&self, messages: Vec<Message>) -> Vec<Receipt> {
        let registry = self.store.registry().state();
        let understood: Vec<Understood> = messages.into_iter().map(|message| self.understand(&registry, message)).collect();
        let registry = match self.register_missing(registry, &understood).await {
            Ok(registry) => registry,
            Err(refusal) => return understood.iter().map(|_| futures::future::ready(Err(refusal)).boxed()).collect(),
        };
        let mut receipts = Vec::with_capacity(understood.len());
        for understood in understood {
            receipts.push(self.hand_over(&registry, understood).await);
        }
        receipts
    }

    fn understand(&self, registry: &RegistryState, message: Message) -> Understood {
        let dialect = self.options.dialects.get(message.source.as_ref()).copied().unwrap_or_default();
        match dialect::parse(dialect, &message.topic, &message.payload) {
            Ok((_, Parsed::Event(event))) => {
                self.metrics.count_event(event.kind.as_str());
                Understood::Event
            }
            Ok((dialect, Parsed::Uplink(uplink))) => self.read(registry, message, dialect, *uplink),
            Err(error) => {
                let verdict = Verdict { reason: error.reason(), detail: error.to_string(), dev_eui: None };
                Understood::Foreign(message, verdict)
            }
        }
    }

    fn read(&self, registry: &RegistryState, message: Message, dialect: Dialect, uplink: Uplink) -> Understood {
        if message.retained && uplink.times.network_server.or(uplink.times.reported).is_none() {
            let detail = "a retained message without a time of its own is a snapshot, not an event".to_owned();
            let verdict = Verdict { reason: QuarantineReason::Retained, detail, dev_eui: Some(uplink.device.dev_eui) };
            return Understood::Foreign(message, verdict);
        }
        let event_time = uplink.times.event_time(message.received_at);
        let registered = registry.devices.get(&uplink.device.dev_eui).and_then(|device| self.catalogue.profile(&device.profile));
        let profile = registered.unwrap_or_else(|| self.catalogue.profile_for(&uplink.device, uplink.object.as_ref()));
        let normalised = if uplink.encrypted {
            Normalised::default()
        } else {
            normalise(&self.catalogue, profile, &uplink, event_time, message.received_at)
        };
        let profile = profile.name.clone();
        Understood::Uplink(Box::new(Frame { message, dialect, uplink, event_time, normalised, profile }))
    }

    /// Registers everything that this batch is the first to mention, in one transaction.
    async fn register_missing(&self, registry: Arc<RegistryState>, understood: &[Understood]) -> Result<Arc<RegistryState>, Refusal> {
        let frames = understood.iter().filter_map(|understood| match understood {
            Understood::Uplink(frame) => Some(frame),
            Understood::Event | Understood::Foreign(..) => None,
        });
        let known = |eui: &DevEui| registry.devices.contains_key(eui);
        let missing: Vec<Sighting> = frames
            .filter(|frame| self.options.provision || known(&frame.uplink.device.dev_eui))
            .map(|frame| frame.sighting())
            .filter(|sighting| provision::is_incomplete(&registry, sighting))
            .collect();
        if missing.is_empty() {
            return Ok(registry);
        }
        let (store, catalogue, class) = (self.store.clone(), self.catalogue.clone(), self.options.visibility);
        let written = tokio::task::spawn_blocking(move || {
            store
                .registry()
                .write(|registry| missing.iter().try_for_each(|sighting| provision::register(registry, &catalogue, class, sighting)))
        });
        match written.await {
            Ok(Ok(())) => Ok(self.store.registry().state()),
            Ok(Err(error)) => {
                tracing::error!(%error, "new devices could not be registered; their messages are not acknowledged");
                Err(Refusal::Retry)
            }
            Err(_) => Err(Refusal::Retry),
        }
    }

    async fn hand_over(&self, registry: &RegistryState, understood: Understood) -> Receipt {
        let entry = match understood {
            Understood::Event => return futures::future::ready(Ok(())).boxed(),
            Understood::Foreign(message, verdict) => foreign_entry(&message, verdict),
            Understood::Uplink(frame) => self.uplink_entry(registry, *frame),
        };
        if let Some(verdict) = &entry.verdict {
            self.metrics.count_quarantined(verdict.reason.as_str());
        }
        let (stored, observations) = (entry.uplink.is_some(), entry.observations.len());
        match self.store.append(entry).await {
            Err(error) => futures::future::ready(Err(refusal(error))).boxed(),
            Ok(outcome) => {
                let metrics = Arc::clone(&self.metrics);
                async move {
                    match outcome.await {
                        Ok(Appended::Stored(_)) if stored => metrics.count_stored(observations),
                        Ok(_) => {}
                        Err(error) => return Err(refusal(error)),
                    }
                    Ok(())
                }
                .boxed()
            }
        }
    }

    fn uplink_entry(&self, registry: &RegistryState, frame: Frame) -> Entry {
        let device = registry.devices.get(&frame.uplink.device.dev_eui).cloned();
        let position = frame.position(registry, device.as_deref());
        let observations = match &device {
            Some(device) => {
                frame.normalised.readings.iter().filter_map(|reading| observation(registry, device, reading, position)).collect()
            }
            None => Vec::new(),
        };
        let verdict = self.verdict(&frame, device.is_some());
        let raw = if verdict.is_some() { beginning(&frame.message.payload) } else { Vec::new() };
        Entry {
            source: frame.message.source.to_string(),
            topic: frame.message.topic.clone(),
            received_at: frame.message.received_at,
            observations,
            verdict,
            raw,
            uplink: Some(frame.into_row()),
        }
    }

    /// What is to be said against a message, the gravest first.
    fn verdict(&self, frame: &Frame, registered: bool) -> Option<Verdict> {
        let (uplink, normalised) = (&frame.uplink, &frame.normalised);
        let dev_eui = uplink.device.dev_eui;
        let verdict = |reason, detail: String| Some(Verdict { reason, detail, dev_eui: Some(dev_eui) });
        let object_is_empty = uplink.object.as_ref().is_none_or(serde_json::Map::is_empty);
        if !registered {
            return verdict(
                QuarantineReason::UnknownDevice,
                format!("device {dev_eui} is not registered, and the settings forbid adding it"),
            );
        }
        if uplink.encrypted {
            return verdict(QuarantineReason::Encrypted, "the payload is encrypted end to end".to_owned());
        }
        if object_is_empty && !uplink.frm_payload.is_empty() {
            return verdict(QuarantineReason::Undecoded, "the network server sent no decoded object".to_owned());
        }
        if normalised.readings.is_empty() && normalised.unreadable.is_empty() && !normalised.unknown_fields.is_empty() {
            let fields = normalised.unknown_fields.join(", ");
            return verdict(QuarantineReason::NothingUnderstood, format!("profile {} knows none of the fields {fields}", frame.profile));
        }
        if !normalised.unreadable.is_empty() {
            let problems: Vec<String> =
                normalised.unreadable.iter().map(|problem| format!("{}: {}", problem.path, problem.detail)).collect();
            return verdict(QuarantineReason::UnreadableValue, problems.join("; "));
        }
        if normalised.truncated {
            let kept = normalised.readings.len();
            return verdict(QuarantineReason::TooManyReadings, format!("the first {kept} readings were stored"));
        }
        let new: Vec<&str> =
            normalised.unknown_fields.iter().filter(|field| self.seen.is_new(&frame.profile, field)).map(String::as_str).collect();
        if new.is_empty() {
            return None;
        }
        verdict(
            QuarantineReason::UnknownField,
            format!("profile {} does not know {}; kept once as an example", frame.profile, new.join(", ")),
        )
    }
}

impl Intake for Pipeline {
    fn submit(&self, messages: Vec<Message>) -> BoxFuture<'_, Vec<Receipt>> {
        self.take(messages).boxed()
    }
}

impl Frame {
    fn sighting(&self) -> Sighting {
        Sighting {
            description: self.uplink.device.clone(),
            profile: self.profile.clone(),
            source: Arc::clone(&self.message.source),
            position: self.normalised.position,
            readings: self.normalised.readings.clone(),
            received_at: self.message.received_at,
        }
    }

    /// Where the readings were taken: what the device itself says, else where it is registered, else what the network server says.
    fn position(&self, registry: &RegistryState, device: Option<&Device>) -> Option<stadtwarte_model::Position> {
        let registered = || {
            let thing = registry.things.get(&device?.thing_id)?;
            registry.location_of(thing).map(|location| location.position)
        };
        self.normalised.position.or_else(registered).or(self.uplink.device.position)
    }

    fn into_row(self) -> UplinkRow {
        let Self { uplink, dialect, event_time, .. } = self;
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
}

fn observation(
    registry: &RegistryState,
    device: &Device,
    reading: &Reading,
    position: Option<stadtwarte_model::Position>,
) -> Option<NewObservation> {
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

fn foreign_entry(message: &Message, verdict: Verdict) -> Entry {
    Entry {
        source: message.source.to_string(),
        topic: message.topic.clone(),
        received_at: message.received_at,
        uplink: None,
        observations: Vec::new(),
        verdict: Some(verdict),
        raw: beginning(&message.payload),
    }
}

fn beginning(payload: &[u8]) -> Vec<u8> {
    payload[..payload.len().min(MAX_ENTRY_BYTES)].to_vec()
}

fn refusal(error: AppendError) -> Refusal {
    match error {
        AppendError::Poisoned => Refusal::Fatal,
        _ => Refusal::Retry,
    }
}
