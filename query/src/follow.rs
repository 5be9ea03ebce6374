//! Following the stream of observations from any position, without gaps and without doubles.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::{Expr, col, lit};
use futures::Stream;
use stadtwarte_model::entity::{Datastream, ObservedProperty};
use stadtwarte_model::{LogSequence, Observation, ObservationId, Role};
use stadtwarte_store::{Changes, RegistryState, observation_at};
use tokio::sync::watch;

use crate::access::Visible;
use crate::engine::{Draft, Engine};
use crate::error::Error;

/// How many observations are taken from the ring at a time.
const PAGE: usize = 1024;

/// How many observations are taken from the table at a time: each connection that catches up keeps so many in memory.
const CATCH_UP_PAGE: usize = 4096;

/// One event of the live stream.
#[derive(Debug, Clone)]
pub enum LiveEvent {
    /// A new observation.
    Reading(LiveReading),
    /// Too much was missed: load the whole state again and continue from this position.
    Reset(ObservationId),
}

/// A new observation with what describes it.
#[derive(Debug, Clone)]
pub struct LiveReading {
    /// The observation.
    pub observation: Arc<Observation>,
    /// Its datastream.
    pub datastream: Arc<Datastream>,
    /// Its property.
    pub property: Arc<ObservedProperty>,
}

/// What a role sees, kept until the registry changes.
struct Lens {
    registry: Arc<RegistryState>,
    visible: Visible,
    role: Role,
}

impl Lens {
    fn new(registry: Arc<RegistryState>, role: Role) -> Self {
        Self { visible: Visible::to(role, &registry), registry, role }
    }

    fn refresh(&mut self, registry: Arc<RegistryState>) {
        if registry.version != self.registry.version {
            *self = Self::new(registry, self.role);
        }
    }

    fn reading(&self, observation: Arc<Observation>) -> Option<LiveReading> {
        let datastream = self.registry.datastreams.get(&observation.datastream_id).filter(|stream| self.visible.contains(stream.id))?;
        let property = self.registry.observed_properties.get(&datastream.observed_property_id)?;
        Some(LiveReading { datastream: Arc::clone(datastream), property: Arc::clone(property), observation })
    }
}

/// One follower of the stream and how far it has got.
struct Follower {
    engine: Engine,
    signal: watch::Receiver<LogSequence>,
    position: ObservationId,
    /// Whether it was found not to have missed too much, and now catches up page by page.
    is_admitted: bool,
    lens: Lens,
}

impl Follower {
    async fn next(mut self) -> Option<(Vec<LiveEvent>, Self)> {
        loop {
            // Marked as seen before looking, so that a commit in between is not slept through.
            self.signal.borrow_and_update();
            let changes = self.engine.store().changes_after(self.position, PAGE);
            self.lens.refresh(self.engine.store().registry().state());
            let events = match changes {
                Changes::Rows(rows) if rows.is_empty() => {
                    self.signal.changed().await.ok()?;
                    continue;
                }
                Changes::Rows(rows) => {
                    self.is_admitted = false;
                    self.position = rows.last().map_or(self.position, |row| row.id);
                    rows.into_iter().filter_map(|row| self.lens.reading(row)).map(LiveEvent::Reading).collect()
                }
                Changes::Behind => {
                    let (events, reached) = self.engine.catch_up(self.position, &mut self.lens, &mut self.is_admitted).await;
                    self.position = reached;
                    events
                }
            };
            return Some((events, self));
        }
    }
}

impl Engine {
    /// The observations that `role` sees, as they become durable, beginning after `position` or, without one, with the next.
    ///
    /// A follower who was away gets what it missed from memory or, up to the limit `resume_rows`, from the table; beyond that a
    /// [`LiveEvent::Reset`]. The stream ends only with the store.
    pub fn follow(&self, role: Role, position: Option<ObservationId>) -> impl Stream<Item = Vec<LiveEvent>> + Send + 'static + use<> {
        let signal = self.store().position();
        let position = position.unwrap_or_else(|| ObservationId::last_of(*signal.borrow()));
        let lens = Lens::new(self.store().registry().state(), role);
        futures::stream::unfold(Follower { engine: self.clone(), signal, position, is_admitted: false, lens }, Follower::next)
    }

    /// What follows `position` in the table, a page of it, and up to where that is.
    async fn catch_up(&self, position: ObservationId, lens: &mut Lens, is_admitted: &mut bool) -> (Vec<LiveEvent>, ObservationId) {
        let now = ObservationId::last_of(*self.store().position().borrow());
        if !*is_admitted {
            match self.count_missed(lens.role, position).await {
                Ok(rows) if rows <= self.limits().resume_rows => *is_admitted = true,
                Ok(_) => return (vec![LiveEvent::Reset(now)], now),
                Err(error) => return afresh(&error, position, now),
            }
        }
        match self.missed(lens.role, position).await {
            Ok((rows, is_full)) => {
                // What has been registered meanwhile may be among them.
                lens.refresh(self.store().registry().state());
                let last = rows.last().map_or(now, |row| row.id);
                // A page that is not full has all that was there when it was asked for.
                let reached = if is_full { last } else { last.max(now) };
                (rows.into_iter().filter_map(|row| lens.reading(Arc::new(row))).map(LiveEvent::Reading).collect(), reached)
            }
            Err(error) => afresh(&error, position, now),
        }
    }

    async fn count_missed(&self, role: Role, position: ObservationId) -> Result<usize, Error> {
        let counted = self
            .run(role, 1, async move |Draft { context, .. }| {
                Ok(context.table("observations").await?.filter(after(position))?.aggregate(Vec::new(), vec![count(lit(1))])?)
            })
            .await?;
        let batches = counted.collect().await?;
        let rows = batches.first().filter(|batch| batch.num_rows() == 1).map(|batch| batch.column(0).as_primitive::<Int64Type>().value(0));
        rows.and_then(|rows| usize::try_from(rows).ok()).ok_or(Error::Broken)
    }

    /// The next page, and whether it is a full one.
    async fn missed(&self, role: Role, position: ObservationId) -> Result<(Vec<Observation>, bool), Error> {
        let answer = self
            .run(role, CATCH_UP_PAGE, async move |Draft { context, .. }| {
                let rows = context.table("observations").await?.filter(after(position))?;
                Ok(rows.sort(vec![col("id").sort(true, false)])?.limit(0, Some(CATCH_UP_PAGE))?)
            })
            .await?;
        let batches = answer.collect().await?;
        let is_full = batches.iter().map(RecordBatch::num_rows).sum::<usize>() == CATCH_UP_PAGE;
        let rows = batches.iter().flat_map(|batch| (0..batch.num_rows()).filter_map(move |row| observation_at(batch, row)));
        Ok((rows.collect(), is_full))
    }
}

/// What came over the stream after `position`: imported observations are no part of it.
fn after(position: ObservationId) -> Expr {
    col("id").gt(lit(position.as_i64())).and(col("id").lt(lit(ObservationId::FIRST_IMPORTED.as_i64())))
}

fn afresh(error: &Error, position: ObservationId, now: ObservationId) -> (Vec<LiveEvent>, ObservationId) {
    tracing::warn!(%error, %position, "a follower could not catch up and starts afresh");
    (vec![LiveEvent::Reset(now)], now)
}
