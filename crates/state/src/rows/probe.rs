//! A join's partners, a portion at a time: a key may have more than fit into memory.

use arrow::array::ArrayRef;

use super::find::have_keys;
use super::keys::nulls_of;
use super::{LookUp, Pairs, Rows};
use crate::Error;
use crate::index::Place;

/// Keys for which pairs are being found, and how far that has come. It is of no use any more when
/// the rows have changed.
#[derive(Debug)]
pub struct Probe {
    lookup: LookUp,
    keys: Vec<ArrayRef>,
    /// The keys that have rows, and the first of each.
    heads: Vec<(u32, Place)>,
    /// Which of them is in hand, and where in its chain to go on.
    head: usize,
    next: Option<Place>,
}

impl Probe {
    /// Whether all pairs have been found.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.head == self.heads.len()
    }
}

impl Rows {
    /// Begins to look for all pairs of a key and a living row that has it. `keys` are `rows` rows
    /// of columns of the look-up key's types. Each key has its look-up's notion of null.
    ///
    /// # Errors
    /// If the keys are not of the look-up's types.
    pub fn probe(&self, lookup: LookUp, keys: Vec<ArrayRef>, rows: usize) -> Result<Probe, Error> {
        let key = self.keys.of(lookup);
        let hashes = key.hashes(&keys, rows)?;
        let nulls = nulls_of(&keys, &key.not_null);
        let indexes = self.index.read();
        let index = indexes.of(lookup);
        let mut heads = Vec::new();
        if index.len() > 0 {
            // First all heads, then all chains: the look-ups do not wait for one another.
            heads.reserve(rows);
            index.heads(&hashes, |row, first| {
                if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row as usize)) {
                    heads.push((row, first));
                }
            });
        }
        Ok(Probe { lookup, keys, next: heads.first().map(|(_, first)| *first), heads, head: 0 })
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
        self.follow_chains(probe, count, pairs);
        let lookup = self.keys.of(probe.lookup);
        if lookup.is_exact || pairs.rows.is_empty() {
            return Ok(());
        }
        // Equal hashes are not all.
        let equal = have_keys(&self.version, &lookup.columns, &probe.keys, pairs)?;
        for (kept, place) in equal.set_indices().enumerate() {
            pairs.rows[kept] = pairs.rows[place];
            pairs.ids[kept] = pairs.ids[place];
        }
        pairs.rows.truncate(equal.count_set_bits());
        pairs.ids.truncate(equal.count_set_bits());
        Ok(())
    }

    fn follow_chains(&self, probe: &mut Probe, count: usize, pairs: &mut Pairs) {
        let indexes = self.index.read();
        let index = indexes.of(probe.lookup);
        while let Some(&(key, _)) = probe.heads.get(probe.head) {
            while let Some(place) = probe.next {
                if pairs.rows.len() == count {
                    return;
                }
                pairs.rows.push(key);
                pairs.ids.push(place.row());
                // Even a unique key may have two rows: an update's new row may come before its old one goes.
                probe.next = index.after(place);
            }
            probe.head += 1;
            probe.next = probe.heads.get(probe.head).map(|(_, first)| *first);
        }
    }
}
