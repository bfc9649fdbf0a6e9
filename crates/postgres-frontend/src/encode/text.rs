//! Values in text format.

use std::fmt::Write;

use arrow::datatypes::IntervalMonthDayNano;
use bytes::{BufMut, BytesMut};

use super::values::{ListValues, Values};
use super::{Zone, datetime, float, numeric};
use crate::error::Error;

/// Appends a value that is not null.
pub(crate) fn write(values: &Values, row: usize, zone: &Zone, output: &mut BytesMut) -> Result<(), Error> {
    match values {
        Values::Null => {}
        Values::Boolean(array) => output.put_u8(if array.value(row) { b't' } else { b'f' }),
        Values::Int16(array) => put(output, array.value(row)),
        Values::Int32(array) => put(output, array.value(row)),
        Values::Int64(array) => put(output, array.value(row)),
        Values::Float32(array) => float::write_real(array.value(row), output),
        Values::Float64(array) => float::write_double(array.value(row), output),
        Values::Numeric(array, scale) => put(output, numeric::shown(array.value(row), *scale)),
        Values::WideNumeric(array, scale) => put(output, numeric::shown(array.value(row), *scale)),
        Values::Text(array) | Values::Jsonb(array) => output.put_slice(array.value(row).as_bytes()),
        Values::Padded(array, width) => write_padded(array.value(row), *width, output),
        Values::Bytes(array) => write_bytes(array.value(row), output),
        Values::Uuid(array) => write_uuid(array.value(row), output)?,
        Values::Date(array) => datetime::write_date(array.value(row), output),
        Values::Time(array) => datetime::write_time(array.value(row), output),
        Values::Timestamp(array) => datetime::write_timestamp(array.value(row), output),
        Values::TimestampTz(array) => datetime::write_timestamp_tz(array.value(row), zone, output),
        Values::Interval(array) => {
            let IntervalMonthDayNano { months, days, nanoseconds } = array.value(row);
            datetime::write_interval(months, days, nanoseconds / 1000, output);
        }
        Values::List(list) if list.is_vector => write_vector(list, row, zone, output)?,
        Values::List(list) => write_list(list, row, zone, output)?,
        Values::Record(_, columns) => write_record(columns, row, zone, output)?,
    }
    Ok(())
}

/// Appends a field of `COPY`'s text format: what would end it is escaped.
pub(crate) fn escape_for_copy(field: &[u8], output: &mut BytesMut) {
    for byte in field {
        let escaped = match byte {
            b'\\' => b'\\',
            b'\t' => b't',
            b'\n' => b'n',
            b'\r' => b'r',
            0x08 => b'b',
            0x0c => b'f',
            0x0b => b'v',
            plain => {
                output.put_u8(*plain);
                continue;
            }
        };
        output.put_slice(&[b'\\', escaped]);
    }
}

/// A `character(n)`, which the client gets with all its blanks.
pub(super) fn write_padded(value: &str, width: usize, output: &mut BytesMut) {
    output.put_slice(value.as_bytes());
    output.put_bytes(b' ', width.saturating_sub(value.chars().count()));
}

fn put(output: &mut BytesMut, value: impl std::fmt::Display) {
    write!(output, "{value}").expect("a buffer takes any text");
}

fn write_bytes(bytes: &[u8], output: &mut BytesMut) {
    output.put_slice(b"\\x");
    bytes.iter().for_each(|byte| put(output, format_args!("{byte:02x}")));
}

fn write_uuid(bytes: &[u8], output: &mut BytesMut) -> Result<(), Error> {
    if bytes.len() != 16 {
        return Err(Error::request("XX000", "a uuid must have 16 bytes"));
    }
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            output.put_u8(b'-');
        }
        put(output, format_args!("{byte:02x}"));
    }
    Ok(())
}

/// `int2vector`: elements with blanks between.
fn write_vector(list: &ListValues, row: usize, zone: &Zone, output: &mut BytesMut) -> Result<(), Error> {
    let range = list.range(row);
    for index in range.clone() {
        if index > range.start {
            output.put_u8(b' ');
        }
        write(&list.elements, index, zone, output)?;
    }
    Ok(())
}

fn write_list(list: &ListValues, row: usize, zone: &Zone, output: &mut BytesMut) -> Result<(), Error> {
    output.put_u8(b'{');
    let range = list.range(row);
    let mut scratch = BytesMut::new();
    for index in range.clone() {
        if index > range.start {
            output.put_u8(b',');
        }
        if list.elements.is_null(index) {
            output.put_slice(b"NULL");
            continue;
        }
        scratch.clear();
        write(&list.elements, index, zone, &mut scratch)?;
        let is_list = matches!(list.elements, Values::List(_));
        if !is_list && needs_quotes(&scratch) {
            write_quoted(&scratch, b"\\", output);
        } else {
            output.put_slice(&scratch);
        }
    }
    output.put_u8(b'}');
    Ok(())
}

fn needs_quotes(element: &[u8]) -> bool {
    element.is_empty()
        || element.eq_ignore_ascii_case(b"null")
        || element.iter().any(|byte| b"{},\"\\".contains(byte) || is_blank(*byte))
}

/// What C's `isspace` says, without regard to UTF-8's further spaces: as Postgres' array_isspace.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// `escape` goes before a quote; a backslash is always doubled.
fn write_quoted(element: &[u8], escape: &[u8], output: &mut BytesMut) {
    output.put_u8(b'"');
    for byte in element {
        match byte {
            b'"' => output.put_slice(escape),
            b'\\' => output.put_u8(b'\\'),
            _ => {}
        }
        output.put_u8(*byte);
    }
    output.put_u8(b'"');
}

fn write_record(columns: &[Values], row: usize, zone: &Zone, output: &mut BytesMut) -> Result<(), Error> {
    output.put_u8(b'(');
    let mut scratch = BytesMut::new();
    for (index, column) in columns.iter().enumerate() {
        if index > 0 {
            output.put_u8(b',');
        }
        if column.is_null(row) {
            continue;
        }
        scratch.clear();
        write(column, row, zone, &mut scratch)?;
        if scratch.is_empty() || scratch.iter().any(|byte| b"(),\"\\".contains(byte) || is_blank(*byte)) {
            write_quoted(&scratch, b"\"", output);
        } else {
            output.put_slice(&scratch);
        }
    }
    output.put_u8(b')');
    Ok(())
}
