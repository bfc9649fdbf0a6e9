//! `to_char(timestamp, pattern)` with Postgres' patterns.
//!
//! A pattern is compiled once per batch. Consecutive rows mostly fall on one day, so a pattern
//! without a time of day writes its text anew only when the day changes.
//! See <https://www.postgresql.org/docs/current/functions-formatting.html>.

mod date;
mod pattern;

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use datafusion::common::utils::take_function_args;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use datafusion::scalar::ScalarValue;

use self::date::Date;
use self::pattern::Pattern;

const MICROSECONDS_PER_DAY: i64 = 86_400_000_000;

#[derive(Debug, PartialEq, Eq, Hash)]
struct ToChar {
    signature: Signature,
}

pub(super) fn function() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(ToChar { signature: Signature::any(2, Volatility::Immutable) }))
}

impl ScalarUDFImpl for ToChar {
    fn name(&self) -> &str {
        "to_char"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        let [value, _] = take_function_args(self.name(), arguments)?;
        match value {
            DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 | DataType::Null => Ok(DataType::Utf8),
            other => Err(DataFusionError::NotImplemented(format!("to_char of {other} is not supported yet"))),
        }
    }

    fn is_strict(&self) -> bool {
        true
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = arguments.number_rows;
        let [value, pattern] = take_function_args(self.name(), arguments.args)?;
        if let ColumnarValue::Scalar(pattern) = &pattern {
            let pattern = match pattern.try_as_str() {
                Some(Some(pattern)) => Pattern::compile(pattern)?,
                _ => return Ok(ColumnarValue::Scalar(ScalarValue::Utf8(None))),
            };
            return match value {
                ColumnarValue::Array(values) => Ok(ColumnarValue::Array(format_all(&values, |_| Ok(Some(&pattern)))?)),
                ColumnarValue::Scalar(value) => {
                    let result = format_all(&value.to_array()?, |_| Ok(Some(&pattern)))?;
                    Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?))
                }
            };
        }
        let patterns = cast(&pattern.into_array(rows)?, &DataType::Utf8)?;
        let patterns = patterns.as_string::<i32>().iter().map(|pattern| pattern.map(Pattern::compile).transpose());
        let patterns = patterns.collect::<Result<Vec<_>>>()?;
        let values = value.into_array(rows)?;
        Ok(ColumnarValue::Array(format_all(&values, |row| Ok(patterns[row].as_ref()))?))
    }
}

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
    let mut last: Option<(i64, *const Pattern)> = None;
    let mut date = Date::of_day(0);
    for row in 0..values.len() {
        let pattern = if values.is_null(row) { None } else { pattern_of(row)? };
        let Some(pattern) = pattern else {
            out.append_null();
            continue;
        };
        let value = values.value(row);
        let day = value.div_euclid(MICROSECONDS_PER_DAY);
        let same_day = last == Some((day, std::ptr::from_ref(pattern)));
        if !same_day {
            date = Date::of_day(day);
            last = Some((day, std::ptr::from_ref(pattern)));
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
