//! The change batch: Arrow columns and a diff per row.

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;

use crate::{Bounds, Diffs, bytes_of};

/// Changed rows of one epoch: the only thing that flows between operators.
///
/// The epoch itself travels beside the batch, as timely's timestamp. The same row may stand in a
/// batch several times; what counts is the sum of its diffs over the whole epoch (a Z-set).
#[derive(Clone, Debug)]
pub struct ChangeBatch {
    rows: RecordBatch,
    diffs: Diffs,
}

impl ChangeBatch {
    /// Rows with a diff each.
    ///
    /// # Panics
    /// If there are more or fewer diffs than rows.
    #[must_use]
    pub fn new(rows: RecordBatch, diffs: Diffs) -> ChangeBatch {
        if let Diffs::Each(each) = &diffs {
            assert_eq!(each.len(), rows.num_rows(), "one diff a row");
        }
        ChangeBatch { rows, diffs }
    }

    /// Rows that all came once.
    #[must_use]
    pub fn inserts(rows: RecordBatch) -> ChangeBatch {
        ChangeBatch { rows, diffs: Diffs::Inserts }
    }

    /// Rows that all went once.
    #[must_use]
    pub fn deletes(rows: RecordBatch) -> ChangeBatch {
        let diffs = Diffs::constant(-1, rows.num_rows());
        ChangeBatch { rows, diffs }
    }

    /// The rows, without their diffs.
    #[must_use]
    pub fn rows(&self) -> &RecordBatch {
        &self.rows
    }

    /// The diff of each row.
    #[must_use]
    pub fn diffs(&self) -> &Diffs {
        &self.diffs
    }

    /// The column at `index`.
    #[must_use]
    pub fn column(&self, index: usize) -> &ArrayRef {
        self.rows.column(index)
    }

    /// The columns' names and types.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }

    /// How many rows, whatever their diffs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.num_rows()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows and their diffs, taken apart.
    #[must_use]
    pub fn into_parts(self) -> (RecordBatch, Diffs) {
        (self.rows, self.diffs)
    }

    /// The same diffs over other columns: what a projection makes.
    ///
    /// # Errors
    /// If the columns do not fit the schema or differ in length from the diffs.
    pub fn with_columns(&self, schema: SchemaRef, columns: Vec<ArrayRef>) -> Result<ChangeBatch, ArrowError> {
        Ok(ChangeBatch { rows: batch_of(schema, columns, self.len())?, diffs: self.diffs.clone() })
    }

    /// The columns at `columns` only, sharing memory.
    ///
    /// # Errors
    /// If a column is out of bounds.
    pub fn project(&self, columns: &[usize]) -> Result<ChangeBatch, ArrowError> {
        Ok(ChangeBatch { rows: self.rows.project(columns)?, diffs: self.diffs.clone() })
    }

    /// `length` rows from `offset` on, sharing memory.
    #[must_use]
    pub fn slice(&self, offset: usize, length: usize) -> ChangeBatch {
        ChangeBatch { rows: self.rows.slice(offset, length), diffs: self.diffs.slice(offset, length) }
    }

    /// The same changes in batches that fit [`Bounds::BATCH`], sharing memory.
    pub fn pieces(&self) -> impl Iterator<Item = ChangeBatch> + '_ {
        let runs = Bounds::BATCH.cut(self.rows.columns(), self.len());
        runs.into_iter().map(|run| self.slice(run.start, run.len()))
    }

    /// The rows for which `keep` is true (null is not).
    ///
    /// # Errors
    /// If `keep` is not as long as the batch.
    pub fn filter(&self, keep: &BooleanArray) -> Result<ChangeBatch, ArrowError> {
        let keep = if keep.null_count() > 0 { compute::prep_null_mask_filter(keep) } else { keep.clone() };
        let kept = keep.values().count_set_bits();
        if kept == self.len() {
            return Ok(self.clone());
        }
        let rows = compute::filter_record_batch(&self.rows, &keep)?;
        Ok(ChangeBatch { rows, diffs: self.diffs.filter(keep.values()) })
    }

    /// The rows at `rows`, in that order.
    ///
    /// # Errors
    /// If a row is out of bounds.
    pub fn take(&self, rows: &[u32]) -> Result<ChangeBatch, ArrowError> {
        let indices = UInt32Array::from(rows.to_vec());
        let taken = compute::take_arrays(self.rows.columns(), &indices, None)?;
        let diffs = self.diffs.take(rows);
        Ok(ChangeBatch { rows: batch_of(self.schema(), taken, rows.len())?, diffs })
    }
}

