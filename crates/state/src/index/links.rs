//! Chains of rows, as doubly linked lists: a link for each row that is in a chain with others.
//!
//! Links lie in pages by row id. A page of few links is a short list of them, so that rows that
//! outlive their neighbours cost what they are, and one that is empty is gone.

use hashbrown::HashTable;

use crate::RowId;

/// No row.
pub(super) const NONE: RowId = RowId::MAX;
/// Row ids in a page.
const PAGE_ROWS: u64 = 512;
/// A page of more links than this has room for all.
const FEW_LINKS_MAX: usize = 64;
/// What a full page holds where there is no link.
const NO_LINK: Link = Link { next: NONE, previous: NONE };

/// A row's neighbours in its chain: at least one of them is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) next: RowId,
    pub(super) previous: RowId,
}

#[derive(Debug, Default)]
pub(super) struct Links {
    pages: HashTable<Page>,
    /// Bytes that the pages' links take.
    bytes: usize,
}

#[derive(Debug)]
struct Page {
    number: u64,
    slots: Slots,
}

#[derive(Debug)]
enum Slots {
    /// In the order of their rows.
    Few(Vec<(u16, Link)>),
    Many {
        links: Box<[Link; PAGE_ROWS as usize]>,
        used: usize,
    },
}

#[inline]
fn hash_of(number: u64) -> u64 {
    // Page numbers come one after the other: multiplied by this they differ in all bits
    // that the table looks at (Knuth, The Art of Computer Programming, 6.4).
    let hash = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    hash ^ (hash >> 32)
}

#[inline]
fn split(row: RowId) -> (u64, u16) {
    (row / PAGE_ROWS, (row % PAGE_ROWS) as u16)
}

impl Links {
    pub(super) fn bytes(&self) -> usize {
        self.bytes + self.pages.allocation_size()
    }

    /// Adds a row's link, or changes it.
    #[inline]
    pub(super) fn put(&mut self, row: RowId, link: Link) {
        let (number, slot) = split(row);
        let entry = self.pages.entry(hash_of(number), |page| page.number == number, |page| hash_of(page.number));
        let mut entry = entry.or_insert_with(|| Page { number, slots: Slots::Few(Vec::new()) });
        let page = entry.get_mut();
        match &mut page.slots {
            Slots::Many { links, used } => {
                *used += usize::from(links[slot as usize] == NO_LINK);
                links[slot as usize] = link;
            }
            Slots::Few(few) => {
                let before = few.capacity();
                match few.binary_search_by_key(&slot, |(slot, _)| *slot) {
                    Ok(index) => few[index].1 = link,
                    Err(index) => few.insert(index, (slot, link)),
                }
                self.bytes += (few.capacity() - before) * size_of::<(u16, Link)>();
                if few.len() > FEW_LINKS_MAX {
                    let mut links = Box::new([NO_LINK; PAGE_ROWS as usize]);
                    few.iter().for_each(|(slot, link)| links[*slot as usize] = *link);
                    self.bytes = self.bytes + size_of_val(&*links) - few.capacity() * size_of::<(u16, Link)>();
                    page.slots = Slots::Many { links, used: few.len() };
                }
            }
        }
    }

    #[inline]
    pub(super) fn get(&self, row: RowId) -> &Link {
        let (number, slot) = split(row);
        let page = self.pages.find(hash_of(number), |page| page.number == number);
        match &page.expect("a linked row has a page").slots {
            Slots::Many { links, .. } => &links[slot as usize],
            Slots::Few(few) => {
                let index = few.binary_search_by_key(&slot, |(slot, _)| *slot);
                &few[index.expect("a linked row has a link")].1
            }
        }
    }

    #[inline]
    pub(super) fn get_mut(&mut self, row: RowId) -> &mut Link {
        let (number, slot) = split(row);
        let page = self.pages.find_mut(hash_of(number), |page| page.number == number);
        match &mut page.expect("a linked row has a page").slots {
            Slots::Many { links, .. } => &mut links[slot as usize],
            Slots::Few(few) => {
                let index = few.binary_search_by_key(&slot, |(slot, _)| *slot);
                &mut few[index.expect("a linked row has a link")].1
            }
        }
    }

    /// Takes a row's link out.
    pub(super) fn take(&mut self, row: RowId) -> Link {
        let (number, slot) = split(row);
        let page = self.pages.find_entry(hash_of(number), |page| page.number == number);
        let mut page = page.expect("a linked row has a page");
        let (link, left) = match &mut page.get_mut().slots {
            Slots::Many { links, used } => {
                *used -= 1;
                (std::mem::replace(&mut links[slot as usize], NO_LINK), *used)
            }
            Slots::Few(few) => {
                let index = few.binary_search_by_key(&slot, |(slot, _)| *slot);
                (few.remove(index.expect("a linked row has a link")).1, few.len())
            }
        };
        match &page.get().slots {
            Slots::Few(few) if left == 0 => {
                self.bytes -= few.capacity() * size_of::<(u16, Link)>();
                page.remove();
                let capacity = self.pages.capacity();
                if capacity > FEW_LINKS_MAX && self.pages.len() < capacity / 8 {
                    self.pages.shrink_to(2 * self.pages.len(), |page| hash_of(page.number));
                }
            }
            Slots::Many { links, .. } if left <= FEW_LINKS_MAX / 2 => {
                let linked = (0u16..).zip(links.iter()).filter(|(_, link)| **link != NO_LINK);
                let few = linked.map(|(slot, link)| (slot, *link)).collect::<Vec<_>>();
                self.bytes = self.bytes + few.capacity() * size_of::<(u16, Link)>() - size_of_val(&**links);
                page.get_mut().slots = Slots::Few(few);
            }
            _ => {}
        }
        link
    }
}
