//! Reading made-up rows from any row on.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::column::Column;
use crate::pace::Pacer;
use crate::reader::BATCH_BYTES_MAX;
use crate::{Error, Pace, Position, Read, SourceReader};

/// A reader of the rows from `next` to `end`.
pub(crate) struct DatagenReader {
    schema: SchemaRef,
    columns: Arc<[Column]>,
    next: u64,
    end: u64,
    /// How many rows are made at once, at most.
    rows_max: usize,
    pacer: Pacer,
}

impl DatagenReader {
    /// A reader of the rows from `from` to `end`.
    pub(crate) fn new(
        schema: SchemaRef,
        columns: Arc<[Column]>,
        from: u64,
        end: u64,
        rate: Option<f64>,
        pace: Pace,
    ) -> Self {
        let row_bytes = columns.iter().map(Column::value_bytes_max).sum::<usize>().max(1);
        let rows_max = (BATCH_BYTES_MAX / row_bytes).max(1);
        Self { schema, columns, next: from, end, rows_max, pacer: Pacer::new(rate, pace) }
    }
}

impl SourceReader for DatagenReader {
    fn read(&mut self, rows_max: usize) -> Result<Read, Error> {
        if self.next >= self.end {
            return Ok(Read::End);
        }
        let rows = match self.pacer.due(rows_max.clamp(1, self.rows_max)) {
            Ok(rows) => (rows as u64).min(self.end - self.next),
            Err(wait) => return Ok(Read::Idle(wait)),
        };
        let range = self.next..self.next + rows;
        let columns = self.columns.iter().map(|column| column.values(range.clone())).collect();
        let rows = RecordBatch::try_new(self.schema.clone(), columns)
            .expect("every column is made of its declared type, and with nulls only where they are allowed");
        self.pacer.take(range.end - range.start);
        self.next = range.end;
        Ok(Read::Rows { rows, errors: Vec::new(), position: Position(range.end.to_string()), ends_epoch: false })
    }
}
