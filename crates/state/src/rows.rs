//! Versioned rows: the one storage primitive.
//!
//! Rows lie in sealed chunks in the order of their ids, which are never used again. A row's birth
//! and death epochs say who sees it. Small chunks merge as they pile up (ids stay), and a chunk of
//! mostly forgotten rows is rewritten (its living rows get new ids, at the end).

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, UInt32Array, new_empty_array};
use arrow::buffer::NullBuffer;
use arrow::compute;
use arrow::datatypes::SchemaRef;
use changes::{Epoch, KeyHasher};

use crate::chunk::Births;
use crate::index::Index;
use crate::{Chunk, Error};

mod find;
mod history;
mod probe;
mod save;

pub use probe::Probe;

/// Names a row for as long as it lives and does not move.
pub type RowId = u64;

/// Chunks are merged up to this many rows; larger batches stay as they came.
const MERGED_ROWS_MAX: usize = 16_384;

/// How a row that is to be deleted is found again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// Never: rows are only added.
    AppendOnly,
    /// By these columns, which are unique among living rows.
    Key(Vec<usize>),
    /// By all columns; equal rows are interchangeable.
    Row,
}

/// Matches of keys with rows: `rows[i]` is an index into the keys, `ids[i]` a row that has it.
#[derive(Debug, Default)]
pub struct Pairs {
    /// Indices into the keys.
    pub rows: Vec<u32>,
    /// The row that matches each.
    pub ids: Vec<RowId>,
}

/// The rows of one writer: a partition of a relation, or one side of a join.
#[derive(Debug)]
pub struct Rows {
    schema: SchemaRef,
    chunks: Vec<Arc<Chunk>>,
    next_row: RowId,
    living: usize,
    identity: Option<KeyIndex>,
    lookup: Option<KeyIndex>,
    /// Whether `lookup` is on the identity's own columns, which then serve for both.
    lookup_is_identity: bool,
    /// Who died when, back to the horizon.
    deaths: VecDeque<(Epoch, Vec<RowId>)>,
    /// First rows of chunks that are at least half dead.
    mostly_dead: Vec<RowId>,
    /// What the last checkpoint knows: rows and dead rows of each chunk, by its first row.
    saved: BTreeMap<RowId, (usize, usize)>,
}

/// A hash index on some columns.
#[derive(Debug)]
struct KeyIndex {
    columns: Vec<usize>,
    hasher: KeyHasher,
    index: Index,
    /// Places of the key's columns in which a null keeps a row out, since there null equals nothing.
    not_null: Vec<usize>,
    /// Equal hashes mean equal keys.
    is_exact: bool,
}

impl KeyIndex {
    fn new(schema: &SchemaRef, columns: Vec<usize>, skips_nulls: bool) -> Result<KeyIndex, Error> {
        let types = columns.iter().map(|&column| schema.field(column).data_type().clone()).collect();
        let hasher = KeyHasher::new(types)?;
        let has_nulls = !skips_nulls && columns.iter().any(|&column| schema.field(column).is_nullable());
        let is_exact = columns.is_empty() || (hasher.is_exact() && !has_nulls);
        let not_null = if skips_nulls { (0..columns.len()).collect() } else { Vec::new() };
        Ok(KeyIndex { columns, hasher, index: Index::default(), not_null, is_exact })
    }

    fn keys(&self, rows: &RecordBatch) -> Vec<ArrayRef> {
        self.columns.iter().map(|&column| rows.column(column).clone()).collect()
    }

    fn hashes(&self, keys: &[ArrayRef], rows: usize) -> Result<Vec<u64>, Error> {
        let mut hashes = Vec::new();
        self.hasher.hash(keys, rows, &mut hashes)?;
        Ok(hashes)
    }

