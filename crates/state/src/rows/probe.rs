//! A join's partners, a portion at a time: a key may have more than fit into memory.

use std::ops::Range;

use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::buffer::BooleanBuffer;
use arrow::compute;
use changes::{BATCH_BYTES_MAX, BATCH_ROWS_MAX, bytes_of};

use super::find::not_distinct;
use super::{KeyIndex, Pairs, RowId, Rows, nulls_of};
use crate::Error;
use crate::groups::with_one_nan_and_zero;

/// Keys for which pairs are being found, and how far that has come. It is of no use any more when
/// the rows have changed.
#[derive(Debug)]
pub struct Probe {
    keys: Vec<ArrayRef>,
    /// For each key, the first row of its chain.
    heads: Vec<Option<RowId>>,
    /// The key in hand, and the next row of its chain.
    key: usize,
    next: Option<RowId>,
}

impl Probe {
    /// Whether all pairs have been found.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.next.is_none() && self.key + 1 >= self.heads.len()
    }
}

impl Rows {
    /// Has null equal null in the look-up's columns at `places`. To be called before a row is there.
    pub fn equate_nulls(&mut self, places: &[usize]) {
        debug_assert!(self.chunks.is_empty(), "rows that are there are not indexed again");
        let schema = &self.schema;
        if let Some(lookup) = &mut self.lookup {
            lookup.not_null.retain(|place| !places.contains(place));
            lookup.is_exact &= places.iter().all(|&place| !schema.field(lookup.columns[place]).is_nullable());
        }
    }

    fn lookup_index(&self) -> &KeyIndex {
        let lookup = if self.lookup_is_identity { &self.identity } else { &self.lookup };
        lookup.as_ref().expect("a probe needs a look-up index")
    }

    /// Begins to look for all pairs of a key and a living row that has it. `keys` are `rows` rows
    /// of columns of the look-up key's types. Each key has its look-up's notion of null.
    ///
    /// # Errors
    /// If the keys are not of the look-up's types.
    ///
    /// # Panics
    /// If there is no look-up index.
    pub fn probe(&self, keys: Vec<ArrayRef>, rows: usize) -> Result<Probe, Error> {
        let lookup = self.lookup_index();
        let nulls = nulls_of(&keys, &lookup.not_null);
        let head = |(row, hash): (usize, u64)| {
            let is_null = nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
            if is_null { None } else { lookup.index.head(hash) }
        };
        let heads = match lookup.index.len() {
            0 => Vec::new(),
            // First all heads, then all chains: the look-ups do not wait for one another.
            _ => lookup.hashes(&keys, rows)?.into_iter().enumerate().map(head).collect::<Vec<_>>(),
        };
        Ok(Probe { keys, next: heads.first().copied().flatten(), heads, key: 0 })
    }

    /// Puts the next pairs into `pairs`, after looking at no more than `count` rows.
    ///
    /// # Errors
    /// If Arrow cannot form the keys to be compared.
    ///
    /// # Panics
    /// If the probe is not of these rows as they are now.
    pub fn next_pairs(&self, probe: &mut Probe, count: usize, pairs: &mut Pairs) -> Result<(), Error> {
        pairs.rows.clear();
        pairs.ids.clear();
        let lookup = self.lookup_index();
        loop {
            while let Some(id) = probe.next {
                if pairs.rows.len() == count {
                    return self.keep_equal(lookup, &probe.keys, pairs);
                }
                pairs.rows.push(probe.key as u32);
                pairs.ids.push(id);
                // Even a unique key may have two rows: an update's new row may come before its old one goes.
                probe.next = lookup.index.after(id);
            }
            if probe.is_done() {
                return self.keep_equal(lookup, &probe.keys, pairs);
            }
            probe.key += 1;
            probe.next = probe.heads[probe.key];
        }
    }

    /// Keeps the pairs whose keys are equal, and not just their hashes. As SQL compares keys: -0.0
    /// is 0.0, and a NaN any other NaN.
    fn keep_equal(&self, lookup: &KeyIndex, keys: &[ArrayRef], pairs: &mut Pairs) -> Result<(), Error> {
        if lookup.is_exact || pairs.rows.is_empty() {
            return Ok(());
        }
        let keys = keys.iter().map(with_one_nan_and_zero).collect::<Vec<_>>();
        let mut kept = 0;
        for piece in self.gather_pieces(&pairs.ids.clone(), &lookup.columns) {
            let (range, stored) = piece?;
            for run in changes::Bounds::BATCH.cut_taken(&keys, &pairs.rows[range.clone()]) {
                let rows = UInt32Array::from(pairs.rows[range.start + run.start..range.start + run.end].to_vec());
                let mut equal = BooleanBuffer::new_set(run.len());
                for (stored, key) in stored.iter().zip(&keys) {
                    let stored = with_one_nan_and_zero(&stored.slice(run.start, run.len()));
                    equal = &equal & &not_distinct(&stored, &compute::take(key, &rows, None)?)?;
                }
                for place in equal.set_indices().map(|place| range.start + run.start + place) {
                    pairs.rows[kept] = pairs.rows[place];
                    pairs.ids[kept] = pairs.ids[place];
                    kept += 1;
                }
            }
        }
        pairs.rows.truncate(kept);
        pairs.ids.truncate(kept);
        Ok(())
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
        let mut next = 0;
        std::iter::from_fn(move || {
            let (first, mut bytes) = (next, 0);
            while next < ids.len() && next - first < BATCH_ROWS_MAX {
                let chunk = &self.chunks[self.chunk_of(ids[next])];
                let offset = (ids[next] - chunk.first) as usize;
                let size =
                    |&column: &usize| bytes_of(std::slice::from_ref(chunk.rows.column(column)), offset..offset + 1);
                bytes += columns.iter().map(size).sum::<usize>();
                if bytes > BATCH_BYTES_MAX && next > first {
                    break;
                }
                next += 1;
            }
            let gathered = (next > first).then(|| self.gather(&ids[first..next], columns))?;
            Some(gathered.map(|gathered| (first..next, gathered)))
        })
    }
}
