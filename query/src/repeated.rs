//! Bounds on values that a plan repeats.
//!
//! A join writes the columns of a row as often as it finds partners for it, `unnest` for each element, a window function for each row, and
//! a subquery that gives one value for each row of the rest: a text of a megabyte, which an aggregation may well have made, becomes eight
//! gigabytes in one batch. So what goes into such a step must be so short that it may be repeated for a whole batch.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec, SymmetricHashJoinExec};
use datafusion::physical_plan::scalar_subquery::ScalarSubqueryExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::unnest::UnnestExec;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, replace_children_if_necessary};
use futures::StreamExt;

use crate::calls::{has_fixed_width, largest_in};

/// The same plan, with what is repeated in batches of `batch_rows` bounded to `max_bytes` for one batch.
pub(crate) fn with_bounded_values(plan: Arc<dyn ExecutionPlan>, max_bytes: usize, batch_rows: usize) -> Result<Arc<dyn ExecutionPlan>> {
    let max_row_bytes = (max_bytes / batch_rows.max(1)) as u64;
    let changed = plan.transform_up(|node| {
        let Some(first) = first_repeated(&node) else { return Ok(Transformed::no(node)) };
        let bounded = |(index, input): (usize, &Arc<dyn ExecutionPlan>)| match index {
            index if index < first || all_have_fixed_width(input) => Arc::clone(input),
            _ => Arc::new(Short { input: Arc::clone(input), max_row_bytes }) as Arc<dyn ExecutionPlan>,
        };
        let inputs = node.children().into_iter().enumerate().map(bounded).collect();
        Ok(Transformed::yes(replace_children_if_necessary(node, inputs)?))
    })?;
    Ok(changed.data)
}

/// The first input whose rows a step repeats.
fn first_repeated(node: &Arc<dyn ExecutionPlan>) -> Option<usize> {
    let repeats_all = node.is::<CrossJoinExec>()
        || node.is::<HashJoinExec>()
        || node.is::<NestedLoopJoinExec>()
        || node.is::<SortMergeJoinExec>()
        || node.is::<SymmetricHashJoinExec>()
        || node.is::<UnnestExec>()
        || node.is::<BoundedWindowAggExec>()
        || node.is::<WindowAggExec>();
    // Its first input goes through as it is.
    if repeats_all { Some(0) } else { node.is::<ScalarSubqueryExec>().then_some(1) }
}

fn all_have_fixed_width(input: &Arc<dyn ExecutionPlan>) -> bool {
    input.schema().fields().iter().all(|field| has_fixed_width(field.data_type()))
}

/// Lets rows through whose values are short.
#[derive(Debug)]
struct Short {
    input: Arc<dyn ExecutionPlan>,
    max_row_bytes: u64,
}

impl DisplayAs for Short {
    fn fmt_as(&self, _kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Short: max_row_bytes={}", self.max_row_bytes)
    }
}

impl ExecutionPlan for Short {
    fn name(&self) -> &'static str {
        "Short"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let input = children.pop().unwrap_or_else(|| Arc::clone(&self.input));
        Ok(Arc::new(Self { input, max_row_bytes: self.max_row_bytes }))
    }

    fn apply_expressions(&self, _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let max_bytes = self.max_row_bytes;
        let rows = self.input.execute(partition, context)?.map(move |batch| batch.and_then(|batch| checked(batch, max_bytes)));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.input.schema(), rows)))
    }
}

fn checked(batch: RecordBatch, max_bytes: u64) -> Result<RecordBatch> {
    let longest: u64 = batch.columns().iter().map(largest_in).sum();
    if longest <= max_bytes {
        return Ok(batch);
    }
    Err(DataFusionError::ResourcesExhausted(format!("values of {longest} bytes would be repeated, {max_bytes} are allowed")))
}
