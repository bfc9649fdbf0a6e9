//! `count(*)`, and `count` of arguments that are not null.

use arrow::array::{Array, ArrayRef, Int64Array};
use changes::Diffs;
use state::Groups;

use super::accumulator::{Accumulator, Results, for_each_row, kept_of, read};
use crate::Fault;

#[derive(Default)]
pub(super) struct Count {
    counts: Vec<i64>,
}

impl Accumulator for Count {
    fn resize(&mut self, groups: usize) {
        self.counts.resize(groups, 0);
    }

    fn update(&mut self, groups: &[u32], argument: Option<&ArrayRef>, diffs: &Diffs) -> Result<(), Fault> {
        let nulls = argument.and_then(Array::logical_nulls);
        let counts = self.counts.as_mut_slice();
        for_each_row(groups, nulls.as_ref(), diffs, |group, _, diff| counts[group] += diff);
        Ok(())
    }

    fn output(&self, groups: &[u32]) -> Result<Results, Fault> {
        let counts = groups.iter().map(|&group| self.counts[group as usize]);
        Ok(Results::of(Int64Array::from_iter_values(counts)))
    }

    fn keep(&mut self, kept: &[u32], _all: &Groups) -> Result<(), Fault> {
        self.counts = kept_of(&self.counts, kept);
        Ok(())
    }

    fn save(&self, group: u32, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.counts[group as usize].to_le_bytes());
    }

    fn load(&mut self, group: u32, bytes: &mut &[u8]) -> Result<(), Fault> {
        self.counts[group as usize] = i64::from_le_bytes(read(bytes)?);
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        size_of_val(self.counts.as_slice())
    }
}
