//! Totals of many groups, and of one.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, PrimitiveArray};
use arrow::compute::cast;
use arrow::datatypes::Int64Type;
use arrow::error::ArrowError;
use datafusion::error::Result;
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};
use datafusion::scalar::ScalarValue;

use super::addend::{Addend, Finish};

/// Each group's total, and how many numbers are in it.
#[derive(Debug)]
pub(super) struct Totals<A> {
    finish: Finish,
    totals: Vec<A>,
    counts: Vec<i64>,
}

impl<A: Addend> Totals<A> {
    pub(super) fn new(finish: Finish) -> Totals<A> {
        Totals { finish, totals: vec![], counts: vec![] }
    }

    fn resize(&mut self, groups: usize) {
        self.totals.resize(groups, A::default());
        self.counts.resize(groups, 0);
    }

    /// Adds or takes away the numbers of some rows.
    fn apply(
        &mut self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
        group_of: impl Fn(usize) -> usize,
        apply: impl Fn(A, A) -> Result<A, ArrowError>,
        count: i64,
    ) -> Result<()> {
        let numbers = cast(&values[0], &self.finish.addend)?;
        let numbers = numbers.as_primitive::<A::Arrow>();
        let is_counted = |row: usize| filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
        for (row, &number) in numbers.values().iter().enumerate() {
            if numbers.is_valid(row) && is_counted(row) {
                let group = group_of(row);
                self.totals[group] = apply(self.totals[group], number)?;
                self.counts[group] += count;
            }
        }
        Ok(())
    }

    fn merge(&mut self, states: &[ArrayRef], group_of: impl Fn(usize) -> usize) -> Result<()> {
        let totals = states[0].as_primitive::<A::Arrow>();
        let counts = states[1].as_primitive::<Int64Type>();
        for (row, (&total, &count)) in totals.values().iter().zip(counts.values()).enumerate() {
            let group = group_of(row);
            self.totals[group] = self.totals[group].plus(total)?;
            self.counts[group] += count;
        }
        Ok(())
    }

    fn states(&self, totals: Vec<A>, counts: Vec<i64>) -> Vec<ArrayRef> {
        let totals = PrimitiveArray::<A::Arrow>::from_iter_values(totals).with_data_type(self.finish.addend.clone());
        vec![Arc::new(totals), Arc::new(Int64Array::from(counts))]
    }
}

impl<A: Addend> GroupsAccumulator for Totals<A> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total_groups: usize,
    ) -> Result<()> {
        self.resize(total_groups);
        self.apply(values, filter, |row| groups[row], A::plus, 1)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let (totals, counts) = (emit_to.take_needed(&mut self.totals), emit_to.take_needed(&mut self.counts));
        Ok(A::results(&self.finish, &totals, &counts)?)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let (totals, counts) = (emit_to.take_needed(&mut self.totals), emit_to.take_needed(&mut self.counts));
        Ok(self.states(totals, counts))
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], total_groups: usize) -> Result<()> {
        self.resize(total_groups);
        self.merge(states, |row| groups[row])
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let mut each = Totals::<A>::new(self.finish.clone());
        each.resize(values[0].len());
        each.apply(values, filter, |row| row, A::plus, 1)?;
        let (totals, counts) = (std::mem::take(&mut each.totals), std::mem::take(&mut each.counts));
        Ok(each.states(totals, counts))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.totals.capacity() * size_of::<A>() + self.counts.capacity() * size_of::<i64>()
    }
}

/// The total of one group.
#[derive(Debug)]
pub(super) struct OneTotal<A> {
    totals: Totals<A>,
}

impl<A: Addend> OneTotal<A> {
    pub(super) fn new(finish: Finish) -> OneTotal<A> {
        let mut totals = Totals::new(finish);
        totals.resize(1);
        OneTotal { totals }
    }
}

impl<A: Addend> Accumulator for OneTotal<A> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.totals.apply(values, None, |_| 0, A::plus, 1)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.totals.apply(values, None, |_| 0, A::minus, -1)
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let results = A::results(&self.totals.finish, &self.totals.totals, &self.totals.counts)?;
        ScalarValue::try_from_array(&results, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let states = self.totals.states(self.totals.totals.clone(), self.totals.counts.clone());
        states.iter().map(|state| ScalarValue::try_from_array(state, 0)).collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.totals.merge(states, |_| 0)
    }

    fn size(&self) -> usize {
        GroupsAccumulator::size(&self.totals)
    }
}
