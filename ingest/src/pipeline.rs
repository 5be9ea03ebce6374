//! The road of a message, step by step.
//!
//! ```text
//! message ─▶ parse (dialect) ─▶ time ─▶ profile ─▶ normalise ─▶ register what is new ─▶ entry ─▶ log ─▶ receipt
//! ```

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::future::{BoxFuture, Either};
use stadtwarte_model::quarantine::{QuarantineReason, Verdict};
use stadtwarte_model::{DevEui, Timestamp, Uplink, Visibility};
use stadtwarte_store::{AppendError, Appended, Entry, RegistryState, Store};

use crate::dialect::{self, Dialect, Parsed};
use crate::frame::Frame;
use crate::message::{Intake, Message, Receipt, Refusal};
use crate::metrics::IngestMetrics;
use crate::normalise::{Catalogue, Normalised, normalise};
use crate::provision::{self, Bounds, Sighting};
use crate::seen::{Example, SeenFields};

/// A larger message is not read, and only its beginning is kept: what is made of a message can take several times its size, and the
/// log takes records of 16 MiB. Transports refuse such messages unless their settings are changed.
const MAX_MESSAGE_BYTES: usize = 2 << 20;

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
    /// Devices that are registered at most.
    pub max_devices: usize,
    /// Datastreams that one device gets at most.
    pub max_datastreams_per_device: usize,
    /// Datastreams that all devices get at most.
    pub max_datastreams: usize,
}

impl Default for PipelineOptions {
    fn default() -> Self {
        Self {
            provision: true,
            visibility: Visibility::Public,
            dialects: HashMap::new(),
            max_devices: 1_000_000,
            max_datastreams_per_device: 500,
            max_datastreams: 1_000_000,
        }
    }
}

/// Takes messages from any transport to the log.
pub struct Pipeline {
    store: Store,
    catalogue: Catalogue,
    options: PipelineOptions,
    metrics: Arc<IngestMetrics>,
    seen: SeenFields,
    moves: Moves,
}

/// When devices were last found elsewhere than they are registered. A place is entered by hand; one that changes with every message is
/// a mistake, and each change is kept for ever.
#[derive(Debug, Default)]
struct Moves {
    last: Mutex<HashMap<DevEui, Timestamp>>,
}

/// Messages that are unpacked and registered together hold at most so many bytes, or are one.
const MAX_PART_BYTES: usize = 1 << 20;

/// Between two changes of the place of one device.
const MOVE_PAUSE_MICROS: i64 = 600_000_000;

impl Moves {
    fn admit(&self, dev_eui: DevEui, now: Timestamp) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.get(&dev_eui).is_none_or(|last| now.micros_since(*last) >= MOVE_PAUSE_MICROS);
        if is_due {
            last.insert(dev_eui, now);
        }
        is_due
    }
}

/// A message after everything that needs no registry.
enum Understood<'c> {
    /// Not an uplink, and nothing to store.
    Event,
    /// Not understood, or not to be believed.
    Foreign(Message, Verdict),
    /// An uplink with what was read from it.
    Uplink(Box<Frame<'c>>),
}

impl Pipeline {
    /// A pipeline into `store`.
    #[must_use]
    pub fn new(store: Store, catalogue: Catalogue, options: PipelineOptions, metrics: Arc<IngestMetrics>) -> Self {
        Self { store, catalogue, options, metrics, seen: SeenFields::new(MAX_SEEN_FIELDS), moves: Moves::default() }
    }

    /// Takes messages in parts, so that only so much is unpacked at a time.
    async fn take(&self, messages: Vec<Message>) -> Vec<Receipt> {
        let mut receipts = Vec::with_capacity(messages.len());
        let mut messages = messages.into_iter().peekable();
        while messages.peek().is_some() {
            let mut bytes = 0;
            let part = std::iter::from_fn(|| {
                let message = messages.next_if(|message| bytes == 0 || bytes + message.payload.len() <= MAX_PART_BYTES)?;
                bytes += message.payload.len().max(1);
                Some(message)
            });
            receipts.extend(self.take_part(part.collect()).await);
        }
        receipts
    }

    async fn take_part(&self, messages: Vec<Message>) -> Vec<Receipt> {
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

    fn understand(&self, registry: &RegistryState, message: Message) -> Understood<'_> {
        let (bytes, kept) = (message.cut_from.unwrap_or(message.payload.len()), message.payload.len().min(MAX_MESSAGE_BYTES));
        if bytes > kept {
            let detail = format!("{bytes} bytes; the first {kept} are kept");
            return Understood::Foreign(message, Verdict { reason: QuarantineReason::Oversized, detail, dev_eui: None });
        }
        let dialect = self.options.dialects.get(message.source.as_ref()).copied().unwrap_or_default();
        match dialect::parse(dialect, &message.topic, &message.payload) {
            Ok((_, Parsed::Event(event))) => {
                self.metrics.count_event(event.kind.as_str());
                Understood::Event
            }
            Ok((dialect, Parsed::Uplink(uplink))) => match unbelievable(&message, &uplink) {
                Some(verdict) => Understood::Foreign(message, verdict),
                None => Understood::Uplink(Box::new(self.read(registry, message, dialect, *uplink))),
            },
            Err(error) => {
                let verdict = Verdict { reason: error.reason(), detail: error.to_string(), dev_eui: None };
                Understood::Foreign(message, verdict)
            }
        }
    }

