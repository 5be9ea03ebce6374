//! How many rows go through a plan at a time.
//!
//! Where a constant becomes a column it is repeated for every row of a batch: a text of 60 kB takes half a gigabyte of no budget. And where
//! many functions share the budget of a query ([`crate::calls`]) each may make less. Such plans therefore get smaller batches.

use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, ScalarValue};
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::expressions::{InListExpr, Literal};

use crate::calls::Bounded;

/// The physical plan, with batches so small that the constants of one step, repeated for each row, take at most `max_bytes`, and that each
/// bounded call may make as much for a row as if it were alone.
pub(crate) async fn physical_plan(state: &mut SessionState, plan: &LogicalPlan, max_bytes: usize) -> Result<Arc<dyn ExecutionPlan>> {
    let physical = state.create_physical_plan(plan).await?;
    let loads = loads_of(&physical)?;
    let usual = state.config().batch_size();
    let rows = (max_bytes / loads.constant_bytes.max(1)).min(usual / loads.calls.max(1)).max(1);
    if rows >= usual {
        return Ok(physical);
    }
    *state.config_mut() = state.config().clone().with_batch_size(rows);
    state.create_physical_plan(plan).await
}

/// What a plan does to each row.
#[derive(Default)]
struct Loads {
    /// The bytes of all constants of the step that has most.
    constant_bytes: usize,
    /// The bounded calls of all steps.
    calls: usize,
}

fn loads_of(plan: &Arc<dyn ExecutionPlan>) -> Result<Loads> {
    let mut loads = Loads::default();
    plan.apply(|node| {
        let mut bytes = 0;
        node.apply_expressions(&mut |expr| {
            expr.apply(|part| {
                if let Some(literal) = part.downcast_ref::<Literal>() {
                    bytes += literal.value().size() - size_of::<ScalarValue>();
                }
                loads.calls += usize::from(is_bounded(part));
                // The items of a list are compared with, never repeated.
                Ok(if part.is::<InListExpr>() { TreeNodeRecursion::Jump } else { TreeNodeRecursion::Continue })
            })
        })?;
        loads.constant_bytes = loads.constant_bytes.max(bytes);
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(loads)
}

fn is_bounded(part: &Arc<dyn PhysicalExpr>) -> bool {
    ScalarFunctionExpr::try_downcast_func::<Bounded>(part.as_ref()).is_some()
}
