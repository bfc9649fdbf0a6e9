//! A join's partners, a portion at a time: a key may have more than fit into memory.

use std::sync::Arc;

use arrow::array::ArrayRef;

use super::find::have_keys;
use super::keys::{Indexes, Key, nulls_of};
use super::{Pairs, Rows};
use crate::Error;
use crate::index::{Index, Place};

/// Keys for which pairs are being found, and how far that has come. It is of no use any more when
/// the rows have changed.
#[derive(Debug)]
pub struct Probe {
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
    /// Has null equal null in the look-up's columns at `places`. To be called before a row is there.
    ///
    /// # Panics
    /// If others read these rows already.
    pub fn equate_nulls(&mut self, places: &[usize]) {
        debug_assert!(self.is_empty(), "rows that are there are not indexed again");
        let keys = Arc::get_mut(&mut self.keys).expect("nobody reads rows that are not there yet");
        if let Some(lookup) = &mut keys.lookup {
            lookup.equate_nulls(&self.version.schema, places);
        }
    }

    fn lookup_key(&self) -> &Key {
        let lookup = if self.keys.lookup_is_identity { &self.keys.identity } else { &self.keys.lookup };
        lookup.as_ref().expect("a probe needs a look-up index")
    }

    fn lookup_index<'a>(&self, indexes: &'a Indexes) -> &'a Index {
        if self.keys.lookup_is_identity { &indexes.identity } else { &indexes.lookup }
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
        let lookup = self.lookup_key();
        let hashes = lookup.hashes(&keys, rows)?;
        let nulls = nulls_of(&keys, &lookup.not_null);
        let indexes = self.index.read();
        let index = self.lookup_index(&indexes);
        let head = |(row, hash): (u32, &u64)| {
            let is_null = nulls.as_ref().is_some_and(|nulls| nulls.is_null(row as usize));
            if is_null { None } else { Some((row, index.head(*hash)?)) }
        };
        let heads = match index.len() {
            0 => Vec::new(),
            // First all heads, then all chains: the look-ups do not wait for one another.
            _ => (0u32..).zip(&hashes).filter_map(head).collect::<Vec<_>>(),
        };
        Ok(Probe { keys, next: heads.first().map(|(_, first)| *first), heads, head: 0 })
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
        let lookup = self.lookup_key();
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
        let index = self.lookup_index(&indexes);
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
