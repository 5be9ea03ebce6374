//! How much planning a query takes, estimated before it is planned.
//!
//! A short text can stand for an enormous plan: each `WITH` that names the one before twice doubles it, and so does each column `x + x`
//! of a column `x` once the optimiser puts one into the other. Planning does not pause, so neither the time limit nor the memory limit would help.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Result};
use datafusion::logical_expr::{Expr, LogicalPlan};

use crate::error::Error;

/// What the largest plan may weigh: columns of all its steps, and four for each part of an expression.
const MAX_WEIGHT: usize = 20_000;
const EXPRESSION_WEIGHT: usize = 4;

/// Refuses what would take too long to plan.
///
/// # Errors
/// `TooComplex`.
pub(crate) fn check(plan: &LogicalPlan) -> Result<(), Error> {
    let mut scales = Scales { left: MAX_WEIGHT };
    scales.plan(plan).map(drop).ok_or(Error::TooComplex)
}

/// The columns of an input and what each weighs.
type Input<'a> = (&'a DFSchema, Vec<usize>);

struct Scales {
    left: usize,
}

impl Scales {
    fn add(&mut self, weight: usize) -> Option<()> {
        self.left = self.left.checked_sub(weight)?;
        Some(())
    }

    /// Weighs a step with everything below it; answers what each of its columns weighs where it is written out. `None`: too heavy.
    fn plan(&mut self, plan: &LogicalPlan) -> Option<Vec<usize>> {
        self.add(1 + plan.schema().fields().len())?;
        let mut inputs = Vec::new();
        for input in plan.inputs() {
            inputs.push((input.schema().as_ref(), self.plan(input)?));
        }
        let mut weights = Vec::new();
        for expr in plan.expressions() {
            let weight = self.expression(&expr, &inputs)?;
            self.add(weight.saturating_mul(EXPRESSION_WEIGHT))?;
            weights.push(weight);
        }
        let width = plan.schema().fields().len();
        let mut columns = match plan {
            LogicalPlan::Projection(_) | LogicalPlan::Aggregate(_) => weights,
            LogicalPlan::Union(_) => {
                (0..width).map(|column| inputs.iter().filter_map(|(_, input)| input.get(column)).copied().max().unwrap_or(1)).collect()
            }
            _ => inputs.into_iter().flat_map(|(_, weights)| weights).collect(),
        };
        columns.resize(width, 1);
        Some(columns)
    }

    /// The parts of an expression, each column counted as what it stands for.
    fn expression(&mut self, expr: &Expr, inputs: &[Input<'_>]) -> Option<usize> {
        let (mut weight, mut too_heavy) = (0_usize, false);
        let walked = expr.apply(|part| {
            let of_part = match part {
                Expr::Column(column) => Some(weight_of(column, inputs)),
                // Lists of constants are planned as one.
                Expr::InList(list) => {
                    let others = list.list.iter().filter(|item| !matches!(item, Expr::Literal(..)));
                    weight = weight.saturating_add(1 + others.count());
                    let inside = self.expression(&list.expr, inputs);
                    too_heavy |= inside.is_none();
                    weight = weight.saturating_add(inside.unwrap_or(0));
                    return Ok(TreeNodeRecursion::Jump);
                }
                Expr::ScalarSubquery(query) => self.subquery(&query.subquery),
                Expr::Exists(exists) => self.subquery(&exists.subquery.subquery),
                Expr::InSubquery(query) => self.subquery(&query.subquery.subquery),
                _ => Some(1),
            };
            too_heavy |= of_part.is_none();
            weight = weight.saturating_add(of_part.unwrap_or(0));
            Ok(if too_heavy || weight > self.left { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        });
        (walked.is_ok() && !too_heavy).then_some(weight)
    }

    fn subquery(&mut self, plan: &LogicalPlan) -> Option<usize> {
        self.plan(plan).map(|_| 1)
    }
}

fn weight_of(column: &Column, inputs: &[Input<'_>]) -> usize {
    let found = inputs.iter().find_map(|(schema, weights)| weights.get(schema.maybe_index_of_column(column)?).copied());
    found.unwrap_or(1)
}
