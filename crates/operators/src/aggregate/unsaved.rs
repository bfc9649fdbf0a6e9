//! Which numbered things a checkpoint has yet to write, and which saved ones it has to remove.

use crate::Fault;

const DIRTY: u8 = 1;
const SAVED: u8 = 2;

/// Flags of things numbered as [`state::Groups`] numbers them.
#[derive(Default)]
pub(super) struct Unsaved {
    flags: Vec<u8>,
    dirty: Vec<u32>,
    /// The saved keys of things that are forgotten.
    gone: Vec<Vec<u8>>,
}

impl Unsaved {
    /// This one changed since the last checkpoint.
    pub(super) fn mark(&mut self, number: u32) {
        let place = number as usize;
        if self.flags.len() <= place {
            self.flags.resize(place + 1, 0);
        }
        if self.flags[place] & DIRTY == 0 {
            self.flags[place] |= DIRTY;
            self.dirty.push(number);
        }
    }

    /// This one is in the checkpoint as it is now.
    pub(super) fn set_saved(&mut self, number: u32) {
        let place = number as usize;
        if self.flags.len() <= place {
            self.flags.resize(place + 1, 0);
        }
        self.flags[place] = SAVED;
    }

    /// This one was read from a checkpoint, with which the next one goes on or not.
    pub(super) fn restored(&mut self, number: u32, is_continued: bool) {
        if is_continued { self.set_saved(number) } else { self.mark(number) }
    }

    /// This one is not in the checkpoint, nor needs to be.
    pub(super) fn set_absent(&mut self, number: u32) {
        self.flags[number as usize] = 0;
    }

    /// All that changed; each is then to be set saved or absent.
    pub(super) fn take_dirty(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.dirty)
    }

    /// The saved keys that are to be removed, before any is written.
    pub(super) fn take_gone(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.gone)
    }

    /// Bytes that the flags take.
    pub(super) fn bytes(&self) -> usize {
        self.flags.len() + size_of_val(self.dirty.as_slice())
    }

    /// Forgets all but `kept`, in ascending order; `kept[i]` becomes `i`. `keys` gives the saved
    /// keys of those that are forgotten.
    pub(super) fn keep(
        &mut self,
        kept: &[u32],
        keys: impl FnOnce(&[u32]) -> Result<Vec<Vec<u8>>, Fault>,
    ) -> Result<(), Fault> {
        let flags = std::mem::take(&mut self.flags);
        let mut next = kept.iter().copied().peekable();
        let mut gone = Vec::new();
        for (number, flag) in (0u32..).zip(&flags) {
            if next.next_if_eq(&number).is_some() {
                self.flags.push(*flag);
            } else if flag & SAVED != 0 {
                gone.push(number);
            }
        }
        self.gone.extend(keys(&gone)?);
        let is_dirty = |place: &usize| self.flags[*place] & DIRTY != 0;
        self.dirty = (0..self.flags.len()).filter(is_dirty).map(|place| place as u32).collect();
        Ok(())
    }
}
