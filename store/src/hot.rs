//! Rows that are durable in the log but not yet in a Parquet file, as Arrow batches ready to be queried.

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;

/// A batch this large is left alone.
const SEALED_ROWS: usize = 32_768;
/// So is one of this size: the offsets within a column reach to 2 GiB.
const SEALED_BYTES: usize = 64 << 20;
/// How many batches of one size class are merged into one of the next.
const FAN_IN: usize = 8;

/// Batches in arrival order, few of them: whenever eight of one size class stand side by side they become one of the next, so each row is
/// copied at most about five times and a snapshot is a short list.
#[derive(Debug, Clone, Default)]
pub(crate) struct HotRows {
    batches: Vec<RecordBatch>,
    rows: usize,
}

fn size_class(rows: usize) -> u32 {
    rows.max(1).ilog2() / FAN_IN.ilog2()
}

impl HotRows {
    pub fn push(&mut self, batch: RecordBatch) {
        if batch.num_rows() == 0 {
            return;
        }
        self.rows += batch.num_rows();
        self.batches.push(batch);
        while self.merge_tail() {}
    }

    /// Merges the newest batches when there are enough of one size. What cannot be merged stays as it is.
    fn merge_tail(&mut self) -> bool {
        let Some(last) = self.batches.last() else { return false };
        let class = size_class(last.num_rows());
        let same = self.batches.iter().rev().take_while(|batch| size_class(batch.num_rows()) <= class).count();
        if last.num_rows() >= SEALED_ROWS || same < FAN_IN {
            return false;
        }
        let tail = &self.batches[self.batches.len() - same..];
        if tail.iter().map(RecordBatch::get_array_memory_size).sum::<usize>() > SEALED_BYTES {
            return false;
        }
        let Ok(merged) = concat_batches(&tail[0].schema(), tail) else { return false };
        self.batches.truncate(self.batches.len() - same);
        self.batches.push(merged);
        true
    }

    pub fn batches(&self) -> &[RecordBatch] {
        &self.batches
    }

    pub fn rows(&self) -> usize {
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{AsArray, Int64Array};
    use arrow::datatypes::{DataType, Field, Int64Type, Schema};
    use proptest::prelude::*;

    use super::*;

    fn batch(from: i64, rows: usize) -> RecordBatch {
        let schema = Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, false)]));
        let ids = Int64Array::from_iter_values(from..from + i64::try_from(rows).unwrap());
        RecordBatch::try_new(schema, vec![Arc::new(ids)]).unwrap()
    }

    proptest! {
        #[test]
        fn rows_stay_whole_in_order_and_in_few_batches(sizes in proptest::collection::vec(0..50_usize, 0..300)) {
            let mut hot = HotRows::default();
            let mut next = 0;
            for size in &sizes {
                hot.push(batch(next, *size));
                next += i64::try_from(*size).unwrap();
            }
            let ids: Vec<i64> = hot.batches().iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec()).collect();
            prop_assert_eq!(ids, (0..next).collect::<Vec<_>>());
            prop_assert_eq!(hot.rows(), sizes.iter().sum::<usize>());
            prop_assert!(hot.batches().len() <= 5 * FAN_IN, "{}", hot.batches().len());
        }
    }
}
