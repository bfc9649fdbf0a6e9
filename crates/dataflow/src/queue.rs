//! What waits for an operator: batches of changes in their order, and how much they are together.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;

use arrow::error::ArrowError;
use changes::{Bounds, ChangeBatch, bytes_of};

/// Batches smaller than this are put together up to it, for every batch has a cost of its own.
const COALESCED: Bounds = Bounds { rows: 8192, bytes: 1 << 20 };
/// What may wait for an operator while those before it go on.
const BACKLOG: Bounds = Bounds { rows: 4 * Bounds::BATCH.rows, bytes: 4 * Bounds::BATCH.bytes };

/// How much waits somewhere; several may know of it.
#[derive(Default)]
pub(crate) struct Backlog {
    rows: Cell<usize>,
    bytes: Cell<usize>,
}

impl Backlog {
    pub(crate) fn add(&self, batch: &ChangeBatch) {
        self.rows.set(self.rows.get() + batch.len());
        self.bytes.set(self.bytes.get() + bytes_in(batch));
    }

    pub(crate) fn remove(&self, batch: &ChangeBatch) {
        self.rows.set(self.rows.get() - batch.len());
        self.bytes.set(self.bytes.get() - bytes_in(batch));
    }

    /// Whether those who add to it should wait.
    pub(crate) fn is_full(&self) -> bool {
        self.reaches(BACKLOG)
    }

    fn reaches(&self, bounds: Bounds) -> bool {
        self.rows.get() >= bounds.rows || self.bytes.get() >= bounds.bytes
    }
}

fn bytes_in(batch: &ChangeBatch) -> usize {
    bytes_of(batch.rows().columns(), 0..batch.len())
}

/// What waits at one port.
#[derive(Default)]
pub(crate) struct Queue {
    batches: VecDeque<ChangeBatch>,
    backlog: Rc<Backlog>,
}

impl Queue {
    /// One whose batches count in `backlog`.
    pub(crate) fn counted_in(backlog: Rc<Backlog>) -> Queue {
        Queue { batches: VecDeque::new(), backlog }
    }

    pub(crate) fn push(&mut self, batch: ChangeBatch) {
        if !batch.is_empty() {
            self.backlog.add(&batch);
            self.batches.push_back(batch);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Whether there is enough for a batch that is worth its cost.
    pub(crate) fn has_whole_batch(&self) -> bool {
        !self.batches.is_empty() && self.backlog.reaches(COALESCED)
    }

    /// Takes the next changes, small batches put together.
    pub(crate) fn pop(&mut self) -> Result<Option<ChangeBatch>, ArrowError> {
        let (mut taken, mut rows, mut bytes) = (Vec::new(), 0, 0);
        while let Some(batch) = self.batches.front() {
            rows += batch.len();
            bytes += bytes_in(batch);
            if !taken.is_empty() && (rows > COALESCED.rows || bytes > COALESCED.bytes) {
                break;
            }
            self.backlog.remove(batch);
            taken.extend(self.batches.pop_front());
        }
        match taken.as_slice() {
            [] | [_] => Ok(taken.pop()),
            several => Ok(changes::concat(&several[0].schema(), several)?.pop()),
        }
    }
}
