//! Parts of plans that are refused, because nothing else bounds what they take.

use arrow::datatypes::{DataType, Field};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};

use crate::calls::has_fixed_width;
use crate::error::Error;

/// The deepest nesting of lists and structures: formats write them recursively.
const MAX_TYPE_DEPTH: usize = 16;
/// The longest name inside a structure: it is written again for each value.
const MAX_INNER_NAME: usize = 250;
/// The longest text that an aggregate puts between each two, or that a window function takes as it is.
const MAX_CONSTANT: usize = 100;

/// Refuses plans with such parts.
///
/// # Errors
/// `Refused` with what to do instead.
pub(crate) fn check(plan: &LogicalPlan) -> Result<(), Error> {
    let mut refused = None;
    plan.apply_with_subqueries(|node| {
        let found = check_types(node).and_then(|()| check_window(node)).and_then(|()| {
            let mut found = Ok(());
            node.apply_expressions(|expr| {
                expr.apply(|part| {
                    found = check_expression(part);
                    Ok(if found.is_ok() { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
                })
            })
            .map_err(|error| error.strip_backtrace())?;
            found
        });
        refused = found.err();
        Ok(if refused.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    refused.map_or(Ok(()), |reason| Err(Error::Refused(reason)))
}

fn check_expression(expr: &Expr) -> Result<(), String> {
    let target = match expr {
        Expr::Cast(cast) => cast.field.data_type(),
        Expr::TryCast(cast) => cast.field.data_type(),
        Expr::AggregateFunction(call) => return check_aggregate(call),
        _ => return Ok(()),
    };
    if target.is_nested() || matches!(target, DataType::FixedSizeBinary(_)) {
        return Err("values are not cast to lists, structures or bytes of a fixed size".to_owned());
    }
    Ok(())
}

fn check_aggregate(call: &AggregateFunction) -> Result<(), String> {
    let (name, args) = (call.func.name(), &call.params.args);
    match name {
        "approx_percentile_cont" if args.len() > 2 => Err(format!("`{name}` takes a value and a percentile here")),
        "approx_percentile_cont_with_weight" if args.len() > 3 => Err(format!("`{name}` takes a value, a weight and a percentile here")),
        "string_agg" if args.get(1).is_some_and(|delimiter| !is_short(delimiter)) => {
            Err(format!("`{name}` takes a constant of at most {MAX_CONSTANT} bytes as delimiter"))
        }
        _ => Ok(()),
    }
}

fn is_short(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(value, _) if value.size() <= size_of::<ScalarValue>() + MAX_CONSTANT)
}

/// A window function computes its arguments itself and repeats them for each row.
fn check_window(node: &LogicalPlan) -> Result<(), String> {
    let LogicalPlan::Window(window) = node else { return Ok(()) };
    let schema = window.input.schema();
    let mut found = Ok(());
    for expr in &window.window_expr {
        // Walking an expression in memory does not fail.
        let _ = expr.apply(|part| {
            if let Expr::WindowFunction(call) = part
                && !call.params.args.iter().all(|arg| may_be_repeated(arg, schema))
            {
                found = Err(format!("`{}` OVER takes texts as they are: compute them in a subquery first", call.fun.name()));
            }
            Ok(TreeNodeRecursion::Continue)
        });
    }
    found
}

fn may_be_repeated(arg: &Expr, schema: &DFSchema) -> bool {
    matches!(arg, Expr::Column(_)) || is_short(arg) || arg.get_type(schema).is_ok_and(|data_type| has_fixed_width(&data_type))
}

fn check_types(node: &LogicalPlan) -> Result<(), String> {
    node.schema().fields().iter().try_for_each(|field| check_type(field.data_type(), MAX_TYPE_DEPTH))
}

fn check_type(data_type: &DataType, depth_left: usize) -> Result<(), String> {
    if !data_type.is_nested() {
        return Ok(());
    }
    let depth_left = depth_left.checked_sub(1).ok_or_else(|| format!("lists and structures may be nested {MAX_TYPE_DEPTH} deep"))?;
    let check_field = |field: &Field| {
        if field.name().len() > MAX_INNER_NAME {
            return Err(format!("a name in a structure may have at most {MAX_INNER_NAME} bytes"));
        }
        check_type(field.data_type(), depth_left)
    };
    match data_type {
        DataType::List(field) | DataType::LargeList(field) | DataType::ListView(field) | DataType::LargeListView(field) => {
            check_field(field)
        }
        DataType::FixedSizeList(field, _) | DataType::Map(field, _) => check_field(field),
        DataType::Struct(fields) => fields.iter().try_for_each(|field| check_field(field)),
        DataType::Union(fields, _) => fields.iter().try_for_each(|(_, field)| check_field(field)),
        DataType::Dictionary(_, values) => check_type(values, depth_left),
        DataType::RunEndEncoded(_, values) => check_field(values),
        _ => Ok(()),
    }
}
