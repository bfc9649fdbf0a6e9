//! The seam between grouping and the functions computed for each group.
//!
//! An accumulator is columnar: it holds what it knows of all groups in pages indexed by group.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::datatypes::{DataType, SchemaRef};
use changes::Diffs;
use datafusion::error::DataFusionError;
use plan::{AggregateCall, AggregateFunction};
use state::{CheckpointReader, CheckpointWriter, Groups, Room};

use super::count::Count;
use super::distinct_values::DistinctValues;
use super::{exact_sum, extreme, float_sum};
use crate::Fault;

/// One aggregate function over all groups, or several that need the same.
pub(super) trait Accumulator {
    /// Makes or gives up room for groups, as [`Groups`] says.
    fn set_room(&mut self, room: Room);

    /// Takes in rows: the group, argument and diff of each.
    fn update(&mut self, groups: &[u32], argument: Option<&ArrayRef>, diffs: &Diffs) -> Result<(), Fault>;

    /// Is another function of the same arguments from now on, too, if what is known of a group is enough
    /// for it; returns that function's number. The one it was made for has number 0.
    fn add_function(&mut self, call: &AggregateCall, argument: &DataType) -> Option<usize> {
        let _ = (call, argument);
        None
    }

    /// A function's result for each of `groups`.
    fn output(&self, function: usize, groups: &[u32]) -> Result<Results, Fault>;

    /// What has happened if a result of a function has failed.
    fn failure(&self, function: usize) -> String {
        let _ = function;
        "value out of range: overflow".to_owned()
    }

    /// The epoch is complete in which the groups `touched` changed. `all` has the groups' keys.
    fn settle(&mut self, touched: &[u32], all: &Groups) -> Result<(), Fault> {
        let _ = (touched, all);
        Ok(())
    }

    /// Forgets a group without rows: it is as if it had never been there.
    fn clear(&mut self, group: u32);

    /// Bytes of a group's result, where such results differ in that.
    fn result_bytes(&self, group: u32) -> Option<usize> {
        let _ = group;
        None
    }

    /// Appends what is known of a group.
    fn save(&self, group: u32, bytes: &mut Vec<u8>);

    /// Reads what [`Accumulator::save`] appended, from the front of `bytes`.
    fn load(&mut self, group: u32, bytes: &mut &[u8]) -> Result<(), Fault>;

    /// Writes what is kept apart from the groups.
    fn checkpoint(&mut self, all: &Groups, writer: &CheckpointWriter<'_>) -> Result<(), Fault> {
        let _ = (all, writer);
        Ok(())
    }

    /// Reads what [`Accumulator::checkpoint`] wrote. All groups are there already.
    fn restore(&mut self, all: &mut Groups, reader: &CheckpointReader<'_>) -> Result<(), Fault> {
        let _ = (all, reader);
        Ok(())
    }

    /// Arguments remembered one by one; cheap to ask.
    fn values(&self) -> usize {
        0
    }

    /// Bytes remembered, as far as they are counted; cheap to ask.
    fn state_bytes(&self) -> usize;
}

/// Results of one function for some groups.
pub(super) struct Results {
    pub(super) values: ArrayRef,
    /// The groups that have no result, if there are such.
    pub(super) failed: Option<BooleanBuffer>,
}

impl Results {
    pub(super) fn of(values: impl Array + 'static) -> Results {
        Results { values: Arc::new(values), failed: None }
    }

    /// Those of `length` groups from `place` on.
    pub(super) fn slice(&self, place: usize, length: usize) -> Results {
        let failed = self.failed.as_ref().map(|failed| failed.slice(place, length));
        Results { values: self.values.slice(place, length), failed }
    }

    /// With the places where there is no result.
    pub(super) fn with_failures(values: impl Array + 'static, failures: &[usize]) -> Results {
        let length = values.len();
        let failed = (!failures.is_empty()).then(|| {
            let mut failed = arrow::array::BooleanBufferBuilder::new(length);
            failed.append_n(length, false);
            failures.iter().for_each(|&place| failed.set_bit(place, true));
            failed.finish()
        });
        Results { values: Arc::new(values), failed }
    }
}

