//! Versioned rows: the one storage primitive.
//!
//! Rows lie in sealed chunks in the order of their ids, which a row keeps for as long as it is
//! there. A row's birth and death epochs say who sees it. Small chunks merge as they pile up, and a
//! chunk of mostly forgotten rows is rewritten (`compact`).
//!
//! One thread writes. It builds chunks without a lock; the lock on the indexes is held to write
//! for the entries of one batch, and to read for walks along chains.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Weak};

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use changes::Epoch;
use parking_lot::RwLock;

use crate::chunk::Births;
use crate::version::{Deaths, Version};
use crate::{Chunk, Error};

mod compact;
mod find;
mod keys;
mod locate;
mod matching;
mod order;
mod probe;
mod reader;
mod save;
mod since;

pub use keys::LookUp;
use keys::{Hashed, Indexes, Keys};
pub use locate::Located;
pub use order::{Order, OrderKey, SortColumn, Walk};
pub use probe::Probe;
pub use reader::Reader;
pub use since::Changes;

/// Names a row for as long as it lives, and while anybody can see it.
pub type RowId = u64;

/// Buffers that hold more than this many times what a batch needs of them are not kept for it.
const UNUSED_TIMES_MAX: usize = 4;
/// Less than this is not worth a copy.
const UNUSED_BYTES_MAX: usize = 16_384;

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
    keys: Arc<Keys>,
    index: Arc<RwLock<Indexes>>,
    /// All rows, as they are now.
    version: Version,
    next_row: RowId,
    /// The epoch of the last insertion.
    newest: Epoch,
    /// Nobody reads below it.
    horizon: Epoch,
    /// Whether others look for rows by key as they were at an earlier epoch.
    finds_dead: bool,
    /// What the last checkpoint knows: each chunk and its dead rows, by its first row.
    saved: BTreeMap<RowId, (Weak<Chunk>, usize)>,
    /// The first rows of chunks that are not as the last checkpoint knows them, or not there any more.
    unsaved: BTreeSet<RowId>,
    /// The next row's id, as the last checkpoint knows it.
    saved_next: Option<RowId>,
}

impl Rows {
    /// No rows yet.
    ///
    /// # Errors
    /// If a key's type cannot be hashed.
    pub fn new(schema: SchemaRef, identity: Identity) -> Result<Rows, Error> {
        let keys = Keys::new(&schema, &identity)?;
        Ok(Rows {
            index: Arc::new(RwLock::new(Indexes::new(&keys))),
            keys: Arc::new(keys),
            version: Version::new(schema),
            next_row: 0,
            newest: Epoch::ZERO,
            horizon: Epoch::ZERO,
            finds_dead: false,
            saved: BTreeMap::new(),
            unsaved: BTreeSet::new(),
            saved_next: None,
        })
    }

    /// From now on rows can be found by `columns` ([`Rows::probe`]). A row with a null in one of those
    /// at the places `not_null` is kept, and never found; in the others null is a value like any. To
    /// be called before a row is there.
    ///
    /// # Errors
    /// If the key's type cannot be hashed.
    ///
    /// # Panics
    /// If rows are there, or others read them already.
    pub fn add_lookup(&mut self, columns: Vec<usize>, not_null: Vec<usize>) -> Result<LookUp, Error> {
        let schema = Arc::clone(self.schema());
        self.change_keys(|keys| keys.add_lookup(&schema, columns, not_null))
    }

    fn change_keys<T>(&mut self, change: impl FnOnce(&mut Keys) -> Result<T, Error>) -> Result<T, Error> {
        assert!(self.version.chunks.is_empty(), "rows that are there are not indexed again");
        let keys = Arc::get_mut(&mut self.keys).expect("nobody reads rows that are not there yet");
        let changed = change(keys)?;
        *self.index.write() = Indexes::new(keys);
        Ok(changed)
    }

