//! `timestamp - timestamp` as Postgres has it: days and a time, not a number of seconds.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, IntervalMonthDayNanoArray};
use arrow::compute::cast;
use arrow::compute::kernels::arity::try_binary;
use arrow::datatypes::{IntervalMonthDayNano, IntervalMonthDayNanoType, TimestampMicrosecondType};
use arrow::error::ArrowError;
use datafusion::error::Result;

use super::MICROSECONDS_PER_DAY;
use super::plain::{PlainFunction, Values};
use crate::types::PgType;

/// `left - right`, both timestamps of one kind.
pub(crate) const TIME_DIFFERENCE: PlainFunction = PlainFunction {
    name: "time_difference",
    aliases: &[],
    coerce: |types| Some(types.to_vec()),
    result: |_| Ok(PgType::Interval.arrow()),
    values: |values| {
        let (left, right) = (microseconds(values, 0)?, microseconds(values, 1)?);
        let left = left.as_primitive::<TimestampMicrosecondType>();
        let right = right.as_primitive::<TimestampMicrosecondType>();
        let result: IntervalMonthDayNanoArray =
            try_binary::<_, _, _, IntervalMonthDayNanoType>(left, right, difference)?;
        Ok(Arc::new(result))
    },
};

fn microseconds(values: &Values<'_>, place: usize) -> Result<ArrayRef> {
    Ok(cast(&values.array(place)?, &PgType::Timestamp.arrow())?)
}

fn difference(left: i64, right: i64) -> Result<IntervalMonthDayNano, ArrowError> {
    let out_of_range = || ArrowError::ArithmeticOverflow("interval out of range".to_owned());
    let microseconds = left.checked_sub(right).ok_or_else(out_of_range)?;
    let days = i32::try_from(microseconds / MICROSECONDS_PER_DAY).map_err(|_| out_of_range())?;
    Ok(IntervalMonthDayNano::new(0, days, microseconds % MICROSECONDS_PER_DAY * 1_000))
}
