//! Functions whose result may be far larger than what they are given.
//!
//! The memory pool counts what sorts, joins and aggregations keep, not the values that functions make: `repeat('x', 1000000000)` would take a
//! gigabyte of nobody's budget. So each call of such a function is estimated before it is made and refused when its result would be too
//! large, and the calls of one query are counted. Those that make arrays from numbers are not offered at all; the table functions
//! `generate_series` and `range` give the same as rows, a batch at a time.

use std::sync::Arc;

use arrow::array::{Array, AsArray, StringBuilder};
use arrow::datatypes::{DataType, FieldRef, Int64Type};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DataFusionError, Result, ScalarValue, exec_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, Operator, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// Makers of arrays of any length, and casts to types of any width.
pub(crate) const NOT_OFFERED: [&str; 6] = ["range", "generate_series", "array_repeat", "array_resize", "arrow_cast", "arrow_try_cast"];

/// The most calls of such functions in one query.
const MAX_CALLS: usize = 64;
/// The largest result of a call with nothing but constants: it may be repeated for each row.
const CONSTANT_BYTES: u64 = 64 << 10;

/// The same plan with every call bounded to results of `max_bytes` for one batch of rows.
///
/// # Errors
/// `ResourcesExhausted` for too many calls.
pub(crate) fn bounded(plan: LogicalPlan, max_bytes: u64) -> Result<LogicalPlan> {
    let mut calls = 0;
    let bounded = plan.transform_up_with_subqueries(|node| {
        let names = NamePreserver::new(&node);
        node.map_expressions(|expr| {
            let name = names.save(&expr);
            Ok(expr.transform_up(|expr| replaced(expr, max_bytes, &mut calls))?.update_data(|expr| name.restore(expr)))
        })
    })?;
    Ok(bounded.data)
}

fn replaced(expr: Expr, max_bytes: u64, calls: &mut usize) -> Result<Transformed<Expr>> {
    let call = match expr {
        Expr::ScalarFunction(call) => match rule_of(call.name()) {
            Some(estimate) => {
                ScalarFunction::new_udf(Arc::new(ScalarUDF::from(Bounded { inner: call.func, estimate, max_bytes })), call.args)
            }
            None => return Ok(Transformed::no(Expr::ScalarFunction(call))),
        },
        Expr::BinaryExpr(binary) if binary.op == Operator::StringConcat => {
            let joined = Arc::new(ScalarUDF::from(Joined { signature: Signature::user_defined(Volatility::Immutable) }));
            let bounded = Bounded { inner: joined, estimate: Estimate::Sum, max_bytes };
            ScalarFunction::new_udf(Arc::new(ScalarUDF::from(bounded)), vec![*binary.left, *binary.right])
        }
        other => return Ok(Transformed::no(other)),
    };
    *calls += 1;
    if *calls > MAX_CALLS {
        return Err(DataFusionError::ResourcesExhausted(format!("more than {MAX_CALLS} calls of functions that make long values")));
    }
    Ok(Transformed::yes(Expr::ScalarFunction(call)))
}

/// How much a result may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Estimate {
    /// As much as the arguments together.
    Sum,
    /// The first argument as often as the second says.
    Times,
    /// As many characters as the second argument says.
    Width,
    /// The last text for each character of the first, and for regular expressions with the parts it quotes.
    Replaced,
}

fn rule_of(name: &str) -> Option<Estimate> {
    Some(match name {
        "repeat" => Estimate::Times,
        "lpad" | "rpad" => Estimate::Width,
        "replace" | "regexp_replace" => Estimate::Replaced,
        "concat" | "concat_ws" | "overlay" | "make_array" | "array_append" | "array_prepend" | "array_concat" | "array_to_string"
        | "array_union" | "struct" | "named_struct" | "map" | "translate" => Estimate::Sum,
        _ => return None,
    })
}

impl Estimate {
    fn bytes(self, args: &[ColumnarValue], rows: usize) -> u64 {
        let rows_of = |index: usize| args.get(index).map_or(1, |arg| if matches!(arg, ColumnarValue::Array(_)) { 1 } else { rows as u64 });
        let total = |index: usize| args.get(index).map_or(0, bytes_of).saturating_mul(rows_of(index));
        match self {
            Self::Sum => (0..args.len()).map(total).fold(0, u64::saturating_add),
            Self::Times => pairs(args, rows, u64::saturating_mul),
            // A character has up to four bytes.
            Self::Width => pairs(args, rows, |_, width| width.saturating_mul(4)),
            Self::Replaced => {
                let with = args.get(2).map_or(0, longest);
                let (text, expand) = (total(0), with.saturating_add(1));
                text.saturating_add(rows as u64).saturating_mul(expand)
            }
        }
    }
}