    fn read(&self, registry: &RegistryState, message: Message, dialect: Dialect, uplink: Uplink) -> Frame<'_> {
        let event_time = uplink.times.event_time(message.received_at);
        let registered = registry.devices.get(&uplink.device.dev_eui).and_then(|device| self.catalogue.profile(&device.profile));
        let profile = registered.unwrap_or_else(|| self.catalogue.profile_for(&uplink.device, uplink.object.as_ref()));
        let normalised = if uplink.encrypted {
            Normalised::default()
        } else {
            normalise(&self.catalogue, profile, &uplink, event_time, message.received_at)
        };
        Frame { message, dialect, uplink, event_time, normalised, profile }
    }

    /// Registers everything that this batch is the first to mention, in one transaction.
    async fn register_missing(&self, registry: Arc<RegistryState>, understood: &[Understood<'_>]) -> Result<Arc<RegistryState>, Refusal> {
        let options = &self.options;
        let bounds = Bounds {
            devices: options.max_devices,
            datastreams_of_device: options.max_datastreams_per_device,
            datastreams: options.max_datastreams,
        };
        let frames = understood.iter().filter_map(|understood| match understood {
            Understood::Uplink(frame) => Some(frame),
            Understood::Event | Understood::Foreign(..) => None,
        });
        let missing: Vec<Sighting> = frames
            .filter(|frame| self.options.provision || registry.devices.contains_key(&frame.uplink.device.dev_eui))
            .filter(|frame| {
                let moves = || self.moves.admit(frame.uplink.device.dev_eui, frame.message.received_at);
                frame.is_new(&registry, bounds) || (frame.has_moved(&registry) && moves())
            })
            .map(|frame| frame.sighting())
            .collect();
        if missing.is_empty() {
            return Ok(registry);
        }
        let (store, catalogue, class) = (self.store.clone(), self.catalogue.clone(), self.options.visibility);
        let written = tokio::task::spawn_blocking(move || {
            store.registry().write(|registry| {
                missing.iter().try_for_each(|sighting| provision::register(registry, &catalogue, class, bounds, sighting))
            })
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

    async fn hand_over(&self, registry: &RegistryState, understood: Understood<'_>) -> Receipt {
        let (is_repeat, entry, example) = match understood {
            Understood::Event => return futures::future::ready(Ok(())).boxed(),
            Understood::Foreign(message, verdict) => {
                let is_repeat = message.is_repeat || dialect::names_itself(&message.payload);
                (is_repeat, foreign_entry(message, verdict), None)
            }
            Understood::Uplink(frame) => {
                let is_repeat = frame.message.is_repeat;
                let (entry, example) = frame.into_entry(registry, &self.seen);
                (is_repeat, entry, example)
            }
        };
        let tally = Tally::of(&entry, &self.metrics, example);
        let queued = if is_repeat {
            self.store.append_repeat(entry).await.map(Either::Left)
        } else {
            self.store.append(entry).await.map(Either::Right)
        };
        match queued {
            Err(error) => futures::future::ready(Err(refusal(error))).boxed(),
            Ok(outcome) => async move { outcome.await.map(|appended| tally.count(appended)).map_err(refusal) }.boxed(),
        }
    }
}

/// What is counted and remembered once an entry is on disk.
struct Tally {
    metrics: Arc<IngestMetrics>,
    uplink: bool,
    observations: usize,
    quarantined: Option<QuarantineReason>,
    example: Option<Example>,
}

impl Tally {
    fn of(entry: &Entry, metrics: &Arc<IngestMetrics>, example: Option<Example>) -> Self {
        let quarantined = entry.verdict.as_ref().map(|verdict| verdict.reason);
        Self { metrics: Arc::clone(metrics), uplink: entry.uplink.is_some(), observations: entry.observations.len(), quarantined, example }
    }

    fn count(self, appended: Appended) {
        let Appended::Stored(_) = appended else { return };
        if let Some(reason) = self.quarantined {
            self.metrics.count_quarantined(reason.as_str());
        }
        if self.uplink {
            self.metrics.count_stored(self.observations);
        }
        if let Some(example) = self.example {
            example.keep();
        }
    }
}

/// Why an uplink, though well-formed, tells of nothing that happened now.
fn unbelievable(message: &Message, uplink: &Uplink) -> Option<Verdict> {
    let verdict = |reason, detail: &str| Some(Verdict { reason, detail: detail.to_owned(), dev_eui: Some(uplink.device.dev_eui) });
    if uplink.simulated {
        return verdict(QuarantineReason::Simulated, "an operator simulated it in the network server; no device sent it");
    }
    if message.retained && uplink.times.network_server.or(uplink.times.reported).is_none() {
        return verdict(QuarantineReason::Retained, "a retained message without a time of its own is a snapshot, not an event");
    }
    None
}

impl Intake for Pipeline {
    fn submit(&self, messages: Vec<Message>) -> BoxFuture<'_, Vec<Receipt>> {
        self.take(messages).boxed()
    }
}

fn foreign_entry(message: Message, verdict: Verdict) -> Entry {
    let Message { source, topic, mut payload, received_at, .. } = message;
    payload.truncate(MAX_MESSAGE_BYTES);
    Entry {
        source: source.to_string(),
        topic,
        received_at,
        uplink: None,
        observations: Vec::new(),
        verdict: Some(verdict),
        raw: payload.to_vec(),
    }
}

fn refusal(error: AppendError) -> Refusal {
    match error {
        AppendError::Poisoned => Refusal::Fatal,
        _ => Refusal::Retry,
    }
}

#[cfg(test)]
mod tests;
