//! A hash index: from a key's hash to the chain of rows that have it.
//!
//! A row that is alone with its hash, as all are under a unique key, is kept in the hash table and
//! nowhere else. More than one form a linked list, in both directions where rows are removed too, so
//! that a row is added and removed in constant time however many share the hash. The table is split
//! by the hash's virtual node, so that it grows and shrinks one small part at a time. The index
//! stores hashes, not keys: its owner verifies candidates unless the hash is exact.

use crate::RowId;
use crate::table::{Slot, TOUCHED, Table};

mod links;
mod ordered;

use links::{Link, Links, NONE, Neighbours};
pub(crate) use ordered::OrderedIndex;

/// See the module.
#[derive(Debug)]
pub(crate) struct Index {
    table: Table<Head>,
    chains: Chains,
    rows: usize,
}

/// The rows after the first of each chain.
#[derive(Debug)]
enum Chains {
    /// No row is ever removed: each has the next, and the last of a chain nothing.
    Kept(Links<Place>),
    /// Each row of a chain of several has its neighbours.
    Removable(Links<Neighbours>),
}

/// The first row of a hash's chain.
#[derive(Clone, Copy, Debug)]
struct Head {
    hash: u64,
    place: Place,
}

/// A row in its chain, from which the chain can be followed while the index does not change: twice
/// the row's id, and one more if it has a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(u64);

impl Slot for Head {
    const EMPTY: Head = Head { hash: 0, place: Place::NO_LINK };

    #[inline(always)]
    fn is_empty(&self) -> bool {
        self.place == Place::NO_LINK
    }

    #[inline(always)]
    fn low_hash(&self) -> u32 {
        self.hash as u32
    }
}

impl Link for Place {
    const NO_LINK: Place = Place(u64::MAX);
}

impl Place {
    #[inline]
    fn new(row: RowId, is_linked: bool) -> Place {
        Place(2 * row + u64::from(is_linked))
    }

    #[inline]
    pub(crate) fn row(self) -> RowId {
        self.0 / 2
    }

    #[inline]
    fn is_linked(self) -> bool {
        self.0 % 2 == 1
    }
}

impl Default for Index {
    /// One from which rows can be removed.
    fn default() -> Index {
        Index::new(Chains::Removable(Links::default()))
    }
}

impl Index {
    /// One from which no row is ever removed, which costs less.
    pub(crate) fn append_only() -> Index {
        Index::new(Chains::Kept(Links::default()))
    }

    fn new(chains: Chains) -> Index {
        Index { table: Table::default(), chains, rows: 0 }
    }

    /// How many rows are indexed.
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// Bytes that it takes.
    pub(crate) fn bytes(&self) -> usize {
        let links = match &self.chains {
            Chains::Kept(links) => links.bytes(),
            Chains::Removable(links) => links.bytes(),
        };
        self.table.bytes() + links
    }

    /// Adds rows, the first of which has the id `first`, each in front of its chain.
    pub(crate) fn insert_all(&mut self, hashes: &[u64], first: RowId) {
        let mut rows = first..;
        for hashes in hashes.chunks(TOUCHED) {
            self.table.touch(hashes);
            hashes.iter().zip(rows.by_ref()).for_each(|(&hash, row)| self.insert(hash, row));
        }
    }

    /// Adds a row in front of its chain.
    #[inline]
    pub(crate) fn insert(&mut self, hash: u64, row: RowId) {
        self.rows += 1;
        let Some(head) = self.table.find_mut(hash, |head| head.hash == hash) else {
            let head = Head { hash, place: Place::new(row, false) };
            self.table.insert(hash, head, |head| head.hash);
            return;
        };
        let first = std::mem::replace(&mut head.place, Place::new(row, true));
        match &mut self.chains {
            Chains::Kept(links) => links.put(row, first),
            Chains::Removable(links) => {
                if first.is_linked() {
                    links.get_mut(first.row()).previous = row;
                } else {
                    links.put(first.row(), Neighbours { next: NONE, previous: row });
                }
                links.put(row, Neighbours { next: first.row(), previous: NONE });
            }
        }
    }

    /// Takes a row out of its chain. It must be in it.
    pub(crate) fn remove(&mut self, hash: u64, row: RowId) {
        let Chains::Removable(links) = &mut self.chains else {
            unreachable!("rows that are only added are not removed");
        };
        let head = self.table.find_mut(hash, |head| head.hash == hash);
        let head = head.expect("a row that is removed was indexed");
        self.rows -= 1;
        if head.place.is_linked() {
            let Neighbours { next, previous } = links.take(row);
            if next != NONE {
                links.get_mut(next).previous = previous;
            }
            if previous == NONE {
                head.place = Place::new(next, true);
            } else {
                links.get_mut(previous).next = next;
            }
            let first = head.place.row();
            if links.get(first).next == NONE {
                links.take(first);
                head.place = Place::new(first, false);
            }
            return;
        }
        debug_assert_eq!(head.place.row(), row, "the only row of its hash");
        self.table.remove(hash, |head| head.hash == hash);
        if self.rows == 0 {
            *self = Index::default();
        }
    }

    /// The first row of a hash's chain.
    #[inline]
    pub(crate) fn head(&self, hash: u64) -> Option<Place> {
        self.table.find(hash, |head| head.hash == hash).map(|head| head.place)
    }

