//! Rows as they were at some moment, for threads other than the writer's.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::ArrayRef;
use changes::Epoch;
use parking_lot::RwLock;

use super::find::have_keys;
use super::keys::{Indexes, Keys};
use super::{Changes, Pairs, RowId};
use crate::version::Version;
use crate::{Chunk, Error, work};

/// What was there when it was made, and the index for look-ups. Reads at an epoch that was known
/// then, and is held, see all of that epoch. Only [`Reader::find_at`] takes a lock, the index's, and
/// only to walk along the chains of the keys that it looks for.
#[derive(Clone, Debug)]
pub struct Reader {
    version: Arc<Version>,
    keys: Arc<Keys>,
    index: Arc<RwLock<Indexes>>,
}

impl Reader {
    pub(super) fn new(version: Arc<Version>, keys: Arc<Keys>, index: Arc<RwLock<Indexes>>) -> Reader {
        Reader { version, keys, index }
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

    /// All chunks, one after the other.
    pub fn into_chunks(self) -> impl Iterator<Item = Arc<Chunk>> + Send {
        let mut next = self.version.chunks.first();
        std::iter::from_fn(move || {
            let chunk = Arc::clone(self.version.chunks.get(next?));
            next = self.version.chunks.after(next?);
            Some(chunk)
        })
    }

    /// What changed after `after` up to and including `upto`, net: a row that was born and died in
    /// between does not show. Work is in proportion to the change, and new rows are not copied
    /// where they lie together. `after` must be held until this has been called.
    ///
    /// # Errors
    /// A batch is an error if Arrow cannot form it.
    #[must_use]
    pub fn changes(&self, after: Epoch, upto: Epoch, columns: &[usize]) -> Changes {
        Changes::new(Arc::clone(&self.version), after, upto, columns)
    }

    /// Bytes of the rows that died after `after`, which must be held: what a reader at `after` keeps
    /// from being forgotten.
    #[must_use]
    pub fn died_since(&self, after: Epoch) -> u64 {
        self.version.died_since(after)
    }

    /// The columns `columns` of the rows `ids`, in that order, which together must fit what Arrow
    /// can form: use [`Reader::gather_pieces`] where nobody has made sure of that.
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

    /// For each key of the identity, the row that a reader at `at` sees with it, which may be dead
    /// by now. `at` must be held.
    ///
    /// # Errors
    /// If the keys are not of the identity's types.
    pub fn find_at(&self, keys: &[ArrayRef], rows: usize, at: Epoch) -> Result<Vec<Option<RowId>>, Error> {
        let mut found = vec![None; rows];
        let Some(identity) = &self.keys.identity else {
            return Ok(found);
        };
        let hashes = identity.hashes(keys, rows)?;
        let mut pairs = self.candidates(&hashes, at);
        let is_seen = |id: &RowId| self.version.is_visible(*id, at);
        let seen = std::mem::take(&mut pairs.ids).into_iter().zip(std::mem::take(&mut pairs.rows));
        (pairs.ids, pairs.rows) = seen.filter(|(id, _)| is_seen(id)).unzip();
        let equal = match identity.is_exact {
            true => None,
            false => Some(have_keys(&self.version, &identity.columns, keys, &pairs)?),
        };
        for (index, (&row, &id)) in pairs.rows.iter().zip(&pairs.ids).enumerate() {
            if equal.as_ref().is_none_or(|equal| equal.value(index)) {
                found[row as usize] = Some(id);
            }
        }
        Ok(found)
    }

    /// Rows of these hashes, alive or dead since `at`. A row may have gone to the dead ones, or
    /// away, after this version: the version says who is seen.
    fn candidates(&self, hashes: &[u64], at: Epoch) -> Pairs {
        let mut pairs = Pairs::default();
        let indexes = self.index.read();
        let mut add = |row: u32, id| {
            work::rows(1);
            pairs.rows.push(row);
            pairs.ids.push(id);
        };
        for (row, &hash) in (0u32..).zip(hashes) {
            indexes.identity.chain(hash).for_each(|id| add(row, id));
            // They died one after the other: beyond one that `at` saw dead, it saw all dead.
            let dead = indexes.dead.chain(hash);
            let is_dead =
                |id: &RowId| self.version.locate(*id).is_some_and(|(chunk, at_row)| chunk.death(at_row) <= at);
            dead.take_while(|id| !is_dead(id)).for_each(|id| add(row, id));
        }
        let died = indexes.died.iter().filter(|deaths| deaths.epoch > at);
        let died = died.flat_map(|deaths| deaths.hashes.iter().zip(&deaths.ids));
        // These are what one or a few epochs changed: cheaper to look at than to index.
        let mut wanted = hashbrown::HashMap::<u64, Vec<u32>>::new();
        for (hash, &id) in died {
            if wanted.is_empty() {
                (0u32..).zip(hashes).for_each(|(row, &hash)| wanted.entry(hash).or_default().push(row));
            }
            wanted.get(hash).into_iter().flatten().for_each(|&row| add(row, id));
        }
        pairs
    }
}
