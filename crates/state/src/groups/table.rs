//! The hash table under [`super::Groups`]: hash to group, open addressing, nothing is ever removed
//! alone. A slot holds the hash too, so that a look-up usually touches one cache line.

/// No group has this number.
pub(super) const NO_GROUP: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u64,
    group: u32,
}

const EMPTY: Slot = Slot { hash: 0, group: NO_GROUP };

#[derive(Debug)]
pub(super) struct Table {
    /// A power of two of them.
    slots: Vec<Slot>,
    used: usize,
}

impl Default for Table {
    fn default() -> Table {
        Table { slots: vec![EMPTY; 16], used: 0 }
    }
}

impl Table {
    /// The group of this hash for which `is_equal` holds; if there is none, `new` from now on.
    #[inline]
    pub(super) fn find_or_insert(&mut self, hash: u64, new: u32, is_equal: impl Fn(u32) -> bool) -> u32 {
        let mask = self.slots.len() - 1;
        let mut position = hash as usize & mask;
        loop {
            let slot = self.slots[position];
            if slot.group == NO_GROUP {
                self.slots[position] = Slot { hash, group: new };
                self.used += 1;
                // Past 5/8 full, runs of full slots grow long.
                if self.used * 8 > self.slots.len() * 5 {
                    self.resize(self.slots.len() * 2, |group| group);
                }
                return new;
            }
            if slot.hash == hash && is_equal(slot.group) {
                return slot.group;
            }
            position = (position + 1) & mask;
        }
    }

    /// Bytes that the slots take.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(self.slots.as_slice())
    }

    /// Gives each group the number `renamed[group]`, or forgets it where that is [`NO_GROUP`].
    pub(super) fn rename(&mut self, kept: usize, renamed: &[u32]) {
        let slots = (kept * 8 / 5 + 1).next_power_of_two().max(16);
        self.resize(slots, |group| renamed[group as usize]);
    }

    fn resize(&mut self, slots: usize, renamed: impl Fn(u32) -> u32) {
        let old = std::mem::replace(&mut self.slots, vec![EMPTY; slots]);
        let mask = slots - 1;
        self.used = 0;
        for slot in old.into_iter().filter(|slot| slot.group != NO_GROUP) {
            let group = renamed(slot.group);
            if group == NO_GROUP {
                continue;
            }
            let mut position = slot.hash as usize & mask;
            while self.slots[position].group != NO_GROUP {
                position = (position + 1) & mask;
            }
            self.slots[position] = Slot { hash: slot.hash, group };
            self.used += 1;
        }
    }
}