/// The accumulator of a call over an input of this schema.
///
/// # Errors
/// If the function has no incremental form for its argument's type.
pub(super) fn accumulator(
    call: &AggregateCall,
    schema: &SchemaRef,
    append_only: bool,
) -> Result<Box<dyn Accumulator>, Fault> {
    use AggregateFunction::{Avg, Count as CountRows, Max, Min, Sum};
    let argument = call.argument.map(|column| schema.field(column).data_type().clone());
    let Some(argument) = argument else {
        return match (call.function, call.distinct, &call.result) {
            (CountRows, false, DataType::Int64) => Ok(Box::new(Count::default())),
            _ => Err(unsupported(call, "*")),
        };
    };
    let is_order_based = matches!(call.function, Min | Max);
    // Behind DISTINCT an argument comes and goes, if never for a row's sake.
    let found: Option<Box<dyn Accumulator>> = match call.function {
        CountRows if call.result == DataType::Int64 => Some(Box::new(Count::default())),
        CountRows => None,
        Sum if argument.is_floating() => float_sum::sum(&call.result),
        Avg if argument.is_floating() => float_sum::average(&call.result),
        Sum | Avg => exact_sum::exact_sum(call, &argument),
        Min | Max if argument == call.result => Some(extreme::extreme(&argument, call.function == Max, append_only)?),
        Min | Max => None,
    };
    let accumulator = found.ok_or_else(|| unsupported(call, &argument.to_string()))?;
    // The extremes of values are those of the different values.
    if call.distinct && !is_order_based {
        return Ok(Box::new(DistinctValues::new(&argument, accumulator)?));
    }
    Ok(accumulator)
}

fn unsupported(call: &AggregateCall, argument: &str) -> Fault {
    let distinct = if call.distinct { "DISTINCT " } else { "" };
    let message = format!("{}({distinct}{argument}) as {} in a materialized view", call.function, call.result);
    DataFusionError::NotImplemented(message).into()
}

/// Calls `change` with the group, row number and diff of each row whose argument is not null.
#[inline(always)]
pub(super) fn for_each_row(
    groups: &[u32],
    nulls: Option<&NullBuffer>,
    diffs: &Diffs,
    mut change: impl FnMut(u32, usize, i64),
) {
    // A loop for each case, so that none decides anything anew for each row.
    match (nulls.filter(|nulls| nulls.null_count() > 0), diffs) {
        (None, Diffs::Inserts) => {
            for (row, &group) in groups.iter().enumerate() {
                change(group, row, 1);
            }
        }
        (None, Diffs::Each(diffs)) => {
            for (row, (&group, &diff)) in groups.iter().zip(diffs.iter()).enumerate() {
                change(group, row, diff);
            }
        }
        (Some(nulls), diffs) => {
            for row in nulls.valid_indices() {
                change(groups[row], row, diffs.get(row));
            }
        }
    }
}

/// Takes `N` bytes from the front of saved state.
pub(super) fn read<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], Fault> {
    let Some((front, rest)) = bytes.split_first_chunk::<N>() else {
        return Err(damaged());
    };
    *bytes = rest;
    Ok(*front)
}

/// Takes as many bytes as were appended by [`write_bytes`].
pub(super) fn read_bytes<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], Fault> {
    let length = u64::from_le_bytes(read(bytes)?) as usize;
    let Some((front, rest)) = bytes.split_at_checked(length) else {
        return Err(damaged());
    };
    *bytes = rest;
    Ok(front)
}

/// Appends bytes after their length.
pub(super) fn write_bytes(value: &[u8], bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
    bytes.extend_from_slice(value);
}

/// Saved state that ends too early or says what cannot be.
pub(super) fn damaged() -> Fault {
    state::Error::Damaged("an aggregate's group".to_owned()).into()
}
