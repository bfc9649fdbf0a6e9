//! What an aggregate puts out when an epoch is complete: the rows of groups that differ.
//!
//! The rows that go and those that come are batches of their own, in this order, so that columns
//! are passed on as they were computed, and whoever reads never sees two rows of one group.

use std::cmp::Ordering;

use arrow::array::{
    Array, ArrayRef, BooleanArray, BooleanBufferBuilder, RecordBatch, RecordBatchOptions, make_comparator,
};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{self, SortOptions, kernels::cmp};
use changes::{Bounds, ChangeBatch, RowError, bytes_of};

use super::accumulator::Results;
use super::{Aggregate, Before, Columns};
use crate::expression::row_text;
use crate::{Fault, Output, Progress};

impl Aggregate {
    /// Keeps the results of groups that are about to change for the first time in this epoch.
    pub(super) fn remember(&mut self, mut groups: &[u32]) -> Result<(), Fault> {
        while !groups.is_empty() {
            let (portion, rest) = groups.split_at(self.fitting(groups));
            let results = self.results(portion)?;
            self.before.push_back(Before { groups: portion.to_vec(), results });
            groups = rest;
        }
        Ok(())
    }

    /// How many of the first `groups` a batch holds, by rows and by bytes; one at least.
    fn fitting(&self, groups: &[u32]) -> usize {
        let result_bytes =
            |call: usize, group| self.calls[call].accumulator.result_bytes(group).unwrap_or(RESULT_BYTES);
        let mut bytes = 0;
        let fits = |group: &&u32| {
            let results = self.functions.iter().map(|(call, _)| result_bytes(*call, **group)).sum::<usize>();
            bytes += self.groups.key(**group).len() + results;
            bytes <= Bounds::BATCH.bytes
        };
        let most = groups.len().min(Bounds::BATCH.rows);
        groups[..most].iter().take_while(fits).count().max(1)
    }

    /// Puts out what the epoch has changed, as much as there is room for: first of the groups that
    /// were there before it, then of the others.
    pub(super) fn put_all(&mut self, output: &mut Output) -> Result<Progress, Fault> {
        while let Some(mut before) = self.next_before()? {
            let fitting = self.fitting(&before.groups);
            if fitting < before.groups.len() {
                self.before.push_front(before.split_off(fitting));
            }
            self.put_changed(&before, output)?;
            self.finish(&before.groups)?;
            if output.is_full() && !(self.before.is_empty() && self.fresh.is_empty()) {
                return Ok(Progress::More);
            }
        }
        while self.fresh_done < self.fresh.len() {
            let rest = &self.fresh[self.fresh_done..];
            let groups = rest[..self.fitting(rest)].to_vec();
            self.put_fresh(&groups, output)?;
            self.finish(&groups)?;
            self.fresh_done += groups.len();
            if output.is_full() && self.fresh_done < self.fresh.len() {
                return Ok(Progress::More);
            }
        }
        self.fresh.clear();
        self.fresh_done = 0;
        Ok(Progress::Done)
    }

    /// The next groups that were there before the epoch. Many small batches of input do not make as
    /// many of output: parts that are small are put together.
    fn next_before(&mut self) -> Result<Option<Before>, Fault> {
        let mut room = Bounds::BATCH;
        let mut parts = Vec::new();
        while let Some(part) = self.before.front() {
            let (rows, bytes) = (part.groups.len(), part.result_bytes());
            if !parts.is_empty() && (rows > room.rows || bytes > room.bytes) {
                break;
            }
            room = Bounds { rows: room.rows.saturating_sub(rows), bytes: room.bytes.saturating_sub(bytes) };
            parts.extend(self.before.pop_front());
        }
        if parts.len() > 1 { concat(&parts).map(Some) } else { Ok(parts.pop()) }
    }

    /// The difference between what groups had before the epoch and what they have now.
    ///
    /// | shown before | shown now | result differs | goes | comes |
    /// |--------------|-----------|----------------|------|-------|
    /// | yes          | no        |                | yes  |       |
    /// | no           | yes       |                |      | yes   |
    /// | yes          | yes       | yes            | yes  | yes   |
    /// | yes          | yes       | no             |      |       |
    ///
    /// A row is shown if its group exists and no function of it fails.
    fn put_changed(&self, before: &Before, output: &mut Output) -> Result<(), Fault> {
        let groups = before.groups.as_slice();
        let after = self.results(groups)?;
        let exists = BooleanBuffer::collect_bool(groups.len(), |place| self.exists_now(groups[place]));
        let mut differs = BooleanBuffer::new_unset(groups.len());
        for (before, after) in before.results.iter().zip(&after) {
            differs = &differs | &are_distinct(&before.values, &after.values)?;
        }
        let failed_before = any_failed(&before.results);
        let failed_after = any_failed(&after);
        if failed_before.is_some() || failed_after.is_some() {
            self.put_errors(groups, &before.results, &after, output)?;
        }
        let shown_before = failed_before.map_or_else(|| BooleanBuffer::new_set(groups.len()), |failed| !&failed);
        let shown_now = failed_after.map_or_else(|| exists.clone(), |failed| &exists & &!&failed);
        let goes = &shown_before & &(&differs | &!&shown_now);
        let comes = &shown_now & &(&differs | &!&shown_before);
        let keys_that_go = self.keys_of(groups, &goes)?;
        let keys_that_come = if comes == goes { keys_that_go.clone() } else { self.keys_of(groups, &comes)? };
        if goes.count_set_bits() > 0 {
            output.changes(ChangeBatch::deletes(self.rows(keys_that_go, &before.results, &goes)?));
        }
        if comes.count_set_bits() > 0 {
            output.changes(ChangeBatch::inserts(self.rows(keys_that_come, &after, &comes)?));
        }
        Ok(())
    }

