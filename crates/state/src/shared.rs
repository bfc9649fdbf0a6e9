//! Versioned rows with one writer and any number of readers on other threads, and the holds by
//! which readers keep what they read from being forgotten.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use changes::{ChangeBatch, Epoch};
use parking_lot::{Mutex, RwLock};

use crate::{Chunk, Error, Rows};

/// [`Rows`] that one thread writes and others read. The lock is held for a list's copy, an index
/// look-up or a batch's writing, never while a reader works through rows.
#[derive(Clone, Debug)]
pub struct SharedRows(Arc<RwLock<Rows>>);

impl SharedRows {
    /// Makes `rows` readable by others.
    #[must_use]
    pub fn new(rows: Rows) -> SharedRows {
        SharedRows(Arc::new(RwLock::new(rows)))
    }

    /// For the one writer.
    #[must_use]
    pub fn write(&self) -> impl DerefMut<Target = Rows> + '_ {
        self.0.write()
    }

    /// For a look-up. Do not keep it over more than one batch.
    #[must_use]
    pub fn read(&self) -> impl Deref<Target = Rows> + '_ {
        self.0.read()
    }

    /// All chunks as they are now; reading them needs no lock.
    #[must_use]
    pub fn chunks(&self) -> Vec<Arc<Chunk>> {
        self.0.read().chunks().to_vec()
    }

    /// What changed after `after` up to and including `upto`, net.
    ///
    /// # Errors
    /// If Arrow cannot form the rows.
    pub fn changes(&self, after: Epoch, upto: Epoch, columns: &[usize]) -> Result<Vec<ChangeBatch>, Error> {
        self.0.read().changes(after, upto, columns)
    }
}

/// The epochs at which somebody still reads.
#[derive(Clone, Debug, Default)]
pub struct Holds(Arc<Mutex<BTreeMap<Epoch, usize>>>);

impl Holds {
    /// Keeps everything readable as it is `now` until [`Holds::release`]. Reading the clock and
    /// holding are one step, so that no collection can come in between.
    pub fn acquire(&self, now: impl FnOnce() -> Epoch) -> Epoch {
        let mut holds = self.0.lock();
        let epoch = now();
        *holds.entry(epoch).or_default() += 1;
        epoch
    }

    /// Ends one hold at `epoch`.
    pub fn release(&self, epoch: Epoch) {
        let mut holds = self.0.lock();
        if let Some(count) = holds.get_mut(&epoch) {
            *count -= 1;
            if *count == 0 {
                holds.remove(&epoch);
            }
        }
    }

    /// Moves one hold from `from` to a later epoch.
    pub fn advance(&self, from: Epoch, to: Epoch) {
        *self.0.lock().entry(to).or_default() += 1;
        self.release(from);
    }

    /// The epoch below which nobody reads, now or later.
    #[must_use]
    pub fn horizon(&self, now: impl FnOnce() -> Epoch) -> Epoch {
        let holds = self.0.lock();
        let now = now();
        holds.keys().next().map_or(now, |&earliest| earliest.min(now))
    }
}
