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
use changes::{BATCH_ROWS_MAX, ChangeBatch, RowError};

use super::accumulator::Results;
use super::{Aggregate, Before, Columns};
use crate::expression::row_text;
use crate::{Fault, Output};

impl Aggregate {
    /// The difference between what groups had before the epoch and what they have now.
    pub(super) fn put_changed(&self, before: &Before, output: &mut Output) -> Result<(), Fault> {
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
        let shown_after = failed_after.map_or_else(|| exists.clone(), |failed| &exists & &!&failed);
        let gone = &shown_before & &(&differs | &!&shown_after);
        let come = &shown_after & &(&differs | &!&shown_before);
        let gone_keys = self.keys_of(groups, &gone)?;
        let come_keys = if come == gone { gone_keys.clone() } else { self.keys_of(groups, &come)? };
        if gone.count_set_bits() > 0 {
            output.changes(ChangeBatch::deletes(self.rows(gone_keys, &before.results, &gone)?));
        }
        if come.count_set_bits() > 0 {
            output.changes(ChangeBatch::inserts(self.rows(come_keys, &after, &come)?));
        }
        Ok(())
    }

    /// The rows of groups that had none before the epoch.
    pub(super) fn put_fresh(&self, groups: &[u32], output: &mut Output) -> Result<(), Fault> {
        let groups = groups.iter().copied().filter(|&group| self.exists_now(group)).collect::<Vec<_>>();
        if groups.is_empty() {
            return Ok(());
        }
        let results = self.results(&groups)?;
        let come = match any_failed(&results) {
            None => BooleanBuffer::new_set(groups.len()),
            Some(failed) => {
                self.put_errors(&groups, &[], &results, output)?;
                !&failed
            }
        };
        if come.count_set_bits() > 0 {
            output.changes(ChangeBatch::inserts(self.rows(self.keys_of(&groups, &come)?, &results, &come)?));
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
            for (call, diff) in [(failed_before, -1), (failed_after, 1)] {
                if let Some(call) = call {
                    let message = self.calls[call].accumulator.failure();
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

/// Puts parts together that are small, so that many small batches of input do not make as many of
/// output.
pub(super) fn coalesce(parts: Vec<Before>) -> Result<Vec<Before>, Fault> {
    let mut together: Vec<Vec<Before>> = Vec::new();
    let mut rows = BATCH_ROWS_MAX;
    for part in parts {
        rows += part.groups.len();
        match together.last_mut() {
            Some(last) if rows <= BATCH_ROWS_MAX => last.push(part),
            _ => {
                rows = part.groups.len();
                together.push(vec![part]);
            }
        }
    }
    together.into_iter().map(concat).collect()
}

fn concat(mut parts: Vec<Before>) -> Result<Before, Fault> {
    if parts.len() == 1 {
        return Ok(parts.remove(0));
    }
    let calls = parts[0].results.len();
    let results = (0..calls).map(|call| {
        let values = parts.iter().map(|part| part.results[call].values.as_ref()).collect::<Vec<_>>();
        Ok(Results { values: compute::concat(&values)?, failed: concat_failed(&parts, call) })
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
