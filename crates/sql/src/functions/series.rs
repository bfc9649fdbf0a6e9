//! `generate_series` in a FROM clause with any constant expressions for its arguments: DataFusion's wants literals.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Schema};
use datafusion::catalog::{Session, TableFunction, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, not_impl_err};
use datafusion::error::Result;
use datafusion::execution::SessionStateDefaults;
use datafusion::logical_expr::Expr;
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
