//! Columns of text to columns of their declared types, and which rows have no place in them. Every
//! text format goes through here, so that a value means the same in all of them.
//!
//! Values are written as Postgres writes them. A timestamp may also be ISO 8601, with or without a
//! zone (without one it is UTC), or a whole number: microseconds since 1970.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, RecordBatch, StringArray, StringBuilder,
    TimestampMicrosecondArray, new_null_array,
};
use arrow::compute::kernels::cast_utils::string_to_datetime;
use arrow::compute::{CastOptions, can_cast_types, cast_with_options, filter};
use arrow::datatypes::{DataType, Field, Float32Type, Float64Type, SchemaRef, TimeUnit};
use chrono::Utc;
use values::json_text;

use super::{TextType, shortened, text_type, type_name};

/// The most bytes of one column of a batch, below what Arrow's offsets can count.
const BATCH_BYTES_MAX: usize = 1 << 30;

/// Characters of a wrong value that its message shows.
const VALUE_CHARS_MAX: usize = 60;

/// Rows that cannot be made, and the first reason why not.
#[derive(Debug, Default)]
pub(crate) struct BadRows(BTreeMap<usize, String>);

impl BadRows {
    fn add(&mut self, row: usize, message: impl FnOnce() -> String) {
        self.0.entry(row).or_insert_with(message);
    }

    fn add_value(&mut self, row: usize, field: &Field, value: &str) {
        self.add(row, || {
            let value = shortened(value, VALUE_CHARS_MAX);
            format!("column \"{}\": invalid {}: \"{value}\"", field.name(), type_name(field))
        });
    }
}

/// Whether a column of this type can be made from text.
pub(crate) fn can_be_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(_) => false,
        DataType::Timestamp(unit, _) => *unit == TimeUnit::Microsecond,
        _ => normal_type_is_itself(data_type) && can_cast_types(&DataType::Utf8, data_type),
    }
}

fn normal_type_is_itself(data_type: &DataType) -> bool {
    super::normal_type(data_type).as_ref() == Some(data_type)
}

/// Rows with the columns of `schema`, made from columns of text or of whatever can be cast; and the
/// rows that could not be made, by their number.
pub(crate) fn typed_rows(
    schema: &SchemaRef,
    columns: &[ArrayRef],
    rows: usize,
) -> (RecordBatch, BTreeMap<usize, String>) {
    let mut bad = BadRows::default();
    let mut typed: Vec<ArrayRef> = schema
        .fields()
        .iter()
        .zip(columns)
        .map(|(field, column)| {
            let typed = typed_column(column, field, &mut bad);
            if !field.is_nullable() && typed.null_count() > 0 {
                for row in (0..rows).filter(|&row| typed.is_null(row)) {
                    bad.add(row, || format!("column \"{}\": no value, but it is NOT NULL", field.name()));
                }
            }
            typed
        })
        .collect();
    if !bad.0.is_empty() {
        let good: BooleanArray = (0..rows).map(|row| Some(!bad.0.contains_key(&row))).collect();
        for column in &mut typed {
            *column = filter(column, &good).expect("the filter is as long as the column");
        }
    }
    let rows =
        RecordBatch::try_new(schema.clone(), typed).expect("every column has its declared type and no forbidden null");
    (rows, bad.0)
}

fn typed_column(column: &ArrayRef, field: &Field, bad: &mut BadRows) -> ArrayRef {
    let wanted = field.data_type();
    let text = match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().clone(),
        DataType::LargeUtf8 | DataType::Utf8View => {
            cast(column, &DataType::Utf8, field, bad).as_string::<i32>().clone()
        }
        given if given == wanted => return column.clone(),
        _ => {
            let converted = cast(column, wanted, field, bad);
            for row in (0..column.len()).filter(|&row| converted.is_null(row) && column.is_valid(row)) {
                bad.add(row, || format!("column \"{}\": value out of range for {}", field.name(), type_name(field)));
            }
            return converted;
        }
    };
    match wanted {
        DataType::Utf8 => checked_text(text, field, bad),
        DataType::Binary => bytes(&text, field, bad),
        DataType::Timestamp(TimeUnit::Microsecond, _) => timestamps(&text, field, bad),
        _ => parsed(&text, field, bad),
    }
}

fn parsed(text: &StringArray, field: &Field, bad: &mut BadRows) -> ArrayRef {
    let as_array = |text: &StringArray| Arc::new(text.clone()) as ArrayRef;
    let parsed = cast(&as_array(text), field.data_type(), field, bad);
    refuse_overflow(text, &parsed, field, bad);
    if parsed.null_count() == text.null_count() {
        return parsed;
    }
    // Postgres allows blanks around all but text; most data has none, so look for them only now.
    let trimmed: StringArray = text.iter().map(|value| value.map(str::trim)).collect();
    let parsed = cast(&as_array(&trimmed), field.data_type(), field, bad);
    for row in (0..text.len()).filter(|&row| parsed.is_null(row) && text.is_valid(row)) {
        bad.add_value(row, field, text.value(row));
    }
    parsed
}