    /// The rows of groups that had none before the epoch.
    fn put_fresh(&self, groups: &[u32], output: &mut Output) -> Result<(), Fault> {
        let groups = groups.iter().copied().filter(|&group| self.exists_now(group)).collect::<Vec<_>>();
        if groups.is_empty() {
            return Ok(());
        }
        let results = self.results(&groups)?;
        let comes = match any_failed(&results) {
            None => BooleanBuffer::new_set(groups.len()),
            Some(failed) => {
                self.put_errors(&groups, &[], &results, output)?;
                !&failed
            }
        };
        if comes.count_set_bits() > 0 {
            output.changes(ChangeBatch::inserts(self.rows(self.keys_of(&groups, &comes)?, &results, &comes)?));
        }
        Ok(())
    }

    fn keys_of(&self, groups: &[u32], chosen: &BooleanBuffer) -> Result<Columns, Fault> {
        if chosen.count_set_bits() == groups.len() {
            return Ok(self.groups.keys(groups)?);
        }
        let groups = chosen.set_indices().map(|place| groups[place]).collect::<Vec<_>>();
        Ok(self.groups.keys(&groups)?)
    }

    /// The rows with these keys and the chosen ones of these results.
    fn rows(&self, keys: Columns, results: &[Results], chosen: &BooleanBuffer) -> Result<RecordBatch, Fault> {
        let rows = chosen.count_set_bits();
        let mut columns = keys;
        for result in results {
            columns.push(if rows == chosen.len() {
                result.values.clone()
            } else {
                compute::filter(&result.values, &BooleanArray::new(chosen.clone(), None))?
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)?)
    }

    /// Reports groups whose result newly fails, and takes back the reports of those that did.
    /// Without `before`, none of the groups was there.
    fn put_errors(
        &self,
        groups: &[u32],
        before: &[Results],
        after: &[Results],
        output: &mut Output,
    ) -> Result<(), Fault> {
        // A row has one error, that of the first function that fails.
        let failing = |results: &[Results], place: usize| {
            let failed = |results: &Results| results.failed.as_ref().is_some_and(|failed| failed.value(place));
            results.iter().position(failed)
        };
        for (place, &group) in groups.iter().enumerate() {
            let failed_before = failing(before, place);
            let failed_after = if self.exists_now(group) { failing(after, place) } else { None };
            if failed_before == failed_after {
                continue;
            }
            for (column, diff) in [(failed_before, -1), (failed_after, 1)] {
                if let Some(column) = column {
                    let (call, function) = self.functions[column];
                    let message = self.calls[call].accumulator.failure(function);
                    output.error(RowError { message, payload: self.group_text(group)?, diff });
                }
            }
        }
        Ok(())
    }

    /// A group's key as text.
    pub(super) fn group_text(&self, group: u32) -> Result<String, Fault> {
        let schema = self.schema.project(&(0..self.keys.len()).collect::<Vec<_>>())?;
        let options = RecordBatchOptions::new().with_row_count(Some(1));
        let keys = RecordBatch::try_new_with_options(schema.into(), self.groups.keys(&[group])?, &options)?;
        Ok(row_text(&keys, 0))
    }
}

/// A result of fixed width takes about as much.
const RESULT_BYTES: usize = 16;

impl Before {
    fn result_bytes(&self) -> usize {
        self.results.iter().map(|results| bytes_of(std::slice::from_ref(&results.values), 0..self.groups.len())).sum()
    }

    /// Takes off all from `place` on.
    fn split_off(&mut self, place: usize) -> Before {
        let length = self.groups.len() - place;
        let results = self.results.iter().map(|results| results.slice(place, length)).collect();
        self.results.iter_mut().for_each(|results| *results = results.slice(0, place));
        Before { groups: self.groups.split_off(place), results }
    }
}

fn concat(parts: &[Before]) -> Result<Before, Fault> {
    let calls = parts[0].results.len();
    let results = (0..calls).map(|call| {
        let values = parts.iter().map(|part| part.results[call].values.as_ref()).collect::<Vec<_>>();
        Ok(Results { values: compute::concat(&values)?, failed: concat_failed(parts, call) })
    });
    let results = results.collect::<Result<_, Fault>>()?;
    Ok(Before { groups: parts.iter().flat_map(|part| part.groups.iter().copied()).collect(), results })
}

fn concat_failed(parts: &[Before], call: usize) -> Option<BooleanBuffer> {
    if parts.iter().all(|part| part.results[call].failed.is_none()) {
        return None;
    }
    let mut all = BooleanBufferBuilder::new(0);
    for part in parts {
        match &part.results[call].failed {
            Some(failed) => all.append_buffer(failed),
            None => all.append_n(part.groups.len(), false),
        }
    }
    Some(all.finish())
}

fn any_failed(results: &[Results]) -> Option<BooleanBuffer> {
    let failed = results.iter().filter_map(|results| results.failed.clone());
    failed.reduce(|one, other| &one | &other)
}

/// Where two columns differ, null being equal to null.
fn are_distinct(left: &ArrayRef, right: &ArrayRef) -> Result<BooleanBuffer, Fault> {
    if left.data_type().is_nested() {
        let compare = make_comparator(left, right, SortOptions::default())?;
        return Ok(BooleanBuffer::collect_bool(left.len(), |row| compare(row, row) != Ordering::Equal));
    }
    let distinct = cmp::distinct(left, right)?;
    Ok(distinct.values().clone())
}
