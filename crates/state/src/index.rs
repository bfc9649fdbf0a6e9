//! A hash index: from a key's hash to the chain of rows that have it.
//!
//! A row that is alone with its hash, as all are under a unique key, is kept in the hash table and
//! nowhere else. More than one form a doubly linked list, so that a row is added and removed in
//! constant time however many share the hash. The table is split by the hash's virtual node, so
//! that it grows and shrinks one small part at a time. The index stores hashes, not keys: its owner
//! verifies candidates unless the hash is exact.

use hashbrown::HashTable;

use crate::RowId;

mod links;

use links::{Link, Links, NONE};

/// Hashes in an index that is not split.
const FEW_HASHES_MAX: usize = 4096;
/// Parts of one that is: as many as there are virtual nodes.
const NODES: usize = 256;
/// Tables of fewer places never shrink.
const SHRUNK_CAPACITY_MIN: usize = 64;

/// See the module.
#[derive(Debug)]
pub(crate) struct Index {
    tables: Tables,
    links: Links,
    rows: usize,
    hashes: usize,
    /// Bytes that the tables take.
    table_bytes: usize,
}

#[derive(Debug)]
enum Tables {
    Few(HashTable<Head>),
    /// By virtual node.
    Many(Box<[HashTable<Head>]>),
}

/// The first row of a hash's chain.
#[derive(Clone, Copy, Debug)]
struct Head {
    hash: u64,
    /// Twice the row's id, and one more if there are others in the chain.
    place: u64,
}

/// A row in its chain, from which the chain can be followed while the index does not change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) row: RowId,
    /// Whether there are other rows in the chain.
    is_linked: bool,
}

impl Head {
    #[inline]
    fn place(self) -> Place {
        Place { row: self.place / 2, is_linked: self.place % 2 == 1 }
    }

    #[inline]
    fn set(&mut self, place: Place) {
        self.place = 2 * place.row + u64::from(place.is_linked);
    }
}

/// Which virtual node a hash belongs to.
#[inline]
fn virtual_node(hash: u64) -> usize {
    (hash >> 40) as usize % NODES
}

impl Default for Index {
    fn default() -> Index {
        Index { tables: Tables::Few(HashTable::new()), links: Links::default(), rows: 0, hashes: 0, table_bytes: 0 }
    }
}

impl Index {
    /// How many rows are indexed.
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// Bytes that it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.table_bytes + self.links.bytes()
    }

    /// Adds a row in front of its chain.
    #[inline]
    pub(crate) fn insert(&mut self, hash: u64, row: RowId) {
        use hashbrown::hash_table::Entry;
        let table = self.tables.of_mut(hash);
        if table.len() == table.capacity() {
            let before = table.allocation_size();
            table.reserve(1, |head| head.hash);
            self.table_bytes = self.table_bytes + table.allocation_size() - before;
        }
        self.rows += 1;
        match table.entry(hash, |head| head.hash == hash, |head| head.hash) {
            Entry::Vacant(entry) => {
                entry.insert(Head { hash, place: 2 * row });
                self.hashes += 1;
                if self.hashes > FEW_HASHES_MAX {
                    self.split();
                }
            }
            Entry::Occupied(mut entry) => {
                let first = entry.get().place();
                entry.get_mut().set(Place { row, is_linked: true });
                if first.is_linked {
                    self.links.get_mut(first.row).previous = row;
                } else {
                    self.links.put(first.row, Link { next: NONE, previous: row });
                }
                self.links.put(row, Link { next: first.row, previous: NONE });
            }
        }
    }

    /// Takes a row out of its chain. It must be in it.
    pub(crate) fn remove(&mut self, hash: u64, row: RowId) {
        let table = self.tables.of_mut(hash);
        let head = table.find_entry(hash, |head| head.hash == hash);
        let mut head = head.expect("a row that is removed was indexed");
        self.rows -= 1;
        if head.get().place().is_linked {
            let Link { next, previous } = self.links.take(row);
            if next != NONE {
                self.links.get_mut(next).previous = previous;
            }
            if previous == NONE {
                head.get_mut().set(Place { row: next, is_linked: true });
            } else {
                self.links.get_mut(previous).next = next;
            }
            let first = head.get().place().row;
            if self.links.get(first).next == NONE {
                self.links.take(first);
                head.get_mut().set(Place { row: first, is_linked: false });
            }
            return;
        }
        debug_assert_eq!(head.get().place().row, row, "the only row of its hash");
        head.remove();
        self.hashes -= 1;
        let capacity = table.capacity();
        if capacity > SHRUNK_CAPACITY_MIN && table.len() < capacity / 8 {
            let before = table.allocation_size();
            table.shrink_to(2 * table.len(), |head| head.hash);
            self.table_bytes = self.table_bytes + table.allocation_size() - before;
        }
        if self.rows == 0 {
            *self = Index::default();
        }
    }

    /// The first row of a hash's chain.
    #[inline]
    pub(crate) fn head(&self, hash: u64) -> Option<Place> {
        self.tables.of(hash).find(hash, |head| head.hash == hash).map(|head| head.place())
    }

    /// The row after `place` in its chain.
    #[inline]
    pub(crate) fn after(&self, place: Place) -> Option<Place> {
        if !place.is_linked {
            return None;
        }
        let next = self.links.get(place.row).next;
        (next != NONE).then_some(Place { row: next, is_linked: true })
    }

    /// The rows of a hash, the last added first.
    #[inline]
    pub(crate) fn chain(&self, hash: u64) -> impl Iterator<Item = RowId> + '_ {
        std::iter::successors(self.head(hash), |&place| self.after(place)).map(|place| place.row)
    }

    fn split(&mut self) {
        let Tables::Few(few) = &mut self.tables else {
            return;
        };
        let mut many = (0..NODES).map(|_| HashTable::new()).collect::<Box<[_]>>();
        for head in few.drain() {
            many[virtual_node(head.hash)].insert_unique(head.hash, head, |head| head.hash);
        }
        self.table_bytes = size_of_val(&*many) + many.iter().map(HashTable::allocation_size).sum::<usize>();
        self.tables = Tables::Many(many);
    }
}

impl Tables {
    #[inline]
    fn of(&self, hash: u64) -> &HashTable<Head> {
        match self {
            Tables::Few(table) => table,
            Tables::Many(tables) => &tables[virtual_node(hash)],
        }
    }

    #[inline]
    fn of_mut(&mut self, hash: u64) -> &mut HashTable<Head> {
        match self {
            Tables::Few(table) => table,
            Tables::Many(tables) => &mut tables[virtual_node(hash)],
        }
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