    fn insert(&mut self, rows: &RecordBatch, first: RowId) -> Result<(), Error> {
        let keys = self.keys(rows);
        let hashes = self.hashes(&keys, rows.num_rows())?;
        self.index.reserve(rows.num_rows());
        let nulls = nulls_of(&keys, &self.not_null);
        for (row, hash) in hashes.into_iter().enumerate() {
            if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) {
                self.index.insert(hash, first + row as RowId);
            }
        }
        Ok(())
    }

    /// Takes out rows whose columns are those of `rows`, and whose ids are `ids`.
    fn remove(&mut self, rows: &RecordBatch, ids: &[RowId]) -> Result<(), Error> {
        let keys = self.keys(rows);
        let hashes = self.hashes(&keys, rows.num_rows())?;
        let nulls = nulls_of(&keys, &self.not_null);
        for (row, (hash, &id)) in hashes.into_iter().zip(ids).enumerate() {
            if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) {
                self.index.remove(hash, id);
            }
        }
        Ok(())
    }
}

/// Where any of the keys' columns at `places` is null.
fn nulls_of(keys: &[ArrayRef], places: &[usize]) -> Option<NullBuffer> {
    let union = |nulls: Option<NullBuffer>, &place: &usize| {
        NullBuffer::union(nulls.as_ref(), keys[place].logical_nulls().as_ref())
    };
    places.iter().fold(None, union)
}

impl Rows {
    /// No rows yet. With `lookup`, rows can be found by those columns ([`Rows::probe`]); a row
    /// with a null among them is kept, and never found ([`Rows::equate_nulls`]: in the others only).
    ///
    /// # Errors
    /// If a key's type cannot be hashed.
    pub fn new(schema: SchemaRef, identity: Identity, lookup: Option<Vec<usize>>) -> Result<Rows, Error> {
        let identity_columns = match &identity {
            Identity::AppendOnly => None,
            Identity::Key(columns) => Some(columns.clone()),
            Identity::Row => Some((0..schema.fields().len()).collect()),
        };
        let is_nullable = |columns: &Vec<usize>| columns.iter().any(|&column| schema.field(column).is_nullable());
        let lookup_is_identity = identity_columns.is_some()
            && identity_columns == lookup
            && identity_columns.as_ref().is_some_and(|columns| !is_nullable(columns));
        let identity = identity_columns.map(|columns| KeyIndex::new(&schema, columns, false)).transpose()?;
        let lookup = lookup.filter(|_| !lookup_is_identity);
        let lookup = lookup.map(|columns| KeyIndex::new(&schema, columns, true)).transpose()?;
        Ok(Rows {
            schema,
            chunks: Vec::new(),
            next_row: 0,
            living: 0,
            identity,
            lookup,
            lookup_is_identity,
            deaths: VecDeque::new(),
            mostly_dead: Vec::new(),
            saved: BTreeMap::new(),
        })
    }

