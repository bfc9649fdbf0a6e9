//! `interval * number` and `interval / number`: what is left over of months becomes days, and of
//! days time, as in Postgres.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, IntervalMonthDayNanoArray};
use arrow::compute::kernels::arity::try_binary;
use arrow::datatypes::{DataType, Float64Type, IntervalMonthDayNano, IntervalMonthDayNanoType};
use arrow::error::ArrowError;
use datafusion::error::Result;

use super::plain::{PlainFunction, Values};
use crate::types::PgType;

const DAYS_PER_MONTH: f64 = 30.0;
const SECONDS_PER_DAY: f64 = 86_400.0;

/// `interval * double precision`.
pub(crate) const TIMES: PlainFunction = PlainFunction {
    name: "interval_times",
    aliases: &[],
    coerce,
    result: |_| Ok(PgType::Interval.arrow()),
    values: |values| each(values, |part, factor| part * factor),
};

/// `interval / double precision`.
pub(crate) const DIVIDED_BY: PlainFunction = PlainFunction {
    name: "interval_divided_by",
    aliases: &[],
    coerce,
    result: |_| Ok(PgType::Interval.arrow()),
    values: |values| each(values, |part, factor| part / factor),
};

fn coerce(arguments: &[DataType]) -> Option<Vec<DataType>> {
    match arguments {
        [DataType::Interval(_), number] if number.is_numeric() || number.is_null() => {
            Some(vec![PgType::Interval.arrow(), DataType::Float64])
        }
        _ => None,
    }
}

fn each(values: &Values<'_>, apply: impl Fn(f64, f64) -> f64) -> Result<ArrayRef> {
    let (intervals, factors) = (values.array(0)?, values.array(1)?);
    let intervals = intervals.as_primitive::<IntervalMonthDayNanoType>();
    let result: IntervalMonthDayNanoArray =
        try_binary(intervals, factors.as_primitive::<Float64Type>(), |interval, factor| {
            if factor == 0.0 && !apply(1.0, factor).is_finite() {
                return Err(ArrowError::DivideByZero);
            }
            scaled(interval, |part| apply(part, factor))
        })?;
    Ok(Arc::new(result))
}

fn scaled(interval: IntervalMonthDayNano, scale: impl Fn(f64) -> f64) -> Result<IntervalMonthDayNano, ArrowError> {
    // To the microsecond, so that no digit that floats make up becomes time.
    let rounded = |number: f64| (number * 1e6).round_ties_even() / 1e6;
    let (months, days) = (scale(f64::from(interval.months)), scale(f64::from(interval.days)));
    let days_of_months = rounded((months - months.trunc()) * DAYS_PER_MONTH);
    let mut seconds = rounded((days - days.trunc() + days_of_months - days_of_months.trunc()) * SECONDS_PER_DAY);
    let mut whole_days = days.trunc() + days_of_months.trunc();
    if seconds.abs() >= SECONDS_PER_DAY {
        whole_days += (seconds / SECONDS_PER_DAY).trunc();
        seconds %= SECONDS_PER_DAY;
    }
    let microseconds = scale(interval.nanoseconds as f64 / 1e3) + seconds * 1e6;
    let nanoseconds = microseconds.round_ties_even() * 1e3;
    // False for NaN too.
    let fits = |number: f64, limit: f64| number.abs() <= limit;
    if !(fits(months, f64::from(i32::MAX)) && fits(whole_days, f64::from(i32::MAX)) && fits(nanoseconds, 9.2e18)) {
        return Err(ArrowError::ArithmeticOverflow("interval out of range".to_owned()));
    }
    Ok(IntervalMonthDayNano::new(months as i32, whole_days as i32, nanoseconds as i64))
}
