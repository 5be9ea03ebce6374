//! Bounds on what a call of an SQL function may take.
//!
//! The memory pool counts what sorts, joins and aggregations keep, not the values that functions make: `repeat('x', 1000000000)` would take a
//! gigabyte of nobody's budget. And the time limit ends a query between two batches, not within a call: `levenshtein` of two long texts
//! takes minutes. So of each function it is written down what it does ([`rules`]); its result is estimated before it is made
//! ([`estimate`]) and measured after; and long work is done in parts ([`work`]).
//!
//! The calls of one query share one budget. The more there are, the less each may make, and the fewer rows go through at a time
//! ([`crate::fit`]), so that what is allowed for a row stays the same.

mod bounded;
mod estimate;
mod joined;
mod patterns;
mod rules;
mod work;

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan, Operator, ScalarUDF};
use datafusion::prelude::SessionContext;

pub(crate) use bounded::{Bounded, MAX_VALUE_BYTES};
pub(crate) use estimate::{has_fixed_width, largest_in, slice_bytes};
pub(crate) use work::TooMuchWork;

use crate::interrupt::Watch;
use estimate::Growth;
use joined::Joined;
use rules::{Rule, rule_of};
use work::Work;

/// Takes the functions away that are not offered.
pub(crate) fn offer(context: &SessionContext) {
    let state = context.state();
    for name in state.scalar_functions().keys().filter(|name| rule_of(name).is_none()) {
        context.deregister_udf(name);
    }
    for name in state.higher_order_functions().keys() {
        context.deregister_higher_order_function(name);
    }
}

/// How large results may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Sizes {
    /// Those of all calls of a query, for one batch of rows.
    pub batch_bytes: u64,
    /// One value.
    pub value_bytes: u64,
}

/// The same plan with every call bounded.
///
/// # Errors
/// `Plan` for a pattern that is no constant or too large, and for a function that is not offered.
pub(crate) fn bounded(plan: LogicalPlan, sizes: Sizes, watch: &Watch) -> Result<LogicalPlan> {
    let mut calls = 0;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|part| {
                calls += u64::from(makes_values(part));
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    let budget = Budget { sizes: Sizes { batch_bytes: sizes.batch_bytes / calls.max(1), ..sizes }, watch };
    let bounded = plan.transform_up_with_subqueries(|node| {
        let names = NamePreserver::new(&node);
        node.map_expressions(|expr| {
            let name = names.save(&expr);
            Ok(expr.transform_up(|expr| budget.replaced(expr))?.update_data(|expr| name.restore(expr)))
        })
    })?;
    Ok(bounded.data)
}

/// Whether an expression may make values of any width.
fn makes_values(expr: &Expr) -> bool {
    match expr {
        Expr::ScalarFunction(call) => !matches!(rule_of(call.name()), Some(Rule::Free)),
        Expr::BinaryExpr(binary) => binary.op == Operator::StringConcat,
        Expr::Cast(cast) => !has_fixed_width(cast.field.data_type()),
        Expr::TryCast(cast) => !has_fixed_width(cast.field.data_type()),
        Expr::Case(_) => true,
        _ => false,
    }
}

/// What each call of a query may take.
struct Budget<'a> {
    sizes: Sizes,
    watch: &'a Watch,
}

impl Budget<'_> {
    fn replaced(&self, expr: Expr) -> Result<Transformed<Expr>> {
        Ok(Transformed::yes(match expr {
            Expr::ScalarFunction(call) => {
                let (growth, work) = match rule_of(call.name()) {
                    Some(Rule::Free | Rule::Copy) => return Ok(Transformed::no(Expr::ScalarFunction(call))),
                    Some(Rule::Bounded(growth, Work::Pattern { .. })) => patterns::bounds_of(&call, growth)?,
                    Some(Rule::Bounded(growth, work)) => (growth, work),
                    None => return plan_err!("the function `{}` is not offered", call.name()),
                };
                self.call(call.func, call.args, growth, work)
            }
            Expr::BinaryExpr(binary) if binary.op == Operator::StringConcat => {
                let joined = Arc::new(ScalarUDF::from(Joined::default()));
                self.call(joined, vec![*binary.left, *binary.right], Growth::Sum, Work::Linear)
            }
            Expr::BinaryExpr(binary) if patterns::is_match(binary.op) => {
                let (call, work) = patterns::matched(&binary)?;
                let matches = self.call(call.func, call.args, Growth::Arguments, work);
                if patterns::is_negated(binary.op) { Expr::Not(Box::new(matches)) } else { matches }
            }
            Expr::SimilarTo(like) => {
                let (call, work) = patterns::similar(&like)?;
                let matches = self.call(call.func, call.args, Growth::Arguments, work);
                if like.negated { Expr::Not(Box::new(matches)) } else { matches }
            }
            Expr::Like(like) => {
                patterns::check_like(&like)?;
                return Ok(Transformed::no(Expr::Like(like)));
            }
            other => return Ok(Transformed::no(other)),
        }))
    }

    fn call(&self, inner: Arc<ScalarUDF>, args: Vec<Expr>, growth: Growth, work: Work) -> Expr {
        let bounded = Bounded { inner, growth, work, sizes: self.sizes, watch: self.watch.clone() };
        Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(ScalarUDF::from(bounded)), args))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn it_is_known_which_functions_are_not_offered() {
        let context = SessionContext::new();
        geodatafusion::register(&context);
        let names = |context: &SessionContext| context.state().scalar_functions().keys().cloned().collect::<BTreeSet<_>>();
        let all = names(&context);
        offer(&context);
        let offered = names(&context);
        assert!(context.state().higher_order_functions().is_empty());
        // A new one here comes from a new version of the engine: decide about it in `rules`.
        let withheld: Vec<&str> = all.difference(&offered).map(String::as_str).collect();
        let expected = [
            "array_repeat",
            "array_resize",
            "arrays_zip",
            "arrow_cast",
            "arrow_field",
            "arrow_metadata",
            "arrow_try_cast",
            "arrow_typeof",
            "cast_to_type",
            "file_row_index",
            "generate_series",
            "input_file_name",
            "list_repeat",
            "list_resize",
            "list_zip",
            "range",
            "try_cast_to_type",
            "union_tag",
            "with_metadata",
        ];
        assert_eq!(withheld, expected);
    }
}
