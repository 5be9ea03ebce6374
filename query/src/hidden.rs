//! The step of a scan that hides datastreams.
//!
//! It is an operator of its own, not a filter, because the optimiser moves filters past each other: a caller's condition must never be
//! evaluated on a row that the caller may not see, or its errors (a division by zero, say) would tell what is hidden. Operators that do
//! not speak up let no filter, limit or projection through.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Int64Type, SchemaRef};
use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties};
use futures::{Stream, StreamExt};

use crate::access::Visible;

/// Lets the rows of visible datastreams through, and of these the first `columns` columns.
#[derive(Debug)]
pub(crate) struct HiddenRows {
    input: Arc<dyn ExecutionPlan>,
    visible: Visible,
    /// Where the datastream's identifier is.
    key: usize,
    columns: usize,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
}

impl HiddenRows {
    pub fn try_new(input: Arc<dyn ExecutionPlan>, visible: Visible, key: usize, columns: usize) -> Result<Self> {
        let kept: Vec<usize> = (0..columns).collect();
        let schema = Arc::new(input.schema().project(&kept)?);
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            input.output_partitioning().clone(),
            input.pipeline_behavior(),
            input.boundedness(),
        );
        Ok(Self { input, visible, key, columns, schema, properties: Arc::new(properties) })
    }
}

impl DisplayAs for HiddenRows {
    fn fmt_as(&self, _kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HiddenRows")
    }
}

impl ExecutionPlan for HiddenRows {
    fn name(&self) -> &'static str {
        "HiddenRows"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let input = children.pop().unwrap_or_else(|| Arc::clone(&self.input));
        Ok(Arc::new(Self::try_new(input, self.visible.clone(), self.key, self.columns)?))
    }

    fn apply_expressions(&self, _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        Ok(Box::pin(VisibleRows {
            input: self.input.execute(partition, context)?,
            visible: self.visible.clone(),
            key: self.key,
            columns: self.columns,
            schema: Arc::clone(&self.schema),
        }))
    }
}

struct VisibleRows {
    input: SendableRecordBatchStream,
    visible: Visible,
    key: usize,
    columns: usize,
    schema: SchemaRef,
}

impl VisibleRows {
    fn narrowed(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let ids = batch.column(self.key).as_primitive::<Int64Type>();
        let keep: BooleanArray = ids.values().iter().map(|id| Some(self.visible.contains_number(*id))).collect();
        let kept = RecordBatch::try_new_with_options(
            Arc::clone(&self.schema),
            batch.columns()[..self.columns].to_vec(),
            &arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows())),
        )?;
        Ok(filter_record_batch(&kept, &keep)?)
    }
}

impl Stream for VisibleRows {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = ready!(self.input.poll_next_unpin(context));
        Poll::Ready(next.map(|batch| batch.and_then(|batch| self.narrowed(&batch))))
    }
}

impl RecordBatchStream for VisibleRows {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
