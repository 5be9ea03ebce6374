//! Stand-ins for tests: an intake that answers as it is told.

#[cfg(test)]
pub(crate) mod mosquitto;
#[cfg(test)]
pub(crate) mod wire;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::{oneshot, watch};

use crate::message::{Intake, Message, Receipt, Refusal};

/// Longest wait of a test for a condition.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// An intake in memory. Messages are numbered from 0 in the order in which they were submitted.
pub struct FakeIntake {
    mode: Mode,
    answer: Answer,
    state: Mutex<State>,
    submitted: watch::Sender<usize>,
    is_open: watch::Sender<bool>,
}

/// What the receipt of a message resolves to, by number and message.
type Answer = Box<dyn Fn(usize, &Message) -> Result<(), Refusal> + Send + Sync>;

#[derive(Debug, Clone, Copy)]
enum Mode {
    /// Receipts resolve after this time.
    After(Duration),
    /// Receipts resolve when the test says so.
    Manual,
}

#[derive(Default)]
struct State {
    messages: Vec<Message>,
    batches: Vec<usize>,
    waiting: Vec<Option<oneshot::Sender<Result<(), Refusal>>>>,
}

impl FakeIntake {
    /// Receipts resolve at once.
    #[must_use]
    pub fn immediate() -> Self {
        Self::after(Duration::ZERO)
    }

    /// Receipts resolve after `delay`, like a log that syncs.
    #[must_use]
    pub fn after(delay: Duration) -> Self {
        Self::new(Mode::After(delay))
    }

    /// Receipts resolve by [`resolve`](Self::resolve), in any order.
    #[must_use]
    pub fn manual() -> Self {
        Self::new(Mode::Manual)
    }

    fn new(mode: Mode) -> Self {
        Self {
            mode,
            answer: Box::new(|_, _| Ok(())),
            state: Mutex::default(),
            submitted: watch::Sender::new(0),
            is_open: watch::Sender::new(true),
        }
    }

    /// Decides by number and message what receipts resolve to when they resolve by themselves.
    #[must_use]
    pub fn answering(mut self, answer: impl Fn(usize, &Message) -> Result<(), Refusal> + Send + Sync + 'static) -> Self {
        self.answer = Box::new(answer);
        self
    }

    /// Makes `submit` wait, like a log whose queue is full.
    pub fn close_gate(&self) {
        self.is_open.send_replace(false);
    }

    /// Lets waiting and further batches in.
    pub fn open_gate(&self) {
        self.is_open.send_replace(true);
    }

    /// Resolves the receipt of message `number`, in manual mode. Nothing happens when its owner is gone or it is resolved.
    pub fn resolve(&self, number: usize, result: Result<(), Refusal>) {
        let waiting = self.lock().waiting.get_mut(number).and_then(Option::take);
        if let Some(waiting) = waiting {
            let _ = waiting.send(result);
        }
    }

    /// What was submitted so far.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.lock().messages.clone()
    }

    /// Topics of what was submitted so far.
    #[must_use]
    pub fn topics(&self) -> Vec<String> {
        self.lock().messages.iter().map(|message| message.topic.clone()).collect()
    }

    /// Sizes of the batches so far.
    #[must_use]
    pub fn batches(&self) -> Vec<usize> {
        self.lock().batches.clone()
    }

    /// Waits until `count` messages were submitted.
    ///
    /// # Panics
    /// When they do not come within [`DEADLINE`].
    pub async fn wait_for(&self, count: usize) {
        let mut submitted = self.submitted.subscribe();
        let wait = submitted.wait_for(|so_far| *so_far >= count);
        let arrived = tokio::time::timeout(DEADLINE, wait).await.is_ok();
        assert!(arrived, "{} of {count} messages came in time", self.lock().messages.len());
    }

    fn take(&self, messages: Vec<Message>) -> Vec<Receipt> {
        let mut state = self.lock();
        state.batches.push(messages.len());
        let receipts = messages.into_iter().map(|message| self.receipt(&mut state, message)).collect();
        let count = state.messages.len();
        drop(state);
        self.submitted.send_replace(count);
        receipts
    }

    fn receipt(&self, state: &mut State, message: Message) -> Receipt {
        let answer = (self.answer)(state.messages.len(), &message);
        state.messages.push(message);
        match self.mode {
            Mode::After(delay) if delay.is_zero() => {
                state.waiting.push(None);
                std::future::ready(answer).boxed()
            }
            Mode::After(delay) => {
                state.waiting.push(None);
                tokio::time::sleep(delay).map(move |()| answer).boxed()
            }
            Mode::Manual => {
                let (sender, receiver) = oneshot::channel();
                state.waiting.push(Some(sender));
                receiver.map(|result| result.unwrap_or(Err(Refusal::Retry))).boxed()
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intake for FakeIntake {
    fn submit(&self, messages: Vec<Message>) -> BoxFuture<'_, Vec<Receipt>> {
        Box::pin(async move {
            let mut is_open = self.is_open.subscribe();
            let _ = is_open.wait_for(|is_open| *is_open).await;
            self.take(messages)
        })
    }
}

/// Waits until a condition holds, looking again every few milliseconds.
///
/// # Panics
/// When it does not hold within [`DEADLINE`].
pub async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let holds = tokio::time::timeout(DEADLINE, async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    assert!(holds.await.is_ok(), "did not happen in time: {what}");
}
