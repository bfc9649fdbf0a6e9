//! What is remembered of rows that share their hash with others: a link for each.
//!
//! Links lie in pages by row id. A page of few links is a short list of them, so that rows that
//! outlive their neighbours cost what they are, and one that is empty is gone. The page of the
//! newest rows, to which nearly all links are added, is at hand; the others are looked up.

use std::fmt::Debug;

use hashbrown::HashTable;

use crate::RowId;

/// No row.
pub(super) const NONE: RowId = RowId::MAX;
/// Row ids in a page.
const PAGE_ROWS: u64 = 512;
/// A page of more links than this has room for all.
const FEW_LINKS_MAX: usize = 64;

/// What a row's link may be.
pub(super) trait Link: Copy + Debug + PartialEq {
    /// What a full page holds where there is no link: no link is like it.
    const NO_LINK: Self;
}

/// A row's neighbours in its chain: at least one of them is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Neighbours {
    pub(super) next: RowId,
    pub(super) previous: RowId,
}

impl Link for Neighbours {
    const NO_LINK: Neighbours = Neighbours { next: NONE, previous: NONE };
}

#[derive(Debug)]
pub(super) struct Links<L> {
    /// The page of the newest rows. It may be empty.
    newest: Page<L>,
    /// All others, none of which is empty.
    pages: HashTable<Page<L>>,
    /// Bytes that the pages' links take.
    bytes: usize,
}

#[derive(Debug)]
struct Page<L> {
    number: u64,
    slots: Slots<L>,
}

#[derive(Debug)]
enum Slots<L> {
    /// In the order of their rows.
    Few(Vec<(u16, L)>),
    Many {
        links: Box<[L; PAGE_ROWS as usize]>,
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

impl<L> Default for Links<L> {
    fn default() -> Links<L> {
        Links { newest: Page::new(0), pages: HashTable::new(), bytes: 0 }
    }
}

impl<L: Link> Links<L> {
    pub(super) fn bytes(&self) -> usize {
        self.bytes + self.pages.allocation_size()
    }

    /// Adds a row's link, or changes it.
    #[inline]
    pub(super) fn put(&mut self, row: RowId, link: L) {
        let (number, slot) = split(row);
        if number > self.newest.number {
            self.turn_to(number);
        }
        let page = if number == self.newest.number {
            &mut self.newest
        } else {
            let page = self.pages.entry(hash_of(number), |page| page.number == number, |page| hash_of(page.number));
            page.or_insert_with(|| Page::new(number)).into_mut()
        };
        match &mut page.slots {
            Slots::Many { links, used } => {
                *used += usize::from(links[slot as usize] == L::NO_LINK);
                links[slot as usize] = link;
            }
            Slots::Few(_) => {
                let before = page.slots.bytes();
                page.put_among_few(slot, link);
                self.bytes = self.bytes + page.slots.bytes() - before;
            }
        }
    }

    /// Has the page of a later row than all before be the newest.
    #[cold]
    fn turn_to(&mut self, number: u64) {
        let left = std::mem::replace(&mut self.newest, Page::new(number));
        if left.slots.used() > 0 {
            self.pages.insert_unique(hash_of(left.number), left, |page| hash_of(page.number));
        } else {
            self.bytes -= left.slots.bytes();
        }
    }

    #[inline]
    pub(super) fn get(&self, row: RowId) -> &L {
        let (number, slot) = split(row);
        if number == self.newest.number {
            return self.newest.slots.get(slot);
        }
        let page = self.pages.find(hash_of(number), |page| page.number == number);
        page.expect("a linked row has a page").slots.get(slot)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, row: RowId) -> &mut L {
        let (number, slot) = split(row);
        if number == self.newest.number {
            return self.newest.slots.get_mut(slot);
        }
        let page = self.pages.find_mut(hash_of(number), |page| page.number == number);
        page.expect("a linked row has a page").slots.get_mut(slot)
    }

    /// Takes a row's link out.
    pub(super) fn take(&mut self, row: RowId) -> L {
        let (number, slot) = split(row);
        if number == self.newest.number {
            let before = self.newest.slots.bytes();
            let link = self.newest.slots.take(slot);
            self.bytes = self.bytes + self.newest.slots.bytes() - before;
            return link;
        }
        let page = self.pages.find_entry(hash_of(number), |page| page.number == number);
        let mut page = page.expect("a linked row has a page");
        let before = page.get().slots.bytes();
        let link = page.get_mut().slots.take(slot);
        self.bytes = self.bytes + page.get().slots.bytes() - before;
        if page.get().slots.used() == 0 {
            self.bytes -= page.get().slots.bytes();
            page.remove();
            let capacity = self.pages.capacity();
            if capacity > FEW_LINKS_MAX && self.pages.len() < capacity / 8 {
                self.pages.shrink_to(2 * self.pages.len(), |page| hash_of(page.number));
            }
        }
        link
    }
}

impl<L> Page<L> {
    fn new(number: u64) -> Page<L> {
        Page { number, slots: Slots::Few(Vec::new()) }
    }
}

impl<L: Link> Page<L> {
    fn put_among_few(&mut self, slot: u16, link: L) {
        let Slots::Few(few) = &mut self.slots else {
            return;
        };
        match few.last() {
            Some(&(last, _)) if last >= slot => match few.binary_search_by_key(&slot, |(slot, _)| *slot) {
                Ok(index) => few[index].1 = link,
                Err(index) => few.insert(index, (slot, link)),
            },
            _ => few.push((slot, link)),
        }
        if few.len() > FEW_LINKS_MAX {
            let mut links = Box::new([L::NO_LINK; PAGE_ROWS as usize]);
            few.iter().for_each(|(slot, link)| links[*slot as usize] = *link);
            self.slots = Slots::Many { links, used: few.len() };
        }
    }
}

impl<L: Link> Slots<L> {
    fn bytes(&self) -> usize {
        match self {
            Slots::Few(few) => few.capacity() * size_of::<(u16, L)>(),
            Slots::Many { links, .. } => size_of_val(&**links),
        }
    }

    fn used(&self) -> usize {
        match self {
            Slots::Few(few) => few.len(),
            Slots::Many { used, .. } => *used,
        }
    }

    #[inline]
    fn get(&self, slot: u16) -> &L {
        match self {
            Slots::Many { links, .. } => &links[slot as usize],
            Slots::Few(few) => &few[place_of(few, slot)].1,
        }
    }

    #[inline]
    fn get_mut(&mut self, slot: u16) -> &mut L {
        match self {
            Slots::Many { links, .. } => &mut links[slot as usize],
            Slots::Few(few) => {
                let place = place_of(few, slot);
                &mut few[place].1
            }
        }
    }

    fn take(&mut self, slot: u16) -> L {
        let link = match self {
            Slots::Many { links, used } => {
                *used -= 1;
                std::mem::replace(&mut links[slot as usize], L::NO_LINK)
            }
            Slots::Few(few) => {
                let place = place_of(few, slot);
                few.remove(place).1
            }
        };
        if let Slots::Many { links, used } = self
            && *used <= FEW_LINKS_MAX / 2
        {
            let linked = (0u16..).zip(links.iter()).filter(|(_, link)| **link != L::NO_LINK);
            *self = Slots::Few(linked.map(|(slot, link)| (slot, *link)).collect());
        }
        link
    }
}

fn place_of<L>(few: &[(u16, L)], slot: u16) -> usize {
    few.binary_search_by_key(&slot, |(slot, _)| *slot).expect("a linked row has a link")
}
