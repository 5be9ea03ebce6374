//! Makes messages: measures, encodes, wraps, and breaks a few.

use super::faults::Faults;
use super::message::{Message, MessageKind};
use crate::simulate::devices::{Moment, Report};
use crate::simulate::envelope::{DeviceText, Frame, MessageId, Reception, Session, chirpstack_v4, receive, tts_v3};
use crate::simulate::fleet::{Device, Fleet, Network};
use crate::simulate::json::{Integers, JsonWriter};
use crate::simulate::numeric::{bits, len_u64, to_i32, to_i64};
use crate::simulate::random::{hash, unit};
use std::collections::VecDeque;
use std::sync::Arc;

/// Bytes reserved for a message; most need less.
const TYPICAL_MESSAGE: usize = 1_900;

/// Time from the air to the network server, including its wait for more gateways.
const NETWORK_DELAY_US: i64 = 260_000;

/// What changes about a device while it runs.
#[derive(Debug, Clone)]
struct State {
    session: Session,
    sessions: u64,
    f_cnt: u32,
    reports: u64,
    last_us: i64,
    announced: bool,
}

/// Turns reports of a fleet into messages.
///
/// With the same fleet, start and calls it makes the same messages. Starting at another time gives new sessions and identifiers, as
/// if all devices had joined again.
#[derive(Debug)]
pub struct Generator {
    fleet: Arc<Fleet>,
    faults: Faults,
    seed: u64,
    start_us: i64,
    states: Vec<Option<State>>,
    texts: Vec<Option<DeviceText>>,
    next_device: usize,
    reports: u64,
    ready: VecDeque<Message>,
    delayed: VecDeque<(i64, Message)>,
    report: Report,
    receptions: Vec<Reception>,
}

impl Generator {
    /// A generator that starts at `start_us` (microseconds since 1970, UTC).
    #[must_use]
    pub fn new(fleet: Arc<Fleet>, faults: Faults, start_us: i64) -> Self {
        let seed = hash(fleet.seed, bits(start_us));
        let count = fleet.devices.len();
        Self {
            fleet,
            faults,
            seed,
            start_us,
            states: vec![None; count],
            texts: vec![None; count],
            next_device: 0,
            reports: 0,
            ready: VecDeque::new(),
            delayed: VecDeque::new(),
            report: Report::default(),
            receptions: Vec::with_capacity(4),
        }
    }

    /// The next message when devices take turns, measured at `at_us`. `None` only for a fleet without devices.
    pub fn next_in_turn(&mut self, at_us: i64) -> Option<Message> {
        if self.fleet.devices.is_empty() {
            return None;
        }
        loop {
            if let Some(message) = self.pop(at_us) {
                return Some(message);
            }
            self.report_in_turn(at_us);
        }
    }

    /// Lets the device whose turn it is report at `at_us`.
    pub fn report_in_turn(&mut self, at_us: i64) {
        self.report(self.next_device, at_us);
        self.next_device = (self.next_device + 1) % self.fleet.devices.len().max(1);
    }

    /// A message that is ready, delayed copies included once their time has come.
    pub fn pop(&mut self, at_us: i64) -> Option<Message> {
        self.ready.pop_front().or_else(|| {
            let is_due = self.delayed.front().is_some_and(|(due_us, _)| *due_us <= at_us);
            is_due.then(|| self.delayed.pop_front()).flatten().map(|(_, message)| message)
        })
    }

    /// Lets a device report at `at_us`; its messages can then be [popped](Self::pop).
    pub fn report(&mut self, device_index: usize, at_us: i64) {
        let fleet = Arc::clone(&self.fleet);
        let Some(device) = fleet.devices.get(device_index) else { return };
        self.reports += 1;
        let entropy = hash(self.seed, self.reports);
        self.prepare(device, at_us, entropy);
        let Some(state) = self.states.get_mut(device_index).and_then(Option::as_mut) else { return };
        let (session, f_cnt, is_new) = (state.session, state.f_cnt, !state.announced);
        state.f_cnt += 1;
        state.reports += 1;
        let is_late = chance(entropy, 1, self.faults.late_frame);
        let sent_us = if is_late { at_us - to_i64(600e6 + 4_800e6 * unit(hash(entropy, 11))) } else { at_us };
        let moment = Moment { at_us: sent_us, since_us: state.last_us.min(sent_us), sequence: state.reports };
        state.last_us = at_us;
        state.announced = true;
        // A join is announced with the first uplink that arrives.
        if is_new && unit(hash(entropy, 12)) < 0.5 {
            self.push_join(device, &session, entropy);
        }
        // Whoever puts up a device waits until it is heard, so a first report is never lost.
        if !is_new && chance(entropy, 2, self.faults.lost_frame) {
            return;
        }
        let integers = if device.site.seed.is_multiple_of(2) { Integers::WithPoint } else { Integers::Bare };
        let integers = if matches!(self.texts[device_index], Some(DeviceText::Tts(_))) { Integers::Bare } else { integers };
        let (mut report, mut receptions) = (std::mem::take(&mut self.report), std::mem::take(&mut self.receptions));
        device.device_type.report(&fleet.world, &device.site, moment, integers, &mut report);
        let radio = receive(device, &fleet.gateways, sent_us, &self.faults, entropy, &mut receptions);
        if is_late {
            receptions.truncate(1);
        }
        let frame = Frame {
            device,
            session: &session,
            f_cnt,
            is_confirmed: device.device_type.spec().device_class == "CLASS_C" && f_cnt.is_multiple_of(20),
            received_us: at_us + NETWORK_DELAY_US,
            radio,
            receptions: &receptions,
            report: &report,
            gateways: &fleet.gateways,
            entropy,
        };
        self.push_uplink(&frame, at_us);
        (self.report, self.receptions) = (report, receptions);
        if chance(entropy, 3, self.faults.status_event) {
            self.push_status(device, at_us, entropy);
        }
    }

