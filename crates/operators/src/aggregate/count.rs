//! `count(*)`, and `count` of arguments that are not null.

use arrow::array::{Array, ArrayRef, Int64Array};
use changes::Diffs;
use state::{Pages, Room};

use super::accumulator::{Accumulator, Results, for_each_row, read};
use crate::Fault;

#[derive(Default)]
pub(super) struct Count {
    counts: Pages<i64>,
}

impl Accumulator for Count {
    fn set_room(&mut self, room: Room) {
        self.counts.set_room(room);
    }

    fn update(&mut self, groups: &[u32], argument: Option<&ArrayRef>, diffs: &Diffs) -> Result<(), Fault> {
        let nulls = argument.and_then(Array::logical_nulls);
        let counts = &mut self.counts;
        for_each_row(groups, nulls.as_ref(), diffs, |group, _, diff| counts[group] += diff);
        Ok(())
    }

    fn output(&self, _function: usize, groups: &[u32]) -> Result<Results, Fault> {
        let counts = groups.iter().map(|&group| self.counts[group]);
        Ok(Results::of(Int64Array::from_iter_values(counts)))
    }

    fn clear(&mut self, group: u32) {
        self.counts[group] = 0;
    }

    fn save(&self, group: u32, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.counts[group].to_le_bytes());
    }

    fn load(&mut self, group: u32, bytes: &mut &[u8]) -> Result<(), Fault> {
        self.counts[group] = i64::from_le_bytes(read(bytes)?);
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        self.counts.bytes()
    }
}
