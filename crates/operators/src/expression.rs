//! Evaluating expressions over a change batch so that a row they fail on is kept out, and reported.
//!
//! Rows are evaluated together. Only if that fails are they halved until the failing rows stand
//! alone. A row that fails alone fails in every batch, and one that passes in a batch passes
//! alone; so the retraction of a bad row fails as its insertion did, which retracts the error.
//!
//! Rows can also fail together that pass alone, when their results are more than Arrow can form:
//! how many rows are taken at once follows from how wide the last results were. A function that
//! panics has failed on a row like any other.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use changes::{BATCH_BYTES_MAX, BATCH_ROWS_MAX, ChangeBatch, RowError, bytes_of};
use datafusion::error::DataFusionError;
use datafusion::physical_plan::PhysicalExpr;

use crate::{Fault, Output};

mod message;

pub use message::error_message;
pub(crate) use message::out_of_range;

/// Rows that are evaluated at once as long as nothing is known of how wide results are.
const FIRST_ROWS: usize = 256;
/// Bytes that a value may take, as in Postgres.
const VALUE_BYTES_MAX: usize = 1 << 30;
/// Bytes of a value that an error's text shows.
const SHOWN_BYTES_MAX: usize = 256;

/// Expressions over the same rows.
pub(crate) struct Evaluator {
    expressions: Vec<Arc<dyn PhysicalExpr>>,
    rows_at_once: usize,
}

/// Consecutive rows on which all expressions succeeded, and their results.
pub(crate) struct Part {
    pub(crate) first: usize,
    pub(crate) length: usize,
    pub(crate) columns: Vec<ArrayRef>,
}

impl Evaluator {
    pub(crate) fn new(expressions: Vec<Arc<dyn PhysicalExpr>>) -> Evaluator {
        Evaluator { expressions, rows_at_once: FIRST_ROWS }
    }

    /// Evaluates on the rows of `changes` from `first` on, until results fill a batch. Rows on
    /// which an expression fails go to `output` as errors. Returns where to go on.
    pub(crate) fn evaluate(
        &mut self,
        changes: &ChangeBatch,
        first: usize,
        output: &mut Output,
    ) -> Result<(Vec<Part>, usize), Fault> {
        let (mut parts, mut next, mut bytes) = (Vec::new(), first, 0);
        while next < changes.len() && bytes < BATCH_BYTES_MAX && (next == first || !output.is_full()) {
            let length = self.rows_at_once.min(changes.len() - next);
            let rows = changes.rows().slice(next, length);
            match evaluate_all(&self.expressions, &rows) {
                Ok((columns, width)) => {
                    bytes += width;
                    self.adapt(length, width);
                    parts.push(Part { first: next, length, columns });
                }
                Err(error) if length == 1 => output.error(RowError {
                    message: message::of_row(&self.expressions, &rows, &error),
                    payload: row_text(&rows, 0),
                    diff: changes.diffs().get(next),
                }),
                Err(_) => {
                    self.rows_at_once = length / 2;
                    continue;
                }
            }
            next += length;
        }
        let parts = if parts.len() > 1 && bytes < BATCH_BYTES_MAX { join(&parts)? } else { parts };
        Ok((parts, next))
    }

    /// Twice as many rows next time, unless their results would not fit a batch.
    fn adapt(&mut self, rows: usize, bytes: usize) {
        let fitting = rows.saturating_mul(BATCH_BYTES_MAX) / bytes.max(1);
        self.rows_at_once = self.rows_at_once.max(2 * rows).min(fitting).clamp(1, BATCH_ROWS_MAX);
    }
}

/// Runs of adjoining parts as one part each.
fn join(parts: &[Part]) -> Result<Vec<Part>, Fault> {
    let runs = parts.chunk_by(|part, next| part.first + part.length == next.first);
    let join = |run: &[Part]| {
        let columns = (0..run[0].columns.len())
            .map(|index| compute::concat(&run.iter().map(|part| part.columns[index].as_ref()).collect::<Vec<_>>()));
        let length = run.iter().map(|part| part.length).sum();
        Ok(Part { first: run[0].first, length, columns: columns.collect::<Result<_, _>>()? })
    };
    runs.map(join).collect()
}

/// The results, and how many bytes they take together.
fn evaluate_all(
    expressions: &[Arc<dyn PhysicalExpr>],
    rows: &RecordBatch,
) -> Result<(Vec<ArrayRef>, usize), DataFusionError> {
    let columns = expressions.iter().map(|expression| evaluate_one(expression, rows)).collect::<Result<Vec<_>, _>>()?;
    let bytes = bytes_of(&columns, 0..rows.num_rows());
    let is_too_large = |column: &ArrayRef| bytes_of(std::slice::from_ref(column), 0..rows.num_rows()) > VALUE_BYTES_MAX;
    // Of several rows the large value is found when they stand alone.
    if bytes > VALUE_BYTES_MAX && columns.iter().any(is_too_large) {
        return Err(DataFusionError::Execution("value too large: a value may have 1 GB at most".to_owned()));
    }
    Ok((columns, bytes))
}

/// One expression's results on rows of which there is at least one. A panic is an error.
pub(crate) fn evaluate_one(
    expression: &Arc<dyn PhysicalExpr>,
    rows: &RecordBatch,
) -> Result<ArrayRef, DataFusionError> {
    let evaluate = || expression.evaluate(rows)?.into_array(rows.num_rows());
    // Expressions keep nothing from one batch to the next that a panic could leave half done.
    catch_unwind(AssertUnwindSafe(evaluate)).unwrap_or_else(|panic| {
        Err(DataFusionError::Execution(format!("internal error: {}", text_of_panic(panic.as_ref()))))
    })
}

fn text_of_panic(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic without a message")
}

/// A row as text, as Postgres shows one: `(1,abc,)`, nothing for null. Long values are cut.
pub(crate) fn row_text(rows: &RecordBatch, row: usize) -> String {
    let options = FormatOptions::default();
    let value = |column: &ArrayRef| match ArrayFormatter::try_new(column, &options) {
        Ok(formatter) => shortened(formatter.value(row).to_string()),
        Err(_) => "?".to_owned(),
    };
    let values = rows.columns().iter().map(value).collect::<Vec<_>>();
    format!("({})", values.join(","))
}

/// A text, or its beginning.
fn shortened(mut text: String) -> String {
    if text.len() > SHOWN_BYTES_MAX {
        text.truncate(text.floor_char_boundary(SHOWN_BYTES_MAX));
        text.push('…');
        text.shrink_to_fit();
    }
    text
}
