//! Intervals as what compares as Postgres compares them: by how long they last, with months of 30 days and days
//! of 24 hours.
//!
//! Of intervals that last equally long, such as `1 mon` and `30 days`, the lengths are equal; the keys are not,
//! but stand together, and give back the interval.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BinaryArray, Decimal128Array, IntervalMonthDayNanoArray};
use arrow::datatypes::{DataType, IntervalMonthDayNano, IntervalMonthDayNanoType};
use datafusion::common::exec_err;
use datafusion::error::{DataFusionError, Result};

use super::plain::{PlainFunction, Values};
use crate::types::{PRECISION_MAX, PgType};

const DAYS_PER_MONTH: i128 = 30;
const NANOSECONDS_PER_DAY: i128 = 86_400_000_000_000;

/// How long an interval lasts, in nanoseconds.
pub(crate) const LENGTH: PlainFunction = PlainFunction {
    name: "interval_length",
    aliases: &[],
    coerce: of_interval,
    result: |_| Ok(length_type()),
    values: |values| {
        let intervals = values.array(0)?;
        let lengths: Decimal128Array = intervals.as_primitive::<IntervalMonthDayNanoType>().unary(length);
        Ok(Arc::new(lengths.with_data_type(length_type())))
    },
};

/// An interval as bytes: its length, then its months and days.
pub(crate) const KEY: PlainFunction = PlainFunction {
    name: "interval_key",
    aliases: &[],
    coerce: of_interval,
    result: |_| Ok(DataType::Binary),
    values: |values| {
        let intervals = values.array(0)?;
        let keys = intervals.as_primitive::<IntervalMonthDayNanoType>().iter();
        Ok(Arc::new(keys.map(|interval| interval.map(key)).collect::<BinaryArray>()))
    },
};

/// The interval of a [`KEY`].
pub(crate) const OF_KEY: PlainFunction = PlainFunction {
    name: "interval_of_key",
    aliases: &[],
    coerce: |arguments| matches!(arguments, [DataType::Binary]).then(|| arguments.to_vec()),
    result: |_| Ok(PgType::Interval.arrow()),
    values: intervals,
};

fn length_type() -> DataType {
    DataType::Decimal128(PRECISION_MAX, 0)
}

fn of_interval(arguments: &[DataType]) -> Option<Vec<DataType>> {
    matches!(arguments, [DataType::Interval(_)]).then(|| vec![PgType::Interval.arrow()])
}

fn days(months: i32, days: i32) -> i128 {
    i128::from(months) * DAYS_PER_MONTH + i128::from(days)
}

fn length(interval: IntervalMonthDayNano) -> i128 {
    days(interval.months, interval.days) * NANOSECONDS_PER_DAY + i128::from(interval.nanoseconds)
}

/// Bytes in the order of the numbers: the sign is turned round.
fn key(interval: IntervalMonthDayNano) -> [u8; 24] {
    let mut key = [0; 24];
    key[..16].copy_from_slice(&(length(interval) ^ i128::MIN).to_be_bytes());
    key[16..20].copy_from_slice(&(interval.months ^ i32::MIN).to_be_bytes());
    key[20..].copy_from_slice(&(interval.days ^ i32::MIN).to_be_bytes());
    key
}

fn of_key(key: &[u8]) -> Option<IntervalMonthDayNano> {
    let (length, parts) = key.split_first_chunk::<16>()?;
    let (months, parts) = parts.split_first_chunk::<4>()?;
    let months = i32::from_be_bytes(*months) ^ i32::MIN;
    let whole_days = i32::from_be_bytes(parts.try_into().ok()?) ^ i32::MIN;
    let length = i128::from_be_bytes(*length) ^ i128::MIN;
    let nanoseconds = i64::try_from(length - days(months, whole_days) * NANOSECONDS_PER_DAY).ok()?;
    Some(IntervalMonthDayNano::new(months, whole_days, nanoseconds))
}

fn intervals(values: &Values<'_>) -> Result<ArrayRef> {
    let keys = values.array(0)?;
    let interval = |key: Option<&[u8]>| match key {
        None => Ok(None),
        Some(key) => match of_key(key) {
            Some(interval) => Ok(Some(interval)),
            None => exec_err!("no key of an interval"),
        },
    };
    let intervals = keys.as_binary::<i32>().iter().map(interval);
    Ok(Arc::new(intervals.collect::<Result<IntervalMonthDayNanoArray, DataFusionError>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_the_order_of_lengths_and_give_the_interval_back() {
        let hour = 3_600_000_000_000_i64;
        let intervals = [
            (i32::MIN, i32::MIN, i64::MIN),
            (-1, 0, 0),
            (0, -1, 0),
            (0, 0, -23 * hour),
            (0, 0, 0),
            (0, 0, 40 * hour),
            (1, -1, 23 * hour),
            (0, 0, 720 * hour),
            (0, 30, 0),
            (1, 0, 0),
            (0, 35, 0),
            (i32::MAX, i32::MAX, i64::MAX),
        ];
        let intervals = intervals.map(|(months, days, nanos)| IntervalMonthDayNano::new(months, days, nanos));
        for interval in intervals {
            assert_eq!(of_key(&key(interval)), Some(interval));
        }
        assert!(intervals.is_sorted_by_key(|interval| length(*interval)));
        assert!(intervals.is_sorted_by_key(|interval| key(*interval)));
        assert_eq!(length(intervals[7]), length(intervals[9]));
        assert_eq!(of_key(&[]), None);
    }
}
