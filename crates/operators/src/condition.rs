//! Conditions that rows must meet: where one cannot be computed, the row is an error.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{DataType, Schema};
use changes::ChangeBatch;
use datafusion::error::DataFusionError;
use datafusion::physical_expr::utils::split_conjunction;
use datafusion::physical_plan::PhysicalExpr;

use crate::expression::{Evaluator, evaluate_one};
use crate::{Fault, Output};

/// A boolean expression, as rows are chosen by it.
pub(crate) struct Condition {
    whole: Arc<dyn PhysicalExpr>,
    /// Its parts, which must all be true.
    parts: Vec<Evaluator>,
}

impl Condition {
    /// # Errors
    /// If the predicate is not boolean.
    pub(crate) fn new(predicate: &Arc<dyn PhysicalExpr>, schema: &Schema) -> Result<Condition, Fault> {
        let data_type = predicate.data_type(schema)?;
        if data_type != DataType::Boolean {
            let message = format!("a condition of type {data_type}, not boolean");
            return Err(DataFusionError::NotImplemented(message).into());
        }
        let parts = split_conjunction(predicate).into_iter().map(|part| Evaluator::new(vec![Arc::clone(part)]));
        Ok(Condition { whole: Arc::clone(predicate), parts: parts.collect() })
    }

    /// Where it is true. Rows on which it fails go to `output` as errors.
    pub(crate) fn choose(&mut self, changes: &ChangeBatch, output: &mut Output) -> Result<BooleanArray, Fault> {
        if changes.is_empty() {
            // Even a constant that fails must not fail where there is no row.
            return Ok(BooleanArray::new(BooleanBuffer::new_unset(0), None));
        }
        if let Ok(chosen) = evaluate_one(&self.whole, changes.rows()) {
            return Ok(is_true(&chosen));
        }
        // Part after part, so that `b <> 0 AND a / b > 1` spares the second part the rows that the
        // first one refuses.
        let mut chosen = (0..changes.len() as u32).collect::<Vec<_>>();
        for part in &mut self.parts {
            let rows = changes.take(&chosen)?;
            let (mut passed, mut next) = (Vec::new(), 0);
            while next < rows.len() {
                let (results, end) = part.evaluate(&rows, next, output)?;
                for result in results {
                    let passes = is_true(&result.columns[0]);
                    passed.extend(passes.values().set_indices().map(|row| chosen[result.first + row]));
                }
                next = end;
            }
            chosen = passed;
        }
        let mut bits = vec![false; changes.len()];
        chosen.into_iter().for_each(|row| bits[row as usize] = true);
        Ok(BooleanArray::from(bits))
    }
}

/// Where a column of booleans is true, which null is not.
fn is_true(column: &ArrayRef) -> BooleanArray {
    let booleans = column.as_boolean();
    match booleans.nulls().filter(|nulls| nulls.null_count() > 0) {
        Some(nulls) => BooleanArray::new(booleans.values() & nulls.inner(), None),
        None => booleans.clone(),
    }
}
