//! How many rows go through a plan at a time.
//!
//! Where a constant becomes a column it is repeated for every row of a batch: a text of 60 kB takes half a gigabyte of no budget. And where
//! many functions share the budget of a query ([`crate::calls`]) each may make less. Such plans therefore get smaller batches.

use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, ScalarValue};
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::expressions::{Column, InListExpr, Literal};

use crate::calls::{Bounded, MAX_VALUE_BYTES, has_fixed_width};

/// The physical plan, with batches so small that
/// - the constants of one step, repeated for each row, take at most `max_bytes`,
/// - each expression that makes values of any width may make as much for a row as if it were alone,
/// - a batch of the largest values that a function may make takes at most [`MAX_MADE_BYTES`].
pub(crate) async fn physical_plan(state: &mut SessionState, plan: &LogicalPlan, max_bytes: usize) -> Result<Arc<dyn ExecutionPlan>> {
    let physical = state.create_physical_plan(plan).await?;
    let loads = loads_of(&physical)?;
    let usual = state.config().batch_size();
    let largest = usize::try_from(MAX_VALUE_BYTES).unwrap_or(usize::MAX);
    let of_large_values = if loads.makes_large_values { MAX_MADE_BYTES / largest } else { usual };
    let rows = (max_bytes / loads.constant_bytes.max(1)).min(usual / loads.makers.max(1)).min(of_large_values).max(1);
    if rows >= usual {
        return Ok(physical);
    }
    *state.config_mut() = state.config().clone().with_batch_size(rows);
    state.create_physical_plan(plan).await
}

/// Steps of a plan collect a batch of the rows they let through, and ask nobody for the memory.
const MAX_MADE_BYTES: usize = 32 << 20;

/// What a plan does to each row.
#[derive(Default)]
struct Loads {
    /// The bytes of all constants of the step that has most.
    constant_bytes: usize,
    /// The expressions of all steps that make values of any width.
    makers: usize,
    /// Whether one of them may make a value larger than all it is given.
    makes_large_values: bool,
}

fn loads_of(plan: &Arc<dyn ExecutionPlan>) -> Result<Loads> {
    let mut loads = Loads::default();
    plan.apply(|node| {
        let mut bytes = 0;
        let schema = node.children().first().map(|input| input.schema());
        node.apply_expressions(&mut |expr| {
            expr.apply(|part| {
                if let Some(literal) = part.downcast_ref::<Literal>() {
                    bytes += literal.value().size() - size_of::<ScalarValue>();
                } else if makes_values(part, schema.as_deref()) {
                    loads.makers += 1;
                    loads.makes_large_values |= ScalarFunctionExpr::try_downcast_func::<Bounded>(part.as_ref()).is_some();
                }
                // The items of a list are compared with, never repeated.
                Ok(if part.is::<InListExpr>() { TreeNodeRecursion::Jump } else { TreeNodeRecursion::Continue })
            })
        })?;
        loads.constant_bytes = loads.constant_bytes.max(bytes);
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(loads)
}

/// Whether an expression computes values of any width. What is not known is taken for one that does.
fn makes_values(part: &Arc<dyn PhysicalExpr>, schema: Option<&Schema>) -> bool {
    if part.is::<Column>() {
        return false;
    }
    let data_type = schema.and_then(|schema| part.data_type(schema).ok());
    data_type.is_none_or(|data_type| !has_fixed_width(&data_type))
}