    /// The rows' columns.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Living rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.living
    }

    /// Whether no row lives.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.living == 0
    }

    /// Bytes that the rows' columns take, dead ones not yet forgotten included.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.rows.get_array_memory_size()).sum()
    }

    pub(crate) fn chunks(&self) -> &[Arc<Chunk>] {
        &self.chunks
    }

    /// Adds each row once, born at `epoch`.
    ///
    /// # Errors
    /// If the rows are not of this schema.
    pub fn insert(&mut self, epoch: Epoch, rows: &RecordBatch) -> Result<Range<RowId>, Error> {
        let first = self.append(rows.clone(), Births::One(epoch))?;
        self.living += rows.num_rows();
        self.merge_small_chunks()?;
        Ok(first..self.next_row)
    }

    /// For each row of `rows`, one living row that is equal to it dies at `epoch`; equal rows take
    /// different ones. Returns the indices of those that found none.
    ///
    /// # Errors
    /// If the rows are not of this schema.
    pub fn delete(&mut self, epoch: Epoch, rows: &RecordBatch) -> Result<Vec<u32>, Error> {
        let found = self.take_identical(rows)?;
        let missing = (0u32..).zip(&found).filter(|(_, id)| id.is_none()).map(|(row, _)| row).collect::<Vec<_>>();
        let ids = found.iter().flatten().copied().collect::<Vec<_>>();
        if let Some(lookup) = &mut self.lookup {
            if missing.is_empty() {
                lookup.remove(rows, &ids)?;
            } else {
                let present = (0u32..).zip(&found).filter(|(_, id)| id.is_some()).map(|(row, _)| row);
                let present = UInt32Array::from_iter_values(present);
                lookup.remove(&compute::take_record_batch(rows, &present)?, &ids)?;
            }
        }
        self.bury(epoch, ids);
        Ok(missing)
    }

    /// Forgets rows that died at or before `horizon`: nobody reads there any more.
    ///
    /// # Errors
    /// If Arrow cannot form the remaining rows.
    pub fn collect(&mut self, horizon: Epoch) -> Result<(), Error> {
        while self.deaths.front().is_some_and(|(epoch, _)| *epoch <= horizon) {
            self.deaths.pop_front();
        }
        if self.mostly_dead.is_empty() {
            return Ok(());
        }
        // Chunks whose deaths somebody may still see wait for their turn.
        let mut waiting = Vec::new();
        for first in std::mem::take(&mut self.mostly_dead) {
            let Ok(position) = self.chunks.binary_search_by_key(&first, |chunk| chunk.first) else {
                continue;
            };
            let chunk = self.chunks[position].clone();
            let all_forgotten = (0..chunk.len()).all(|row| {
                let death = chunk.death(row);
                death == Epoch::NEVER || death <= horizon
            });
            if !all_forgotten {
                waiting.push(first);
                continue;
            }
            self.chunks.remove(position);
            if chunk.dead() < chunk.len() {
                self.move_living(&chunk)?;
            }
        }
        self.mostly_dead = waiting;
        Ok(())
    }

    /// Forgets all rows born at or before `horizon`, living or not: for a relation that keeps
    /// nothing but what its readers have not read.
    pub fn forget(&mut self, horizon: Epoch) {
        let living = &mut self.living;
        self.chunks.retain(|chunk| {
            let keep = chunk.newest > horizon;
            if !keep {
                *living -= chunk.len() - chunk.dead();
            }
            keep
        });
    }

    fn append(&mut self, rows: RecordBatch, births: Births) -> Result<RowId, Error> {
        let first = self.next_row;
        if rows.num_rows() == 0 {
            return Ok(first);
        }
        for index in self.identity.iter_mut().chain(&mut self.lookup) {
            index.insert(&rows, first)?;
        }
        self.next_row += rows.num_rows() as RowId;
        self.chunks.push(Arc::new(Chunk::new(first, rows, births)));
        Ok(first)
    }

    /// Marks rows dead that no index has any more.
    fn bury(&mut self, epoch: Epoch, ids: Vec<RowId>) {
        if ids.is_empty() {
            return;
        }
        for &id in &ids {
            let chunk = &self.chunks[self.chunk_of(id)];
            chunk.kill((id - chunk.first) as usize, epoch);
            if chunk.dead() == chunk.len().div_ceil(2) {
                self.mostly_dead.push(chunk.first);
            }
        }
        self.living -= ids.len();
        match self.deaths.back_mut() {
            Some((last, of_epoch)) if *last == epoch => of_epoch.extend(ids),
            _ => self.deaths.push_back((epoch, ids)),
        }
    }

    /// Gives the living rows of a chunk that left the list new ids at its end.
    fn move_living(&mut self, chunk: &Chunk) -> Result<(), Error> {
        let living = (0..chunk.len()).filter(|&row| chunk.death(row) == Epoch::NEVER).collect::<Vec<_>>();
        let offsets = UInt32Array::from_iter_values(living.iter().map(|&row| row as u32));
        let rows = compute::take_record_batch(&chunk.rows, &offsets)?;
        let old_ids = living.iter().map(|&row| chunk.first + row as RowId).collect::<Vec<_>>();
        for index in self.identity.iter_mut().chain(&mut self.lookup) {
            index.remove(&rows, &old_ids)?;
        }
        self.append(rows, Births::Each(living.iter().map(|&row| chunk.birth(row)).collect()))?;
        Ok(())
    }

    /// Merges chunks at the end while they are small and of like size, so that many epochs of one
    /// row each cost each row a logarithm of copies, and leave few chunks.
    fn merge_small_chunks(&mut self) -> Result<(), Error> {
        while let [.., left, right] = self.chunks.as_slice() {
            let rows = left.len() + right.len();
            let adjoin = left.end() == right.first;
            if !adjoin || rows > MERGED_ROWS_MAX || left.len() > 2 * right.len() {
                return Ok(());
            }
            let merged_rows = compute::concat_batches(&self.schema, [&left.rows, &right.rows])?;
            let births = match (&left.births, &right.births) {
                (Births::One(one), Births::One(other)) if one == other => Births::One(*one),
                _ => {
                    let of = |chunk: &Chunk| (0..chunk.len()).map(|row| chunk.birth(row)).collect::<Vec<_>>();
                    Births::Each([of(left), of(right)].concat().into())
                }
            };
            let merged = Chunk::new(left.first, merged_rows, births);
            for (chunk, offset) in [(left, 0), (right, left.len())] {
                if chunk.dead() > 0 {
                    let died = |row: &usize| chunk.death(*row) != Epoch::NEVER;
                    (0..chunk.len()).filter(died).for_each(|row| merged.kill(offset + row, chunk.death(row)));
                }
            }
            let right_first = right.first;
            self.mostly_dead.retain(|&first| first != merged.first && first != right_first);
            if merged.dead() >= merged.len().div_ceil(2) {
                self.mostly_dead.push(merged.first);
            }
            self.chunks.truncate(self.chunks.len() - 2);
            self.chunks.push(Arc::new(merged));
        }
        Ok(())
    }

    /// The position of the chunk that holds a row.
    #[inline]
    fn chunk_of(&self, id: RowId) -> usize {
        self.chunks.partition_point(|chunk| chunk.first <= id) - 1
    }

    /// The columns `columns` of the rows `ids`, in that order.
    ///
    /// # Errors
    /// If the result is larger than Arrow allows.
    pub fn gather(&self, ids: &[RowId], columns: &[usize]) -> Result<Vec<ArrayRef>, Error> {
        if ids.is_empty() || columns.is_empty() {
            let empty = |&column: &usize| new_empty_array(self.schema.field(column).data_type());
            return Ok(columns.iter().map(empty).collect());
        }
        // Only chunks that are needed take part, by their number among those.
        let mut places = ids.iter().map(|&id| self.chunk_of(id)).collect::<Vec<_>>();
        let mut numbers = vec![u32::MAX; self.chunks.len()];
        let mut used = Vec::new();
        for place in &mut places {
            if numbers[*place] == u32::MAX {
                numbers[*place] = used.len() as u32;
                used.push(*place);
            }
            *place = numbers[*place] as usize;
        }
        if let [only] = used.as_slice() {
            let chunk = &self.chunks[*only];
            let offsets = UInt32Array::from_iter_values(ids.iter().map(|id| (id - chunk.first) as u32));
            let take = |&column: &usize| compute::take(chunk.rows.column(column), &offsets, None);
            return Ok(columns.iter().map(take).collect::<Result<_, _>>()?);
        }
        let offset_of = |(&id, &place): (&RowId, &usize)| (place, (id - self.chunks[used[place]].first) as usize);
        let indices = ids.iter().zip(&places).map(offset_of).collect::<Vec<_>>();
        let interleave = |&column: &usize| {
            let arrays = used.iter().map(|&place| self.chunks[place].rows.column(column).as_ref()).collect::<Vec<_>>();
            compute::interleave(&arrays, &indices)
        };
        Ok(columns.iter().map(interleave).collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests;
