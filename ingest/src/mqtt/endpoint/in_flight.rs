//! What a connection has handed to the intake and not acknowledged yet.
//!
//! ```text
//! PUBLISH ──begin──▶ [ submitted ──▶ receipts, in arrival order ] ──settle──▶ PUBACK / PUBREC ──(QoS 2)── PUBREL ──▶ PUBCOMP
//! ```

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures::future::{BoxFuture, FutureExt, ready};
use futures::stream::{FuturesOrdered, StreamExt};

use super::codec::{AckKind, Publish, Qos};
use crate::message::{Receipt, Refusal};

/// One message under way.
#[derive(Debug)]
pub(super) struct Slot {
    /// The acknowledgement it waits for; none for QoS 0.
    pub(super) ack: Option<(AckKind, u16)>,
    /// The publisher may not use this topic: never handed to the intake, answered in its turn.
    pub(super) is_denied: bool,
    bytes: usize,
}

/// What a PUBLISH is to this connection.
#[derive(Debug)]
pub(super) enum Begin {
    /// A new message.
    New(Slot),
    /// The same message again while the first one is under way (guard 6): the acknowledgement of the first answers both.
    Resend,
    /// Another message under an identifier that is in use (2.2.1-3): acknowledging either would be a lie.
    IdentifierInUse,
}

/// A QoS 2 identifier between PUBLISH and PUBREL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ExactlyOnce {
    /// Not on disk yet: no PUBREC.
    Pending,
    /// PUBREC is out.
    Received,
}

/// What a PUBREL refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Release {
    Known,
    Unknown,
    /// PUBREL before PUBREC: the client breaks the exchange.
    TooEarly,
}

/// Messages under way, in arrival order. At most 65,535 QoS 2 identifiers wait for PUBREL, the number there is.
pub(super) struct InFlight {
    submission: Option<Submission>,
    receipts: FuturesOrdered<Awaited>,
    at_least_once: HashMap<u16, u64>,
    exactly_once: HashMap<u16, ExactlyOnce>,
    at_most_once: usize,
    begun: usize,
    bytes: usize,
    total_bytes: Arc<AtomicUsize>,
}

/// A batch on its way into the intake.
struct Submission {
    receipts: BoxFuture<'static, Vec<Receipt>>,
    slots: Vec<Slot>,
}

/// A receipt together with what waits for it.
struct Awaited {
    slot: Option<Slot>,
    receipt: Receipt,
}

