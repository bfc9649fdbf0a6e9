//! `DISTINCT` in front of any accumulator: it hears of a value when the first one of its kind
//! comes to a group, and when the last one goes.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, UInt32Array};
use arrow::compute;
use arrow::datatypes::{DataType, UInt32Type};
use arrow::row::{RowConverter, SortField};
use changes::{Bounds, Diffs};
use plan::AggregateCall;
use state::{CheckpointReader, CheckpointWriter, Groups, Pages, Room};

use super::accumulator::{Accumulator, Results, damaged};
use super::unsaved::Unsaved;
use super::unsaved_values::{read_values, value_key};
use crate::Fault;

pub(super) struct DistinctValues {
    accumulator: Box<dyn Accumulator>,
    /// Pairs of a group and a value,
    pairs: Groups,
    /// and how often each is there. Within an epoch that may be less than no times.
    counts: Pages<i64>,
    /// Pairs that came to be there no times in this epoch; some may be there again.
    emptied: Vec<u32>,
    living: usize,
    unsaved: Unsaved,
    /// Values as bytes, for checkpoints.
    format: RowConverter,
    /// The batch's pairs; kept for its memory.
    assigned: Vec<u32>,
}

impl DistinctValues {
    pub(super) fn new(argument: &DataType, accumulator: Box<dyn Accumulator>) -> Result<DistinctValues, Fault> {
        Ok(DistinctValues {
            accumulator,
            pairs: Groups::new(vec![DataType::UInt32, argument.clone()])?,
            counts: Pages::default(),
            emptied: Vec::new(),
            living: 0,
            unsaved: Unsaved::default(),
            format: RowConverter::new(vec![SortField::new(argument.clone())])?,
            assigned: Vec::new(),
        })
    }

    /// Forgets those pairs that are there no more.
    fn forget_dead(&mut self, all: &Groups) -> Result<(), Fault> {
        let mut dead = std::mem::take(&mut self.emptied);
        dead.sort_unstable();
        dead.dedup();
        dead.retain(|&pair| self.counts[pair] == 0);
        for dead in dead.chunks(Bounds::BATCH.rows) {
            let mut unsaved = std::mem::take(&mut self.unsaved);
            unsaved.forget(dead, |gone| self.saved_keys(gone, all))?;
            self.unsaved = unsaved;
            self.pairs.release(dead);
        }
        self.make_room();
        Ok(())
    }

    fn make_room(&mut self) {
        for room in self.pairs.take_rooms() {
            self.counts.set_room(room);
            self.unsaved.set_room(room);
        }
    }

