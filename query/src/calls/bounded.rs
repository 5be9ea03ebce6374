//! A function within bounds.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::compute::concat;
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature};

use super::Sizes;
use super::estimate::{Growth, bytes_of, largest_in, slice_bytes};
use super::work::{MAX_STEPS, TooMuchWork, Work};
use crate::interrupt::Watch;

/// The largest constant, and what strangers may make a value of: a constant may be repeated for each row of a batch, and steps of a plan
/// collect a batch of the rows they let through. Those who see devices also see messages that were kept whole.
pub(crate) const MAX_VALUE_BYTES: u64 = 64 << 10;

/// A function that refuses to make too much or to take too long.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Bounded {
    pub(super) inner: Arc<ScalarUDF>,
    pub(super) growth: Growth,
    pub(super) work: Work,
    /// How large its results may be.
    pub(super) sizes: Sizes,
    pub(super) watch: Watch,
}

impl Bounded {
    fn check_size(&self, bytes: u64, max_bytes: u64) -> Result<()> {
        if bytes <= max_bytes {
            return Ok(());
        }
        Err(DataFusionError::ResourcesExhausted(format!("{} would make {bytes} bytes, {max_bytes} are allowed", self.name())))
    }

    /// The call for a few rows at a time.
    fn in_parts(&self, args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
        let mut results: Vec<ArrayRef> = Vec::new();
        let mut bytes = 0;
        let mut open = vec![(0, args.number_rows)];
        while let Some((from, rows)) = open.pop() {
            self.watch.check()?;
            let part: Vec<ColumnarValue> = args.args.iter().map(|arg| slice_of(arg, from, rows)).collect();
            if self.work.steps(&part) <= MAX_STEPS {
                let part = ScalarFunctionArgs { args: part, number_rows: rows, ..args.clone() };
                let result = self.inner.invoke_with_args(part)?.into_array(rows)?;
                bytes += slice_bytes(&result);
                self.check_size(bytes, self.sizes.batch_bytes)?;
                results.push(result);
            } else if rows > 1 {
                open.extend([(from + rows / 2, rows - rows / 2), (from, rows / 2)]);
            } else {
                return Err(DataFusionError::External(Box::new(TooMuchWork(self.name().to_owned()))));
            }
        }
        let results: Vec<&dyn Array> = results.iter().map(AsRef::as_ref).collect();
        Ok(ColumnarValue::Array(concat(&results)?))
    }
}

fn slice_of(arg: &ColumnarValue, from: usize, rows: usize) -> ColumnarValue {
    match arg {
        ColumnarValue::Array(array) => ColumnarValue::Array(array.slice(from, rows)),
        scalar @ ColumnarValue::Scalar(_) => scalar.clone(),
    }
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

    fn with_updated_config(&self, config: &ConfigOptions) -> Option<ScalarUDF> {
        let inner = Arc::new(self.inner.inner().with_updated_config(config)?);
        Some(ScalarUDF::from(Self { inner, ..self.clone() }))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        // The optimiser tries constants many times over.
        self.watch.check()?;
        let is_constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let (rows, max_bytes) = if is_constant { (1, MAX_VALUE_BYTES) } else { (args.number_rows, self.sizes.batch_bytes) };
        self.check_size(self.growth.bytes(&args.args, rows), max_bytes)?;
        self.work.check(&args.args)?;
        let result = if self.work.steps(&args.args) <= MAX_STEPS {
            self.inner.invoke_with_args(args)?
        } else if is_constant {
            return Err(DataFusionError::External(Box::new(TooMuchWork(self.name().to_owned()))));
        } else {
            self.in_parts(&args)?
        };
        let bytes = bytes_of(&result);
        self.check_size(bytes, max_bytes)?;
        if let ColumnarValue::Array(array) = &result
            && bytes > self.sizes.value_bytes
        {
            self.check_size(largest_in(array), self.sizes.value_bytes)?;
        }
        Ok(result)
    }
}
