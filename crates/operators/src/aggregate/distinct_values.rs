//! `DISTINCT` in front of any accumulator: it hears of a value when the first one of its kind
//! comes to a group, and when the last one goes.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, UInt32Array};
use arrow::compute;
use arrow::datatypes::{DataType, UInt32Type};
use arrow::row::{RowConverter, SortField};
use changes::{Bounds, Diffs};
use state::{CheckpointReader, CheckpointWriter, Groups};

use super::accumulator::{Accumulator, Results, damaged, read, read_bytes, write_bytes};
use super::unsaved::Unsaved;
use crate::Fault;

/// Pairs are forgotten when this many, and more than half of all, are there no more.
const DEAD_PAIRS_MIN: usize = 1024;

pub(super) struct DistinctValues {
    accumulator: Box<dyn Accumulator>,
    /// Pairs of a group and a value,
    pairs: Groups,
    /// and how often each is there. Within an epoch that may be less than no times.
    counts: Vec<i64>,
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
            counts: Vec::new(),
            living: 0,
            unsaved: Unsaved::default(),
            format: RowConverter::new(vec![SortField::new(argument.clone())])?,
            assigned: Vec::new(),
        })
    }

    /// Forgets the pairs that are not there, and renames the groups of the others.
    fn compact(&mut self, all: &Groups, renamed: impl Fn(u32) -> u32) -> Result<(), Fault> {
        let is_kept = |pair: &u32| self.counts[*pair as usize] != 0;
        let kept = (0..self.counts.len() as u32).filter(is_kept).collect::<Vec<_>>();
        let mut unsaved = std::mem::take(&mut self.unsaved);
        unsaved.keep(&kept, |gone| self.saved_keys(gone, all))?;
        self.unsaved = unsaved;
        let columns = self.pairs.keys(&kept)?;
        let groups = columns[0].as_primitive::<UInt32Type>().unary::<_, UInt32Type>(renamed);
        let types = vec![DataType::UInt32, columns[1].data_type().clone()];
        self.pairs = Groups::new(types)?;
        self.pairs.assign(&[Arc::new(groups), columns[1].clone()], kept.len(), &mut self.assigned)?;
        self.counts = kept.iter().map(|&pair| self.counts[pair as usize]).collect();
        Ok(())
    }

    /// By what checkpoints know pairs: the group's virtual node and key, then the value.
    fn saved_keys(&self, pairs: &[u32], all: &Groups) -> Result<Vec<Vec<u8>>, Fault> {
        let columns = self.pairs.keys(pairs)?;
        let groups = all.saved_keys(columns[0].as_primitive::<UInt32Type>().values())?;
        let values = self.format.convert_columns(&columns[1..])?;
        let key = |(group, value): (&Vec<u8>, arrow::row::Row<'_>)| {
            let (node, group) = group.split_first().expect("a saved key begins with its node");
            let mut key = vec![*node];
            write_bytes(group, &mut key);
            key.extend_from_slice(value.as_ref());
            key
        };
        Ok(groups.iter().zip(&values).map(key).collect())
    }

    /// Some pairs that a checkpoint has, of which there is none yet.
    fn add_saved(
        &mut self,
        all: &mut Groups,
        keys: &[Vec<u8>],
        counts: &[i64],
        is_continued: bool,
    ) -> Result<(), Fault> {
        let (mut group_keys, mut values) = (Vec::new(), Vec::new());
        for mut key in keys.iter().map(Vec::as_slice) {
            group_keys.push(read_bytes(&mut key)?);
            values.push(key);
        }
        let mut groups = Vec::new();
        all.assign_saved(&group_keys, &mut groups)?;
        let parser = self.format.parser();
        let values = self.format.convert_rows(values.iter().map(|value| parser.parse(value)))?;
        let columns = [Arc::new(UInt32Array::from(groups)) as ArrayRef, values[0].clone()];
        self.pairs.assign(&columns, counts.len(), &mut self.assigned)?;
        self.assigned.iter().for_each(|&pair| self.unsaved.restored(pair, is_continued));
        self.living += counts.len();
        self.counts.extend(counts);
        if self.counts.len() == self.pairs.len() { Ok(()) } else { Err(damaged()) }
    }
}

impl Accumulator for DistinctValues {
    fn resize(&mut self, groups: usize) {
        self.accumulator.resize(groups);
    }

    fn update(&mut self, groups: &[u32], argument: Option<&ArrayRef>, diffs: &Diffs) -> Result<(), Fault> {
        let argument = argument.expect("DISTINCT has an argument");
        let group_column: ArrayRef = Arc::new(UInt32Array::from(groups.to_vec()));
        self.pairs.assign(&[group_column, argument.clone()], groups.len(), &mut self.assigned)?;
        self.counts.resize(self.pairs.len(), 0);
        let nulls = argument.logical_nulls();
        let (mut rows, mut crossings) = (Vec::new(), Vec::new());
        for (row, &pair) in self.assigned.iter().enumerate() {
            if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                continue;
            }
            let before = self.counts[pair as usize];
            let after = before + diffs.get(row);
            self.counts[pair as usize] = after;
            self.unsaved.mark(pair);
            self.living = self.living + usize::from(after != 0) - usize::from(before != 0);
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

    fn output(&self, groups: &[u32]) -> Result<Results, Fault> {
        self.accumulator.output(groups)
    }

    fn failure(&self) -> String {
        self.accumulator.failure()
    }

    fn settle(&mut self, touched: &[u32], all: &Groups) -> Result<(), Fault> {
        self.accumulator.settle(touched, all)?;
        let dead = self.counts.len() - self.living;
        if dead >= DEAD_PAIRS_MIN && dead > self.living {
            self.compact(all, |group| group)?;
        }
        Ok(())
    }

    fn keep(&mut self, kept: &[u32], all: &Groups) -> Result<(), Fault> {
        let mut renamed = vec![u32::MAX; all.len()];
        for (&old, new) in kept.iter().zip(0u32..) {
            renamed[old as usize] = new;
        }
        self.compact(all, |group| renamed[group as usize])?;
        self.accumulator.keep(kept, all)
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
        for portion in self.unsaved.take_dirty().chunks(Bounds::BATCH.rows) {
            for (&pair, key) in portion.iter().zip(self.saved_keys(portion, all)?) {
                let count = self.counts[pair as usize];
                if count == 0 {
                    writer.delete(&key)?;
                    self.unsaved.set_absent(pair);
                } else {
                    writer.put(&key, count.to_le_bytes().to_vec())?;
                    self.unsaved.set_saved(pair);
                }
            }
        }
        Ok(())
    }

    fn restore(&mut self, all: &mut Groups, reader: &CheckpointReader<'_>) -> Result<(), Fault> {
        let (mut keys, mut counts, mut bytes) = (Vec::new(), Vec::new(), 0);
        for entry in reader.of_own_nodes() {
            let (key, count) = entry?;
            bytes += key.len();
            keys.push(key);
            counts.push(i64::from_le_bytes(read(&mut count.into_bytes()?.as_slice())?));
            if keys.len() >= Bounds::BATCH.rows || bytes >= Bounds::BATCH.bytes {
                self.add_saved(all, &keys, &counts, reader.is_continued())?;
                (keys, counts, bytes) = Default::default();
            }
        }
        self.add_saved(all, &keys, &counts, reader.is_continued())
    }

    fn values(&self) -> usize {
        self.living
    }

    fn state_bytes(&self) -> usize {
        self.accumulator.state_bytes() + self.pairs.bytes() + size_of_val(self.counts.as_slice()) + self.unsaved.bytes()
    }
}
