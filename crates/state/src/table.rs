//! A hash table from a hash to something small, by open addressing. It is divided by the hash's
//! virtual node, so that it grows and shrinks one small part at a time. All parts fill alike, so each has a
//! fullness of its own at which it grows: otherwise all would do so at once.
//!
//! A slot lies where the lower bits of its hash say, or soon after. What a look-up needs is usually in one
//! cache line; the lines of many look-ups are fetched at once, so that none waits for another's memory.

use std::ops::BitXor;

use changes::{VIRTUAL_NODES, virtual_node};

use crate::work;

/// Slots of which there is one for each hash that was put in.
pub(crate) trait Slot: Copy {
    /// A free one.
    const EMPTY: Self;

    fn is_empty(&self) -> bool;

    /// The lower half of its hash. Those of an empty one are never asked for what they mean.
    fn low_hash(&self) -> u32;
}

/// Look-ups whose slots are fetched together.
pub(crate) const TOUCHED: usize = 64;
/// Slots of a table that is not divided, when it is full.
const FEW_SLOTS_MAX: usize = 8192;
/// Slots of a part at least.
const SLOTS_MIN: usize = 16;

/// See the module.
#[derive(Debug)]
pub(crate) struct Table<S> {
    /// None while it is empty, one, or one for each virtual node.
    parts: Vec<Part<S>>,
    used: usize,
    slots: usize,
}

#[derive(Clone, Debug)]
struct Part<S> {
    /// A power of two of them.
    slots: Vec<S>,
    used: usize,
}

impl<S: Slot> Default for Table<S> {
    fn default() -> Table<S> {
        Table { parts: Vec::new(), used: 0, slots: 0 }
    }
}

impl<S: Slot> Table<S> {
    /// Bytes that the slots take.
    pub(crate) fn bytes(&self) -> usize {
        self.slots * size_of::<S>() + self.parts.capacity() * size_of::<Part<S>>()
    }

    /// Fetches where these hashes are looked for: up to [`TOUCHED`] that are put in next, one by one.
    #[inline]
    pub(crate) fn touch(&self, hashes: &[u64]) {
        if self.parts.len() > 1 {
            // That nothing depends on what is read lets all be read at once.
            let first = |hash: &u64| self.parts[self.part_of(*hash)].first(*hash).low_hash();
            std::hint::black_box(hashes.iter().map(first).fold(0, BitXor::bitxor));
        }
    }

    /// Calls `take` with what [`Table::find`] finds for each of the hashes, in their order.
    #[inline]
    pub(crate) fn find_all(&self, hashes: &[u64], is_right: impl Fn(u64, &S) -> bool, mut take: impl FnMut(Option<S>)) {
        if self.parts.is_empty() {
            return hashes.iter().for_each(|_| take(None));
        }
        let mut firsts = [S::EMPTY; TOUCHED];
        for hashes in hashes.chunks(TOUCHED) {
            // That nothing depends on what is read lets all be read at once.
            for (first, &hash) in firsts.iter_mut().zip(hashes) {
                *first = *self.parts[self.part_of(hash)].first(hash);
            }
            for (&first, &hash) in firsts.iter().zip(hashes) {
                take(if first.is_empty() {
                    None
                } else if first.low_hash() == hash as u32 && is_right(hash, &first) {
                    Some(first)
                } else {
                    self.find(hash, |slot| is_right(hash, slot))
                });
            }
        }
    }

    /// The slot with this hash for which `is_right` holds. Of the hash only the lower half is known to be equal.
    #[inline]
    pub(crate) fn find(&self, hash: u64, is_right: impl Fn(&S) -> bool) -> Option<S> {
        let part = self.parts.get(self.part_of(hash))?;
        part.place_of(hash, is_right).map(|place| part.slots[place])
    }

    /// The same, to be changed in all but its hash.
    #[inline]
    pub(crate) fn find_mut(&mut self, hash: u64, is_right: impl Fn(&S) -> bool) -> Option<&mut S> {
        let part = self.part_of(hash);
        let part = self.parts.get_mut(part)?;
        part.place_of(hash, is_right).map(|place| &mut part.slots[place])
    }

