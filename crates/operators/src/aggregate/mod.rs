//! `GROUP BY`: one row for each group, and aggregates over everything.
//!
//! A group's row before the epoch is remembered when the group is first touched, and compared with
//! the one after it when the epoch is complete: what a group went through in between never shows.
//! This file keeps the groups; an accumulator a file computes the functions, `emission` puts out.

use std::collections::VecDeque;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute;
use arrow::datatypes::SchemaRef;
use changes::{ChangeBatch, Diffs, Epoch};
use datafusion::error::DataFusionError;
use state::{CheckpointReader, CheckpointWriter, Groups, Pages};

use crate::{Fault, Moment, Operator, Output, Port, Progress};

mod accumulator;
mod count;
mod distinct_values;
mod emission;
mod exact_sum;
mod extreme;
mod extreme_bytes;
mod float_sum;
mod multiset;
mod save;
mod unsaved;
mod unsaved_values;

use accumulator::{Accumulator, Results, for_each_row};
use unsaved::Unsaved;

/// See [`plan::Aggregate`].
pub struct Aggregate {
    schema: SchemaRef,
    keys: Vec<usize>,
    calls: Vec<Call>,
    /// Where the result columns come from: which call, and which of its functions.
    functions: Vec<(usize, usize)>,
    append_only: bool,
    /// Whether group 0 is there even when it is empty: the one group of an aggregate without keys.
    has_lasting_group: bool,
    groups: Groups,
    states: Pages<GroupState>,
    /// Groups that exist, as of the last complete epoch.
    existing: usize,
    /// This epoch's touched groups: those that existed before it, with their results then,
    before: VecDeque<Before>,
    /// and the others,
    fresh: Vec<u32>,
    /// of which so many have been put out, if the epoch is complete.
    fresh_done: usize,
    unsaved: Unsaved,
    /// The batch's groups; kept for its memory.
    assigned: Vec<u32>,
}

/// What is known of every group, of a size that is quick to reach.
#[derive(Clone, Copy, Default)]
struct GroupState {
    /// Rows in it now.
    rows: i64,
    /// Whether a row of this epoch was in it.
    is_touched: bool,
    /// Whether it had a row in the output when the last epoch was complete (or an error in place).
    exists: bool,
}

/// Groups and what was put out for them last.
struct Before {
    groups: Vec<u32>,
    results: Vec<Results>,
}

/// One function, or several of the same input, and where that is.
struct Call {
    accumulator: Box<dyn Accumulator>,
    argument: Option<usize>,
    filter: Option<usize>,
    is_distinct: bool,
}

impl Call {
    /// Whether it has the same input as a call of the plan.
    fn is_of(&self, call: &plan::AggregateCall) -> bool {
        (self.argument, self.filter, self.is_distinct) == (call.argument, call.filter, call.distinct)
    }

    fn update(&mut self, groups: &[u32], changes: &ChangeBatch) -> Result<(), Fault> {
        let argument = self.argument.map(|column| changes.column(column));
        let Some(filter) = self.filter else {
            return self.accumulator.update(groups, argument, changes.diffs());
        };
        let filter = changes.column(filter).as_boolean();
        let filter = if filter.null_count() > 0 { &compute::prep_null_mask_filter(filter) } else { filter };
        let groups = filter.values().set_indices().map(|row| groups[row]).collect::<Vec<_>>();
        if groups.is_empty() {
            return Ok(());
        }
        let argument = argument.map(|argument| compute::filter(argument, filter)).transpose()?;
        self.accumulator.update(&groups, argument.as_ref(), &changes.diffs().filter(filter.values()))
    }
}

