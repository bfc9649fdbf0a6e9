//! Writing values as Postgres writes them.

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Float32Type, Float64Type, IntervalMonthDayNanoType, IntervalUnit, TimeUnit, TimestampMicrosecondType,
};
use datafusion::error::Result;

use crate::functions::to_char::write_timestamp;
use crate::functions::{array_text, interval_text};

pub(super) fn text_of(array: &ArrayRef) -> Result<ArrayRef> {
    let mut out = StringBuilder::with_capacity(array.len(), array.len() * 16);
    match array.data_type() {
        DataType::Float32 => {
            let values = array.as_primitive::<Float32Type>();
            each(values, &mut out, |value, text| write_float(f64::from(value), &value.to_string(), text));
        }
        DataType::Float64 => {
            let values = array.as_primitive::<Float64Type>();
            each(values, &mut out, |value, text| write_float(value, &value.to_string(), text));
        }
        DataType::Timestamp(_, zone) => {
            let suffix = if zone.is_some() { "+00" } else { "" };
            let values = cast(array, &DataType::Timestamp(TimeUnit::Microsecond, zone.clone()))?;
            let values = values.as_primitive::<TimestampMicrosecondType>();
            each(values, &mut out, |value, text| {
                write_timestamp(value, text);
                text.push_str(suffix);
            });
        }
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            let values = cast(array, &DataType::Binary)?;
            for value in values.as_binary::<i32>() {
                out.append_option(value.map(|bytes| {
                    bytes.iter().fold("\\x".to_owned(), |mut text, byte| {
                        let _ = write!(text, "{byte:02x}");
                        text
                    })
                }));
            }
        }
        DataType::Interval(_) => {
            let values = cast(array, &DataType::Interval(IntervalUnit::MonthDayNano))?;
            let values = values.as_primitive::<IntervalMonthDayNanoType>();
            each(values, &mut out, interval_text::write);
        }
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => {
            let lists = cast(array, &DataType::new_list(text_elements(array.data_type()), true))?;
            for list in lists.as_list::<i32>().iter() {
                let Some(list) = list else {
                    out.append_null();
                    continue;
                };
                let texts = text_of(&list)?;
                let mut text = String::new();
                array_text::write(texts.as_string::<i32>().iter(), &mut text);
                out.append_value(text);
            }
        }
        _ => return Ok(cast(array, &DataType::Utf8)?),
    }
    Ok(Arc::new(out.finish()))
}

/// What the elements of a list are, to be written one by one.
fn text_elements(list: &DataType) -> DataType {
    match list {
        DataType::List(element) | DataType::LargeList(element) | DataType::FixedSizeList(element, _) => {
            element.data_type().clone()
        }
        _ => DataType::Utf8,
    }
}

fn each<T: arrow::datatypes::ArrowPrimitiveType>(
    values: &PrimitiveArray<T>,
    out: &mut StringBuilder,
    mut write: impl FnMut(T::Native, &mut String),
) {
    let mut text = String::new();
    for value in values {
        match value {
            Some(value) => {
                text.clear();
                write(value, &mut text);
                out.append_value(&text);
            }
            None => out.append_null(),
        }
    }
}

/// A float as Postgres writes it: the shortest digits that read back the same, with an exponent
/// where C's `%g` of that many digits has one.
fn write_float(value: f64, shortest: &str, out: &mut String) {
    if value.is_nan() {
        out.push_str("NaN");
    } else if value.is_infinite() {
        out.push_str(if value > 0.0 { "Infinity" } else { "-Infinity" });
    } else if value != 0.0 && !(1e-4..1e15).contains(&value.abs()) {
        out.push_str(&with_exponent(shortest));
    } else {
        out.push_str(shortest);
    }
}

/// Rust writes `100000`, or `0.00001`; this makes it `1e+05`, and `1e-05`.
fn with_exponent(plain: &str) -> String {
    let (sign, digits) = plain.strip_prefix('-').map_or(("", plain), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    let leading = all.bytes().take_while(|digit| *digit == b'0').count();
    let significant = all[leading..].trim_end_matches('0');
    // Both are lengths of short texts.
    let exponent = whole.len() as i64 - leading as i64 - 1;
    let (first, rest) = significant.split_at(significant.len().min(1));
    let point = if rest.is_empty() { "" } else { "." };
    let exponent_sign = if exponent < 0 { '-' } else { '+' };
    format!("{sign}{first}{point}{rest}e{exponent_sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats() {
        let cases: [(f64, &str); 8] = [
            (1.0, "1"),
            (0.1, "0.1"),
            (-2.5, "-2.5"),
            (1e15, "1e+15"),
            (123456789012345680.0, "1.2345678901234568e+17"),
            (0.00001, "1e-05"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ];
        for (value, expected) in cases {
            let mut out = String::new();
            write_float(value, &value.to_string(), &mut out);
            assert_eq!(out, expected);
        }
    }
}
