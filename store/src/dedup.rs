//! Recognising what was already received.
//!
//! | met again | key | consequence |
//! |---|---|---|
//! | the same message: MQTT redelivery, webhook retry | source and the network server's id; without one, source, frame and the time it states | not stored again |
//! | the same frame: within a day through another source, within five minutes through the same (a late gateway's copy) | device, session, counter, port, payload | uplink kept with `duplicate_of`; readings not stored again, unless the first had none |
//! | a message that tells itself from no other: not understood, or an uplink with neither id, counter nor time | source, topic and bytes; source and frame | not stored again when the sender says that it may have sent it before |
//!
//! The bounds in time are there because counters begin again: a device that is activated by personalisation has the same session for
//! ever, and after a reset an equal payload under an equal counter is news. Its network server tells copies by itself, up to those that
//! come late; another one may deliver what it kept for hours. Days are those of the event time in UTC, and the days before and after
//! count, so a copy through another source is recognised for at least 24 and at most 48 hours.
//!
//! Keys are 64-bit hashes (BLAKE3, truncated). At the default of two million keys the chance that a new message is mistaken for an
//! old one is 2e6 / 2^64, about 1e-13.

use std::collections::HashMap;

use stadtwarte_model::uplink::TimeSource;
use stadtwarte_model::{DevEui, LogSequence, Timestamp};

/// What one message is recognised by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Keys {
    message: u64,
    /// `None` for what is no frame, or one that cannot be told from others.
    frame: Option<FrameKey>,
    /// Whether an equal message can just as well be a new one.
    is_anonymous: bool,
}

/// A frame, its day, and who told of it when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FrameKey {
    frame: u64,
    day: i32,
    source: u32,
    second: i64,
}

impl FrameKey {
    /// The key on the frame's day, the day before and the day after.
    fn around(self) -> [u64; 3] {
        [0, -1, 1].map(|days| self.on(self.day.saturating_add(days)))
    }

    fn on(self, day: i32) -> u64 {
        // An odd factor keeps days apart; the hash beside it keeps frames apart.
        self.frame.wrapping_add(i64::from(day).cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }
}

/// The fields of an uplink that tell it from every other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identity<'a> {
    pub source: &'a str,
    pub deduplication_id: Option<&'a str>,
    pub dev_eui: DevEui,
    pub session: Option<&'a str>,
    pub f_cnt: Option<u32>,
    pub f_port: Option<u8>,
    pub payload: &'a [u8],
    pub event_time: Timestamp,
    pub time_source: TimeSource,
}

impl Identity<'_> {
    /// `None` for an uplink with nothing to recognise it by, not even a payload.
    pub fn keys(&self) -> Option<Keys> {
        let mut frame = blake3::Hasher::new();
        frame.update(self.dev_eui.as_bytes());
        update_text(&mut frame, self.session);
        frame.update(&[u8::from(self.f_cnt.is_some())]).update(&self.f_cnt.unwrap_or_default().to_le_bytes());
        frame.update(&[u8::from(self.f_port.is_some()), self.f_port.unwrap_or_default()]);
        frame.update(self.payload);
        let frame = truncated(&frame);

        let stated_time = (self.time_source != TimeSource::Received).then_some(self.event_time);
        let day = self.event_time.date().as_days();
        let is_anonymous = self.deduplication_id.is_none() && self.f_cnt.is_none() && stated_time.is_none();
        let mut message = blake3::Hasher::new();
        update_text(&mut message, Some(self.source));
        match (self.deduplication_id, stated_time) {
            (Some(id), _) => {
                message.update(self.dev_eui.as_bytes());
                update_text(&mut message, Some(id));
            }
            (None, Some(time)) => {
                message.update(&frame.to_le_bytes()).update(&time.as_micros().to_le_bytes());
            }
            (None, None) if is_anonymous => {
                message.update(&frame.to_le_bytes());
            }
            (None, None) => {
                message.update(&frame.to_le_bytes()).update(&day.to_le_bytes());
            }
        }
        let second = self.event_time.as_micros().div_euclid(1_000_000);
        let frame = self.f_cnt.is_some().then_some(FrameKey { frame, day, source: crc32c::crc32c(self.source.as_bytes()), second });
        let has_content = !(is_anonymous && self.payload.is_empty());
        has_content.then(|| Keys { message: truncated(&message), frame, is_anonymous })
    }
}

/// A message that is no uplink.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Foreign<'a> {
    pub source: &'a str,
    pub topic: &'a str,
    pub raw: &'a [u8],
}

