//! Keeping chunks few and full: small ones merge, and what nobody sees any more goes.
//!
//! Rows keep their ids, so that no index hears of any of it, and chunks stay in the order of ids. A
//! rewrite is paid for by the rows that came or died since the chunk was made, so that each row
//! costs some copies of itself, whatever the number of rows. Sizes are looked at first: a merge
//! cannot fail for them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::buffer::BooleanBuffer;
use arrow::compute;
use arrow::error::ArrowError;
use changes::Epoch;

use super::Rows;
use crate::blocks::Place;
use crate::chunk::Births;
use crate::{Chunk, Error, RowId, work};

/// Chunks of this part of what a batch may hold, in rows or bytes, stay as they are: of a batch
/// of thousands of rows nothing is gained by one more copy.
const LARGE_PART_OF_ROWS: usize = 16;
const LARGE_PART_OF_BYTES: usize = 32;
/// How many rows one that went or came may move.
const MOVES_PER_ROW: usize = 4;

impl Rows {
    /// Forgets rows that died at or before `horizon`: nobody reads there any more. Costs nothing
    /// if there are none, and else what they are.
    ///
    /// # Errors
    /// If Arrow cannot form the remaining rows.
    pub fn collect(&mut self, horizon: Epoch) -> Result<(), Error> {
        self.horizon = self.horizon.max(horizon);
        let mut emptied = Vec::new();
        let mut were_indexed = Vec::new();
        while let Some(first) = self.version.deaths.first()
            && self.version.deaths.get(first).epoch <= horizon
        {
            let deaths = self.version.deaths.remove(first);
            self.version.bytes -= deaths.bytes();
            self.forget_each(&deaths.ids, &mut emptied);
            if deaths.are_indexed.load(Ordering::Relaxed) {
                were_indexed.push(deaths);
            }
        }
        if self.finds_dead {
            let mut indexes = self.index.write();
            for deaths in were_indexed {
                let dead = deaths.hashes.iter().zip(&deaths.ids);
                dead.for_each(|(&hash, &id)| indexes.dead.remove(hash, id));
            }
            for deaths in std::mem::take(&mut indexes.died) {
                if deaths.epoch > horizon {
                    let dead = deaths.hashes.iter().zip(&deaths.ids);
                    dead.for_each(|(&hash, &id)| indexes.dead.insert(hash, id));
                    deaths.are_indexed.store(true, Ordering::Relaxed);
                }
            }
        }
        emptied.into_iter().try_for_each(|first| self.rewrite(first))
    }

    /// Forgets all rows born at or before `horizon`, living or not: for a relation that keeps
    /// nothing but what its readers have not read.
    pub fn forget(&mut self, horizon: Epoch) {
        while let Some(first) = self.version.chunks.first()
            && self.version.chunks.get(first).newest() <= horizon
        {
            let chunk = self.version.chunks.remove(first);
            self.note_gone(chunk.first);
            self.version.bytes -= chunk.bytes();
            self.version.living -= chunk.len() - chunk.dead();
        }
    }

    /// Counts dead rows that nobody sees, and lists the first rows of chunks that are half of such.
    fn forget_each(&self, ids: &[RowId], emptied: &mut Vec<RowId>) {
        work::rows(ids.len());
        for &id in ids {
            let Some((chunk, _)) = self.version.locate(id) else {
                continue;
            };
            if chunk.forget_one() == chunk.len().div_ceil(2) {
                emptied.push(chunk.first);
            }
        }
    }

    /// Makes a chunk anew without the rows that nobody sees.
    pub(super) fn rewrite(&mut self, first: RowId) -> Result<(), Error> {
        let Some(place) = self.version.chunks.at_most(first) else {
            return Ok(());
        };
        let chunk = Arc::clone(self.version.chunks.get(place));
        if chunk.first != first || chunk.forgotten() == 0 {
            return Ok(());
        }
        let kept = join(&[&chunk], self.horizon)?;
        self.put_in_place(&[place], kept);
        self.merge_around(first, chunk.len());
        Ok(())
    }

    /// Merges chunks at the end while they are small and of like size, so that many epochs of one
    /// row each cost each row a logarithm of copies, and leave few chunks.
    pub(super) fn merge_last_chunks(&mut self) {
        while let Some(right) = self.version.chunks.last()
            && let Some(left) = self.version.chunks.before(right)
        {
            let (left_rows, right_rows) = (self.version.chunks.get(left).len(), self.version.chunks.get(right).len());
            if left_rows > 2 * right_rows || !self.is_small(left) || !self.is_small(right) {
                return;
            }
            if !self.merge(&[left, right]) {
                return;
            }
        }
    }

    /// Merges the chunk at a row with its neighbours, as far as `paid` rows allow.
    fn merge_around(&mut self, row: RowId, paid: usize) {
        let chunks = &self.version.chunks;
        let Some(center) = chunks.at_most(row).or(chunks.first()).filter(|&center| self.is_small(center)) else {
            return;
        };
        let mut places = vec![center];
        let rows_max = (MOVES_PER_ROW * paid).min(2 * self.large_rows());
        let (mut rows, mut bytes) = (chunks.get(center).len(), chunks.get(center).bytes());
        let mut fits = |place: Place| {
            rows += chunks.get(place).len();
            bytes += chunks.get(place).bytes();
            rows <= rows_max && bytes <= 2 * self.large_bytes() && self.is_small(place)
        };
        let before = std::iter::successors(chunks.before(center), |&place| chunks.before(place));
        places.extend(before.take_while(|&place| fits(place)));
        places.reverse();
        let after = std::iter::successors(chunks.after(center), |&place| chunks.after(place));
        places.extend(after.take_while(|&place| fits(place)));
        if places.len() > 1 {
            self.merge(&places);
        }
    }

