//! Values in binary format, as the `..._send` functions of Postgres write them.

use arrow::datatypes::IntervalMonthDayNano;
use bytes::{BufMut, BytesMut};

use super::datetime::{POSTGRES_EPOCH_DAYS, POSTGRES_EPOCH_MICROS};
use super::values::{ListValues, Values};
use super::{numeric, patch_length, text};
use crate::error::Error;

/// Appends a value that is not null.
pub(crate) fn write(values: &Values, row: usize, output: &mut BytesMut) -> Result<(), Error> {
    match values {
        Values::Null => {}
        Values::Boolean(array) => output.put_u8(u8::from(array.value(row))),
        Values::Int16(array) => output.put_i16(array.value(row)),
        Values::Int32(array) => output.put_i32(array.value(row)),
        Values::Int64(array) => output.put_i64(array.value(row)),
        Values::Float32(array) => output.put_f32(array.value(row)),
        Values::Float64(array) => output.put_f64(array.value(row)),
        Values::Numeric(array, scale) => {
            numeric::write_binary(&numeric::shown(array.value(row), *scale), output);
        }
        Values::WideNumeric(array, scale) => {
            numeric::write_binary(&numeric::shown(array.value(row), *scale), output);
        }
        Values::Text(array) => output.put_slice(array.value(row).as_bytes()),
        Values::Padded(array, width) => text::write_padded(array.value(row), *width, output),
        Values::Jsonb(array) => {
            // The version of the format.
            output.put_u8(1);
            output.put_slice(array.value(row).as_bytes());
        }
        Values::Bytes(array) | Values::Uuid(array) => output.put_slice(array.value(row)),
        Values::Date(array) => output.put_i32(match array.value(row) {
            infinity @ (i32::MAX | i32::MIN) => infinity,
            days => days.checked_sub(POSTGRES_EPOCH_DAYS).ok_or_else(|| out_of_range("date"))?,
        }),
        Values::Time(array) => output.put_i64(array.value(row)),
        Values::Timestamp(array) | Values::TimestampTz(array) => output.put_i64(match array.value(row) {
            infinity @ (i64::MAX | i64::MIN) => infinity,
            micros => micros.checked_sub(POSTGRES_EPOCH_MICROS).ok_or_else(|| out_of_range("timestamp"))?,
        }),
        Values::Interval(array) => {
            let IntervalMonthDayNano { months, days, nanoseconds } = array.value(row);
            output.put_i64(nanoseconds / 1000);
            output.put_i32(days);
            output.put_i32(months);
        }
        Values::List(list) => write_list(list, row, output)?,
        Values::Record(..) => return Err(Error::unsupported("a record in binary format")),
    }
    Ok(())
}

fn out_of_range(what: &str) -> Error {
    Error::request("22008", format!("{what} out of range"))
}

/// Dimensions, whether there are nulls, the element type, then each dimension's length and lower bound.
fn write_list(list: &ListValues, row: usize, output: &mut BytesMut) -> Result<(), Error> {
    let mut lengths = Vec::new();
    if !list.range(row).is_empty() {
        dimensions(list, row, 0, &mut lengths)?;
    }
    output.put_i32(lengths.len() as i32);
    let has_null = output.len();
    output.put_i32(0);
    output.put_u32(list.element_type.oid());
    for length in &lengths {
        output.put_i32(*length as i32);
        // Vectors count from 0.
        output.put_i32(i32::from(!list.is_vector));
    }
    if write_elements(list, row, output)? {
        output[has_null..has_null + 4].copy_from_slice(&1_i32.to_be_bytes());
    }
    Ok(())
}

/// Collects the length of each dimension; all lists of one must be of the same length.
fn dimensions(list: &ListValues, row: usize, depth: usize, lengths: &mut Vec<usize>) -> Result<(), Error> {
    let range = list.range(row);
    match lengths.get(depth) {
        None => lengths.push(range.len()),
        Some(length) if *length == range.len() => {}
        Some(_) => return Err(ragged()),
    }
    if let Values::List(inner) = &list.elements {
        for index in range {
            if list.elements.is_null(index) {
                return Err(ragged());
            }
            dimensions(inner, index, depth + 1, lengths)?;
        }
    }
    Ok(())
}

fn ragged() -> Error {
    Error::request("2202E", "multidimensional arrays must have sub-arrays with matching dimensions")
}

/// Whether one of the elements is null.
fn write_elements(list: &ListValues, row: usize, output: &mut BytesMut) -> Result<bool, Error> {
    let mut has_null = false;
    for index in list.range(row) {
        if let Values::List(inner) = &list.elements {
            has_null |= write_elements(inner, index, output)?;
        } else if list.elements.is_null(index) {
            has_null = true;
            output.put_i32(-1);
        } else {
            let field = output.len();
            output.put_i32(0);
            write(&list.elements, index, output)?;
            patch_length(output, field, field + 4)?;
        }
    }
    Ok(has_null)
}