impl Aggregate {
    /// An aggregate as the plan has it. Without keys, of all workers' operators the one that
    /// `owns_empty_group` has the one row over empty input, and gets all input.
    ///
    /// # Errors
    /// If a key cannot be grouped by, or a function has no incremental form for its argument.
    pub fn new(plan: &plan::Aggregate, owns_empty_group: bool) -> Result<Aggregate, Fault> {
        let input = plan.input.schema();
        let append_only = plan.input.properties().append_only;
        let key_types = plan.keys.iter().map(|&column| input.field(column).data_type().clone()).collect::<Vec<_>>();
        let call_types = plan.calls.iter().map(|call| call.result.clone());
        for (field, data_type) in plan.schema.fields().iter().zip(key_types.iter().cloned().chain(call_types)) {
            if *field.data_type() != data_type {
                let message = format!("{data_type} as a column of type {}", field.data_type());
                return Err(DataFusionError::NotImplemented(message).into());
            }
        }
        let (mut calls, mut functions) = (Vec::<Call>::new(), Vec::new());
        for call in &plan.calls {
            let add = |known: &mut Call| known.accumulator.add_function(call, input.field(known.argument?).data_type());
            let of_same_input = calls.iter_mut().enumerate().filter(|(_, known)| known.is_of(call));
            let shared = of_same_input.filter_map(|(number, known)| Some((number, add(known)?))).next();
            functions.push(shared.unwrap_or((calls.len(), 0)));
            if shared.is_none() {
                let accumulator = accumulator::accumulator(call, input, append_only)?;
                let (argument, filter) = (call.argument, call.filter);
                calls.push(Call { accumulator, argument, filter, is_distinct: call.distinct });
            }
        }
        let mut aggregate = Aggregate {
            schema: plan.schema.clone(),
            keys: plan.keys.clone(),
            calls,
            functions,
            append_only,
            has_lasting_group: owns_empty_group && plan.keys.is_empty(),
            groups: Groups::new(key_types)?,
            states: Pages::default(),
            existing: 0,
            before: VecDeque::new(),
            fresh: Vec::new(),
            fresh_done: 0,
            unsaved: Unsaved::default(),
            assigned: Vec::new(),
        };
        if aggregate.has_lasting_group {
            aggregate.groups.assign(&[], 1, &mut aggregate.assigned)?;
            aggregate.make_room();
        }
        Ok(aggregate)
    }

    /// Makes room for groups that have none yet, and gives up that of pages without groups.
    fn make_room(&mut self) {
        for room in self.groups.take_rooms() {
            self.states.set_room(room);
            self.unsaved.set_room(room);
            self.calls.iter_mut().for_each(|call| call.accumulator.set_room(room));
        }
    }

    /// Counts rows in and out of their groups. Returns the groups touched for the first time in
    /// this epoch that existed before it.
    fn touch(&mut self, diffs: &Diffs) -> Vec<u32> {
        let mut existing = Vec::new();
        let (states, fresh) = (&mut self.states, &mut self.fresh);
        for_each_row(&self.assigned, None, diffs, |group, _, diff| {
            let state = &mut states[group];
            if !state.is_touched {
                state.is_touched = true;
                let list = if state.exists { &mut existing } else { &mut *fresh };
                list.push(group);
            }
            state.rows += diff;
        });
        existing
    }

    fn results(&self, groups: &[u32]) -> Result<Vec<Results>, Fault> {
        let results = |&(call, function): &(usize, usize)| self.calls[call].accumulator.output(function, groups);
        self.functions.iter().map(results).collect()
    }

    fn exists_now(&self, group: u32) -> bool {
        self.states[group].rows > 0 || (self.has_lasting_group && group == 0)
    }

    /// A group with fewer rows than none was told of rows going that had never come.
    fn refuse_negative(&self, touched: &[u32]) -> Result<(), Fault> {
        let negative = touched.iter().copied().filter(|&group| self.states[group].rows < 0);
        let negative = negative.collect::<Vec<_>>();
        let Some(&first) = negative.first() else {
            return Ok(());
        };
        Err(Fault::UnknownRow {
            operator: "aggregate",
            count: negative.len(),
            example: format!("one of group {}", self.group_text(first)?),
        })
    }

