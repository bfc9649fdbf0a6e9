//! Reading across epochs: what a relation's later readers attach to.

use arrow::array::{BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::buffer::BooleanBuffer;
use arrow::compute;
use arrow::datatypes::SchemaRef;
use changes::{ChangeBatch, Epoch};

use super::{RowId, Rows};
use crate::{Chunk, Error};

impl Rows {
    /// What changed after epoch `after` up to and including `upto`, net: a row that was born and
    /// died in between does not show. Work is in proportion to the change, and new rows are not
    /// copied where a chunk holds no others. `after` must be at or above the horizon.
    ///
    /// # Errors
    /// If Arrow cannot form the rows.
    pub fn changes(&self, after: Epoch, upto: Epoch, columns: &[usize]) -> Result<Vec<ChangeBatch>, Error> {
        let mut changes = Vec::new();
        for chunk in self.chunks.iter().filter(|chunk| chunk.newest > after) {
            if let Some(born) = born_between(chunk, after, upto, columns)? {
                changes.push(ChangeBatch::inserts(born));
            }
        }
        let dead = self.died_between(after, upto);
        if !dead.is_empty() {
            let gathered = self.gather(&dead, columns)?;
            let schema = std::sync::Arc::new(self.schema.project(columns)?);
            changes.push(ChangeBatch::deletes(batch_of(schema, gathered, dead.len())?));
        }
        Ok(changes)
    }

    /// Whether a reader at `at` sees a row that still has its id.
    #[must_use]
    pub fn is_visible(&self, id: RowId, at: Epoch) -> bool {
        let chunk = &self.chunks[self.chunk_of(id)];
        let offset = (id - chunk.first) as usize;
        chunk.birth(offset) <= at && at < chunk.death(offset)
    }

    fn died_between(&self, after: Epoch, upto: Epoch) -> Vec<RowId> {
        let since = self.deaths.partition_point(|(epoch, _)| *epoch <= after);
        let entries = self.deaths.range(since..).take_while(|(epoch, _)| *epoch <= upto);
        let was_there = |id: &RowId| {
            let chunk = &self.chunks[self.chunk_of(*id)];
            chunk.birth((*id - chunk.first) as usize) <= after
        };
        entries.flat_map(|(_, ids)| ids.iter().copied()).filter(was_there).collect()
    }
}

fn born_between(chunk: &Chunk, after: Epoch, upto: Epoch, columns: &[usize]) -> Result<Option<RecordBatch>, Error> {
    let is_shown = |row: usize| {
        let birth = chunk.birth(row);
        after < birth && birth <= upto && upto < chunk.death(row)
    };
    let shown = BooleanBuffer::collect_bool(chunk.len(), is_shown);
    let count = shown.count_set_bits();
    if count == 0 {
        return Ok(None);
    }
    let rows = chunk.rows.project(columns)?;
    if count == chunk.len() {
        return Ok(Some(rows));
    }
    Ok(Some(compute::filter_record_batch(&rows, &BooleanArray::new(shown, None))?))
}

fn batch_of(schema: SchemaRef, columns: Vec<arrow::array::ArrayRef>, rows: usize) -> Result<RecordBatch, Error> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(schema, columns, &options)?)
}