    /// Makes one chunk of some that lie side by side. Returns whether it did.
    fn merge(&mut self, places: &[Place]) -> bool {
        let chunks = places.iter().map(|&place| Arc::clone(self.version.chunks.get(place))).collect::<Vec<_>>();
        let parts = chunks.iter().map(Arc::as_ref).collect::<Vec<_>>();
        // Ids are kept as distances from the first.
        if u32::try_from(parts[parts.len() - 1].last() - parts[0].first).is_err() {
            return false;
        }
        // What Arrow will not put together, for whatever reason, stays apart: nothing depends on it.
        let Ok(merged) = join(&parts, self.horizon) else {
            return false;
        };
        self.put_in_place(places, merged);
        true
    }

    fn put_in_place(&mut self, places: &[Place], chunk: Option<Chunk>) {
        for &place in places {
            let old = Arc::clone(self.version.chunks.get(place));
            self.version.bytes -= old.bytes();
            self.note_gone(old.first);
        }
        let (&first, rest) = places.split_first().expect("a chunk takes the place of some");
        // From the back, so that the places before stay what they are.
        for &place in rest.iter().rev() {
            self.version.chunks.remove(place);
        }
        match chunk {
            Some(chunk) => {
                self.version.bytes += chunk.bytes();
                self.unsaved.insert(chunk.first);
                self.version.chunks.replace(first, chunk.first, Arc::new(chunk));
            }
            None => {
                self.version.chunks.remove(first);
            }
        }
    }

    fn is_small(&self, place: Place) -> bool {
        let chunk = self.version.chunks.get(place);
        chunk.len() < self.large_rows() && chunk.bytes() < self.large_bytes()
    }

    fn large_rows(&self) -> usize {
        self.version.bounds.rows / LARGE_PART_OF_ROWS
    }

    fn large_bytes(&self) -> usize {
        self.version.bounds.bytes / LARGE_PART_OF_BYTES
    }
}

/// One chunk of the rows of several, in their order, without those that died at or before
/// `horizon`; none if no row is left.
fn join(parts: &[&Chunk], horizon: Epoch) -> Result<Option<Chunk>, ArrowError> {
    work::chunks(parts.len());
    let mut batches = Vec::with_capacity(parts.len());
    let mut births = Births::default();
    let mut ids = Vec::new();
    let mut deaths = Vec::new();
    let first_id = parts.iter().map(|part| part.first).next().unwrap_or(0);
    for part in parts {
        work::rows(part.len());
        let kept = kept(part, horizon);
        for (epoch, rows) in part.births().runs() {
            // Epochs at or before the horizon are all alike.
            let count = kept.as_ref().map_or(rows.len(), |kept| kept.slice(rows.start, rows.len()).count_set_bits());
            births.push(epoch.max(horizon), count);
        }
        let offsets = (0..part.len()).filter(|&row| kept.as_ref().is_none_or(|kept| kept.value(row)));
        for offset in offsets {
            if part.dead() > 0 && part.death(offset) != Epoch::NEVER {
                deaths.push((ids.len(), part.death(offset)));
            }
            ids.push(part.id(offset));
        }
        batches.push(match kept {
            Some(kept) => compute::filter_record_batch(&part.rows, &BooleanArray::new(kept, None))?,
            None => part.rows.clone(),
        });
    }
    batches.retain(|batch| batch.num_rows() > 0);
    let Some(&first) = ids.first() else {
        return Ok(None);
    };
    debug_assert!(first >= first_id, "ids grow");
    let has_gaps = ids.iter().zip(first..).any(|(id, next)| *id != next);
    let distances = has_gaps.then(|| ids.iter().map(|id| (id - first) as u32).collect());
    let chunk = Chunk::new(first, distances, concat(&batches)?, births);
    deaths.into_iter().for_each(|(offset, epoch)| _ = chunk.kill(offset, epoch));
    Ok(Some(chunk))
}

/// The rows of a chunk that somebody may see; none if that is all.
fn kept(chunk: &Chunk, horizon: Epoch) -> Option<BooleanBuffer> {
    let kept = (chunk.dead() > 0).then(|| BooleanBuffer::collect_bool(chunk.len(), |row| chunk.death(row) > horizon));
    kept.filter(|kept| kept.count_set_bits() < chunk.len())
}

/// Not by Arrow's `concat_batches`, which wants one schema: these may differ in what may be null.
fn concat(batches: &[RecordBatch]) -> Result<RecordBatch, ArrowError> {
    let [first, ..] = batches else {
        return Err(ArrowError::InvalidArgumentError("no rows to put together".into()));
    };
    if batches.len() == 1 {
        return Ok(first.clone());
    }
    let column = |index: usize| -> Result<ArrayRef, ArrowError> {
        compute::concat(&batches.iter().map(|batch| batch.column(index).as_ref()).collect::<Vec<_>>())
    };
    let columns = (0..first.num_columns()).map(column).collect::<Result<_, _>>()?;
    let rows = batches.iter().map(RecordBatch::num_rows).sum();
    RecordBatch::try_new_with_options(first.schema(), columns, &RecordBatchOptions::new().with_row_count(Some(rows)))
}
