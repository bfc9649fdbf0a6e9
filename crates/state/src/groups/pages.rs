//! What is known of each group, in pages: growth copies one page at most, and the memory of a page
//! without groups is given back.
//!
//! [`super::Groups`] says when there is to be room in a page, and when it is empty.

use std::ops::{Index, IndexMut};

/// Groups of a page at most.
pub(super) const PAGE_GROUPS: usize = 1 << PAGE_BITS;
const PAGE_BITS: u32 = 10;

/// The page that a group lies in, and its place there.
#[inline(always)]
pub(super) fn place_of(group: u32) -> (usize, usize) {
    ((group >> PAGE_BITS) as usize, group as usize & (PAGE_GROUPS - 1))
}

/// The group at a place of a page.
#[inline(always)]
pub(super) fn group_at(page: usize, place: usize) -> u32 {
    (page << PAGE_BITS | place) as u32
}

/// From now on the first `groups` places of `page` are in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Which page.
    pub page: usize,
    /// How many groups it has room for; none if it is given up.
    pub groups: usize,
}

/// One `T` for each group.
#[derive(Debug)]
pub struct Pages<T> {
    pages: Vec<Vec<T>>,
    groups: usize,
}

impl<T> Default for Pages<T> {
    fn default() -> Pages<T> {
        Pages { pages: Vec::new(), groups: 0 }
    }
}

impl<T: Default> Pages<T> {
    /// Makes or gives up room, with `T`'s default for new groups.
    pub fn set_room(&mut self, room: Room) {
        if self.pages.len() <= room.page {
            self.pages.resize_with(room.page + 1, Vec::new);
        }
        let page = &mut self.pages[room.page];
        if room.groups == 0 {
            self.groups -= page.len();
            *page = Vec::new();
        } else if room.groups > page.len() {
            self.groups += room.groups - page.len();
            page.reserve_exact(room.groups - page.len());
            page.resize_with(room.groups, T::default);
        }
    }
}

impl<T> Pages<T> {
    /// All for which there is room, also those of groups that are not there.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        let of_page = |(page, values): (usize, &'_ Vec<T>)| (0..values.len()).map(move |place| (page, place));
        let places = self.pages.iter().enumerate().flat_map(of_page);
        places.map(|(page, place)| (group_at(page, place), &self.pages[page][place]))
    }

    /// Bytes of the pages, without what a `T` may hold elsewhere.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.groups * size_of::<T>() + self.pages.len() * size_of::<Vec<T>>()
    }
}

impl<T> Index<u32> for Pages<T> {
    type Output = T;

    #[inline(always)]
    fn index(&self, group: u32) -> &T {
        let (page, place) = place_of(group);
        &self.pages[page][place]
    }
}

impl<T> IndexMut<u32> for Pages<T> {
    #[inline(always)]
    fn index_mut(&mut self, group: u32) -> &mut T {
        let (page, place) = place_of(group);
        &mut self.pages[page][place]
    }
}
