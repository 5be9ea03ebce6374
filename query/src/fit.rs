//! How many rows go through a plan at a time.
//!
//! Where a constant becomes a column it is repeated for every row of a batch: a text of 60 kB takes half a gigabyte of no budget. Plans with
//! long constants therefore get smaller batches.

use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, ScalarValue};
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::expressions::{InListExpr, Literal};

/// The physical plan, with batches so small that the constants of one step, repeated for each row, take at most `max_bytes`.
pub(crate) async fn physical_plan(state: &mut SessionState, plan: &LogicalPlan, max_bytes: usize) -> Result<Arc<dyn ExecutionPlan>> {
    let physical = state.create_physical_plan(plan).await?;
    let rows = (max_bytes / constant_bytes(&physical)?.max(1)).max(1);
    if rows >= state.config().batch_size() {
        return Ok(physical);
    }
    *state.config_mut() = state.config().clone().with_batch_size(rows);
    state.create_physical_plan(plan).await
}

/// The bytes of all constants of the step that has most.
fn constant_bytes(plan: &Arc<dyn ExecutionPlan>) -> Result<usize> {
    let mut most = 0;
    plan.apply(|node| {
        let mut bytes = 0;
        node.apply_expressions(&mut |expr| {
            bytes += bytes_in(expr)?;
            Ok(TreeNodeRecursion::Continue)
        })?;
        most = most.max(bytes);
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(most)
}

fn bytes_in(expr: &Arc<dyn PhysicalExpr>) -> Result<usize> {
    let mut bytes = 0;
    expr.apply(|part| {
        if let Some(literal) = part.downcast_ref::<Literal>() {
            bytes += literal.value().size() - size_of::<ScalarValue>();
        }
        // The items of a list are compared with, never repeated.
        Ok(if part.is::<InListExpr>() { TreeNodeRecursion::Jump } else { TreeNodeRecursion::Continue })
    })?;
    Ok(bytes)
}