    /// Puts in a slot. `hash_of` gives the hashes of those that are there.
    pub(crate) fn insert(&mut self, hash: u64, slot: S, hash_of: impl Fn(&S) -> u64) {
        if self.parts.is_empty() {
            self.parts = vec![Part::new(SLOTS_MIN)];
            self.slots = SLOTS_MIN;
        } else if self.parts.len() == 1 && self.used >= used_max(0, FEW_SLOTS_MAX) {
            self.divide(hash_of);
        }
        let part = self.part_of(hash);
        self.used += 1;
        self.slots += self.parts[part].insert(slot, part);
    }

    /// Takes out the slot with this hash for which `is_right` holds. It must be there.
    pub(crate) fn remove(&mut self, hash: u64, is_right: impl Fn(&S) -> bool) {
        let part = self.part_of(hash);
        self.used -= 1;
        self.slots -= self.parts[part].remove(hash, is_right, part);
        if self.used == 0 {
            *self = Table::default();
        }
    }

    #[inline(always)]
    fn part_of(&self, hash: u64) -> usize {
        if self.parts.len() <= 1 { 0 } else { usize::from(virtual_node(hash)) }
    }

    fn divide(&mut self, hash_of: impl Fn(&S) -> u64) {
        let undivided = std::mem::replace(&mut self.parts, vec![Part::new(SLOTS_MIN); VIRTUAL_NODES]);
        self.slots = VIRTUAL_NODES * SLOTS_MIN;
        for slot in undivided.into_iter().flat_map(|part| part.slots).filter(|slot| !slot.is_empty()) {
            let part = usize::from(virtual_node(hash_of(&slot)));
            self.slots += self.parts[part].insert(slot, part);
        }
    }
}

/// So many of a part's slots are in use before it grows: from 3/8 of them to twice as many, by the part's
/// number. More would make long runs of full ones.
fn used_max(part: usize, slots: usize) -> usize {
    slots / 8 * 3 + slots * part * 3 / (8 * VIRTUAL_NODES)
}

impl<S: Slot> Part<S> {
    fn new(slots: usize) -> Part<S> {
        Part { slots: vec![S::EMPTY; slots], used: 0 }
    }

    /// The first slot where this hash may be.
    #[inline(always)]
    fn first(&self, hash: u64) -> &S {
        &self.slots[hash as usize & (self.slots.len() - 1)]
    }

    #[inline(always)]
    fn place_of(&self, hash: u64, is_right: impl Fn(&S) -> bool) -> Option<usize> {
        let mask = self.slots.len() - 1;
        let mut place = hash as usize & mask;
        loop {
            let slot = &self.slots[place];
            if slot.is_empty() {
                return None;
            }
            if slot.low_hash() == hash as u32 && is_right(slot) {
                return Some(place);
            }
            place = (place + 1) & mask;
        }
    }

    /// Returns how many slots it has more than before.
    fn insert(&mut self, slot: S, number: usize) -> usize {
        let before = self.slots.len();
        if self.used >= used_max(number, before) {
            self.resize(before * 2);
        }
        self.put(slot);
        self.slots.len() - before
    }

    /// Returns how many slots it has less than before.
    fn remove(&mut self, hash: u64, is_right: impl Fn(&S) -> bool, number: usize) -> usize {
        let before = self.slots.len();
        let mask = before - 1;
        let mut hole = self.place_of(hash, is_right).expect("what is taken out was put in");
        // What was pushed behind the hole moves into it, unless that is in front of its own place.
        let mut place = hole;
        loop {
            place = (place + 1) & mask;
            let slot = self.slots[place];
            if slot.is_empty() {
                break;
            }
            let pushed_by = place.wrapping_sub(slot.low_hash() as usize) & mask;
            if pushed_by >= place.wrapping_sub(hole) & mask {
                self.slots[hole] = slot;
                hole = place;
            }
        }
        self.slots[hole] = S::EMPTY;
        self.used -= 1;
        if before > SLOTS_MIN && self.used < used_max(number, before) / 5 {
            self.resize(before / 4);
        }
        before - self.slots.len()
    }

    fn resize(&mut self, slots: usize) {
        work::groups(self.used);
        let old = std::mem::replace(self, Part::new(slots.max(SLOTS_MIN)));
        old.slots.into_iter().filter(|slot| !slot.is_empty()).for_each(|slot| self.put(slot));
    }

    /// There must be a free slot.
    fn put(&mut self, slot: S) {
        let mask = self.slots.len() - 1;
        let mut place = slot.low_hash() as usize & mask;
        while !self.slots[place].is_empty() {
            place = (place + 1) & mask;
        }
        self.slots[place] = slot;
        self.used += 1;
    }
}
