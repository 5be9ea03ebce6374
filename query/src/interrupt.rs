//! Makes a plan stop soon after nobody wants its answer any more.
//!
//! A task can only be aborted where it pauses, and the engine pauses where a scan gives a batch. A join makes a million batches of one: it
//! gets a pause after each batch it gives, and a look at the [`Watch`] before each it makes, which matters where its condition lets no
//! row through.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{JoinType, Result, exec_err};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::expressions::lit;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec, NestedLoopJoinExecBuilder, SortMergeJoinExec};
use datafusion::physical_plan::unnest::UnnestExec;

/// Whether the answer is still wanted. Clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watch(Arc<AtomicBool>);

impl Watch {
    /// Nobody wants it any more.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Fails once it is not.
    pub fn check(&self) -> Result<()> {
        if self.0.load(Ordering::Relaxed) { exec_err!("the answer is not wanted any more") } else { Ok(()) }
    }
}

impl PartialEq for Watch {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Watch {}

impl std::hash::Hash for Watch {
    /// All of one query are the same.
    fn hash<H: std::hash::Hasher>(&self, _state: &mut H) {}
}

/// The same plan with pauses.
pub(crate) fn interruptible(plan: Arc<dyn ExecutionPlan>, watch: &Watch) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| Ok(paused(&node, watch)?.map_or(Transformed::no(node), Transformed::yes))).map(|changed| changed.data)
}

fn paused(node: &Arc<dyn ExecutionPlan>, watch: &Watch) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let node = if let Some(join) = node.downcast_ref::<NestedLoopJoinExec>() {
        let filter = Some(watched(join.filter(), watch));
        Arc::new(NestedLoopJoinExecBuilder::from(join).with_filter(filter).build()?)
    } else if let Some(join) = node.downcast_ref::<HashJoinExec>() {
        // Others give every pair they find, and pause there.
        let is_silent =
            join.filter().is_some() || !matches!(join.join_type(), JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full);
        if is_silent { join.builder().with_filter(Some(watched(join.filter(), watch))).build_exec()? } else { Arc::clone(node) }
    } else if node.is::<CrossJoinExec>() || node.is::<SortMergeJoinExec>() || node.is::<UnnestExec>() {
        Arc::clone(node)
    } else {
        return Ok(None);
    };
    Ok(Some(Arc::new(CooperativeExec::new(node))))
}

fn watched(filter: Option<&JoinFilter>, watch: &Watch) -> JoinFilter {
    let (condition, columns, schema) = match filter {
        Some(filter) => (Arc::clone(filter.expression()), filter.column_indices().to_vec(), Arc::clone(filter.schema())),
        None => (lit(true), Vec::new(), Arc::new(Schema::empty())),
    };
    JoinFilter::new(Arc::new(Watched { condition, watch: watch.clone() }), columns, schema)
}

/// A condition that fails once the answer is not wanted any more.
#[derive(Debug)]
struct Watched {
    condition: Arc<dyn PhysicalExpr>,
    watch: Watch,
}

impl PartialEq for Watched {
    fn eq(&self, other: &Self) -> bool {
        self.condition.eq(&other.condition) && self.watch == other.watch
    }
}

impl Eq for Watched {}

impl std::hash::Hash for Watched {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.condition.hash(state);
    }
}

impl fmt::Display for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.condition)
    }
}

impl PhysicalExpr for Watched {
    fn data_type(&self, schema: &Schema) -> Result<DataType> {
        self.condition.data_type(schema)
    }

    fn nullable(&self, schema: &Schema) -> Result<bool> {
        self.condition.nullable(schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        self.watch.check()?;
        self.condition.evaluate(batch)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.condition]
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        let condition = children.pop().unwrap_or_else(|| Arc::clone(&self.condition));
        Ok(Arc::new(Self { condition, watch: self.watch.clone() }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.condition.fmt_sql(f)
    }
}