/// The sum over rows of what `of` makes of the length of the first argument and the number in the second.
fn pairs(args: &[ColumnarValue], rows: usize, of: impl Fn(u64, u64) -> u64) -> u64 {
    let [text, number, ..] = args else { return 0 };
    let numbers = number.cast_to(&DataType::Int64, None).and_then(|number| number.into_array(rows));
    let Ok(numbers) = numbers else { return u64::MAX };
    let numbers = numbers.as_primitive::<Int64Type>();
    let longest = longest(text);
    (0..numbers.len()).filter(|row| numbers.is_valid(*row)).fold(0_u64, |sum, row| {
        let number = u64::try_from(numbers.value(row)).unwrap_or(0);
        sum.saturating_add(of(longest, number))
    })
}

/// The bytes of a value, or of all rows.
fn bytes_of(value: &ColumnarValue) -> u64 {
    match value {
        ColumnarValue::Array(array) => array.get_slice_memory_size_or_all(),
        ColumnarValue::Scalar(scalar) => scalar.size() as u64,
    }
}

/// The bytes of the longest text of a column, or all bytes where it holds no texts.
fn longest(value: &ColumnarValue) -> u64 {
    let longest = |lengths: &mut dyn Iterator<Item = Option<usize>>| lengths.flatten().max().unwrap_or(0) as u64;
    match value {
        ColumnarValue::Array(array) => match array.data_type() {
            DataType::Utf8 => longest(&mut array.as_string::<i32>().iter().map(|text| text.map(str::len))),
            DataType::LargeUtf8 => longest(&mut array.as_string::<i64>().iter().map(|text| text.map(str::len))),
            DataType::Utf8View => longest(&mut array.as_string_view().iter().map(|text| text.map(str::len))),
            _ => bytes_of(value),
        },
        ColumnarValue::Scalar(scalar) => scalar.try_as_str().map_or_else(|| bytes_of(value), |text| text.map_or(0, str::len) as u64),
    }
}

trait SliceMemory {
    fn get_slice_memory_size_or_all(&self) -> u64;
}

impl SliceMemory for Arc<dyn Array> {
    /// A slice of a large array counts as the slice.
    fn get_slice_memory_size_or_all(&self) -> u64 {
        self.to_data().get_slice_memory_size().unwrap_or_else(|_| self.get_array_memory_size()) as u64
    }
}

/// A function that refuses to make too much.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Bounded {
    inner: Arc<ScalarUDF>,
    estimate: Estimate,
    max_bytes: u64,
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        self.inner.schema_name(args)
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(types)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let (rows, max_bytes) = if is_constant { (1, CONSTANT_BYTES) } else { (args.number_rows, self.max_bytes) };
        let bytes = self.estimate.bytes(&args.args, rows);
        if bytes > max_bytes {
            return Err(DataFusionError::ResourcesExhausted(format!("{} would make {bytes} bytes, {max_bytes} are allowed", self.name())));
        }
        self.inner.invoke_with_args(args)
    }
}

/// The operator `||` on texts: null where either side is.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Joined {
    signature: Signature,
}

impl ScalarUDFImpl for Joined {
    fn name(&self) -> &'static str {
        "joined"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let is_text = |data_type: &DataType| {
            data_type.is_string() || data_type.is_primitive() || matches!(data_type, DataType::Null | DataType::Boolean)
        };
        if types.len() != 2 || !types.iter().all(is_text) {
            return exec_err!("|| joins two texts");
        }
        Ok(vec![DataType::Utf8; 2])
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let [left, right] = columns.as_slice() else { return exec_err!("|| joins two texts") };
        let mut joined = StringBuilder::new();
        for (left, right) in left.as_string::<i32>().iter().zip(right.as_string::<i32>()) {
            joined.append_option(left.zip(right).map(|(left, right)| format!("{left}{right}")));
        }
        let joined = joined.finish();
        Ok(if is_constant {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&joined, 0)?)
        } else {
            ColumnarValue::Array(Arc::new(joined))
        })
    }
}
