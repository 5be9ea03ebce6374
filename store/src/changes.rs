//! The most recent observations in commit order, for those who follow the stream.

use std::collections::VecDeque;
use std::sync::Arc;

use stadtwarte_model::{Observation, ObservationId};

/// What a follower gets for its position.
#[derive(Debug, Clone, PartialEq)]
pub enum Changes {
    /// The observations after the position, in commit order; empty when it is up to date.
    Rows(Vec<Arc<Observation>>),
    /// The observations right after the position are no longer kept in memory: they must be read from the table instead.
    Behind,
}

/// A bounded ring of observations.
#[derive(Debug)]
pub(crate) struct Ring {
    rows: VecDeque<Arc<Observation>>,
    max_rows: usize,
    /// Everything after this identifier is in `rows`.
    complete_after: ObservationId,
}

impl Ring {
    pub fn new(max_rows: usize, complete_after: ObservationId) -> Self {
        Self { rows: VecDeque::new(), max_rows: max_rows.max(1), complete_after }
    }

    pub fn push(&mut self, row: Arc<Observation>) {
        if self.rows.len() >= self.max_rows
            && let Some(oldest) = self.rows.pop_front()
        {
            self.complete_after = oldest.id;
        }
        self.rows.push_back(row);
    }

    pub fn after(&self, position: ObservationId, limit: usize) -> Changes {
        if position < self.complete_after {
            return Changes::Behind;
        }
        let start = self.rows.partition_point(|row| row.id <= position);
        Changes::Rows(self.rows.range(start..).take(limit).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use stadtwarte_model::{DatastreamId, LogSequence, Quality, ResultValue, Timestamp};

    use super::*;

    fn id(number: i64) -> ObservationId {
        ObservationId::from_i64(number).unwrap()
    }

    fn row(number: i64) -> Arc<Observation> {
        Arc::new(Observation {
            id: id(number),
            datastream_id: DatastreamId::try_new(1).unwrap(),
            phenomenon_time: Timestamp::default(),
            phenomenon_end: None,
            result_time: None,
            received_at: Timestamp::default(),
            value: ResultValue::Number(0.0),
            quality: Quality::GOOD,
            position: None,
        })
    }

    fn ids(changes: &Changes) -> Option<Vec<i64>> {
        match changes {
            Changes::Rows(rows) => Some(rows.iter().map(|row| row.id.as_i64()).collect()),
            Changes::Behind => None,
        }
    }

    #[test]
    fn a_follower_misses_nothing_or_is_told_so() {
        let mut ring = Ring::new(3, ObservationId::last_of(LogSequence::ZERO));
        for number in [256, 257, 512, 768] {
            ring.push(row(number));
        }
        assert_eq!(ids(&ring.after(id(255), 10)), None, "256 was dropped");
        assert_eq!(ids(&ring.after(id(256), 10)), Some(vec![257, 512, 768]));
        assert_eq!(ids(&ring.after(id(511), 10)), Some(vec![512, 768]));
        assert_eq!(ids(&ring.after(id(256), 2)), Some(vec![257, 512]));
        assert_eq!(ids(&ring.after(id(768), 10)), Some(vec![]));
    }
}
