//! Versioned rows with one writer and any number of readers on other threads, and the holds by
//! which readers keep what they read from being forgotten.
//!
//! Three locks, none of which a reader and the writer hold for long against each other:
//! - the writer's, a mutex around [`Rows`]: from [`SharedRows::write`] until the guard goes. Readers
//!   never take it; it keeps two who would write apart.
//! - the published version's: held to copy one `Arc` by readers, to swap it by the writer when its
//!   guard goes. Everything that is read of rows and chunks is read from such a version.
//! - the indexes', inside: held for reading while [`Reader::find_at`] follows the chains of its
//!   keys, and for writing while the writer puts in or takes out the entries of one batch. Hashing,
//!   comparing, gathering, and the forming of chunks are done without it.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use changes::Epoch;
use parking_lot::{Mutex, MutexGuard, RwLock};

use crate::{Changes, Chunk, Reader, Rows};

/// [`Rows`] that one thread writes and others read.
#[derive(Clone, Debug)]
pub struct SharedRows(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    writer: Mutex<Rows>,
    published: RwLock<Reader>,
}

/// The right to write. When it goes, readers see what was written.
struct Writing<'a> {
    rows: MutexGuard<'a, Rows>,
    published: &'a RwLock<Reader>,
}

impl Deref for Writing<'_> {
    type Target = Rows;

    fn deref(&self) -> &Rows {
        &self.rows
    }
}

impl DerefMut for Writing<'_> {
    fn deref_mut(&mut self) -> &mut Rows {
        &mut self.rows
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        let now = self.rows.reader();
        // What nobody reads any more is freed after the lock is.
        let _before = std::mem::replace(&mut *self.published.write(), now);
    }
}

impl SharedRows {
    /// Makes `rows` readable by others.
    #[must_use]
    pub fn new(mut rows: Rows) -> SharedRows {
        rows.find_dead();
        let published = RwLock::new(rows.reader());
        SharedRows(Arc::new(Shared { writer: Mutex::new(rows), published }))
    }

    /// For the one writer. What it does is published when the guard goes.
    #[must_use]
    pub fn write(&self) -> impl DerefMut<Target = Rows> + '_ {
        Writing { rows: self.0.writer.lock(), published: &self.0.published }
    }

    /// What is there now. It may be kept, and keeps what it shows in memory.
    #[must_use]
    pub fn read(&self) -> Reader {
        self.0.published.read().clone()
    }

    /// All chunks as they are now.
    pub fn chunks(&self) -> impl Iterator<Item = Arc<Chunk>> + Send + use<> {
        self.read().into_chunks()
    }

    /// What changed after `after` up to and including `upto`, net, as [`Reader::changes`].
    #[must_use]
    pub fn changes(&self, after: Epoch, upto: Epoch, columns: &[usize]) -> Changes {
        self.read().changes(after, upto, columns)
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

#[cfg(test)]
mod tests;
