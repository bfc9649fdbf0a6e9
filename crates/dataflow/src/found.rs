//! Rows of a relation that were looked for by their keys: where each is, and, when asked for, what it is.

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use state::{Reader, RowId};

use crate::Error;

/// Rows that were found, in the order of partitions.
#[derive(Debug)]
pub struct Found {
    pub(crate) schema: SchemaRef,
    pub(crate) places: Vec<Option<u32>>,
    pub(crate) of_partitions: Vec<(Reader, Vec<RowId>)>,
}

impl Found {
    /// Its columns.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// How many rows were found.
    #[must_use]
    pub fn len(&self) -> usize {
        self.of_partitions.iter().map(|(_, ids)| ids.len()).sum()
    }

    /// Whether none was.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// For each key, the number of its row among those that were found.
    #[must_use]
    pub fn places(&self) -> &[Option<u32>] {
        &self.places
    }

    /// The rows that were found, in the order of their numbers, in batches that fit [`changes::Bounds::BATCH`].
    ///
    /// # Errors
    /// A batch is an error if Arrow cannot form it.
    pub fn batches(&self) -> impl Iterator<Item = Result<RecordBatch, Error>> {
        let columns = (0..self.schema.fields().len()).collect::<Vec<_>>();
        self.of_partitions.iter().flat_map(move |(rows, ids)| {
            let pieces = rows.gather_pieces(ids, &columns).map(|piece| {
                let (range, gathered) = piece?;
                let options = RecordBatchOptions::new().with_row_count(Some(range.len()));
                Ok(RecordBatch::try_new_with_options(self.schema.clone(), gathered, &options)?)
            });
            pieces.collect::<Vec<_>>()
        })
    }
}
