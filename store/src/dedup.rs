//! Recognising what was already received.
//!
//! | met again | key | consequence |
//! |---|---|---|
//! | the same message: MQTT redelivery, webhook retry | source and the network server's id; without one, source and frame | not stored again |
//! | the same frame: another network server, another gateway's copy | device, session, counter, port, payload | uplink kept with `duplicate_of`, readings not stored again |
//!
//! Keys are 64-bit hashes (BLAKE3, truncated). At the default of two million keys the chance that a new message is mistaken for an
//! old one is 2e6 / 2^64, about 1e-13.

use std::collections::HashMap;

use stadtwarte_model::{DevEui, LogSequence};

/// The two keys of one uplink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Keys {
    message: u64,
    frame: u64,
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
}

impl Identity<'_> {
    pub fn keys(&self) -> Keys {
        let mut frame = blake3::Hasher::new();
        frame.update(self.dev_eui.as_bytes());
        update_text(&mut frame, self.session);
        update_text(&mut frame, self.f_cnt.map(|f_cnt| f_cnt.to_string()).as_deref());
        frame.update(&[u8::from(self.f_port.is_some()), self.f_port.unwrap_or_default()]);
        frame.update(self.payload);
        let frame = truncated(&frame);

        let mut message = blake3::Hasher::new();
        update_text(&mut message, Some(self.source));
        match self.deduplication_id {
            Some(id) => {
                message.update(self.dev_eui.as_bytes());
                update_text(&mut message, Some(id));
            }
            None => {
                message.update(&frame.to_le_bytes());
            }
        }
        Keys { message: truncated(&message), frame }
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

/// What the window knows about an uplink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    New,
    SameMessage(LogSequence),
    SameFrame(LogSequence),
}

/// The most recent keys, in two generations: when the younger is full it becomes the older and the older is forgotten.
#[derive(Debug)]
pub(crate) struct Window {
    young: HashMap<u64, LogSequence>,
    old: HashMap<u64, LogSequence>,
    max_keys: usize,
}

impl Window {
    pub fn new(max_keys: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), max_keys: max_keys.max(4) }
    }

    pub fn check(&self, keys: Keys) -> Known {
        match (self.find(keys.message), self.find(keys.frame)) {
            (Some(sequence), _) => Known::SameMessage(sequence),
            (None, Some(sequence)) => Known::SameFrame(sequence),
            (None, None) => Known::New,
        }
    }

    fn find(&self, key: u64) -> Option<LogSequence> {
        self.young.get(&key).or_else(|| self.old.get(&key)).copied()
    }

    pub fn insert(&mut self, keys: Keys, sequence: LogSequence) {
        self.young.insert(keys.message, sequence);
        // A duplicate points at the frame's first appearance.
        if self.find(keys.frame).is_none() {
            self.young.insert(keys.frame, sequence);
        }
        if self.young.len() >= self.max_keys / 2 {
            self.old = std::mem::take(&mut self.young);
        }
    }

    /// Takes back what was inserted for records at or after `first`, because they did not reach the disk.
    pub fn forget_from(&mut self, first: LogSequence) {
        self.young.retain(|_, sequence| *sequence < first);
        self.old.retain(|_, sequence| *sequence < first);
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(source: &'static str, id: Option<&'static str>, f_cnt: u32) -> Identity<'static> {
        Identity {
            source,
            deduplication_id: id,
            dev_eui: DevEui::from_bytes([2; 8]),
            session: Some("01abcdef"),
            f_cnt: Some(f_cnt),
            f_port: Some(85),
            payload: &[1, 2],
        }
    }

    #[test]
    fn redelivery_duplicate_and_news_are_told_apart() {
        let mut window = Window::new(1000);
        let first = LogSequence::from_u64(7);
        window.insert(identity("a", Some("x"), 1).keys(), first);
        assert_eq!(window.check(identity("a", Some("x"), 1).keys()), Known::SameMessage(first));
        assert_eq!(window.check(identity("a", Some("y"), 1).keys()), Known::SameFrame(first), "another gateway's copy");
        assert_eq!(window.check(identity("b", None, 1).keys()), Known::SameFrame(first), "another network server");
        assert_eq!(window.check(identity("a", None, 2).keys()), Known::New);
    }

    #[test]
    fn a_rejoin_with_equal_counter_and_payload_is_new() {
        let mut window = Window::new(1000);
        let before = identity("a", None, 0);
        window.insert(before.keys(), LogSequence::from_u64(1));
        assert_eq!(window.check(Identity { session: Some("02abcdef"), ..before }.keys()), Known::New);
    }

    #[test]
    fn the_window_is_bounded_and_forgets_the_oldest_first() {
        let mut window = Window::new(100);
        for f_cnt in 0..1000 {
            window.insert(identity("a", None, f_cnt).keys(), LogSequence::from_u64(u64::from(f_cnt)));
            assert!(window.len() <= 100);
        }
        assert_ne!(window.check(identity("a", None, 999).keys()), Known::New);
        assert_eq!(window.check(identity("a", None, 0).keys()), Known::New);
    }

    #[test]
    fn keys_of_records_that_never_reached_the_disk_are_taken_back() {
        let mut window = Window::new(100);
        window.insert(identity("a", None, 1).keys(), LogSequence::from_u64(5));
        window.insert(identity("a", None, 2).keys(), LogSequence::from_u64(6));
        window.forget_from(LogSequence::from_u64(6));
        assert_ne!(window.check(identity("a", None, 1).keys()), Known::New);
        assert_eq!(window.check(identity("a", None, 2).keys()), Known::New);
    }
}
