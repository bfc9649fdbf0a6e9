//! The hash table under [`super::Groups`]: hash to group, by open addressing. It is divided by the
//! hash's virtual node, so that it grows one small part at a time. A slot holds half of the hash
//! too, so that a look-up usually touches one cache line, and finds what is very likely right.

use changes::{VIRTUAL_NODES, virtual_node};

use crate::work;

/// No group has this number.
pub(super) const NO_GROUP: u32 = u32::MAX;

/// Groups in a table that is not divided.
const FEW_GROUPS_MAX: usize = 4096;
/// Slots of a part at least.
const SLOTS_MIN: usize = 16;

#[derive(Clone, Copy, Debug)]
struct Slot {
    /// The hash's lower half.
    tag: u32,
    group: u32,
}

const EMPTY: Slot = Slot { tag: 0, group: NO_GROUP };

/// See the module.
#[derive(Debug)]
pub(super) struct Table {
    /// One, or one for each virtual node.
    parts: Vec<Part>,
    groups: usize,
    slots: usize,
}

#[derive(Clone, Debug)]
struct Part {
    /// A power of two of them.
    slots: Vec<Slot>,
    used: usize,
}

impl Default for Table {
    fn default() -> Table {
        Table { parts: vec![Part::new(SLOTS_MIN)], groups: 0, slots: SLOTS_MIN }
    }
}

impl Table {
    /// Appends a group for each hash that is the right one if there is no other of nearly the same
    /// hash, or [`NO_GROUP`] where there is none.
    pub(super) fn guess(&self, hashes: &[u64], groups: &mut Vec<u32>) {
        // No look-up waits for another's memory.
        match self.parts.as_slice() {
            [part] => groups.extend(hashes.iter().map(|&hash| part.guess(hash))),
            parts => groups.extend(hashes.iter().map(|&hash| parts[usize::from(virtual_node(hash))].guess(hash))),
        }
    }

    /// The group of this hash for which `is_equal` holds.
    #[inline]
    pub(super) fn get(&self, hash: u64, is_equal: impl Fn(u32) -> bool) -> Option<u32> {
        let part = &self.parts[self.part_of(hash)];
        let mask = part.slots.len() - 1;
        let mut position = hash as usize & mask;
        loop {
            let slot = part.slots[position];
            if slot.group == NO_GROUP {
                return None;
            }
            if slot.tag == hash as u32 && is_equal(slot.group) {
                return Some(slot.group);
            }
            position = (position + 1) & mask;
        }
    }

    /// Adds a group that is not there yet. `hash_of` gives the hashes of those that are.
    pub(super) fn insert(&mut self, hash: u64, group: u32, hash_of: impl Fn(u32) -> u64) {
        if self.parts.len() == 1 && self.groups == FEW_GROUPS_MAX {
            self.divide(hash_of);
        }
        let part = self.part_of(hash);
        self.groups += 1;
        self.slots += self.parts[part].insert(Slot { tag: hash as u32, group });
    }

    /// Takes out a group that is there.
    pub(super) fn remove(&mut self, hash: u64, group: u32) {
        let part = self.part_of(hash);
        self.groups -= 1;
        self.slots -= self.parts[part].remove(hash, group);
        if self.groups == 0 {
            *self = Table::default();
        }
    }

    /// Bytes that the slots take.
    pub(super) fn bytes(&self) -> usize {
        self.slots * size_of::<Slot>() + size_of_val(self.parts.as_slice())
    }

    #[inline]
    fn part_of(&self, hash: u64) -> usize {
        if self.parts.len() == 1 { 0 } else { usize::from(virtual_node(hash)) }
    }

    fn divide(&mut self, hash_of: impl Fn(u32) -> u64) {
        let undivided = std::mem::replace(&mut self.parts, vec![Part::new(SLOTS_MIN); VIRTUAL_NODES]);
        self.slots = VIRTUAL_NODES * SLOTS_MIN;
        for slot in undivided.into_iter().flat_map(|part| part.slots).filter(|slot| slot.group != NO_GROUP) {
            self.slots += self.parts[usize::from(virtual_node(hash_of(slot.group)))].insert(slot);
        }
    }
}

impl Part {
    fn new(slots: usize) -> Part {
        Part { slots: vec![EMPTY; slots], used: 0 }
    }

    #[inline]
    fn guess(&self, hash: u64) -> u32 {
        let mask = self.slots.len() - 1;
        let mut position = hash as usize & mask;
        loop {
            let slot = self.slots[position];
            if slot.group == NO_GROUP || slot.tag == hash as u32 {
                return slot.group;
            }
            position = (position + 1) & mask;
        }
    }

    /// Returns how many slots it has more than before.
    fn insert(&mut self, slot: Slot) -> usize {
        let before = self.slots.len();
        // Past 5/8 full, runs of full slots grow long.
        if (self.used + 1) * 8 > before * 5 {
            self.resize(before * 2);
        }
        self.put(slot);
        self.slots.len() - before
    }

    /// Returns how many slots it has less than before.
    fn remove(&mut self, hash: u64, group: u32) -> usize {
        let before = self.slots.len();
        let mask = before - 1;
        let mut hole = hash as usize & mask;
        while self.slots[hole].group != group {
            assert_ne!(self.slots[hole].group, NO_GROUP, "a group that is removed was added");
            hole = (hole + 1) & mask;
        }
        // What was pushed behind the hole moves into it, unless that is in front of its own place.
        let mut position = hole;
        loop {
            position = (position + 1) & mask;
            let slot = self.slots[position];
            if slot.group == NO_GROUP {
                break;
            }
            let pushed_by = position.wrapping_sub(slot.tag as usize) & mask;
            if pushed_by >= position.wrapping_sub(hole) & mask {
                self.slots[hole] = slot;
                hole = position;
            }
        }
        self.slots[hole] = EMPTY;
        self.used -= 1;
        if before > SLOTS_MIN && self.used * 8 < before {
            self.resize(before / 4);
        }
        before - self.slots.len()
    }

    fn resize(&mut self, slots: usize) {
        work::groups(self.used);
        let old = std::mem::replace(self, Part::new(slots.max(SLOTS_MIN)));
        old.slots.into_iter().filter(|slot| slot.group != NO_GROUP).for_each(|slot| self.put(slot));
    }

    /// There must be an empty slot.
    fn put(&mut self, slot: Slot) {
        let mask = self.slots.len() - 1;
        let mut position = slot.tag as usize & mask;
        while self.slots[position].group != NO_GROUP {
            position = (position + 1) & mask;
        }
        self.slots[position] = slot;
        self.used += 1;
    }
}