/// A number that is too large for its float is no infinity.
fn refuse_overflow(text: &StringArray, parsed: &ArrayRef, field: &Field, bad: &mut BadRows) {
    let is_infinite = |row| match parsed.data_type() {
        DataType::Float32 => parsed.as_primitive::<Float32Type>().value(row).is_infinite(),
        _ => parsed.as_primitive::<Float64Type>().value(row).is_infinite(),
    };
    if !parsed.data_type().is_floating() {
        return;
    }
    for row in (0..text.len()).filter(|&row| parsed.is_valid(row) && is_infinite(row)) {
        if text.value(row).contains(|letter: char| letter.is_ascii_digit()) {
            bad.add_value(row, field, text.value(row));
        }
    }
}

/// Null where a value has no place in the type.
fn cast(column: &ArrayRef, data_type: &DataType, field: &Field, bad: &mut BadRows) -> ArrayRef {
    let options = CastOptions { safe: true, ..CastOptions::default() };
    cast_with_options(column, data_type, &options).unwrap_or_else(|error| {
        for row in 0..column.len() {
            bad.add(row, || format!("column \"{}\": {error}", field.name()));
        }
        new_null_array(data_type, column.len())
    })
}

fn timestamps(text: &StringArray, field: &Field, bad: &mut BadRows) -> ArrayRef {
    let parse = |text: &str| {
        let text = text.trim();
        let number = text.strip_prefix('-').unwrap_or(text);
        // Eight digits could be a date without hyphens; as microseconds they would be 1970's first minutes.
        if number.len() != 8 && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().ok();
        }
        string_to_datetime(&Utc, text).ok().map(|time| time.timestamp_micros())
    };
    let mut values = TimestampMicrosecondArray::builder(text.len());
    for (row, value) in text.iter().enumerate() {
        let time = value.and_then(parse);
        if let (Some(value), None) = (value, time) {
            bad.add_value(row, field, value);
        }
        values.append_option(time);
    }
    Arc::new(values.finish().with_data_type(field.data_type().clone()))
}

/// Postgres' hex form, or else the text's own bytes.
fn bytes(text: &StringArray, field: &Field, bad: &mut BadRows) -> ArrayRef {
    let mut values: Vec<Option<Vec<u8>>> = Vec::with_capacity(text.len());
    for (row, value) in text.iter().enumerate() {
        let Some(value) = value else {
            values.push(None);
            continue;
        };
        let Some(digits) = value.strip_prefix("\\x") else {
            values.push(Some(value.as_bytes().to_vec()));
            continue;
        };
        let decoded = hex(digits);
        if decoded.is_none() {
            bad.add_value(row, field, value);
        }
        values.push(decoded);
    }
    Arc::new(BinaryArray::from_iter(values))
}

fn hex(digits: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = digits.chars().map(|digit| digit.to_digit(16).map(|digit| digit as u8)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

fn checked_text(text: StringArray, field: &Field, bad: &mut BadRows) -> ArrayRef {
    match text_type(field) {
        TextType::Text => checked(text, field, bad, |value| !value.contains('\0')),
        TextType::Varchar(length) => {
            checked(text, field, bad, |value| value.chars().count() <= length && !value.contains('\0'))
        }
        TextType::Json => checked(text, field, bad, json_text::is_json),
        TextType::Jsonb => normal(&text, field, bad, json_text::normalise),
        TextType::Uuid => normal(&text, field, bad, uuid),
    }
}

/// The values as they are, where they are of the type.
fn checked(text: StringArray, field: &Field, bad: &mut BadRows, is_good: impl Fn(&str) -> bool) -> ArrayRef {
    for (row, value) in text.iter().enumerate() {
        if let Some(value) = value.filter(|value| !is_good(value)) {
            bad.add_value(row, field, value);
        }
    }
    Arc::new(text)
}

/// The values in the one form that the type has for them. What no longer fits into a batch is bad, too.
fn normal(
    text: &StringArray,
    field: &Field,
    bad: &mut BadRows,
    normalise: impl Fn(&str) -> Option<String>,
) -> ArrayRef {
    let (mut values, mut bytes) = (StringBuilder::new(), 0_usize);
    for (row, value) in text.iter().enumerate() {
        let normal = value.and_then(&normalise);
        if let (Some(value), None) = (value, &normal) {
            bad.add_value(row, field, value);
        }
        let length = normal.as_ref().map_or(0, String::len);
        if bytes + length > BATCH_BYTES_MAX {
            bad.add(row, || format!("column \"{}\": the value is too long", field.name()));
            values.append_null();
        } else {
            bytes += length;
            values.append_option(normal);
        }
    }
    Arc::new(values.finish())
}

/// A UUID as Postgres shows it, from any form that Postgres takes.
fn uuid(text: &str) -> Option<String> {
    let text = text.trim().to_ascii_lowercase();
    let text = text.strip_prefix('{').map_or(Some(text.as_str()), |rest| rest.strip_suffix('}'))?;
    let digits: String = text.chars().filter(|&char| char != '-').collect();
    if digits.len() != 32 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    Some([&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-"))
}
