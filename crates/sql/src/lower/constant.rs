//! Rows that stand in the query: `VALUES`, and `SELECT` without `FROM`.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use arrow::{compute, datatypes::Schema};
use datafusion::logical_expr::{EmptyRelation, Values};
use plan::{Constant, Node};

use super::Lowering;
use super::expression::Expression;
use crate::Error;

pub(super) fn empty(empty: &EmptyRelation) -> Result<Node, Error> {
    let schema = Arc::clone(empty.schema.inner());
    let rows = if empty.produce_one_row { one_row()? } else { RecordBatch::new_empty(Arc::clone(&schema)) };
    Ok(Node::Constant(Constant { rows, schema }))
}

/// One row without columns.
fn one_row() -> Result<RecordBatch, Error> {
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    Ok(RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options)?)
}

impl Lowering<'_> {
    pub(super) fn values(&self, values: &Values) -> Result<Node, Error> {
        let row = one_row()?;
        let nothing = datafusion::common::DFSchema::empty();
        let mut columns: Vec<Vec<ArrayRef>> = vec![vec![]; values.schema.fields().len()];
        for expressions in &values.values {
            for ((expression, field), column) in expressions.iter().zip(values.schema.fields()).zip(&mut columns) {
                let value = self.expression(expression, &nothing)?.evaluate(&row)?.into_array(1)?;
                column.push(compute::cast(&value, field.data_type())?);
            }
        }
        let columns = columns.iter().map(|parts| compute::concat(&parts.iter().map(AsRef::as_ref).collect::<Vec<_>>()));
        let schema = Arc::clone(values.schema.inner());
        let rows = RecordBatch::try_new(Arc::clone(&schema), columns.collect::<Result<_, _>>()?)?;
        Ok(Node::Constant(Constant { rows, schema }))
    }
}

/// Expressions over constant rows are constant rows. One that fails, fails the statement.
pub(super) fn evaluate(constant: &Constant, expressions: &[Expression], schema: SchemaRef) -> Result<Node, Error> {
    let count = constant.rows.num_rows();
    let columns = expressions.iter().map(|expression| Ok(expression.evaluate(&constant.rows)?.into_array(count)?));
    let columns = columns.collect::<Result<Vec<_>, Error>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(count));
    let rows = RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &options)?;
    Ok(Node::Constant(Constant { rows, schema }))
}
