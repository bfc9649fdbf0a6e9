//! Inner equi-joins: each side remembers its rows, and a change meets the other side's rows.
//!
//! The result changes by exactly `changes * other side as it is now`, whichever side changes, in
//! whatever order. A deletion that comes before its insertion in an epoch is put off until the
//! epoch is complete, for state holds no negative rows.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::buffer::NullBuffer;
use arrow::compute;
use arrow::datatypes::SchemaRef;
use changes::{BATCH_ROWS_MAX, ChangeBatch, Diffs, Epoch};
use plan::{Node, Properties};
use state::{Delta, Identity, Pairs, Rows, Saved};

use crate::apply::{apply, unknown_row};
use crate::{Fault, Operator, Output, Port};

/// Changes that are looked up at once at most: a row may meet many.
const PROBE_ROWS_MAX: usize = 16_384;

/// See [`plan::Join`].
pub struct Join {
    schema: SchemaRef,
    /// For each output column the side it comes from, and its place among what the side keeps.
    output: Vec<(usize, usize)>,
    sides: [Side; 2],
    /// The epoch in progress, as far as is known: nobody reads the sides by epoch.
    epoch: Epoch,
    /// Kept for its memory.
    pairs: Pairs,
}

/// One input.
struct Side {
    /// The input's columns that are kept: those that leave the join, or find rows.
    kept: Vec<usize>,
    /// Places of the key columns among them.
    keys: Vec<usize>,
    rows: Rows,
    /// Deletions of this epoch for which there was no row yet.
    deferred: Vec<ChangeBatch>,
}

impl Side {
    fn new(input: &Node, keys: &[usize], output: &[usize]) -> Result<Side, Fault> {
        let Properties { append_only, unique } = input.properties();
        let identity = unique.filter(|_| !append_only);
        let mut kept = [keys, output, identity.as_deref().unwrap_or_default()].concat();
        kept.sort_unstable();
        kept.dedup();
        if kept.is_empty() {
            // Rows of which nobody reads a column are there all the same: they need one to be counted.
            kept.push(0);
        }
        let place = |column: &usize| kept.binary_search(column).expect("it was put among the kept ones");
        let identity = match identity {
            _ if append_only => Identity::AppendOnly,
            Some(key) if !key.is_empty() => Identity::Key(key.iter().map(place).collect()),
            _ => Identity::Row,
        };
        let keys = keys.iter().map(place).collect::<Vec<_>>();
        let schema = Arc::new(input.schema().project(&kept)?);
        let rows = Rows::new(schema, identity, Some(keys.clone()))?;
        Ok(Side { kept, keys, rows, deferred: Vec::new() })
    }

    /// What is to be kept of the changes: those columns, of rows without a null in the key.
    fn of_interest(&self, changes: &ChangeBatch) -> Result<ChangeBatch, Fault> {
        let changes = changes.project(&self.kept)?;
        let nulls = self
            .keys
            .iter()
            .fold(None, |nulls, &key| NullBuffer::union(nulls.as_ref(), changes.column(key).logical_nulls().as_ref()));
        match nulls.filter(|nulls| nulls.null_count() > 0) {
            Some(nulls) => Ok(changes.filter(&BooleanArray::new(nulls.into_inner(), None))?),
            None => Ok(changes),
        }
    }
}

impl Join {
    /// A join as the plan has it.
    ///
    /// # Errors
    /// If a key's type cannot be compared.
    pub fn new(plan: &plan::Join) -> Result<Join, Fault> {
        let width = plan.left.schema().fields().len();
        let (left_on, right_on): (Vec<_>, Vec<_>) = plan.on.iter().copied().unzip();
        let (left_output, right_output): (Vec<_>, Vec<_>) = plan.output.iter().partition(|&&column| column < width);
        let right_output = right_output.iter().map(|column| column - width).collect::<Vec<_>>();
        let sides = [Side::new(&plan.left, &left_on, &left_output)?, Side::new(&plan.right, &right_on, &right_output)?];
        let place = |&column: &usize| {
            let (side, column) = if column < width { (0, column) } else { (1, column - width) };
            (side, sides[side].kept.binary_search(&column).expect("what leaves the join is kept"))
        };
        let output = plan.output.iter().map(place).collect();
        Ok(Join { schema: plan.schema.clone(), output, sides, epoch: Epoch::ZERO.next(), pairs: Pairs::default() })
    }

