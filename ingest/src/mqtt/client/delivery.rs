//! From the hand-over queue through the intake to the acknowledgement, in the order of arrival.
//!
//! ```text
//! connection ──try_send──▶ queue ──batch──▶ Intake ──receipts, in order──▶ try_ack on the same connection
//!                                             ▲   │ Retry
//!                                             └───┘ after a pause
//! ```

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use futures::stream::{FuturesOrdered, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::link::AckId;
use super::options::BrokerOptions;
use super::session::Session;
use crate::message::{Intake, Message, Receipt, Refusal};
use crate::mqtt::metrics::BrokerMetrics;

/// What a message needs besides itself.
pub(super) struct Delivery {
    pub(super) message: Message,
    /// How to acknowledge it; none for QoS 0.
    pub(super) ack: Option<Ack>,
    /// The bytes it counts for among those that are [`Queued`]: more than it holds where only its beginning is kept.
    pub(super) size: usize,
}

/// What to acknowledge, and on which connection.
pub(super) struct Ack {
    pub(super) session: Arc<Session>,
    pub(super) id: AckId,
    /// Its place in the window, given back when the message is settled.
    pub(super) place: OwnedSemaphorePermit,
}

/// QoS 0 messages between socket and intake, which nothing but this bounds.
#[derive(Debug, Default)]
pub(super) struct Queued {
    messages: AtomicUsize,
    bytes: AtomicUsize,
}

impl Queued {
    /// Takes a place, if there is one.
    pub(super) fn enter(&self, bytes: usize, options: &BrokerOptions) -> bool {
        let messages_before = self.messages.fetch_add(1, Ordering::SeqCst);
        let bytes_before = self.bytes.fetch_add(bytes, Ordering::SeqCst);
        let has_room = messages_before < options.max_queued_messages && bytes_before < options.max_queued_bytes;
        if !has_room {
            self.leave(bytes);
        }
        has_room
    }

    fn leave(&self, bytes: usize) {
        self.messages.fetch_sub(1, Ordering::SeqCst);
        self.bytes.fetch_sub(bytes, Ordering::SeqCst);
    }
}

/// What the delivery task works with.
pub(super) struct Context {
    pub(super) options: Arc<BrokerOptions>,
    pub(super) intake: Arc<dyn Intake>,
    pub(super) metrics: BrokerMetrics,
    pub(super) queued: Arc<Queued>,
    /// Begin of shutdown: refused messages are not submitted again.
    pub(super) stopping: CancellationToken,
    /// Whether the intake refuses at the moment, so that it is logged once.
    pub(super) is_stalled: AtomicBool,
}

/// How a message ended.
enum Outcome {
    Stored,
    /// Given up: the broker delivers it again, or we are shutting down.
    Abandoned,
    Failed,
}

/// A message whose outcome is known.
struct Settled {
    ack: Option<Ack>,
    at_most_once_bytes: Option<usize>,
    outcome: Outcome,
}

type Pending = FuturesOrdered<BoxFuture<'static, Settled>>;

/// Largest batch handed to the intake at once.
const MAX_BATCH: usize = 256;
/// Pause when the request queue of a connection is full.
const QUEUE_PAUSE: Duration = Duration::from_millis(5);

/// The log has failed; nothing more can be acknowledged.
#[derive(Debug)]
pub(super) struct StoreFailed;

/// Runs until the queue is closed and everything in it is settled.
///
/// # Errors
/// [`StoreFailed`] when the intake says so.
pub(super) async fn deliver(context: Arc<Context>, mut queue: mpsc::Receiver<Delivery>) -> Result<(), StoreFailed> {
    let max_pending = context.options.max_pending();
    let mut pending = Pending::new();
    let mut submission: Option<BoxFuture<'static, Vec<BoxFuture<'static, Settled>>>> = None;
    let mut acks = Acks { waiting: VecDeque::new(), metrics: context.metrics.clone() };
    let mut batch = Vec::new();
    let mut is_closed = false;
    while !(is_closed && submission.is_none() && pending.is_empty() && acks.waiting.is_empty()) {
        let may_take = !is_closed && submission.is_none() && pending.len() < max_pending;
        let submitted = async {
            match submission.as_mut() {
                Some(submission) => submission.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Some(settled) = pending.next(), if !pending.is_empty() => {
                if let Some(bytes) = settled.at_most_once_bytes {
                    context.queued.leave(bytes);
                }
                match (settled.outcome, settled.ack) {
                    (Outcome::Failed, _) => return Err(StoreFailed),
                    (Outcome::Stored, Some(ack)) => acks.push(ack),
                    (Outcome::Abandoned, Some(ack)) => ack.session.leave_gap(),
                    (_, None) => {}
                }
            }
            futures = submitted => {
                submission = None;
                pending.extend(futures);
            }
            () = sleep(QUEUE_PAUSE), if !acks.waiting.is_empty() => acks.flush(),
            taken = queue.recv_many(&mut batch, MAX_BATCH), if may_take => {
                if taken == 0 {
                    is_closed = true;
                } else {
                    submission = Some(submit(Arc::clone(&context), std::mem::take(&mut batch)).boxed());
                }
            }
        }
    }
    Ok(())
}

/// Hands a batch to the intake, in order; returns one future per delivery, in order.
async fn submit(context: Arc<Context>, batch: Vec<Delivery>) -> Vec<BoxFuture<'static, Settled>> {
    let messages: Vec<_> = batch.iter().map(|delivery| delivery.message.clone()).collect();
    context.metrics.messages.inc_by(messages.len() as u64);
    let mut receipts = context.intake.submit(messages).await.into_iter();
    batch.into_iter().map(|delivery| settle(Arc::clone(&context), delivery, receipts.next()).boxed()).collect()
}

/// Waits for a receipt and submits again while the intake refuses.
async fn settle(context: Arc<Context>, Delivery { message, ack, size }: Delivery, receipt: Option<Receipt>) -> Settled {
    let at_most_once_bytes = ack.is_none().then_some(size);
    let outcome = outcome(&context, &message, ack.as_ref().map(|ack| ack.session.as_ref()), receipt).await;
    Settled { ack, at_most_once_bytes, outcome }
}

async fn outcome(context: &Context, message: &Message, session: Option<&Session>, first: Option<Receipt>) -> Outcome {
    let broker = &context.options.name;
    let mut backoff = Backoff::new(context.options.min_retry_backoff, context.options.max_retry_backoff);
    let mut receipt = first;
    loop {
        let Some(current) = receipt else {
            tracing::error!(broker, "intake returned a wrong number of receipts");
            return Outcome::Failed;
        };
        match current.await {
            Ok(()) => {
                if context.is_stalled.swap(false, Ordering::SeqCst) {
                    tracing::info!(broker, "the store accepts messages again");
                }
                return Outcome::Stored;
            }
            Err(Refusal::Fatal) => return Outcome::Failed,
            Err(Refusal::Retry) => {
                if !context.is_stalled.swap(true, Ordering::SeqCst) {
                    tracing::warn!(broker, "the store does not accept messages; they stay unacknowledged and are submitted again");
                }
            }
        }
        if !pause(context, session, backoff.pause()).await {
            return Outcome::Abandoned;
        }
        context.metrics.retries.inc();
        receipt = context.intake.submit(vec![message.clone()]).await.pop();
    }
}

/// Waits before the next submission. `false` when there is no point in one: the broker has begun to deliver the message again on
/// its next connection, or we are shutting down.
async fn pause(context: &Context, session: Option<&Session>, pause: Duration) -> bool {
    let superseded = async {
        match session {
            Some(session) => session.superseded().cancelled().await,
            None => std::future::pending().await,
        }
    };
    let superseded = pin!(superseded);
    tokio::select! {
        biased;
        () = context.stopping.cancelled() => false,
        () = superseded => false,
        () = sleep(pause) => true,
    }
}

/// Acknowledgements in order. Normally handed over at once: the request queue has room for a whole window. When a broker sends
/// more than its window they wait here, two words each, at most one per packet identifier.
struct Acks {
    waiting: VecDeque<(Arc<Session>, AckId)>,
    metrics: BrokerMetrics,
}

impl Acks {
    /// The message is on disk: its place in the window is free, whenever the acknowledgement is sent.
    fn push(&mut self, ack: Ack) {
        let Ack { session, id, place } = ack;
        drop(place);
        self.waiting.push_back((session, id));
        self.flush();
    }

    /// Pitfall 7: never waits for the queue of the connection, which is emptied by the task that polls it.
    fn flush(&mut self) {
        while let Some((session, id)) = self.waiting.front() {
            if session.takes_acks() {
                if !session.requests.try_ack(*id) {
                    // Full, or the connection is ending; the flag will say which.
                    return;
                }
                self.metrics.acks.inc();
            } else {
                // Pitfall 9: its connection is gone; on the next one this identifier may be another message.
                self.metrics.stale_acks.inc();
            }
            self.waiting.pop_front();
        }
    }
}
