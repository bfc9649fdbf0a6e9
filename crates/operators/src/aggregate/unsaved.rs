//! Which numbered things a checkpoint has yet to write, and which saved ones it has to remove.

use state::{Pages, Room};

use crate::Fault;

const DIRTY: u8 = 1;
const SAVED: u8 = 2;
/// Still listed as dirty, but there no more.
const FORGOTTEN: u8 = 4;

/// Flags of things numbered as [`state::Groups`] numbers them.
#[derive(Default)]
pub(super) struct Unsaved {
    flags: Pages<u8>,
    /// All that are flagged so, each once, whatever has become of them.
    dirty: Vec<u32>,
    /// The saved keys of things that are forgotten.
    gone: Vec<Vec<u8>>,
}

impl Unsaved {
    /// Makes room for things. It stays when they are gone, as long as they may be listed.
    pub(super) fn set_room(&mut self, room: Room) {
        if room.groups > 0 {
            self.flags.set_room(room);
        }
    }

    /// This one changed since the last checkpoint.
    pub(super) fn mark(&mut self, number: u32) {
        let flags = &mut self.flags[number];
        *flags &= !FORGOTTEN;
        if *flags & DIRTY == 0 {
            *flags |= DIRTY;
            self.dirty.push(number);
        }
    }

    /// This one is in the checkpoint as it is now.
    pub(super) fn set_saved(&mut self, number: u32) {
        self.flags[number] = SAVED;
    }

    /// This one was read from a checkpoint, with which the next one goes on or not.
    pub(super) fn restored(&mut self, number: u32, is_continued: bool) {
        if is_continued { self.set_saved(number) } else { self.mark(number) }
    }

    /// These are forgotten, and their numbers free for others. `keys` gives the saved keys of some.
    pub(super) fn forget(
        &mut self,
        numbers: &[u32],
        keys: impl FnOnce(&[u32]) -> Result<Vec<Vec<u8>>, Fault>,
    ) -> Result<(), Fault> {
        let saved = numbers.iter().copied().filter(|&number| self.flags[number] & SAVED != 0).collect::<Vec<_>>();
        if !saved.is_empty() {
            self.gone.extend(keys(&saved)?);
        }
        for &number in numbers {
            let flags = &mut self.flags[number];
            *flags = if *flags & DIRTY != 0 { DIRTY | FORGOTTEN } else { 0 };
        }
        Ok(())
    }

    /// All that changed and are there; each is then to be set saved.
    pub(super) fn take_dirty(&mut self) -> Vec<u32> {
        let mut dirty = std::mem::take(&mut self.dirty);
        dirty.retain(|&number| {
            let flags = &mut self.flags[number];
            let is_there = *flags & FORGOTTEN == 0;
            if !is_there {
                *flags = 0;
            }
            is_there
        });
        dirty
    }

    /// The saved keys that are to be removed, before any is written.
    pub(super) fn take_gone(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.gone)
    }

    /// Bytes that the flags take.
    pub(super) fn bytes(&self) -> usize {
        self.flags.bytes() + size_of_val(self.dirty.as_slice())
    }
}
