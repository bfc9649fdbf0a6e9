//! What an open transaction has written to a table and not committed, lying over the table's rows.
//!
//! It is one structure for all who look at it: scans take its rows and leave out those of the table
//! that go, look-ups by key ask its index, the commit takes all of it. Each step of the transaction
//! adds to it in proportion to what the step writes; a reader sees it as it was after one step, and
//! going back to a savepoint undoes the steps since.
//!
//! Rows are told apart by the table's key, or by all of their columns where it has none: then equal
//! rows are counted.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, filter_record_batch, interleave_record_batch, take_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::row::{RowConverter, SortField};
use parking_lot::RwLock;

use crate::Error;

/// The statements of a transaction that wrote, counted from 1.
pub(crate) type Step = u64;

/// Ends no row's life.
const NEVER: Step = Step::MAX;
/// Batches are put together up to this many rows...
const BATCH_ROWS: usize = 8_192;
/// ...and this many bytes.
const BATCH_BYTES: usize = 16 << 20;
/// What a row takes beside its columns and its identity, in bytes: steps, its place, its entry in the index.
const ROW_BYTES: usize = 120;

/// What a transaction adds to a table and takes from it.
#[derive(Debug)]
pub(crate) struct PendingRows {
    schema: SchemaRef,
    /// The columns that tell rows apart.
    identity: Vec<usize>,
    has_key: bool,
    converter: RowConverter,
    /// Rows that come, in their order.
    come: Log,
    /// In step with them, when each was taken away again.
    ends: Vec<Step>,
    /// Those that were, in that order.
    ended: Vec<(Step, usize)>,
    /// Rows of the table that go.
    go: Log,
    index: HashMap<Box<[u8]>, Places>,
    index_bytes: usize,
}

/// Where the rows of one identity stand.
#[derive(Debug, Default)]
struct Places {
    come: Vec<usize>,
    go: Vec<Step>,
}

/// Rows in the order in which they were added, and when they were.
#[derive(Debug, Default)]
struct Log {
    /// Each with the number of its first row.
    batches: Vec<(usize, RecordBatch)>,
    steps: Vec<Step>,
    bytes: usize,
}

/// A table's pending rows after one step.
#[derive(Clone, Debug)]
pub(crate) struct PendingView {
    rows: Arc<RwLock<PendingRows>>,
    upto: Step,
}

/// What is pending of one identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pending {
    /// The row with this number.
    Row(usize),
    /// That the table's row goes.
    Gone,
    /// Nothing.
    Nothing,
}

/// How many of the rows that go have been left out of a scan, by their identity.
#[derive(Debug, Default)]
pub(crate) struct LeftOut(HashMap<Box<[u8]>, usize>);

impl PendingRows {
    /// No change of a table with these columns. `key`: those of its key, if it has one.
    ///
    /// # Errors
    /// If Arrow cannot compare rows of these types.
    pub(crate) fn new(schema: SchemaRef, key: &[usize]) -> Result<PendingRows, Error> {
        let has_key = !key.is_empty();
        let identity = if has_key { key.to_vec() } else { (0..schema.fields().len()).collect() };
        let fields = identity.iter().map(|column| SortField::new(schema.field(*column).data_type().clone()));
        let converter = RowConverter::new(fields.collect())?;
        Ok(PendingRows {
            schema,
            identity,
            has_key,
            converter,
            come: Log::default(),
            ends: vec![],
            ended: vec![],
            go: Log::default(),
            index: HashMap::new(),
            index_bytes: 0,
        })
    }