    /// Takes in arguments that are not null.
    fn count(&mut self, groups: &[u32], argument: &ArrayRef, diffs: &Diffs) -> Result<(), Fault> {
        let group_column: ArrayRef = Arc::new(UInt32Array::from(groups.to_vec()));
        self.pairs.assign(&[group_column, argument.clone()], groups.len(), &mut self.assigned)?;
        self.make_room();
        let (mut rows, mut crossings) = (Vec::new(), Vec::new());
        for (row, &pair) in self.assigned.iter().enumerate() {
            let count = &mut self.counts[pair];
            let before = *count;
            let after = before + diffs.get(row);
            *count = after;
            self.unsaved.mark(pair);
            self.living = self.living + usize::from(after != 0) - usize::from(before != 0);
            if after == 0 {
                self.emptied.push(pair);
            }
            if (before > 0) != (after > 0) {
                rows.push(row as u32);
                crossings.push(if after > 0 { 1 } else { -1 });
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        let groups = rows.iter().map(|&row| groups[row as usize]).collect::<Vec<_>>();
        let argument = compute::take(argument, &UInt32Array::from(rows), None)?;
        self.accumulator.update(&groups, Some(&argument), &crossings.into())
    }

    /// By what checkpoints know pairs: the group's virtual node and key, then the value.
    fn saved_keys(&self, pairs: &[u32], all: &Groups) -> Result<Vec<Vec<u8>>, Fault> {
        let columns = self.pairs.keys(pairs)?;
        let groups = all.saved_keys(columns[0].as_primitive::<UInt32Type>().values())?;
        let values = self.format.convert_columns(&columns[1..])?;
        let key = |(group, value): (&Vec<u8>, arrow::row::Row<'_>)| {
            value_key(group, |key| key.extend_from_slice(value.as_ref()))
        };
        Ok(groups.iter().zip(&values).map(key).collect())
    }

    /// Some pairs that a checkpoint has, of which there is none yet.
    fn add_saved(&mut self, groups: &[u32], values: &[&[u8]], counts: &[i64], is_continued: bool) -> Result<(), Fault> {
        let parser = self.format.parser();
        let values = self.format.convert_rows(values.iter().map(|value| parser.parse(value)))?;
        let columns = [Arc::new(UInt32Array::from(groups.to_vec())) as ArrayRef, values[0].clone()];
        self.pairs.assign(&columns, counts.len(), &mut self.assigned)?;
        self.make_room();
        self.living += counts.len();
        for (&pair, &count) in self.assigned.iter().zip(counts) {
            self.counts[pair] = count;
            self.unsaved.restored(pair, is_continued);
        }
        if self.living == self.pairs.len() { Ok(()) } else { Err(damaged()) }
    }
}

impl Accumulator for DistinctValues {
    fn set_room(&mut self, room: Room) {
        self.accumulator.set_room(room);
    }

    fn update(&mut self, groups: &[u32], argument: Option<&ArrayRef>, diffs: &Diffs) -> Result<(), Fault> {
        let argument = argument.expect("DISTINCT has an argument");
        if let Some(nulls) = argument.logical_nulls().filter(|nulls| nulls.null_count() > 0) {
            let is_there = BooleanArray::new(nulls.into_inner(), None);
            let groups = is_there.values().set_indices().map(|row| groups[row]).collect::<Vec<_>>();
            return self.count(&groups, &compute::filter(argument, &is_there)?, &diffs.filter(is_there.values()));
        }
        self.count(groups, argument, diffs)
    }

    fn add_function(&mut self, call: &AggregateCall, argument: &DataType) -> Option<usize> {
        self.accumulator.add_function(call, argument)
    }

    fn output(&self, function: usize, groups: &[u32]) -> Result<Results, Fault> {
        self.accumulator.output(function, groups)
    }

    fn failure(&self, function: usize) -> String {
        self.accumulator.failure(function)
    }

    fn settle(&mut self, touched: &[u32], all: &Groups) -> Result<(), Fault> {
        self.accumulator.settle(touched, all)?;
        self.forget_dead(all)
    }

    fn clear(&mut self, group: u32) {
        // Its values are gone already, each with its last row.
        self.accumulator.clear(group);
    }

    fn result_bytes(&self, group: u32) -> Option<usize> {
        self.accumulator.result_bytes(group)
    }

    fn save(&self, group: u32, bytes: &mut Vec<u8>) {
        self.accumulator.save(group, bytes);
    }

    fn load(&mut self, group: u32, bytes: &mut &[u8]) -> Result<(), Fault> {
        self.accumulator.load(group, bytes)
    }

    fn checkpoint(&mut self, all: &Groups, writer: &CheckpointWriter<'_>) -> Result<(), Fault> {
        for key in self.unsaved.take_gone() {
            writer.delete(&key)?;
        }
        for dirty in self.unsaved.take_dirty().chunks(Bounds::BATCH.rows) {
            for (&pair, key) in dirty.iter().zip(self.saved_keys(dirty, all)?) {
                writer.put(&key, self.counts[pair].to_le_bytes().to_vec())?;
                self.unsaved.set_saved(pair);
            }
        }
        Ok(())
    }

    fn restore(&mut self, all: &mut Groups, reader: &CheckpointReader<'_>) -> Result<(), Fault> {
        let is_continued = reader.is_continued();
        read_values(all, reader, |groups, values, counts| self.add_saved(groups, values, counts, is_continued))
    }

    fn values(&self) -> usize {
        self.living
    }

    fn state_bytes(&self) -> usize {
        self.accumulator.state_bytes() + self.pairs.bytes() + self.counts.bytes() + self.unsaved.bytes()
    }
}
