//! Rows that stand in the query itself: `VALUES`, or a `SELECT` without `FROM`.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

/// Rows that are there from the first epoch on and never change.
#[derive(Clone, Debug)]
pub struct Constant {
    /// The rows.
    pub rows: RecordBatch,
    /// Their columns.
    pub schema: SchemaRef,
}
