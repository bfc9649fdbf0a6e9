//! `generate_series` in a FROM clause with any constant expressions for its arguments: DataFusion's wants literals.
//! As an array, it is bounded.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, FieldRef, Int64Type, Schema};
use datafusion::catalog::{Session, TableFunction, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, not_impl_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SessionStateDefaults;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion::scalar::ScalarValue;

/// DataFusion's function over evaluated arguments.
#[derive(Debug)]
struct Evaluating(Arc<TableFunction>);

/// A session's functions that are tables.
pub(crate) fn table_functions() -> Vec<Arc<TableFunction>> {
    let evaluating = |function: Arc<TableFunction>| {
        Arc::new(TableFunction::new(function.name().to_owned(), Arc::new(Evaluating(function))))
    };
    SessionStateDefaults::default_table_functions().into_iter().map(evaluating).collect()
}

impl TableFunctionImpl for Evaluating {
    fn call_with_args(&self, arguments: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>> {
        let session = arguments.session();
        let evaluated = arguments.exprs().iter().map(|expression| evaluated(expression, session));
        let evaluated = evaluated.collect::<Result<Vec<_>>>()?;
        self.0.function().call_with_args(TableFunctionArgs::new(&evaluated, session))
    }
}

/// The value of an expression of no columns; whole numbers as the one type that the functions take.
fn evaluated(expression: &Expr, session: &dyn Session) -> Result<Expr> {
    if let Expr::Literal(value, _) = expression {
        return literal(value.clone());
    }
    // Its value is not there yet when the table's columns must be known.
    if expression.exists(|part| Ok(matches!(part, Expr::Placeholder(_) | Expr::ScalarSubquery(_))))? {
        return not_impl_err!("a parameter or subquery as an argument of a function in FROM is not supported yet");
    }
    let physical = session.create_physical_expr(expression.clone(), &DFSchema::empty())?;
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    let row = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options)?;
    let value = ScalarValue::try_from_array(&physical.evaluate(&row)?.into_array(1)?, 0)?;
    literal(value)
}

fn literal(value: ScalarValue) -> Result<Expr> {
    let value = match value {
        null if null.is_null() => ScalarValue::Null,
        number if number.data_type().is_integer() => number.cast_to(&DataType::Int64)?,
        value => value,
    };
    Ok(Expr::Literal(value, None))
}

/// So many elements of one batch's series are an array, in all.
const ELEMENTS_MAX: u64 = 1 << 24;

/// `generate_series` as an array.
pub(crate) fn array() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(Bounded(datafusion::functions_nested::range::gen_series_udf())))
}

/// DataFusion's function, within [`ELEMENTS_MAX`].
#[derive(Debug, PartialEq, Eq, Hash)]
struct Bounded(Arc<ScalarUDF>);

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        self.0.coerce_types(arguments)
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.0.return_type(arguments)
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.0.return_field_from_args(arguments)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        check_elements(&arguments)?;
        self.0.invoke_with_args(arguments)
    }
}

/// That series of whole numbers have no more elements than an array may. Those of times are DataFusion's to bound.
fn check_elements(arguments: &ScalarFunctionArgs) -> Result<()> {
    if !arguments.args.iter().all(|argument| argument.data_type() == DataType::Int64) {
        return Ok(());
    }
    let rows = arguments.number_rows;
    let columns = arguments.args.iter().map(|argument| argument.to_array(rows)).collect::<Result<Vec<_>>>()?;
    let value = |column: usize, row| {
        columns.get(column).map_or(Some(1), |values: &ArrayRef| {
            let values = values.as_primitive::<Int64Type>();
            values.is_valid(row).then(|| values.value(row))
        })
    };
    let mut count = 0_u64;
    for row in 0..rows {
        let (start, stop) = if columns.len() == 1 { (Some(0), value(0, row)) } else { (value(0, row), value(1, row)) };
        let (Some(start), Some(stop), Some(step)) = (start, stop, value(2, row)) else { continue };
        let is_empty = step == 0 || (stop < start) == (step > 0) && stop != start;
        let elements = if is_empty { 0 } else { (start.abs_diff(stop) / step.unsigned_abs()).saturating_add(1) };
        count = count.saturating_add(elements);
    }
    if count > ELEMENTS_MAX {
        let message = format!("{count} elements of series are more than the {ELEMENTS_MAX} that may be arrays at once");
        return Err(DataFusionError::ResourcesExhausted(message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;
    use arrow::datatypes::Field;
    use datafusion::config::ConfigOptions;

    use super::*;

    #[test]
    fn arrays_are_bounded_over_all_rows() {
        let most = i64::try_from(ELEMENTS_MAX).expect("few");
        let check = |starts: Vec<i64>, stop: i64, step: i64| {
            let number_rows = starts.len();
            let args = vec![
                ColumnarValue::Array(Arc::new(Int64Array::from(starts))),
                ColumnarValue::Scalar(ScalarValue::Int64(Some(stop))),
                ColumnarValue::Scalar(ScalarValue::Int64(Some(step))),
            ];
            let field = Arc::new(Field::new("", DataType::Int64, true));
            let config_options = Arc::new(ConfigOptions::new());
            let arg_fields = vec![Arc::clone(&field); 3];
            let arguments = ScalarFunctionArgs { args, arg_fields, number_rows, return_field: field, config_options };
            check_elements(&arguments).is_ok()
        };
        assert!(check(vec![1], most, 1) && check(vec![most], 1, -1) && check(vec![1, 2], most / 2, 1));
        assert!(!check(vec![0], most, 1) && !check(vec![1, 1], most, 1) && !check(vec![i64::MIN], i64::MAX, 1));
        assert!(check(vec![1], i64::MIN, 1) && check(vec![1], i64::MAX, i64::MAX));
    }
}