/// A record batch of `rows` rows, which may have no column at all.
pub(crate) fn batch_of(schema: SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch, ArrowError> {
    RecordBatch::try_new_with_options(schema, columns, &RecordBatchOptions::new().with_row_count(Some(rows)))
}

/// All rows of `batches` in their order, in as few batches as fit [`Bounds::BATCH`]. A batch that
/// is larger by itself is cut; one that stays alone is not copied.
///
/// # Errors
/// If their schemas differ.
pub fn concat(schema: &SchemaRef, batches: &[ChangeBatch]) -> Result<Vec<ChangeBatch>, ArrowError> {
    let mut together = Vec::new();
    let mut pending: Vec<ChangeBatch> = Vec::new();
    let (mut rows, mut bytes) = (0, 0);
    for piece in batches.iter().flat_map(ChangeBatch::pieces) {
        let piece_bytes = bytes_of(piece.rows.columns(), 0..piece.len());
        let fits = rows + piece.len() <= Bounds::BATCH.rows && bytes + piece_bytes <= Bounds::BATCH.bytes;
        if !fits && !pending.is_empty() {
            together.push(concat_all(schema, &pending)?);
            pending.clear();
            (rows, bytes) = (0, 0);
        }
        rows += piece.len();
        bytes += piece_bytes;
        pending.push(piece);
    }
    if !pending.is_empty() {
        together.push(concat_all(schema, &pending)?);
    }
    Ok(together)
}

fn concat_all(schema: &SchemaRef, batches: &[ChangeBatch]) -> Result<ChangeBatch, ArrowError> {
    if let [one] = batches {
        return Ok(one.clone());
    }
    let rows = compute::concat_batches(schema, batches.iter().map(ChangeBatch::rows))?;
    let diffs = if batches.iter().all(|batch| batch.diffs.is_inserts()) {
        Diffs::Inserts
    } else {
        let each = batches.iter().flat_map(|batch| (0..batch.len()).map(|row| batch.diffs.get(row)));
        each.collect::<Vec<_>>().into()
    };
    Ok(ChangeBatch { rows, diffs })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringArray};

    use super::*;
    use crate::{BATCH_BYTES_MAX, BATCH_ROWS_MAX};

    fn numbers(count: usize) -> ChangeBatch {
        let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..count as i64));
        ChangeBatch::inserts(RecordBatch::try_from_iter([("n", column)]).expect("one column"))
    }

    #[test]
    fn small_batches_come_together_and_large_ones_apart() {
        let (large, small) = (numbers(BATCH_ROWS_MAX + 10), numbers(20));
        let deletes = ChangeBatch::deletes(small.rows().clone());
        let batches = concat(&large.schema(), &[large.clone(), small.clone(), deletes]).expect("one schema");
        assert_eq!(batches.iter().map(ChangeBatch::len).collect::<Vec<_>>(), [BATCH_ROWS_MAX, 50]);
        assert!(batches[0].diffs().is_inserts());
        let sum = |batch: &ChangeBatch| (0..batch.len()).map(|row| batch.diffs().get(row)).sum::<i64>();
        assert_eq!(sum(&batches[1]), 10 + 20 - 20);
    }

    #[test]
    fn no_batch_of_several_rows_passes_the_bytes() {
        let text: ArrayRef = Arc::new(StringArray::from_iter_values(vec!["x".repeat(3 << 20); 30]));
        let batch = ChangeBatch::inserts(RecordBatch::try_from_iter([("t", text)]).expect("one column"));
        let pieces = batch.pieces().collect::<Vec<_>>();
        assert!(pieces.iter().all(|piece| bytes_of(piece.rows().columns(), 0..piece.len()) <= BATCH_BYTES_MAX));
        assert_eq!(pieces.iter().map(ChangeBatch::len).collect::<Vec<_>>(), [10, 10, 10]);
        assert_eq!(concat(&batch.schema(), &pieces).expect("one schema").len(), 3);
    }
}