    /// What it holds, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.come.bytes + self.go.bytes + self.index_bytes
    }

    /// Takes rows away: those of the transaction's own, or else the table's.
    pub(crate) fn delete(&mut self, rows: &RecordBatch, step: Step) -> Result<(), Error> {
        let identities = self.converter.convert_columns(rows.project(&self.identity)?.columns())?;
        let mut of_table = Vec::new();
        for (row, identity) in (0_u32..).zip(identities.iter()) {
            let places = self.index.get(identity.data());
            let own = places.and_then(|places| places.come.iter().rev().find(|row| self.ends[**row] == NEVER));
            match own.copied() {
                Some(own) => {
                    self.ends[own] = step;
                    self.ended.push((step, own));
                }
                None => {
                    of_table.push(row);
                    places_of(&mut self.index, &mut self.index_bytes, identity.data()).go.push(step);
                }
            }
        }
        let of_table = take_record_batch(rows, &UInt32Array::from(of_table))?;
        self.go.add(of_table, step)
    }

    /// Adds rows.
    pub(crate) fn insert(&mut self, rows: &RecordBatch, step: Step) -> Result<(), Error> {
        let identities = self.converter.convert_columns(rows.project(&self.identity)?.columns())?;
        let first = self.come.len();
        for (row, identity) in identities.iter().enumerate() {
            places_of(&mut self.index, &mut self.index_bytes, identity.data()).come.push(first + row);
        }
        self.ends.resize(first + rows.num_rows(), NEVER);
        // The table's own schema, whatever a plan made of it.
        let rows = RecordBatch::try_new(Arc::clone(&self.schema), rows.columns().to_vec())?;
        self.come.add(rows, step)
    }

    /// Undoes all steps after `step`.
    pub(crate) fn go_back(&mut self, step: Step) -> Result<(), Error> {
        while let Some((ended, row)) = self.ended.pop_if(|(ended, _)| *ended > step) {
            debug_assert!(ended > step, "popped for that");
            self.ends[row] = NEVER;
        }
        for rows in self.come.cut(step) {
            let identities = self.converter.convert_columns(rows.project(&self.identity)?.columns())?;
            for identity in &identities {
                forget(&mut self.index, &mut self.index_bytes, identity.data(), |places| {
                    let left = self.come.len();
                    places.come.retain(|row| *row < left);
                });
            }
        }
        self.ends.truncate(self.come.len());
        for rows in self.go.cut(step) {
            let identities = self.converter.convert_columns(rows.project(&self.identity)?.columns())?;
            for identity in &identities {
                forget(&mut self.index, &mut self.index_bytes, identity.data(), |places| {
                    places.go.retain(|gone| *gone <= step);
                });
            }
        }
        Ok(())
    }

    /// The rows of the table that go.
    pub(crate) fn deleted(&self) -> Vec<RecordBatch> {
        self.go.batches.iter().map(|(_, batch)| batch.clone()).collect()
    }

    /// The rows that come, as they are after the step `upto`.
    pub(crate) fn inserted(&self, upto: Step) -> Result<Vec<RecordBatch>, Error> {
        let mut inserted = Vec::with_capacity(self.come.batches.len());
        for (first, batch) in &self.come.batches {
            let rows = *first..first + batch.num_rows();
            let there: BooleanArray = rows.map(|row| Some(self.is_there(row, upto))).collect();
            match there.true_count() {
                0 => {}
                count if count == batch.num_rows() => inserted.push(batch.clone()),
                _ => inserted.push(filter_record_batch(batch, &there)?),
            }
        }
        Ok(inserted)
    }

    fn is_there(&self, row: usize, upto: Step) -> bool {
        self.come.steps[row] <= upto && self.ends[row] > upto
    }

    fn find(&self, identity: &[u8], upto: Step) -> Pending {
        let Some(places) = self.index.get(identity) else { return Pending::Nothing };
        match places.come.iter().rev().find(|row| self.is_there(**row, upto)) {
            Some(row) => Pending::Row(*row),
            None if places.go.iter().any(|step| *step <= upto) => Pending::Gone,
            None => Pending::Nothing,
        }
    }
}

fn places_of<'a>(index: &'a mut HashMap<Box<[u8]>, Places>, bytes: &mut usize, identity: &[u8]) -> &'a mut Places {
    *bytes += ROW_BYTES;
    match index.entry(identity.into()) {
        Entry::Occupied(places) => places.into_mut(),
        Entry::Vacant(vacant) => {
            *bytes += identity.len();
            vacant.insert(Places::default())
        }
    }
}

fn forget(
    index: &mut HashMap<Box<[u8]>, Places>,
    bytes: &mut usize,
    identity: &[u8],
    forget: impl FnOnce(&mut Places),
) {
    let Some(places) = index.get_mut(identity) else { return };
    let before = places.come.len() + places.go.len();
    forget(places);
    let after = places.come.len() + places.go.len();
    *bytes = bytes.saturating_sub((before - after) * ROW_BYTES);
    if after == 0 {
        *bytes = bytes.saturating_sub(identity.len());
        index.remove(identity);
    }
}

impl Log {
    fn len(&self) -> usize {
        self.steps.len()
    }

