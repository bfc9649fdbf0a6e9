//! An aggregate in checkpoints. In scope 0, by the key of each group that exists: how many rows it
//! has, then what each accumulator knows of it. In scope 1, what accumulators keep apart, each in
//! a scope of its own.

use state::{Delta, Saved};

use super::accumulator::{damaged, read};
use super::{Aggregate, GroupState};
use crate::Fault;

impl Aggregate {
    /// Writes the groups that changed since the last time.
    pub(super) fn write_changed(&mut self, delta: &mut Delta) -> Result<(), Fault> {
        delta.scoped(0, |delta| self.write_groups(delta));
        for (index, call) in self.calls.iter_mut().enumerate() {
            let [high, low] = scopes(index);
            let groups = &self.groups;
            let write = |delta: &mut Delta| call.accumulator.checkpoint(groups, delta);
            delta.scoped(1, |delta| delta.scoped(high, |delta| delta.scoped(low, write)))?;
        }
        Ok(())
    }

    fn write_groups(&mut self, delta: &mut Delta) {
        for key in self.unsaved.take_gone() {
            delta.delete(&key);
        }
        for group in self.unsaved.take_dirty() {
            let mut value = self.states[group].rows.to_le_bytes().to_vec();
            self.calls.iter().for_each(|call| call.accumulator.save(group, &mut value));
            delta.put(self.groups.key(group), value);
            self.unsaved.set_saved(group);
        }
    }

    /// Reads all groups into an aggregate that has seen none.
    pub(super) fn read_saved(&mut self, saved: &Saved) -> Result<(), Fault> {
        let saved_groups = saved.scoped(0);
        let (keys, values): (Vec<_>, Vec<_>) = saved_groups.iter().unzip();
        let mut groups = Vec::new();
        self.groups.assign_saved(&keys, &mut groups)?;
        self.make_room();
        for (&group, mut value) in groups.iter().zip(values) {
            let rows = i64::from_le_bytes(read(&mut value)?);
            self.states[group] = GroupState { rows, is_touched: false, exists: true };
            for call in &mut self.calls {
                call.accumulator.load(group, &mut value)?;
            }
            if !value.is_empty() {
                return Err(damaged());
            }
            self.unsaved.set_saved(group);
        }
        self.existing = groups.len();
        let all = self.groups.len();
        let apart = saved.scoped(1);
        for (index, call) in self.calls.iter_mut().enumerate() {
            let [high, low] = scopes(index);
            call.accumulator.restore(&mut self.groups, &apart.scoped(high).scoped(low))?;
        }
        if self.groups.len() != all {
            return Err(damaged());
        }
        Ok(())
    }
}

fn scopes(index: usize) -> [u8; 2] {
    u16::try_from(index).expect("a select list is far shorter").to_be_bytes()
}
