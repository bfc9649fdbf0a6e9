//! The change batch: Arrow columns and a diff per row.

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;

use crate::Diffs;

/// Rows in a batch at most, where this code decides on it. Larger ones are cut, so that an
/// operator's working set stays in cache and no step takes long.
pub const BATCH_ROWS_MAX: usize = 65_536;

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

/// One batch of all rows of `batches`, in their order.
///
/// # Errors
/// If their schemas differ.
pub fn concat(schema: &SchemaRef, batches: &[ChangeBatch]) -> Result<ChangeBatch, ArrowError> {
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