    /// Gives a device its text and its session, and a new session when it restarts.
    fn prepare(&mut self, device: &Device, at_us: i64, entropy: u64) {
        let (seed, faults) = (self.seed, self.faults);
        if self.texts[device.index].is_none() {
            self.texts[device.index] = Some(DeviceText::new(self.fleet.seed, device));
        }
        let session = |number| Session::new(hash(hash(seed, 0x5e55 + number), len_u64(device.index)), at_us - 2_000_000);
        let start_us = self.start_us;
        let state = self.states[device.index].get_or_insert_with(|| State {
            session: session(0),
            sessions: 0,
            f_cnt: 0,
            reports: bits(start_us / device.interval_us()),
            last_us: at_us - device.interval_us(),
            announced: false,
        });
        if state.f_cnt > 0 && chance(entropy, 4, faults.rejoin) {
            state.sessions += 1;
            state.session = session(state.sessions);
            state.f_cnt = 0;
            state.announced = false;
        } else if state.f_cnt > 0 && device.network == Network::ChirpStack && chance(entropy, 7, faults.counter_reset) {
            state.f_cnt = 0;
        }
    }

    fn push_uplink(&mut self, frame: &Frame<'_>, at_us: i64) {
        let Some(text) = self.texts.get(frame.device.index).and_then(Option::as_ref) else { return };
        let message = render(text, frame, MessageKind::Uplink);
        if chance(frame.entropy, 5, self.faults.duplicate_delivery) {
            self.delayed.push_back((at_us + 400_000, Message { kind: MessageKind::Duplicate, ..message.clone() }));
        }
        if chance(frame.entropy, 6, self.faults.gateway_copy)
            && let Some(other) = frame.receptions.get(1..).and_then(|others| others.first())
        {
            let entropy = hash(frame.entropy, 0xc097);
            let receptions = [Reception { number: other.number ^ 0x5a5a, ..*other }];
            let copy = Frame { receptions: &receptions, received_us: frame.received_us + 900_000, entropy, ..*frame };
            self.delayed.push_back((at_us + 900_000, render(text, &copy, MessageKind::GatewayCopy)));
        }
        self.ready.push_back(message);
    }

    fn push_join(&mut self, device: &Device, session: &Session, entropy: u64) {
        let mut json = JsonWriter::with_capacity(900);
        let topic = match self.texts.get(device.index) {
            Some(Some(DeviceText::ChirpStack(text))) => {
                chirpstack_v4::join(text, session, entropy, &mut json);
                text.topic("join")
            }
            Some(Some(DeviceText::Tts(text))) => {
                tts_v3::join(text, session, entropy, &mut json);
                text.topic("join")
            }
            _ => return,
        };
        self.ready.push_back(Message {
            topic,
            payload: json.into_text().into_bytes(),
            kind: MessageKind::Join,
            id: None,
            device: device.index,
        });
    }

    fn push_status(&mut self, device: &Device, at_us: i64, entropy: u64) {
        let Some(Some(DeviceText::ChirpStack(text))) = self.texts.get(device.index) else { return };
        let battery = self.fleet.world.battery_level(&device.site, crate::simulate::numeric::seconds(at_us)) * 100.0;
        let margin = to_i32(20.0 * unit(hash(entropy, 13)));
        let mut json = JsonWriter::with_capacity(900);
        chirpstack_v4::status(text, at_us, battery, margin, entropy, &mut json);
        let payload = json.into_text().into_bytes();
        self.ready.push_back(Message { topic: text.topic("status"), payload, kind: MessageKind::Status, id: None, device: device.index });
    }
}

fn render(text: &DeviceText, frame: &Frame<'_>, kind: MessageKind) -> Message {
    let mut json = JsonWriter::with_capacity(TYPICAL_MESSAGE);
    let (topic, id): (String, MessageId) = match text {
        DeviceText::ChirpStack(text) => {
            chirpstack_v4::up(text, frame, &mut json);
            (text.topic("up"), chirpstack_v4::message_id(frame))
        }
        DeviceText::Tts(text) => {
            tts_v3::up(text, frame, &mut json);
            (text.topic("up"), tts_v3::message_id(frame))
        }
    };
    Message { topic, payload: json.into_text().into_bytes(), kind, id: Some(id), device: frame.device.index }
}

fn chance(entropy: u64, purpose: u64, rate: f64) -> bool {
    rate > 0.0 && unit(hash(entropy, 0xfa17 + purpose)) < rate
}
