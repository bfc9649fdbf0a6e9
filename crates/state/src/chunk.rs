//! A sealed run of rows: columns that never change, an epoch of birth for each row, and an epoch
//! of death that is set once, by the one writer, while others read.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use arrow::array::{BooleanArray, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::compute;
use arrow::error::ArrowError;
use changes::Epoch;

use crate::{RowId, work};

mod births;

pub(crate) use births::Births;

/// Rows in the order of their ids, and when each was born and died. Epochs of birth grow with ids.
///
/// A reader at epoch `e` sees a row if `birth <= e < death`. Deaths after `e` may be written
/// while it reads: they do not change what it sees, so relaxed order between rows is enough; that a
/// reader knows of epoch `e` at all happens after everything of `e` was written.
#[derive(Debug)]
pub struct Chunk {
    /// The id of the first row.
    pub(crate) first: RowId,
    /// Each row's id, less `first`; none if they have no gaps.
    ids: Option<Box<[u32]>>,
    pub(crate) rows: RecordBatch,
    births: Births,
    deaths: OnceLock<Box<[AtomicU64]>>,
    dead: AtomicUsize,
    /// How many died at or before the horizon. Only the writer looks at it.
    forgotten: AtomicUsize,
    /// Whether a row has died since the last checkpoint. Only the writer looks at it.
    has_died: AtomicBool,
    /// Bytes that the rows take, deaths not counted.
    bytes: usize,
    /// Bytes of the widest row; found out when first asked for.
    widest: OnceLock<usize>,
}

impl Chunk {
    pub(crate) fn new(first: RowId, ids: Option<Box<[u32]>>, rows: RecordBatch, births: Births) -> Chunk {
        let bytes = changes::bytes_of(rows.columns(), 0..rows.num_rows())
            + ids.as_ref().map_or(0, |ids| size_of_val(&**ids))
            + births.bytes()
            + size_of::<Chunk>();
        let (deaths, dead, forgotten, has_died, widest) = Default::default();
        Chunk { first, ids, rows, births, deaths, dead, forgotten, has_died, bytes, widest }
    }

    /// How many rows, dead or alive.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.num_rows()
    }

    /// Whether there is no row at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn dead(&self) -> usize {
        self.dead.load(Ordering::Acquire)
    }

    pub(crate) fn forgotten(&self) -> usize {
        self.forgotten.load(Ordering::Relaxed)
    }

    /// Notes that one more dead row is seen by nobody. Returns how many.
    pub(crate) fn forget_one(&self) -> usize {
        self.forgotten.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Notes for the next checkpoint that a row died. Returns whether it is the first since the last one.
    pub(crate) fn note_death(&self) -> bool {
        // One thread writes it, so that looking first is as good, and cheaper for the second row.
        !self.has_died.load(Ordering::Relaxed) && !self.has_died.swap(true, Ordering::Relaxed)
    }

    /// Notes that a checkpoint knows of all that died.
    pub(crate) fn note_saved(&self) {
        self.has_died.store(false, Ordering::Relaxed);
    }

    /// Bytes that it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes + self.deaths.get().map_or(0, |deaths| size_of_val(&**deaths))
    }

    /// Bytes that one of its rows takes, on the average.
    pub(crate) fn row_bytes(&self) -> usize {
        self.bytes.div_ceil(self.len().max(1))
    }

    pub(crate) fn widest(&self) -> usize {
        *self.widest.get_or_init(|| changes::widest_row(self.rows.columns()))
    }

    pub(crate) fn ids(&self) -> Option<&[u32]> {
        self.ids.as_deref()
    }

    pub(crate) fn births(&self) -> &Births {
        &self.births
    }

    /// The latest of the births.
    pub(crate) fn newest(&self) -> Epoch {
        self.births.newest()
    }

    /// The id of a row.
    pub(crate) fn id(&self, offset: usize) -> RowId {
        self.first + self.ids.as_ref().map_or(offset as RowId, |ids| RowId::from(ids[offset]))
    }

    /// The id of the last row.
    pub(crate) fn last(&self) -> RowId {
        self.id(self.len() - 1)
    }

    /// Where a row is, if it is here.
    #[inline]
    pub(crate) fn offset_of(&self, id: RowId) -> Option<usize> {
        let distance = id.checked_sub(self.first)?;
        match &self.ids {
            None => usize::try_from(distance).ok().filter(|&offset| offset < self.len()),
            Some(ids) => ids.binary_search(&u32::try_from(distance).ok()?).ok(),
        }
    }

    pub(crate) fn birth(&self, offset: usize) -> Epoch {
        self.births.get(offset)
    }

    pub(crate) fn death(&self, offset: usize) -> Epoch {
        self.deaths.get().map_or(Epoch::NEVER, |deaths| Epoch(deaths[offset].load(Ordering::Relaxed)))
    }

    /// Marks a row dead from `epoch` on. Only the writer calls it, once a row. Returns the bytes
    /// that this took.
    pub(crate) fn kill(&self, offset: usize, epoch: Epoch) -> usize {
        let mut bytes = 0;
        let deaths = self.deaths.get_or_init(|| {
            bytes = self.len() * size_of::<AtomicU64>();
            (0..self.len()).map(|_| AtomicU64::new(Epoch::NEVER.0)).collect()
        });
        deaths[offset].store(epoch.0, Ordering::Relaxed);
        self.dead.fetch_add(1, Ordering::Release);
        bytes
    }

    /// The columns `columns` of the rows that a reader at `at` sees; copies nothing if it sees
    /// a run of them.
    ///
    /// # Errors
    /// If a column is out of bounds.
    pub fn scan(&self, at: Epoch, columns: &[usize]) -> Result<Option<RecordBatch>, ArrowError> {
        work::chunks(1);
        self.select(0, self.births.born_by(at), columns, |row| at < self.death(row))
    }

    /// What was born after `after` up to and including `upto`, and lives at `upto`.
    pub(crate) fn born_between(
        &self,
        after: Epoch,
        upto: Epoch,
        columns: &[usize],
    ) -> Result<Option<RecordBatch>, ArrowError> {
        work::chunks(1);
        self.select(self.births.born_by(after), self.births.born_by(upto), columns, |row| upto < self.death(row))
    }

    /// The rows from `start` to `end` that are as `lives` says.
    fn select(
        &self,
        start: usize,
        end: usize,
        columns: &[usize],
        lives: impl Fn(usize) -> bool,
    ) -> Result<Option<RecordBatch>, ArrowError> {
        if start >= end {
            return Ok(None);
        }
        work::rows(end - start);
        let rows = self.rows.project(columns)?;
        let rows = if end - start == self.len() { rows } else { rows.slice(start, end - start) };
        if self.dead() == 0 {
            return Ok(Some(rows));
        }
        let living = BooleanBuffer::collect_bool(end - start, |row| lives(start + row));
        match living.count_set_bits() {
            0 => Ok(None),
            all if all == rows.num_rows() => Ok(Some(rows)),
            _ => compute::filter_record_batch(&rows, &BooleanArray::new(living, None)).map(Some),
        }
    }
}
