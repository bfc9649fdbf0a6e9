//! A hash index: from a key's hash to the chain of living rows that have it.
//!
//! Chains are doubly linked lists threaded through pages of row ids, so that a row is added and
//! removed in constant time however many rows share its key. A page whose rows are all gone is
//! freed. The index stores hashes, not keys: its owner verifies candidates unless the hash is exact.

use std::collections::VecDeque;

use hashbrown::HashTable;

use crate::RowId;

/// No row.
const NONE: RowId = RowId::MAX;
/// Row ids in a page.
const PAGE_ROWS: u64 = 512;

#[derive(Debug, Default)]
pub(crate) struct Index {
    heads: HashTable<Head>,
    pages: VecDeque<Option<Box<Page>>>,
    /// The number of the first page in `pages`.
    first_page: u64,
    rows: usize,
}

#[derive(Clone, Copy, Debug)]
struct Head {
    hash: u64,
    row: RowId,
}

#[derive(Debug)]
struct Page {
    links: [Link; PAGE_ROWS as usize],
    used: u32,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    next: RowId,
    previous: RowId,
}

impl Index {
    /// How many rows are indexed.
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    pub(crate) fn reserve(&mut self, additional: usize) {
        if self.heads.capacity() - self.heads.len() < additional.min(self.heads.len().max(1024)) {
            self.heads.reserve(additional, |head| head.hash);
        }
    }

    /// Adds a row in front of its chain. Rows come in the order of their ids.
    #[inline]
    pub(crate) fn insert(&mut self, hash: u64, row: RowId) {
        use hashbrown::hash_table::Entry;
        let next = match self.heads.entry(hash, |head| head.hash == hash, |head| head.hash) {
            Entry::Occupied(mut entry) => std::mem::replace(&mut entry.get_mut().row, row),
            Entry::Vacant(entry) => {
                entry.insert(Head { hash, row });
                NONE
            }
        };
        if next != NONE {
            self.link_mut(next).previous = row;
        }
        let page = self.page_for(row);
        page.links[(row % PAGE_ROWS) as usize] = Link { next, previous: NONE };
        page.used += 1;
        self.rows += 1;
    }

    /// Takes a row out of its chain. It must be in it.
    pub(crate) fn remove(&mut self, hash: u64, row: RowId) {
        let Link { next, previous } = *self.link(row);
        if next != NONE {
            self.link_mut(next).previous = previous;
        }
        if previous != NONE {
            self.link_mut(previous).next = next;
        } else if let Ok(mut head) = self.heads.find_entry(hash, |head| head.hash == hash) {
            if next == NONE {
                head.remove();
            } else {
                head.get_mut().row = next;
            }
        }
        self.rows -= 1;
        self.release(row);
    }

    /// The first row of a hash's chain.
    #[inline]
    pub(crate) fn head(&self, hash: u64) -> Option<RowId> {
        self.heads.find(hash, |head| head.hash == hash).map(|head| head.row)
    }

    /// The row after `row` in its chain.
    #[inline]
    pub(crate) fn after(&self, row: RowId) -> Option<RowId> {
        let next = self.link(row).next;
        (next != NONE).then_some(next)
    }

    fn page_for(&mut self, row: RowId) -> &mut Page {
        let number = row / PAGE_ROWS;
        if self.pages.is_empty() {
            self.first_page = number;
        }
        debug_assert!(number >= self.first_page, "rows come in the order of their ids");
        let position = (number - self.first_page) as usize;
        if position >= self.pages.len() {
            self.pages.resize_with(position + 1, || None);
        }
        self.pages[position].get_or_insert_with(|| {
            Box::new(Page { links: [Link { next: NONE, previous: NONE }; PAGE_ROWS as usize], used: 0 })
        })
    }

    #[inline]
    fn link(&self, row: RowId) -> &Link {
        let page = self.pages[(row / PAGE_ROWS - self.first_page) as usize].as_ref();
        &page.expect("an indexed row has a page").links[(row % PAGE_ROWS) as usize]
    }

    #[inline]
    fn link_mut(&mut self, row: RowId) -> &mut Link {
        let page = self.pages[(row / PAGE_ROWS - self.first_page) as usize].as_mut();
        &mut page.expect("an indexed row has a page").links[(row % PAGE_ROWS) as usize]
    }

    fn release(&mut self, row: RowId) {
        let position = (row / PAGE_ROWS - self.first_page) as usize;
        let page = self.pages[position].as_mut().expect("an indexed row has a page");
        page.used -= 1;
        if page.used > 0 {
            return;
        }
        self.pages[position] = None;
        while let Some(None) = self.pages.front() {
            self.pages.pop_front();
            self.first_page += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(index: &Index, hash: u64) -> Vec<RowId> {
        std::iter::successors(index.head(hash), |&row| index.after(row)).collect()
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
    fn pages_of_gone_rows_are_freed() {
        let mut index = Index::default();
        for row in 0..100_000 {
            index.insert(row % 3, row);
            if row >= 10 {
                index.remove((row - 10) % 3, row - 10);
            }
        }
        assert!(index.pages.len() <= 2, "{} pages for 10 rows", index.pages.len());
        assert_eq!(index.len(), 10);
    }
}
