//! Evaluating expressions over a change batch so that a row they fail on is kept out, and reported.
//!
//! A batch is evaluated as a whole. Only if that fails is it halved until the failing rows stand
//! alone. A row that fails alone fails in every batch, and one that passes in a batch passes
//! alone; so the retraction of a bad row fails as its insertion did, which retracts the error.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use changes::{ChangeBatch, RowError};
use datafusion::error::DataFusionError;
use datafusion::physical_plan::PhysicalExpr;

use crate::{Fault, Output};

mod message;

pub use message::error_message;
pub(crate) use message::out_of_range;

/// The rows on which all expressions succeeded, and their results.
pub(crate) struct Evaluated {
    pub(crate) changes: ChangeBatch,
    pub(crate) columns: Vec<ArrayRef>,
}

/// Evaluates each expression on each row. Rows on which one fails go to `output` as errors.
pub(crate) fn evaluate(
    expressions: &[Arc<dyn PhysicalExpr>],
    changes: ChangeBatch,
    output: &mut Output,
) -> Result<Evaluated, Fault> {
    if let Ok(columns) = evaluate_all(expressions, changes.rows()) {
        return Ok(Evaluated { changes, columns });
    }
    let mut parts = Vec::new();
    evaluate_range(expressions, &changes, 0, changes.len(), &mut parts, output);
    let good = parts.iter().flat_map(|part| part.first..part.first + part.length).map(|row| row as u32);
    let good = good.collect::<Vec<_>>();
    if good.is_empty() {
        let columns = expressions
            .iter()
            .map(|expression| Ok(arrow::array::new_empty_array(&expression.data_type(&changes.schema())?)));
        let columns = columns.collect::<Result<_, DataFusionError>>()?;
        return Ok(Evaluated { changes: changes.slice(0, 0), columns });
    }
    let columns = (0..expressions.len())
        .map(|index| compute::concat(&parts.iter().map(|part| part.columns[index].as_ref()).collect::<Vec<_>>()));
    let columns = columns.collect::<Result<_, _>>()?;
    Ok(Evaluated { changes: changes.take(&good)?, columns })
}

/// Consecutive rows on which the expressions succeeded.
struct Part {
    first: usize,
    length: usize,
    columns: Vec<ArrayRef>,
}

fn evaluate_range(
    expressions: &[Arc<dyn PhysicalExpr>],
    changes: &ChangeBatch,
    first: usize,
    length: usize,
    parts: &mut Vec<Part>,
    output: &mut Output,
) {
    let rows = changes.rows().slice(first, length);
    match evaluate_all(expressions, &rows) {
        Ok(columns) => parts.push(Part { first, length, columns }),
        Err(error) if length == 1 => output.error(RowError {
            message: message::of_row(expressions, &rows, &error),
            payload: row_text(&rows, 0),
            diff: changes.diffs().get(first),
        }),
        Err(_) => {
            let half = length / 2;
            evaluate_range(expressions, changes, first, half, parts, output);
            evaluate_range(expressions, changes, first + half, length - half, parts, output);
        }
    }
}

fn evaluate_all(expressions: &[Arc<dyn PhysicalExpr>], rows: &RecordBatch) -> Result<Vec<ArrayRef>, DataFusionError> {
    if rows.num_rows() == 0 {
        // Even a constant that fails must not fail where there is no row.
        let schema = rows.schema();
        let empty = |expression: &Arc<dyn PhysicalExpr>| expression.data_type(&schema);
        return expressions.iter().map(|e| Ok(arrow::array::new_empty_array(&empty(e)?))).collect();
    }
    expressions.iter().map(|expression| expression.evaluate(rows)?.into_array(rows.num_rows())).collect()
}

/// A row as text, as Postgres shows one: `(1,abc,)`, nothing for null.
pub(crate) fn row_text(rows: &RecordBatch, row: usize) -> String {
    let options = FormatOptions::default();
    let value = |column: &ArrayRef| match ArrayFormatter::try_new(column, &options) {
        Ok(formatter) => formatter.value(row).to_string(),
        Err(_) => "?".to_owned(),
    };
    let values = rows.columns().iter().map(value).collect::<Vec<_>>();
    format!("({})", values.join(","))
}