    /// Puts out the pairs of changes to one side with the other side's rows.
    fn put_pairs(&mut self, side: usize, changes: &ChangeBatch, output: &mut Output) -> Result<(), Fault> {
        let mut pairs = std::mem::take(&mut self.pairs);
        for first in (0..changes.len()).step_by(PROBE_ROWS_MAX) {
            let changes = changes.slice(first, PROBE_ROWS_MAX.min(changes.len() - first));
            let keys = self.sides[side].keys.iter().map(|&key| changes.column(key).clone()).collect::<Vec<_>>();
            self.sides[1 - side].rows.probe(&keys, changes.len(), &mut pairs)?;
            for first in (0..pairs.rows.len()).step_by(BATCH_ROWS_MAX) {
                let range = first..pairs.rows.len().min(first + BATCH_ROWS_MAX);
                output.changes(self.pair_up(side, &changes, &pairs.rows[range.clone()], &pairs.ids[range])?);
            }
        }
        self.pairs = pairs;
        Ok(())
    }

    /// The output rows of these pairs of a changed row and one of the other side.
    fn pair_up(&self, side: usize, changes: &ChangeBatch, rows: &[u32], ids: &[u64]) -> Result<ChangeBatch, Fault> {
        let of = |wanted: usize| {
            let columns = self.output.iter().filter(move |(side, _)| *side == wanted);
            columns.map(|(_, column)| *column).collect::<Vec<_>>()
        };
        let changed = of(side).into_iter().map(|column| changes.column(column).clone()).collect::<Vec<_>>();
        let (changed, diffs) = take(changed, changes.diffs(), rows)?;
        let met = self.sides[1 - side].rows.gather(ids, &of(1 - side))?;
        let (mut changed, mut met) = (changed.into_iter(), met.into_iter());
        let columns = self.output.iter().map(|(of, _)| {
            let column = if *of == side { changed.next() } else { met.next() };
            column.expect("each side gave its columns")
        });
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let columns = columns.collect::<Vec<_>>();
        Ok(ChangeBatch::new(RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)?, diffs))
    }
}

/// The columns and diffs at `rows`; as they are where every row meets one other.
fn take(columns: Vec<ArrayRef>, diffs: &Diffs, rows: &[u32]) -> Result<(Vec<ArrayRef>, Diffs), Fault> {
    let length = columns.first().map(|column| column.len());
    let is_all = length == Some(rows.len()) && rows.iter().zip(0u32..).all(|(&row, place)| row == place);
    if is_all {
        return Ok((columns, diffs.clone()));
    }
    let indices = UInt32Array::from(rows.to_vec());
    Ok((compute::take_arrays(&columns, &indices, None)?, diffs.take(rows)))
}

impl Operator for Join {
    fn on_changes(&mut self, input: Port, changes: ChangeBatch, output: &mut Output) -> Result<(), Fault> {
        let side = input.0;
        let changes = self.sides[side].of_interest(&changes)?;
        if changes.is_empty() {
            return Ok(());
        }
        let missing = apply(&mut self.sides[side].rows, self.epoch, &changes)?;
        self.put_pairs(side, &changes, output)?;
        if let Some(missing) = missing {
            // These were not applied, so they must not be joined: cancel what was just put out.
            self.put_pairs(side, &ChangeBatch::inserts(missing.rows().clone()), output)?;
            self.sides[side].deferred.push(missing);
        }
        Ok(())
    }

    fn on_epoch_complete(&mut self, epoch: Epoch, output: &mut Output) -> Result<(), Fault> {
        for side in [0, 1] {
            for deferred in std::mem::take(&mut self.sides[side].deferred) {
                if let Some(missing) = apply(&mut self.sides[side].rows, self.epoch, &deferred)? {
                    return Err(unknown_row("join", &missing));
                }
                self.put_pairs(side, &deferred, output)?;
            }
            self.sides[side].rows.collect(epoch)?;
        }
        self.epoch = epoch.next();
        Ok(())
    }

    fn checkpoint(&mut self, delta: &mut Delta) -> Result<(), Fault> {
        for (name, side) in (0..).zip(&mut self.sides) {
            delta.scoped(name, |delta| side.rows.checkpoint(delta))?;
        }
        Ok(())
    }

    fn restore(&mut self, saved: &Saved) -> Result<(), Fault> {
        for (name, side) in (0..).zip(&mut self.sides) {
            side.rows.restore(&saved.scoped(name))?;
        }
        Ok(())
    }

    fn state_rows(&self) -> usize {
        self.sides.iter().map(|side| side.rows.len()).sum()
    }
}

#[cfg(test)]
mod tests;
