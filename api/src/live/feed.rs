//! What one live connection is sent.

use std::pin::Pin;

use futures::{Stream, StreamExt};
use stadtwarte_model::ObservationId;
use stadtwarte_query::LiveEvent;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep_until};

use super::event::Event;
use super::filter::{Filter, Wish};
use crate::access::Presented;
use crate::error::Problem;
use crate::metrics::Counted;
use crate::state::ApiState;

/// The most events that are written out at a time.
const PAGE: usize = 256;

/// The events of one connection; dropping it gives its place to another.
pub(super) struct Feed {
    state: ApiState,
    events: Pin<Box<dyn Stream<Item = Vec<LiveEvent>> + Send>>,
    presented: Presented,
    filter: Filter,
    /// Taken from the stream, not yet looked at.
    waiting: std::vec::IntoIter<LiveEvent>,
    /// A `reset` that comes before everything else.
    reset: Option<ObservationId>,
    /// How far the connection is, whether or not it was sent anything.
    position: ObservationId,
    quiet_at: Instant,
    _slot: OwnedSemaphorePermit,
    _counted: Counted,
}

/// What to send next.
#[derive(Debug)]
pub(super) enum Beat {
    /// These events.
    Events(Vec<Event>),
    /// A sign of life, and that everything up to this position was looked at.
    Quiet(ObservationId),
}

impl Feed {
    /// Takes a place among the live connections.
    ///
    /// # Errors
    /// `busy` when there is none.
    pub fn open(state: &ApiState, presented: Presented, wish: Wish) -> Result<Self, Problem> {
        let slot = std::sync::Arc::clone(&state.live_slots).try_acquire_owned();
        let slot = slot.map_err(|_| Problem::busy("there are too many live connections at the moment", 30))?;
        let now = state.position();
        // A position that lies ahead of the stream comes from another data folder, or is no position of the stream at all.
        let reset = wish.after.is_some_and(|after| after > now).then_some(now);
        let position = wish.after.filter(|_| reset.is_none()).unwrap_or(now);
        Ok(Self {
            events: Box::pin(state.engine.follow(presented.caller().role, Some(position))),
            presented,
            filter: wish.filter,
            waiting: Vec::new().into_iter(),
            reset,
            position,
            quiet_at: Instant::now() + state.limits().live_keep_alive,
            _slot: slot,
            _counted: Counted::new(&state.metrics.live),
            state: state.clone(),
        })
    }

    /// Where the connection begins.
    pub fn position(&self) -> ObservationId {
        self.position
    }

    /// What to send next; `None` when the platform shuts down or the key of the caller was taken back.
    pub async fn next(&mut self) -> Option<Beat> {
        if let Some(position) = self.reset.take() {
            return Some(Beat::Events(vec![Event::reset(position)]));
        }
        loop {
            if !self.presented.is_still_good(&self.state) {
                return None;
            }
            let page = self.page();
            if !page.is_empty() {
                self.quiet_at = Instant::now() + self.state.limits().live_keep_alive;
                self.state.metrics.live_events.inc_by(page.len() as u64);
                return Some(Beat::Events(page));
            }
            tokio::select! {
                () = self.state.options.shutdown.cancelled() => return None,
                events = self.events.next() => self.waiting = events?.into_iter(),
                () = sleep_until(self.quiet_at) => {
                    self.quiet_at = Instant::now() + self.state.limits().live_keep_alive;
                    return Some(Beat::Quiet(self.position));
                }
            }
        }
    }

    /// The wanted ones of those waiting, at most a page of them.
    fn page(&mut self) -> Vec<Event> {
        let mut page = Vec::new();
        while page.len() < PAGE
            && let Some(event) = self.waiting.next()
        {
            match event {
                LiveEvent::Reading(reading) => {
                    self.position = reading.observation.id;
                    if self.filter.accepts(&reading) {
                        page.push(Event::reading(&reading));
                    }
                }
                LiveEvent::Reset(position) => {
                    self.position = position;
                    page.push(Event::reset(position));
                }
            }
        }
        page
    }
}