    /// Adds rows. Small batches are put together with others of their size, so that each row is
    /// copied a few times only, however many there come to be.
    fn add(&mut self, rows: RecordBatch, step: Step) -> Result<(), Error> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        self.bytes += rows.get_array_memory_size();
        let first = self.len();
        self.steps.resize(first + rows.num_rows(), step);
        self.batches.push((first, rows));
        while let [.., (first, before), (_, last)] = self.batches.as_slice() {
            let rows = before.num_rows() + last.num_rows();
            let bytes = before.get_array_memory_size() + last.get_array_memory_size();
            if before.num_rows() > 2 * last.num_rows() || rows > BATCH_ROWS || bytes > BATCH_BYTES {
                break;
            }
            let together = concat_batches(&before.schema(), [before, last])?;
            let first = *first;
            self.bytes = self.bytes + together.get_array_memory_size() - bytes;
            self.batches.truncate(self.batches.len() - 2);
            self.batches.push((first, together));
        }
        Ok(())
    }

    /// Gives back what came after `step`, and forgets it.
    fn cut(&mut self, step: Step) -> Vec<RecordBatch> {
        let left = self.steps.partition_point(|added| *added <= step);
        self.steps.truncate(left);
        let mut cut = Vec::new();
        while let Some((first, batch)) = self.batches.pop() {
            let rows = batch.num_rows();
            if first + rows <= left {
                self.batches.push((first, batch));
                break;
            }
            if first < left {
                self.batches.push((first, batch.slice(0, left - first)));
                cut.push(batch.slice(left - first, first + rows - left));
                break;
            }
            cut.push(batch);
        }
        self.bytes = self.batches.iter().map(|(_, batch)| batch.get_array_memory_size()).sum();
        cut
    }

    /// The rows with these numbers.
    fn take(&self, schema: &SchemaRef, numbers: &[usize]) -> Result<RecordBatch, Error> {
        let mut used: Vec<&RecordBatch> = Vec::new();
        let mut place_of: HashMap<usize, usize> = HashMap::new();
        let mut places = Vec::with_capacity(numbers.len());
        for number in numbers {
            let index = self.batches.partition_point(|(first, _)| first <= number) - 1;
            let (first, batch) = &self.batches[index];
            let place = *place_of.entry(index).or_insert_with(|| {
                used.push(batch);
                used.len() - 1
            });
            places.push((place, number - first));
        }
        if places.is_empty() {
            return Ok(RecordBatch::new_empty(Arc::clone(schema)));
        }
        Ok(interleave_record_batch(&used, &places)?)
    }
}

impl PendingView {
    /// `rows` as they are after the step `upto`.
    pub(crate) fn new(rows: &Arc<RwLock<PendingRows>>, upto: Step) -> PendingView {
        PendingView { rows: Arc::clone(rows), upto }
    }

    /// The columns by which rows are told apart.
    pub(crate) fn identity(&self) -> Vec<usize> {
        self.rows.read().identity.clone()
    }

    /// Whether any row of the table goes.
    pub(crate) fn has_deletes(&self) -> bool {
        self.rows.read().go.steps.first().is_some_and(|step| *step <= self.upto)
    }

    /// The rows that come.
    pub(crate) fn inserted(&self) -> Result<Vec<RecordBatch>, Error> {
        self.rows.read().inserted(self.upto)
    }

    /// What is pending of each of `identities`: the identity's columns of some rows.
    pub(crate) fn find(&self, identities: &[ArrayRef]) -> Result<Vec<Pending>, Error> {
        let rows = self.rows.read();
        let encoded = rows.converter.convert_columns(identities)?;
        Ok(encoded.iter().map(|identity| rows.find(identity.data(), self.upto)).collect())
    }

    /// The rows with these numbers.
    pub(crate) fn rows(&self, numbers: &[usize]) -> Result<RecordBatch, Error> {
        let rows = self.rows.read();
        rows.come.take(&rows.schema, numbers)
    }

