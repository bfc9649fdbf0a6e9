//! `to_char(timestamp, pattern)` with Postgres' patterns.
//!
//! A pattern is compiled once per batch. Consecutive rows mostly fall on one day, so a pattern
//! without a time of day writes its text anew only when the day changes.
//! See <https://www.postgresql.org/docs/current/functions-formatting.html>.

mod date;
mod pattern;

use std::fmt::Write;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::ColumnarValue;

use self::date::Date;
use self::pattern::Pattern;
use super::MICROSECONDS_PER_DAY;
use super::plain::PlainFunction;

/// `to_char(time, pattern)`.
pub(super) const TO_CHAR: PlainFunction = PlainFunction {
    name: "to_char",
    aliases: &[],
    coerce: |types| match types {
        [time, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null] => {
            Some(vec![time.clone(), DataType::Utf8])
        }
        _ => None,
    },
    result: |types| match types.arguments {
        [DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 | DataType::Null, _] => Ok(DataType::Utf8),
        [other, _] => Err(DataFusionError::NotImplemented(format!("to_char of {other} is not supported yet"))),
        _ => Err(DataFusionError::Internal("to_char has two arguments".to_owned())),
    },
    values: |values| {
        let times = values.array(0)?;
        if let ColumnarValue::Scalar(pattern) = &values.arguments[1] {
            let pattern = pattern.try_as_str().flatten().map(Pattern::compile).transpose()?;
            return format_all(&times, |_| Ok(pattern.as_ref()));
        }
        let patterns = values.array(1)?;
        let patterns = patterns.as_string::<i32>().iter().map(|pattern| pattern.map(Pattern::compile).transpose());
        let patterns = patterns.collect::<Result<Vec<_>>>()?;
        format_all(&times, |row| Ok(patterns[row].as_ref()))
    },
};

fn format_all<'a>(values: &ArrayRef, pattern_of: impl Fn(usize) -> Result<Option<&'a Pattern>>) -> Result<ArrayRef> {
    let zone = match values.data_type() {
        DataType::Timestamp(_, zone) => zone.clone(),
        _ => None,
    };
    let zone_name = if zone.is_some() { "UTC" } else { "" };
    let values = cast(values, &DataType::Timestamp(TimeUnit::Microsecond, zone))?;
    let values = values.as_primitive::<TimestampMicrosecondType>();
    let mut out = StringBuilder::with_capacity(values.len(), values.len() * 16);
    let mut text = String::new();
    let mut last: Option<(Range<i64>, *const Pattern)> = None;
    let mut date = Date::of_day(0);
    for row in 0..values.len() {
        let pattern = if values.is_null(row) { None } else { pattern_of(row)? };
        let Some(pattern) = pattern else {
            out.append_null();
            continue;
        };
        let value = values.value(row);
        let same_day = last.as_ref().is_some_and(|(day, last)| day.contains(&value) && std::ptr::eq(*last, pattern));
        if !same_day {
            let day = value.div_euclid(MICROSECONDS_PER_DAY);
            date = Date::of_day(day);
            let start = day.saturating_mul(MICROSECONDS_PER_DAY);
            last = Some((start..start.saturating_add(MICROSECONDS_PER_DAY), std::ptr::from_ref(pattern)));
        }
        if !same_day || pattern.has_time {
            text.clear();
            pattern.write(&date, value.rem_euclid(MICROSECONDS_PER_DAY), zone_name, &mut text);
        }
        out.append_value(&text);
    }
    Ok(Arc::new(out.finish()))
}

/// A timestamp as Postgres writes it by itself: `2020-01-31 12:00:00.5`.
pub(super) fn write_timestamp(microseconds: i64, out: &mut String) {
    let date = Date::of_day(microseconds.div_euclid(MICROSECONDS_PER_DAY));
    let time = microseconds.rem_euclid(MICROSECONDS_PER_DAY);
    let (year, era) = if date.year > 0 { (date.year, "") } else { (1 - date.year, " BC") };
    let seconds = time / 1_000_000;
    let _ = write!(out, "{year:04}-{:02}-{:02} ", date.month, date.day);
    let _ = write!(out, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    let fraction = time % 1_000_000;
    if fraction > 0 {
        let digits = format!("{fraction:06}");
        let _ = write!(out, ".{}", digits.trim_end_matches('0'));
    }
    out.push_str(era);
}