impl Future for Awaited {
    type Output = (Slot, Result<(), Refusal>);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.receipt.poll_unpin(context) {
            Poll::Ready(result) => Poll::Ready((self.slot.take().expect("a finished future is not polled again"), result)),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// The intake returned another number of receipts than it got messages: a defect there, after which nothing can be acknowledged.
#[derive(Debug)]
pub(super) struct ReceiptMismatch;

impl InFlight {
    /// Nothing under way; bytes are also counted into `total_bytes`, shared by all connections.
    pub(super) fn new(total_bytes: Arc<AtomicUsize>) -> Self {
        Self {
            submission: None,
            receipts: FuturesOrdered::new(),
            at_least_once: HashMap::new(),
            exactly_once: HashMap::new(),
            at_most_once: 0,
            begun: 0,
            bytes: 0,
            total_bytes,
        }
    }

    /// Takes note of a PUBLISH that will be submitted, or denied.
    pub(super) fn begin(&mut self, publish: &Publish, is_denied: bool) -> Begin {
        let ack = match publish.qos {
            Qos::AtMostOnce => {
                self.at_most_once += 1;
                None
            }
            Qos::AtLeastOnce => {
                let fingerprint = fingerprint(publish);
                if self.exactly_once.contains_key(&publish.packet_id) {
                    return Begin::IdentifierInUse;
                }
                match self.at_least_once.get(&publish.packet_id) {
                    Some(first) if *first == fingerprint => return Begin::Resend,
                    Some(_) => return Begin::IdentifierInUse,
                    None => self.at_least_once.insert(publish.packet_id, fingerprint),
                };
                Some((AckKind::Puback, publish.packet_id))
            }
            Qos::ExactlyOnce => {
                if self.at_least_once.contains_key(&publish.packet_id) || self.exactly_once.contains_key(&publish.packet_id) {
                    return Begin::IdentifierInUse;
                }
                self.exactly_once.insert(publish.packet_id, ExactlyOnce::Pending);
                Some((AckKind::Pubrec, publish.packet_id))
            }
        };
        let bytes = publish.topic.len() + publish.payload.len();
        self.begun += 1;
        self.bytes += bytes;
        self.total_bytes.fetch_add(bytes, Ordering::Relaxed);
        Begin::New(Slot { ack, is_denied, bytes })
    }

    /// Hands a batch to the intake: one future receipt per slot that is not denied, in the same order. Only one batch is on its
    /// way at a time, so that the order of arrival is kept.
    pub(super) fn submit(&mut self, receipts: BoxFuture<'static, Vec<Receipt>>, slots: Vec<Slot>) {
        debug_assert!(self.submission.is_none(), "one batch at a time");
        self.submission = Some(Submission { receipts, slots });
    }

    /// Whether a batch is on its way into the intake.
    pub(super) fn is_submitting(&self) -> bool {
        self.submission.is_some()
    }

    /// Moves a batch on; ready once the intake took it.
    pub(super) fn poll_submitted(&mut self, context: &mut Context<'_>) -> Poll<Result<(), ReceiptMismatch>> {
        let Some(submission) = &mut self.submission else { return Poll::Pending };
        let Poll::Ready(receipts) = submission.receipts.poll_unpin(context) else { return Poll::Pending };
        let slots = self.submission.take().map(|submission| submission.slots).unwrap_or_default();
        let mut receipts = receipts.into_iter();
        for slot in slots {
            let receipt = if slot.is_denied { Some(ready(Ok(())).boxed()) } else { receipts.next() };
            let Some(receipt) = receipt else { return Poll::Ready(Err(ReceiptMismatch)) };
            self.receipts.push_back(Awaited { slot: Some(slot), receipt });
        }
        Poll::Ready(if receipts.next().is_none() { Ok(()) } else { Err(ReceiptMismatch) })
    }

    /// The oldest message, once its receipt is there. Messages come out in arrival order, whatever order receipts resolve in.
    pub(super) fn poll_settled(&mut self, context: &mut Context<'_>) -> Poll<(Slot, Result<(), Refusal>)> {
        match self.receipts.poll_next_unpin(context) {
            Poll::Ready(Some((slot, result))) => {
                self.end(&slot, result.is_ok() && !slot.is_denied);
                Poll::Ready((slot, result))
            }
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    /// A PUBREL came.
    pub(super) fn release(&mut self, packet_id: u16) -> Release {
        match self.exactly_once.get(&packet_id) {
            Some(ExactlyOnce::Pending) => Release::TooEarly,
            Some(ExactlyOnce::Received) => {
                self.exactly_once.remove(&packet_id);
                Release::Known
            }
            None => Release::Unknown,
        }
    }

    /// Whether PUBREC is already out for this identifier, so that a repeated QoS 2 PUBLISH may be answered at once.
    pub(super) fn is_received(&self, packet_id: u16) -> bool {
        self.exactly_once.get(&packet_id) == Some(&ExactlyOnce::Received)
    }

    /// Messages under way.
    pub(super) fn len(&self) -> usize {
        self.begun
    }

    /// QoS 0 messages under way.
    pub(super) fn at_most_once(&self) -> usize {
        self.at_most_once
    }

    /// Bytes of topics and payloads under way.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    fn end(&mut self, slot: &Slot, is_stored: bool) {
        self.begun = self.begun.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(slot.bytes);
        self.total_bytes.fetch_sub(slot.bytes, Ordering::Relaxed);
        match slot.ack {
            None => self.at_most_once = self.at_most_once.saturating_sub(1),
            Some((AckKind::Puback, packet_id)) => {
                self.at_least_once.remove(&packet_id);
            }
            Some((AckKind::Pubrec, packet_id)) if is_stored => {
                self.exactly_once.insert(packet_id, ExactlyOnce::Received);
            }
            Some((AckKind::Pubrec, packet_id)) => {
                self.exactly_once.remove(&packet_id);
            }
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.total_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Tells a resend from another message under the same identifier. Not a secret, not stored, compared within one connection.
fn fingerprint(publish: &Publish) -> u64 {
    let mut hasher = DefaultHasher::new();
    publish.topic.hash(&mut hasher);
    publish.payload.hash(&mut hasher);
    publish.retain.hash(&mut hasher);
    hasher.finish()
}