impl Foreign<'_> {
    pub fn keys(&self) -> Keys {
        let mut message = blake3::Hasher::new_derive_key("stadtwarte message that is no uplink");
        update_text(&mut message, Some(self.source));
        update_text(&mut message, Some(self.topic));
        message.update(self.raw);
        Keys { message: truncated(&message), frame: None, is_anonymous: true }
    }
}

fn update_text(hasher: &mut blake3::Hasher, text: Option<&str>) {
    // The length before the text keeps ("ab", "c") and ("a", "bc") apart.
    hasher.update(&text.map_or(u64::MAX, |text| text.len() as u64).to_le_bytes());
    hasher.update(text.unwrap_or_default().as_bytes());
}

fn truncated(hasher: &blake3::Hasher) -> u64 {
    let mut bytes = [0; 8];
    hasher.finalize_xof().fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

/// What the window knows about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    New,
    SameMessage(LogSequence),
    /// Another copy of a frame that is there, with readings or without.
    SameFrame {
        sequence: LogSequence,
        has_readings: bool,
    },
}

/// What is remembered of a key.
#[derive(Debug, Clone, Copy)]
struct Seen {
    sequence: LogSequence,
    source: u32,
    /// Seconds since 2000, which reach until 2136.
    second: u32,
    /// How many records after `sequence` the readings came, if they did: a copy may bring them.
    readings_after: u32,
}

/// No record brought readings.
const NO_READINGS: u32 = u32::MAX;

/// How long after the first a copy of a frame comes through the same source.
const LATE_COPY_S: u32 = 300;

impl Seen {
    fn has_readings(&self) -> bool {
        self.readings_after != NO_READINGS
    }

    /// The same, with the readings from the record `sequence`.
    fn with_readings_from(self, sequence: LogSequence) -> Self {
        let after = sequence.as_u64().saturating_sub(self.sequence.as_u64());
        Self { readings_after: u32::try_from(after).unwrap_or(NO_READINGS - 1).min(NO_READINGS - 1), ..self }
    }

    /// What is left of it without the records at or after `first`.
    fn before(self, first: LogSequence) -> Option<Self> {
        let readings = self.sequence.as_u64().saturating_add(self.readings_after.into());
        let readings_after = if readings >= first.as_u64() { NO_READINGS } else { self.readings_after };
        (self.sequence < first).then_some(Self { readings_after, ..self })
    }

    /// Whether `frame` is a copy of the frame that this was remembered for.
    fn is_copied_by(&self, frame: &FrameKey) -> bool {
        self.source != frame.source || self.second.abs_diff(since_2000(frame.second)) <= LATE_COPY_S
    }
}

fn since_2000(second: i64) -> u32 {
    u32::try_from((second - 946_684_800).max(0)).unwrap_or(u32::MAX)
}

/// The most recent keys, in two generations: when the younger is full it becomes the older and the older is forgotten.
#[derive(Debug)]
pub(crate) struct Window {
    young: HashMap<u64, Seen>,
    old: HashMap<u64, Seen>,
    max_keys: usize,
}

