//! Which numbers groups have: small ones, given out again once they are free. Numbers that were
//! given out one after the other lie in one page, so that groups of one time are near each other.

use super::pages::{PAGE_GROUPS, Room, group_at, place_of};

/// Room of a page that has just been opened.
const FIRST_ROOM: usize = 8;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    pages: Vec<Page>,
    /// Pages with free numbers.
    open: Vec<u32>,
    living: usize,
    free: usize,
}

#[derive(Debug, Default)]
struct Page {
    /// Places from here on were never given out,
    next: usize,
    /// and of those before, these are free.
    free: Vec<u16>,
    /// How many there is room for.
    room: usize,
}

impl Page {
    fn is_full(&self) -> bool {
        self.next == PAGE_GROUPS && self.free.is_empty()
    }

    fn is_empty(&self) -> bool {
        self.next == self.free.len()
    }
}

impl Numbers {
    /// How many are in use.
    pub(super) fn len(&self) -> usize {
        self.living
    }

    /// A number that is not in use, and the room that its page now needs if that is more than before.
    pub(super) fn take(&mut self) -> (u32, Option<Room>) {
        self.living += 1;
        let mut room = None;
        let page_number = match self.open.last() {
            Some(&page) => page as usize,
            None => {
                self.pages.push(Page::default());
                self.open.push(self.pages.len() as u32 - 1);
                self.pages.len() - 1
            }
        };
        let page = &mut self.pages[page_number];
        let place = page.free.pop().map(usize::from);
        if place.is_some() {
            self.free -= 1;
        } else {
            page.next += 1;
            if page.next > page.room {
                page.room = (page.room * 4).clamp(FIRST_ROOM, PAGE_GROUPS);
                room = Some(Room { page: page_number, groups: page.room });
            }
        }
        let place = place.unwrap_or(page.next - 1);
        if page.is_full() {
            self.open.pop();
        }
        (group_at(page_number, place), room)
    }

    /// This number is free from now on. If it was the last one of its page, the page is given up.
    pub(super) fn give_back(&mut self, number: u32) -> Option<Room> {
        self.living -= 1;
        let (page_number, place) = place_of(number);
        let page = &mut self.pages[page_number];
        if page.is_full() {
            self.open.push(page_number as u32);
        }
        page.free.push(place as u16);
        self.free += 1;
        if !page.is_empty() {
            return None;
        }
        self.free -= page.free.len();
        *page = Page::default();
        Some(Room { page: page_number, groups: 0 })
    }

    /// Bytes that the lists take, more or less.
    pub(super) fn bytes(&self) -> usize {
        self.pages.len() * size_of::<Page>() + self.free * size_of::<u16>()
    }
}