    /// The rows' columns.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.version.schema
    }

    /// Living rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.version.living
    }

    /// Whether no row lives.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that rows, dead ones not yet forgotten included, and indexes take. It is a running
    /// count: asking costs nothing.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.version.bytes + self.index.read().bytes()
    }

    /// For readers on other threads: what is there now.
    pub(crate) fn reader(&self) -> Reader {
        Reader::new(Arc::new(self.version.clone()), Arc::clone(&self.keys), Arc::clone(&self.index))
    }

    /// From now on dead rows can be found by their identity for as long as somebody may see them.
    pub(crate) fn find_dead(&mut self) {
        self.finds_dead = self.keys.identity.is_some();
    }

    /// Adds each row once, born at `epoch`, which is not before that of earlier rows. If it fails,
    /// nothing was added.
    ///
    /// # Errors
    /// If the rows are not of this schema.
    pub fn insert(&mut self, epoch: Epoch, rows: &RecordBatch) -> Result<Range<RowId>, Error> {
        assert!(epoch >= self.newest, "rows of {epoch} come after rows of {}", self.newest);
        check_types(self.schema(), rows)?;
        let first = self.next_row;
        if rows.num_rows() == 0 {
            return Ok(first..first);
        }
        let pieces = self.pieces(rows)?;
        if self.keys.has_indexes() {
            let entries = self.keys.entries(rows)?;
            self.index.write().insert_all(&entries, first);
        }
        self.newest = epoch;
        for piece in pieces {
            let births = Births::one(epoch, piece.num_rows());
            let chunk = Chunk::new(self.next_row, None, piece, births);
            self.next_row += chunk.len() as RowId;
            self.push(chunk);
        }
        self.version.living += rows.num_rows();
        self.merge_last_chunks();
        Ok(first..self.next_row)
    }

    /// For each row of `rows`, one living row that is equal to it dies at `epoch`; equal rows take
    /// different ones. Returns the indices of those that found none.
    ///
    /// # Errors
    /// If the rows are not of this schema.
    pub fn delete(&mut self, epoch: Epoch, rows: &RecordBatch) -> Result<Vec<u32>, Error> {
        check_types(self.schema(), rows)?;
        let entries = self.keys.entries(rows)?;
        let Some(Hashed { hashes, .. }) = &entries.identity else {
            return Ok((0..rows.num_rows() as u32).collect());
        };
        let found = self.find_identical(rows, hashes)?;
        let ids = found.iter().flatten().copied().collect::<Vec<_>>();
        let missing = (0u32..).zip(&found).filter(|(_, id)| id.is_none()).map(|(row, _)| row).collect();
        if ids.is_empty() {
            return Ok(missing);
        }
        let hashes_of_dead = if self.finds_dead {
            hashes.iter().zip(&found).filter(|(_, id)| id.is_some()).map(|(hash, _)| *hash).collect()
        } else {
            Vec::new()
        };
        let deaths = self.bury(epoch, ids, hashes_of_dead);
        let mut indexes = self.index.write();
        for (row, &id) in found.iter().enumerate() {
            if let Some(id) = id {
                indexes.remove(&entries, row, id);
            }
        }
        if self.finds_dead {
            indexes.died.push(deaths);
        }
        Ok(missing)
    }

    /// The columns `columns` of the rows `ids`, in that order, which together must fit what Arrow
    /// can form: use [`Rows::gather_pieces`] where nobody has made sure of that.
    ///
    /// # Errors
    /// If the result is larger than Arrow allows.
    pub fn gather(&self, ids: &[RowId], columns: &[usize]) -> Result<Vec<ArrayRef>, Error> {
        self.version.gather(ids, columns)
    }

    /// The columns `columns` of the rows `ids`, in that order, in pieces that fit
    /// [`changes::Bounds::BATCH`], and where in `ids` each piece's rows are.
    ///
    /// # Errors
    /// A piece is an error if Arrow cannot form it.
    pub fn gather_pieces<'a>(
        &'a self,
        ids: &'a [RowId],
        columns: &'a [usize],
    ) -> impl Iterator<Item = Result<(Range<usize>, Vec<ArrayRef>), Error>> + 'a {
        self.version.gather_pieces(ids, columns)
    }

    /// The rows in batches that fit a chunk. They share memory with `rows` unless they would keep
    /// much more of it than they are.
    fn pieces(&self, rows: &RecordBatch) -> Result<Vec<RecordBatch>, Error> {
        let held = rows.get_array_memory_size();
        let cut = self.version.bounds.cut(rows.columns(), rows.num_rows());
        let piece = |run: Range<usize>| {
            let needed = changes::bytes_of(rows.columns(), run.clone());
            if held <= UNUSED_TIMES_MAX * needed + UNUSED_BYTES_MAX {
                let is_whole = run.len() == rows.num_rows();
                return Ok(if is_whole { rows.clone() } else { rows.slice(run.start, run.len()) });
            }
            let offsets = UInt32Array::from_iter_values(run.start as u32..run.end as u32);
            Ok(compute::take_record_batch(rows, &offsets)?)
        };
        cut.into_iter().map(piece).collect()
    }

    fn push(&mut self, chunk: Chunk) {
        self.unsaved.insert(chunk.first);
        self.version.bytes += chunk.bytes();
        self.version.chunks.push(chunk.first, Arc::new(chunk));
    }

    /// Marks rows dead, which must have been alive.
    fn bury(&mut self, epoch: Epoch, ids: Vec<RowId>, hashes: Vec<u64>) -> Arc<Deaths> {
        let (mut bytes, mut died) = (0, 0);
        for &id in &ids {
            let (chunk, offset) = self.version.locate(id).expect("a living row is there");
            bytes += chunk.kill(offset, epoch);
            died += chunk.row_bytes() as u64;
            if chunk.note_death() {
                self.unsaved.insert(chunk.first);
            }
        }
        self.version.living -= ids.len();
        let (died_bytes_before, are_indexed) = (self.version.died_bytes, AtomicBool::new(false));
        self.version.died_bytes += died;
        let deaths = Arc::new(Deaths { epoch, ids, hashes, died_bytes_before, are_indexed });
        self.version.bytes += bytes + deaths.bytes();
        self.version.deaths.push(epoch.0, Arc::clone(&deaths));
        deaths
    }

    /// All chunks.
    #[cfg(test)]
    pub(crate) fn chunks(&self) -> Vec<Arc<Chunk>> {
        self.version.chunks.iter().cloned().collect()
    }

    /// Makes batches and chunks of at most so much.
    #[cfg(test)]
    pub(crate) fn bound(&mut self, bounds: changes::Bounds) {
        self.version.bounds = bounds;
    }
}

/// That rows are of a schema's types.
fn check_types(schema: &SchemaRef, rows: &RecordBatch) -> Result<(), Error> {
    let (own, other) = (schema.fields(), rows.schema_ref().fields());
    let are_alike = own.len() == other.len()
        && own.iter().zip(other).all(|(own, other)| own.data_type().equals_datatype(other.data_type()));
    if are_alike {
        return Ok(());
    }
    Err(ArrowError::SchemaError(format!("rows of {other:?} do not belong to {own:?}")).into())
}

#[cfg(test)]
mod tests;
