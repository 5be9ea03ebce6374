//! The answer to a query, as it is computed.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::{Stream, StreamExt};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::error::Error;
use crate::interrupt::Watch;
use crate::output::{batch_bytes, geometries_as_wkb, wkb_schema};

/// A batch is given in parts of about this size: whoever writes it out needs as much again.
const PART_BYTES: usize = 1 << 20;

/// How much an answer may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// The most rows.
    pub max_rows: usize,
    /// The largest row.
    pub max_row_bytes: usize,
}

/// A query on its threads; dropping it ends the query.
pub(crate) struct Running {
    task: Option<AbortHandle>,
    watch: Watch,
}

impl Running {
    pub fn new(task: Option<AbortHandle>, watch: Watch) -> Self {
        Self { task, watch }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.watch.stop();
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// What a query computes; `None` after the last batch: without it the query broke off.
type Batches = mpsc::Receiver<Result<Option<RecordBatch>, Error>>;

/// The rows of an answer, batch by batch, within the time limit.
pub struct Answer {
    schema: SchemaRef,
    batches: Batches,
    /// Parts of the last batch.
    parts: VecDeque<RecordBatch>,
    deadline: Pin<Box<Sleep>>,
    seconds: u64,
    bounds: Bounds,
    rows_left: usize,
    done: bool,
    running: Running,
}

impl Answer {
    pub(crate) fn new(schema: SchemaRef, batches: Batches, bounds: Bounds, (deadline, seconds): (Instant, u64), running: Running) -> Self {
        let deadline = Box::pin(sleep_until(deadline));
        Self { schema, batches, parts: VecDeque::new(), deadline, seconds, bounds, rows_left: bounds.max_rows, done: false, running }
    }

    /// The columns.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        wkb_schema(&self.schema)
    }

    /// All rows at once.
    ///
    /// # Errors
    /// As the stream.
    pub async fn collect(mut self) -> Result<Vec<RecordBatch>, Error> {
        let mut batches = Vec::new();
        while let Some(batch) = self.next().await {
            batches.push(batch?);
        }
        Ok(batches)
    }

    fn accept(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let max_rows = self.bounds.max_rows;
        self.rows_left = self.rows_left.checked_sub(batch.num_rows()).ok_or(Error::TooManyRows { max_rows })?;
        self.parts = parts_of(batch, PART_BYTES, self.bounds.max_row_bytes)?;
        Ok(())
    }

    fn failed(&mut self, error: Error) -> Poll<Option<Result<RecordBatch, Error>>> {
        self.done = true;
        self.parts.clear();
        self.running.watch.stop();
        Poll::Ready(Some(Err(error)))
    }
}

/// A batch in parts of at most `max_bytes` with the names of its columns for each row, or of one row.
///
/// # Errors
/// `Memory` for a row of more than `max_row_bytes`.
fn parts_of(batch: &RecordBatch, max_bytes: usize, max_row_bytes: usize) -> Result<VecDeque<RecordBatch>, Error> {
    let mut parts = VecDeque::new();
    // Formats of text write them for each row.
    let names = batch.schema().fields().iter().map(|field| field.name().len() as u64).sum::<u64>();
    let mut open = vec![batch.clone()];
    while let Some(part) = open.pop() {
        let rows = part.num_rows();
        let bytes = batch_bytes(&part).saturating_add(names.saturating_mul(rows as u64));
        if bytes > max_bytes as u64 && rows > 1 {
            open.extend([part.slice(rows / 2, rows - rows / 2), part.slice(0, rows / 2)]);
        } else if rows == 1 && bytes > max_row_bytes as u64 {
            return Err(Error::Memory);
        } else {
            parts.push_back(part);
        }
    }
    Ok(parts)
}

impl Stream for Answer {
    type Item = Result<RecordBatch, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.done {
            return Poll::Ready(None);
        }
        if self.deadline.as_mut().poll(context).is_ready() {
            let seconds = self.seconds;
            return self.failed(Error::Timeout { seconds });
        }
        loop {
            if let Some(part) = self.parts.pop_front() {
                return match geometries_as_wkb(&part) {
                    Ok(part) => Poll::Ready(Some(Ok(part))),
                    Err(error) => self.failed(error),
                };
            }
            match ready!(self.batches.poll_recv(context)) {
                Some(Ok(Some(batch))) => {
                    if let Err(error) = self.accept(&batch) {
                        return self.failed(error);
                    }
                }
                Some(Ok(None)) => {
                    self.done = true;
                    return Poll::Ready(None);
                }
                Some(Err(error)) => return self.failed(error),
                None => return self.failed(Error::Broken),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, StringArray};

    use super::*;

    #[test]
    fn a_batch_is_given_in_parts_that_are_the_whole_in_order() {
        let texts: Vec<String> = (0..100).map(|number| format!("{number}").repeat(if number % 10 == 0 { 1000 } else { 1 })).collect();
        let column: ArrayRef = Arc::new(StringArray::from(texts));
        let batch = RecordBatch::try_from_iter([("text", column)]).unwrap();
        let parts = parts_of(&batch, 1500, usize::MAX).unwrap();
        assert!(parts.len() > 10);
        assert_eq!(arrow::compute::concat_batches(&batch.schema(), &parts).unwrap(), batch);
        assert!(matches!(parts_of(&batch, 1500, 1500), Err(Error::Memory)));
        assert_eq!(parts_of(&batch.slice(0, 0), 1500, 1500).unwrap().len(), 1, "no rows are a batch, too");
    }
}