    /// These groups are as they have been put out; those without rows are forgotten.
    pub(super) fn finish(&mut self, groups: &[u32]) -> Result<(), Fault> {
        let mut empty = Vec::new();
        for &group in groups {
            let exists = self.exists_now(group);
            let state = &mut self.states[group];
            self.existing = self.existing + usize::from(exists) - usize::from(state.exists);
            state.exists = exists;
            state.is_touched = false;
            self.unsaved.mark(group);
            if !exists {
                empty.push(group);
            }
        }
        for &group in &empty {
            self.calls.iter_mut().for_each(|call| call.accumulator.clear(group));
            self.states[group] = GroupState::default();
        }
        self.unsaved.forget(&empty, |gone| Ok(self.groups.saved_keys(gone)?))?;
        self.groups.release(&empty);
        self.make_room();
        Ok(())
    }
}

impl Operator for Aggregate {
    fn on_changes(
        &mut self,
        _input: Port,
        _epoch: Epoch,
        changes: ChangeBatch,
        _output: &mut Output,
    ) -> Result<Progress, Fault> {
        if changes.is_empty() {
            return Ok(Progress::Done);
        }
        if self.append_only {
            refuse_deletes(&changes)?;
        }
        let keys = self.keys.iter().map(|&column| changes.column(column).clone()).collect::<Vec<_>>();
        self.groups.assign(&keys, changes.len(), &mut self.assigned)?;
        self.make_room();
        let touched = self.touch(changes.diffs());
        self.remember(&touched)?;
        for call in &mut self.calls {
            call.update(&self.assigned, &changes)?;
        }
        Ok(Progress::Done)
    }

    fn on_epoch_complete(&mut self, _moment: &Moment, output: &mut Output) -> Result<Progress, Fault> {
        if self.has_lasting_group && !self.states[0].exists && !self.states[0].is_touched {
            self.fresh.push(0);
        }
        let before = self.before.iter().map(|before| before.groups.as_slice());
        for touched in before.chain([self.fresh.as_slice()]) {
            self.refuse_negative(touched)?;
            self.calls.iter_mut().try_for_each(|call| call.accumulator.settle(touched, &self.groups))?;
        }
        self.put_all(output)
    }

    fn resume(&mut self, output: &mut Output) -> Result<Progress, Fault> {
        self.put_all(output)
    }

    fn checkpoint(&mut self, writer: &CheckpointWriter<'_>) -> Result<(), Fault> {
        self.write_changed(writer)
    }

    fn restore(&mut self, reader: &CheckpointReader<'_>) -> Result<(), Fault> {
        self.read_saved(reader)
    }

    fn state_rows(&self) -> usize {
        let is_lasting_one_empty = self.has_lasting_group && self.states[0].exists && self.states[0].rows == 0;
        let values = self.calls.iter().map(|call| call.accumulator.values()).sum::<usize>();
        self.existing - usize::from(is_lasting_one_empty) + values
    }

    fn state_bytes(&self) -> usize {
        let accumulators = self.calls.iter().map(|call| call.accumulator.state_bytes()).sum::<usize>();
        self.groups.bytes() + self.states.bytes() + self.unsaved.bytes() + accumulators
    }
}

fn refuse_deletes(changes: &ChangeBatch) -> Result<(), Fault> {
    let deleted = (0..changes.len()).filter(|&row| changes.diffs().get(row) < 0);
    if changes.diffs().is_inserts() {
        return Ok(());
    }
    let deleted = deleted.collect::<Vec<_>>();
    let Some(&first) = deleted.first() else {
        return Ok(());
    };
    Err(Fault::UnknownRow {
        operator: "append-only aggregate",
        count: deleted.len(),
        example: crate::expression::row_text(changes.rows(), first),
    })
}

/// Columns of equal length as [`ArrayRef`]s: the keys, then the results.
type Columns = Vec<ArrayRef>;

#[cfg(test)]
pub(crate) mod tests;
