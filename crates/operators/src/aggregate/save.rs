//! An aggregate in checkpoints. In scope `g`, by the virtual node and key of each group that exists: how many rows
//! it has, then what each accumulator knows of it. In scope `a`, what accumulators keep apart, each in a scope of
//! its own.

use changes::Bounds;
use state::{CheckpointReader, CheckpointWriter};

use super::accumulator::{damaged, read};
use super::{Aggregate, GroupState};
use crate::Fault;

const GROUPS: &[u8] = b"g";
const APART: &[u8] = b"a";

impl Aggregate {
    /// Writes the groups that changed since the last time.
    pub(super) fn write_changed(&mut self, writer: &CheckpointWriter<'_>) -> Result<(), Fault> {
        self.write_groups(&writer.scoped(GROUPS))?;
        let apart = writer.scoped(APART);
        for (call, scope) in self.calls.iter_mut().zip(scopes()) {
            call.accumulator.checkpoint(&self.groups, &apart.scoped(&scope))?;
        }
        Ok(())
    }

    fn write_groups(&mut self, writer: &CheckpointWriter<'_>) -> Result<(), Fault> {
        for key in self.unsaved.take_gone() {
            writer.delete(&key)?;
        }
        for portion in self.unsaved.take_dirty().chunks(Bounds::BATCH.rows) {
            for (&group, key) in portion.iter().zip(self.groups.saved_keys(portion)?) {
                let mut value = self.states[group].rows.to_le_bytes().to_vec();
                self.calls.iter().for_each(|call| call.accumulator.save(group, &mut value));
                writer.put(&key, value)?;
                self.unsaved.set_saved(group);
            }
        }
        Ok(())
    }

    /// Reads the groups that are this worker's into an aggregate that has seen none.
    pub(super) fn read_saved(&mut self, reader: &CheckpointReader<'_>) -> Result<(), Fault> {
        let (mut keys, mut values, mut bytes) = (Vec::new(), Vec::new(), 0);
        for entry in reader.scoped(GROUPS).of_own_nodes() {
            let (key, value) = entry?;
            let value = value.into_bytes()?;
            bytes += key.len() + value.len();
            keys.push(key);
            values.push(value);
            if keys.len() >= Bounds::BATCH.rows || bytes >= Bounds::BATCH.bytes {
                self.add_saved(&keys, &values, reader.is_continued())?;
                (keys, values, bytes) = Default::default();
            }
        }
        self.add_saved(&keys, &values, reader.is_continued())?;
        let apart = reader.scoped(APART);
        for (call, scope) in self.calls.iter_mut().zip(scopes()) {
            call.accumulator.restore(&mut self.groups, &apart.scoped(&scope))?;
        }
        Ok(())
    }

    /// Some groups, of which there is none yet.
    fn add_saved(&mut self, keys: &[Vec<u8>], values: &[Vec<u8>], is_continued: bool) -> Result<(), Fault> {
        let keys = keys.iter().map(Vec::as_slice).collect::<Vec<_>>();
        let mut groups = Vec::new();
        self.groups.assign_saved(&keys, &mut groups)?;
        self.make_room();
        for (&group, mut value) in groups.iter().zip(values.iter().map(Vec::as_slice)) {
            let rows = i64::from_le_bytes(read(&mut value)?);
            self.states[group] = GroupState { rows, is_touched: false, exists: true };
            for call in &mut self.calls {
                call.accumulator.load(group, &mut value)?;
            }
            if !value.is_empty() {
                return Err(damaged());
            }
            self.unsaved.restored(group, is_continued);
        }
        self.existing += groups.len();
        Ok(())
    }
}

/// The scope of each call.
fn scopes() -> impl Iterator<Item = [u8; 2]> {
    (0..u16::MAX).map(u16::to_be_bytes)
}