    /// Which rows of the table stay, given the identity's columns of some of them. `left_out`: how
    /// many have been left out so far; equal rows must all be seen through one.
    pub(crate) fn staying(&self, identities: &[ArrayRef], left_out: &mut LeftOut) -> Result<BooleanArray, Error> {
        let rows = self.rows.read();
        let encoded = rows.converter.convert_columns(identities)?;
        let stays = |identity: &[u8]| {
            let Some(places) = rows.index.get(identity) else { return true };
            let going = places.go.iter().filter(|step| **step <= self.upto).count();
            if going == 0 || rows.has_key {
                return going == 0;
            }
            let out = left_out.0.entry(identity.into()).or_default();
            *out += 1;
            *out > going
        };
        let mut stays = stays;
        Ok(encoded.iter().map(|identity| Some(stays(identity.data()))).collect())
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{AsArray, Int64Array, StringArray};
    use arrow::datatypes::{DataType, Field, Int64Type, Schema};

    use super::*;

    fn batch(rows: &[(i64, &str)]) -> RecordBatch {
        let schema =
            Schema::new(vec![Field::new("id", DataType::Int64, false), Field::new("name", DataType::Utf8, true)]);
        let ids: Int64Array = rows.iter().map(|row| row.0).collect();
        let names = StringArray::from_iter_values(rows.iter().map(|row| row.1));
        RecordBatch::try_new(Arc::new(schema), vec![Arc::new(ids), Arc::new(names)]).expect("two columns")
    }

    fn pending(key: &[usize]) -> PendingRows {
        PendingRows::new(batch(&[]).schema(), key).expect("comparable")
    }

    fn rows(batches: &[RecordBatch]) -> Vec<(i64, String)> {
        let row = |batch: &RecordBatch, row: usize| {
            let id = batch.column(0).as_primitive::<Int64Type>().value(row);
            (id, batch.column(1).as_string::<i32>().value(row).to_owned())
        };
        batches.iter().flat_map(|batch| (0..batch.num_rows()).map(|index| row(batch, index))).collect()
    }

    fn texts(expected: &[(i64, &str)]) -> Vec<(i64, String)> {
        expected.iter().map(|(id, name)| (*id, (*name).to_owned())).collect()
    }

    #[test]
    fn own_rows_are_taken_back_before_the_table_s() {
        let mut pending = pending(&[]);
        pending.insert(&batch(&[(1, "a"), (1, "a"), (2, "b")]), 1).expect("rows");
        pending.delete(&batch(&[(1, "a"), (3, "c")]), 2).expect("rows");
        assert_eq!(rows(&pending.deleted()), texts(&[(3, "c")]));
        assert_eq!(rows(&pending.inserted(2).expect("rows")), texts(&[(1, "a"), (2, "b")]));
        // A reader from before the step goes on seeing what it saw.
        assert_eq!(rows(&pending.inserted(1).expect("rows")).len(), 3);
        pending.delete(&batch(&[(1, "a"), (2, "b")]), 3).expect("rows");
        assert!(pending.inserted(3).expect("rows").is_empty());
    }

    #[test]
    fn a_copy_stays_out_for_each_delete() {
        let mut pending = pending(&[]);
        pending.delete(&batch(&[(1, "a")]), 1).expect("rows");
        let view = PendingView::new(&Arc::new(RwLock::new(pending)), 1);
        let mut left_out = LeftOut::default();
        let mut stays = |batch: RecordBatch| view.staying(batch.columns(), &mut left_out).expect("comparable");
        assert_eq!(stays(batch(&[(1, "a"), (2, "b")])), BooleanArray::from(vec![false, true]));
        assert_eq!(stays(batch(&[(1, "a")])), BooleanArray::from(vec![true]));
    }

    #[test]
    fn keys_are_found_whatever_else_is_pending() {
        let mut pending = pending(&[0]);
        for id in 0..10_000 {
            pending.insert(&batch(&[(id, "x")]), 1 + id as Step).expect("a row");
        }
        // Few batches, so that a scan is cheap, too.
        assert!(pending.come.batches.len() < 20, "{}", pending.come.batches.len());
        pending.delete(&batch(&[(5_000, "x"), (-1, "of the table")]), 10_001).expect("rows");
        pending.insert(&batch(&[(5_000, "y")]), 10_001).expect("a row");
        let view = PendingView::new(&Arc::new(RwLock::new(pending)), 10_001);
        let keys: ArrayRef = Arc::new(Int64Array::from(vec![5_000, -1, 10_000, 0]));
        let found = view.find(&[keys]).expect("comparable");
        assert_eq!(found, [Pending::Row(10_000), Pending::Gone, Pending::Nothing, Pending::Row(0)]);
        assert_eq!(rows(&[view.rows(&[10_000, 0]).expect("rows")]), texts(&[(5_000, "y"), (0, "x")]));
    }

    #[test]
    fn going_back_leaves_what_was_there() {
        let mut pending = pending(&[0]);
        pending.insert(&batch(&[(1, "a"), (2, "b")]), 1).expect("rows");
        pending.delete(&batch(&[(9, "of the table")]), 2).expect("rows");
        let bytes = pending.index_bytes;
        pending.delete(&batch(&[(1, "a"), (8, "of the table")]), 3).expect("rows");
        pending.insert(&batch(&[(1, "c"), (3, "d")]), 3).expect("rows");
        pending.delete(&batch(&[(3, "d")]), 4).expect("rows");
        pending.go_back(2).expect("rows");
        assert_eq!(rows(&pending.inserted(9).expect("rows")), texts(&[(1, "a"), (2, "b")]));
        assert_eq!(rows(&pending.deleted()), texts(&[(9, "of the table")]));
        assert_eq!((pending.index.len(), pending.index_bytes), (3, bytes));
        pending.go_back(0).expect("rows");
        assert!(pending.index.is_empty() && pending.inserted(9).expect("rows").is_empty());
    }
}