    /// Calls `take` with the place among `hashes` and the first row of each that has rows.
    pub(crate) fn heads(&self, hashes: &[u64], mut take: impl FnMut(u32, Place)) {
        let mut places = 0..;
        self.table.find_all(
            hashes,
            |hash, head| head.hash == hash,
            |head| {
                let place = places.next().expect("there is always another number");
                if let Some(head) = head {
                    take(place, head.place);
                }
            },
        );
    }

    /// The row after `place` in its chain.
    #[inline]
    pub(crate) fn after(&self, place: Place) -> Option<Place> {
        if !place.is_linked() {
            return None;
        }
        match &self.chains {
            Chains::Kept(links) => Some(*links.get(place.row())),
            Chains::Removable(links) => {
                let next = links.get(place.row()).next;
                (next != NONE).then_some(Place::new(next, true))
            }
        }
    }

    /// The rows of a hash, the last added first.
    #[inline]
    pub(crate) fn chain(&self, hash: u64) -> impl Iterator<Item = RowId> + '_ {
        std::iter::successors(self.head(hash), |&place| self.after(place)).map(Place::row)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    fn chain(index: &Index, hash: u64) -> Vec<RowId> {
        index.chain(hash).collect()
    }

    /// A hash as good as any.
    fn spread(key: u64) -> u64 {
        key.wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }

    #[test]
    fn rows_come_and_go_anywhere_in_a_chain() {
        let mut index = Index::default();
        for row in 0..5 {
            index.insert(7, row);
        }
        index.insert(8, 5);
        assert_eq!(chain(&index, 7), [4, 3, 2, 1, 0]);
        index.remove(7, 2);
        index.remove(7, 4);
        index.remove(7, 0);
        assert_eq!(chain(&index, 7), [3, 1]);
        index.insert(7, 6);
        assert_eq!(chain(&index, 7), [6, 3, 1]);
        for row in [3, 1, 6] {
            index.remove(7, row);
        }
        assert_eq!(chain(&index, 7), Vec::<RowId>::new());
        assert_eq!(chain(&index, 8), [5]);
        assert_eq!(index.len(), 1);
    }

    #[test]
    fn it_holds_what_was_put_in_at_any_size() {
        for (seed, keys) in [(1, 3), (2, 100), (3, 20_000)] {
            let mut random = StdRng::seed_from_u64(seed);
            let (mut index, mut model) = (Index::default(), HashMap::<u64, Vec<RowId>>::new());
            for grows in [0.9, 0.1, 0.6] {
                for row in 0..30_000 {
                    let key = random.random_range(0..keys);
                    let rows = model.entry(key).or_default();
                    if random.random_bool(grows) {
                        // Ids need not come in their order.
                        let row = row * 7919 % 30_011 + (grows * 1e6) as u64;
                        index.insert(spread(key), row);
                        rows.push(row);
                    } else if !rows.is_empty() {
                        let row = rows.remove(random.random_range(0..rows.len()));
                        index.remove(spread(key), row);
                    }
                }
                for (key, rows) in &model {
                    assert_eq!(chain(&index, spread(*key)), rows.iter().rev().copied().collect::<Vec<_>>());
                }
                assert_eq!(index.len(), model.values().map(Vec::len).sum::<usize>());
            }
        }
    }

    #[test]
    fn rows_that_are_only_added_have_the_same_chains() {
        let mut random = StdRng::seed_from_u64(4);
        let (mut kept, mut removable) = (Index::append_only(), Index::default());
        let mut first = 0;
        for keys in [3, 300, 30_000] {
            let hashes = (0..20_000).map(|_| spread(random.random_range(0..keys))).collect::<Vec<_>>();
            kept.insert_all(&hashes, first);
            removable.insert_all(&hashes, first);
            first += 20_000;
        }
        for key in 0..30_000 {
            assert_eq!(chain(&kept, spread(key)), chain(&removable, spread(key)));
        }
        assert_eq!(kept.len(), 60_000);
        assert!(kept.bytes() < removable.bytes());
    }

    #[test]
    fn an_old_row_keeps_nothing_of_younger_ones_in_memory() {
        let mut index = Index::default();
        // A pinned chain of two rows, and then a sliding window of chains.
        index.insert(spread(1_000_000), 0);
        index.insert(spread(1_000_000), 1);
        let mut most = 0;
        for row in 2..1_000_000 {
            index.insert(spread(row % 10), row);
            if row >= 100 {
                index.remove(spread((row - 98) % 10), row - 98);
            }
            most = most.max(index.bytes());
        }
        assert!(most < 100_000, "{most} bytes for 100 rows");
    }

    #[test]
    fn what_grew_shrinks_again() {
        let mut index = Index::default();
        let small = {
            (0..10).for_each(|row| index.insert(spread(row), row));
            index.bytes()
        };
        assert!(small < 1000, "{small} bytes for 10 rows");
        (10..500_000).for_each(|row| index.insert(spread(row / 2), row));
        let large = index.bytes();
        // Of every thousand rows one stays.
        (10..500_000).filter(|row| row % 1000 != 0).for_each(|row| index.remove(spread(row / 2), row));
        assert!(index.bytes() < large / 50, "{} bytes of {large} for {} rows", index.bytes(), index.len());
    }
}