impl Window {
    pub fn new(max_keys: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), max_keys: max_keys.max(4) }
    }

    /// `is_repeat` says that an equal message is the same message also where its content does not show it.
    pub fn check(&self, keys: Keys, is_repeat: bool) -> Known {
        if let Some(seen) = self.find(keys.message).filter(|_| is_repeat || !keys.is_anonymous) {
            return Known::SameMessage(seen.sequence);
        }
        match keys.frame.and_then(|frame| self.copied(frame)) {
            Some((_, seen)) => Known::SameFrame { sequence: seen.sequence, has_readings: seen.has_readings() },
            None => Known::New,
        }
    }

    fn find(&self, key: u64) -> Option<Seen> {
        self.young.get(&key).or_else(|| self.old.get(&key)).copied()
    }

    /// What `frame` is a copy of, and its key.
    fn copied(&self, frame: FrameKey) -> Option<(u64, Seen)> {
        let seen = frame.around().into_iter().find_map(|key| Some((key, self.find(key)?)));
        seen.filter(|(_, seen)| seen.is_copied_by(&frame))
    }

    /// Remembers the record `sequence`, and whether it has readings.
    pub fn insert(&mut self, keys: Keys, sequence: LogSequence, has_readings: bool) {
        let frame = keys.frame;
        let seen = Seen {
            sequence,
            source: frame.map_or(0, |frame| frame.source),
            second: frame.map_or(0, |frame| since_2000(frame.second)),
            readings_after: if has_readings { 0 } else { NO_READINGS },
        };
        self.young.entry(keys.message).or_insert(seen);
        if let Some(frame) = frame {
            // A duplicate points at the frame's first appearance.
            match self.copied(frame) {
                Some((_, first)) if first.has_readings() || !has_readings => {}
                Some((key, first)) => {
                    self.young.insert(key, first.with_readings_from(sequence));
                }
                None => {
                    self.young.insert(frame.on(frame.day), seen);
                }
            }
        }
        if self.young.len() >= self.max_keys / 2 {
            self.old = std::mem::take(&mut self.young);
        }
    }

    /// Takes back what was inserted for records at or after `first`, because they did not reach the disk.
    pub fn forget_from(&mut self, first: LogSequence) {
        for generation in [&mut self.young, &mut self.old] {
            generation.retain(|_, seen| {
                let left = seen.before(first);
                left.inspect(|left| *seen = *left).is_some()
            });
        }
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_millis(1_772_366_400_000);
    const HOUR_MICROS: i64 = 3_600_000_000;

    fn identity(source: &'static str, id: Option<&'static str>, f_cnt: u32) -> Identity<'static> {
        Identity {
            source,
            deduplication_id: id,
            dev_eui: DevEui::from_bytes([2; 8]),
            session: Some("01abcdef"),
            f_cnt: Some(f_cnt),
            f_port: Some(85),
            payload: &[1, 2],
            event_time: NOON,
            time_source: TimeSource::NetworkServer,
        }
    }

    fn keys(identity: Identity<'_>) -> Keys {
        identity.keys().expect("something to recognise it by")
    }

    fn copy_of(sequence: LogSequence) -> Known {
        Known::SameFrame { sequence, has_readings: true }
    }

    fn at(identity: Identity<'_>, hours: i64) -> Identity<'_> {
        Identity { event_time: NOON.plus_micros(hours * HOUR_MICROS), ..identity }
    }

    #[test]
    fn redelivery_duplicate_and_news_are_told_apart() {
        let mut window = Window::new(1000);
        let first = LogSequence::from_u64(7);
        window.insert(keys(identity("a", Some("x"), 1)), first, true);
        let check = |identity| window.check(keys(identity), false);
        assert_eq!(check(identity("a", Some("x"), 1)), Known::SameMessage(first));
        assert_eq!(check(identity("a", Some("y"), 1)), copy_of(first), "another gateway's copy");
        assert_eq!(check(identity("b", None, 1)), copy_of(first), "another network server");
        assert_eq!(check(identity("a", None, 2)), Known::New);
    }

    #[test]
    fn without_an_id_the_time_a_message_states_tells_a_redelivery_from_another_copy() {
        let mut window = Window::new(1000);
        let first = LogSequence::from_u64(7);
        let message = identity("a", None, 1);
        window.insert(keys(message), first, true);
        assert_eq!(window.check(keys(message), false), Known::SameMessage(first));
        let copy = Identity { event_time: NOON.plus_micros(1), ..message };
        assert_eq!(window.check(keys(copy), false), copy_of(first));
        let received = Identity { time_source: TimeSource::Received, ..message };
        window.insert(keys(received), LogSequence::from_u64(8), true);
        assert_eq!(window.check(keys(at(received, 1)), false), Known::SameMessage(LogSequence::from_u64(8)));
    }

    #[test]
    fn a_rejoin_with_equal_counter_and_payload_is_new() {
        let mut window = Window::new(1000);
        let before = identity("a", None, 0);
        window.insert(keys(before), LogSequence::from_u64(1), true);
        assert_eq!(window.check(keys(Identity { session: Some("02abcdef"), ..before }), false), Known::New);
    }

    #[test]
    fn an_equal_frame_of_the_same_session_is_new_after_two_days_and_a_copy_for_one() {
        let mut window = Window::new(1000);
        let first = LogSequence::from_u64(1);
        window.insert(keys(identity("a", Some("x"), 0)), first, true);
        for (hours, expected) in [(-48, Known::New), (-24, copy_of(first)), (0, copy_of(first)), (24, copy_of(first)), (48, Known::New)] {
            let again = at(identity("b", Some("y"), 0), hours);
            assert_eq!(window.check(keys(again), false), expected, "{hours} h");
        }
    }

    #[test]
    fn through_the_same_source_an_equal_frame_is_a_copy_for_minutes_only() {
        let mut window = Window::new(1000);
        let after =
            |minutes: i64, id, source| Identity { event_time: NOON.plus_micros(minutes * 60_000_000), ..identity(source, Some(id), 0) };
        let (first, second) = (LogSequence::from_u64(1), LogSequence::from_u64(2));
        window.insert(keys(after(0, "x", "a")), first, true);
        assert_eq!(window.check(keys(after(5, "late", "a")), false), copy_of(first), "a late gateway");
        let restarted = keys(after(60, "y", "a"));
        assert_eq!(window.check(restarted, false), Known::New, "the device began again");
        window.insert(restarted, second, true);
        assert_eq!(window.check(keys(after(61, "z", "a")), false), copy_of(second));
        assert_eq!(window.check(keys(after(60, "z", "b")), false), copy_of(second), "the newest is meant");
    }

    #[test]
    fn a_copy_is_told_whether_the_readings_are_there_already() {
        let mut window = Window::new(1000);
        let first = LogSequence::from_u64(1);
        window.insert(keys(identity("a", Some("x"), 0)), first, false);
        let copy = keys(identity("b", Some("y"), 0));
        assert_eq!(window.check(copy, false), Known::SameFrame { sequence: first, has_readings: false });
        window.insert(copy, LogSequence::from_u64(2), true);
        assert_eq!(window.check(keys(identity("c", Some("z"), 0)), false), copy_of(first));
    }

    #[test]
    fn readings_that_a_copy_brought_in_vain_are_missing_again() {
        let mut window = Window::new(1000);
        let first = LogSequence::from_u64(1);
        window.insert(keys(identity("a", Some("x"), 0)), first, false);
        let copy = keys(identity("b", Some("y"), 0));
        window.insert(copy, LogSequence::from_u64(2), true);
        window.forget_from(LogSequence::from_u64(2));
        assert_eq!(window.check(copy, false), Known::SameFrame { sequence: first, has_readings: false });
        window.insert(copy, LogSequence::from_u64(2), true);
        window.forget_from(LogSequence::from_u64(3));
        assert_eq!(window.check(keys(identity("c", Some("z"), 0)), false), copy_of(first));
    }

    #[test]
    fn equal_uplinks_that_nothing_tells_apart_are_new_unless_the_sender_repeats_itself() {
        let mut window = Window::new(1000);
        let first = LogSequence::from_u64(1);
        let anonymous = Identity { f_cnt: None, time_source: TimeSource::Received, ..identity("a", None, 0) };
        window.insert(keys(anonymous), first, true);
        assert_eq!(window.check(keys(at(anonymous, 1)), false), Known::New);
        assert_eq!(window.check(keys(at(anonymous, 1)), true), Known::SameMessage(first));
        assert_eq!(Identity { payload: &[], ..anonymous }.keys(), None, "all of them would be equal");
        let timed = Identity { f_cnt: None, ..identity("a", None, 0) };
        window.insert(keys(timed), first, true);
        assert_eq!(window.check(keys(timed), false), Known::SameMessage(first));
        assert_eq!(window.check(keys(at(timed, 1)), false), Known::New);
    }

    #[test]
    fn an_equal_message_that_is_no_uplink_is_new_unless_the_sender_repeats_itself() {
        let mut window = Window::new(1000);
        let first = LogSequence::from_u64(1);
        let message = Foreign { source: "a", topic: "t", raw: b"off" };
        window.insert(message.keys(), first, true);
        assert_eq!(window.check(message.keys(), false), Known::New);
        assert_eq!(window.check(message.keys(), true), Known::SameMessage(first));
        for other in [
            Foreign { source: "b", ..message },
            Foreign { topic: "u", ..message },
            Foreign { raw: b"on", ..message },
            Foreign { topic: "to", raw: b"ff", ..message },
        ] {
            assert_eq!(window.check(other.keys(), true), Known::New, "{other:?}");
        }
    }

    #[test]
    fn the_window_is_bounded_and_forgets_the_oldest_first() {
        let mut window = Window::new(100);
        for f_cnt in 0..1000 {
            window.insert(keys(identity("a", None, f_cnt)), LogSequence::from_u64(u64::from(f_cnt)), true);
            assert!(window.len() <= 100);
        }
        assert_ne!(window.check(keys(identity("a", None, 999)), false), Known::New);
        assert_eq!(window.check(keys(identity("a", None, 0)), false), Known::New);
    }

    #[test]
    fn keys_of_records_that_never_reached_the_disk_are_taken_back() {
        let mut window = Window::new(100);
        window.insert(keys(identity("a", None, 1)), LogSequence::from_u64(5), true);
        window.insert(keys(identity("a", None, 2)), LogSequence::from_u64(6), true);
        window.forget_from(LogSequence::from_u64(6));
        assert_ne!(window.check(keys(identity("a", None, 1)), false), Known::New);
        assert_eq!(window.check(keys(identity("a", None, 2)), false), Known::New);
    }
}
