//! Counts what window functions keep.
//!
//! They hold all rows of a partition, and the engine does not ask the memory pool for them. This step below them does, for every batch that
//! passes.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, replace_children_if_necessary};
use futures::{Stream, StreamExt};

/// The same plan with the input of window functions counted.
pub(crate) fn with_counted_windows(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let changed = plan.transform_up(|node| {
        if !node.is::<WindowAggExec>() && !node.is::<BoundedWindowAggExec>() {
            return Ok(Transformed::no(node));
        }
        let counted = |input: &Arc<dyn ExecutionPlan>| Arc::new(Counted(Arc::clone(input))) as Arc<dyn ExecutionPlan>;
        let inputs = node.children().into_iter().map(counted).collect();
        Ok(Transformed::yes(replace_children_if_necessary(node, inputs)?))
    })?;
    Ok(changed.data)
}

/// Lets all rows through and reserves memory for them until its own end.
#[derive(Debug)]
struct Counted(Arc<dyn ExecutionPlan>);

impl DisplayAs for Counted {
    fn fmt_as(&self, _kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counted")
    }
}

impl ExecutionPlan for Counted {
    fn name(&self) -> &'static str {
        "Counted"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.0.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.0]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(children.pop().map_or_else(|| Arc::clone(&self) as Arc<dyn ExecutionPlan>, |input| Arc::new(Self(input))))
    }

    fn apply_expressions(&self, _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let kept = MemoryConsumer::new("window function").register(context.memory_pool());
        Ok(Box::pin(CountedRows { input: self.0.execute(partition, context)?, kept }))
    }
}

struct CountedRows {
    input: SendableRecordBatchStream,
    kept: MemoryReservation,
}

impl Stream for CountedRows {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = ready!(self.input.poll_next_unpin(context));
        Poll::Ready(next.map(|batch| {
            let batch = batch?;
            let bytes = batch.columns().iter().map(|column| column.to_data().get_slice_memory_size().unwrap_or_default()).sum();
            self.kept.try_grow(bytes)?;
            Ok(batch)
        }))
    }
}

impl RecordBatchStream for CountedRows {
    fn schema(&self) -> SchemaRef {
        self.input.schema()
    }
}
