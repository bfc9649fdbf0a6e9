//! Rows that a transaction has written and not committed: a difference, as a multiset.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;
use arrow::row::{RowConverter, SortField};

use crate::Error;

/// What a transaction adds to a table and takes from it. A row that it both added and took is
/// not there.
#[derive(Clone, Debug)]
pub(crate) struct PendingRows {
    schema: SchemaRef,
    converter: Arc<RowConverter>,
    /// How many copies come (positive) or go (negative), by the row's encoding; never zero.
    net: HashMap<Box<[u8]>, i64>,
}

impl PendingRows {
    /// No change of a table with these columns.
    ///
    /// # Errors
    /// If Arrow cannot compare rows of these types.
    pub(crate) fn new(schema: SchemaRef) -> Result<PendingRows, Error> {
        let fields = schema.fields().iter().map(|field| SortField::new(field.data_type().clone())).collect();
        Ok(PendingRows { converter: Arc::new(RowConverter::new(fields)?), schema, net: HashMap::new() })
    }

    /// Takes rows away.
    pub(crate) fn delete(&mut self, rows: &[RecordBatch]) -> Result<(), Error> {
        self.add(rows, -1)
    }

    /// Adds rows.
    pub(crate) fn insert(&mut self, rows: &[RecordBatch]) -> Result<(), Error> {
        self.add(rows, 1)
    }

    fn add(&mut self, batches: &[RecordBatch], diff: i64) -> Result<(), Error> {
        for batch in batches {
            for row in &self.converter.convert_columns(batch.columns())? {
                let count = self.net.entry(row.as_ref().into()).or_default();
                *count += diff;
                if *count == 0 {
                    self.net.remove(row.as_ref());
                }
            }
        }
        Ok(())
    }

    /// The rows that come, each as often as it does.
    pub(crate) fn inserted(&self) -> Result<RecordBatch, Error> {
        self.rows(|count| count)
    }

    /// The rows that go.
    pub(crate) fn deleted(&self) -> Result<RecordBatch, Error> {
        self.rows(|count| -count)
    }

    /// Whether any row goes.
    pub(crate) fn has_deletes(&self) -> bool {
        self.net.values().any(|count| *count < 0)
    }

    /// `batches`, which together are the whole table, without the rows that go.
    pub(crate) fn without_deleted(&self, batches: Vec<RecordBatch>) -> Result<Vec<RecordBatch>, Error> {
        let mut going: HashMap<&[u8], i64> =
            self.net.iter().filter(|(_, count)| **count < 0).map(|(row, count)| (row.as_ref(), -count)).collect();
        let mut left = Vec::with_capacity(batches.len());
        for batch in batches {
            let rows = self.converter.convert_columns(batch.columns())?;
            let keep = rows.iter().map(|row| match going.get_mut(row.as_ref()) {
                Some(count) if *count > 0 => {
                    *count -= 1;
                    false
                }
                _ => true,
            });
            let keep: BooleanArray = keep.map(Some).collect();
            left.push(filter_record_batch(&batch, &keep)?);
        }
        Ok(left)
    }

    fn rows(&self, copies: impl Fn(i64) -> i64) -> Result<RecordBatch, Error> {
        let parser = self.converter.parser();
        let rows: Vec<_> = self
            .net
            .iter()
            .flat_map(|(row, count)| {
                let times = usize::try_from(copies(*count)).unwrap_or(0);
                std::iter::repeat_n(parser.parse(row), times)
            })
            .collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let columns = self.converter.convert_rows(rows)?;
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?)
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, StringArray};
    use arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    fn batch(rows: &[(i64, &str)]) -> RecordBatch {
        let schema =
            Schema::new(vec![Field::new("id", DataType::Int64, false), Field::new("name", DataType::Utf8, true)]);
        let ids: Int64Array = rows.iter().map(|row| row.0).collect();
        let names = StringArray::from_iter_values(rows.iter().map(|row| row.1));
        RecordBatch::try_new(Arc::new(schema), vec![Arc::new(ids), Arc::new(names)]).expect("two columns")
    }

    #[test]
    fn what_comes_and_goes_is_nothing() {
        let mut pending = PendingRows::new(batch(&[]).schema()).expect("comparable");
        pending.insert(&[batch(&[(1, "a"), (1, "a"), (2, "b")])]).expect("rows");
        pending.delete(&[batch(&[(1, "a"), (3, "c")])]).expect("rows");
        assert_eq!(pending.deleted().expect("rows"), batch(&[(3, "c")]));
        assert_eq!(pending.inserted().expect("rows").num_rows(), 2);
        pending.delete(&[batch(&[(1, "a"), (2, "b")])]).expect("rows");
        assert_eq!(pending.inserted().expect("rows").num_rows(), 0);
    }

    #[test]
    fn a_copy_goes_for_each_delete() {
        let mut pending = PendingRows::new(batch(&[]).schema()).expect("comparable");
        pending.delete(&[batch(&[(1, "a")])]).expect("rows");
        let left = pending.without_deleted(vec![batch(&[(1, "a"), (2, "b")]), batch(&[(1, "a")])]).expect("rows");
        assert_eq!(left, [batch(&[(2, "b")]), batch(&[(1, "a")])]);
    }
}
