//! A sealed run of rows: columns that never change, an epoch of birth for each row, and an epoch
//! of death that is set once, by the one writer, while others read.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use arrow::array::{BooleanArray, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::compute;
use arrow::error::ArrowError;
use changes::Epoch;

use crate::RowId;

/// Rows with contiguous ids, and when each was born and died.
///
/// A reader at epoch `e` sees a row if `birth <= e < death`. Deaths after `e` may be written
/// while it reads: they do not change what it sees, so relaxed order between rows is enough; that a
/// reader knows of epoch `e` at all happens after everything of `e` was written.
#[derive(Debug)]
pub struct Chunk {
    pub(crate) first: RowId,
    pub(crate) rows: RecordBatch,
    pub(crate) births: Births,
    /// The latest of the births.
    pub(crate) newest: Epoch,
    deaths: OnceLock<Box<[AtomicU64]>>,
    dead: AtomicUsize,
}

#[derive(Clone, Debug)]
pub(crate) enum Births {
    /// All rows in one epoch.
    One(Epoch),
    /// Each its own.
    Each(Box<[Epoch]>),
}

impl Births {
    pub(crate) fn get(&self, offset: usize) -> Epoch {
        match self {
            Births::One(epoch) => *epoch,
            Births::Each(epochs) => epochs[offset],
        }
    }

    fn latest(&self) -> Epoch {
        match self {
            Births::One(epoch) => *epoch,
            Births::Each(epochs) => epochs.iter().copied().max().unwrap_or(Epoch::ZERO),
        }
    }
}

impl Chunk {
    pub(crate) fn new(first: RowId, rows: RecordBatch, births: Births) -> Chunk {
        let newest = births.latest();
        Chunk { first, rows, births, newest, deaths: OnceLock::new(), dead: AtomicUsize::new(0) }
    }

    /// Rows, dead ones included.
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

    pub(crate) fn end(&self) -> RowId {
        self.first + self.len() as RowId
    }

    pub(crate) fn birth(&self, offset: usize) -> Epoch {
        self.births.get(offset)
    }

    pub(crate) fn death(&self, offset: usize) -> Epoch {
        self.deaths.get().map_or(Epoch::NEVER, |deaths| Epoch(deaths[offset].load(Ordering::Relaxed)))
    }

    /// Marks a row dead from `epoch` on. Only the writer calls it, once a row.
    pub(crate) fn kill(&self, offset: usize, epoch: Epoch) {
        let deaths = self.deaths.get_or_init(|| (0..self.len()).map(|_| AtomicU64::new(Epoch::NEVER.0)).collect());
        deaths[offset].store(epoch.0, Ordering::Relaxed);
        self.dead.fetch_add(1, Ordering::Release);
    }

    /// Which rows a reader at `at` sees; none if it sees all of them.
    pub(crate) fn visible(&self, at: Epoch) -> Option<BooleanBuffer> {
        let all_born = match &self.births {
            Births::One(epoch) => *epoch <= at,
            Births::Each(epochs) => epochs.iter().all(|epoch| *epoch <= at),
        };
        if all_born && self.dead() == 0 {
            return None;
        }
        Some(BooleanBuffer::collect_bool(self.len(), |row| self.birth(row) <= at && at < self.death(row)))
    }

    /// The columns `columns` of the rows that a reader at `at` sees; copies nothing if it sees
    /// all of them.
    ///
    /// # Errors
    /// If a column is out of bounds.
    pub fn scan(&self, at: Epoch, columns: &[usize]) -> Result<Option<RecordBatch>, ArrowError> {
        if let Births::One(epoch) = self.births
            && epoch > at
        {
            return Ok(None);
        }
        let projected = self.rows.project(columns)?;
        let Some(visible) = self.visible(at) else {
            return Ok(Some(projected));
        };
        match visible.count_set_bits() {
            0 => Ok(None),
            all if all == self.len() => Ok(Some(projected)),
            _ => compute::filter_record_batch(&projected, &BooleanArray::new(visible, None)).map(Some),
        }
    }
}
