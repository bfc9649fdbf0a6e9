//! Types whose values can be counted off: whole numbers, decimals, dates, times and timestamps, each
//! as an `i128` (a decimal's digits, days, microseconds) and back.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, Decimal128Array, Int16Array, Int32Array, Int64Array, StringArray,
    Time64MicrosecondArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Field, Int16Type, Int32Type, Int64Type, Schema, Time64MicrosecondType,
    TimeUnit, TimestampMicrosecondType,
};

use crate::formats::typed::typed_rows;

const DAY_US: i128 = 86_400_000_000;

/// The smallest and largest ordinals of a type; none for a type that cannot be counted off.
pub(crate) fn bounds(data_type: &DataType) -> Option<(i128, i128)> {
    match data_type {
        DataType::Int16 => Some((i16::MIN.into(), i16::MAX.into())),
        DataType::Int32 => Some((i32::MIN.into(), i32::MAX.into())),
        DataType::Int64 => Some((i64::MIN.into(), i64::MAX.into())),
        DataType::Decimal128(precision, _) => {
            let largest = 10i128.pow((*precision).min(38).into()) - 1;
            Some((-largest, largest))
        }
        // Postgres ends at 5874897-12-31; what chrono can show ends earlier.
        DataType::Date32 => Some((-90_000_000, 90_000_000)),
        DataType::Time64(TimeUnit::Microsecond) => Some((0, DAY_US - 1)),
        DataType::Timestamp(TimeUnit::Microsecond, _) => Some((-90_000_000 * DAY_US, 90_000_000 * DAY_US)),
        _ => None,
    }
}

/// A value of `field`'s type from text, as an array of one.
pub(crate) fn parse(text: &str, field: &Field) -> Result<ArrayRef, String> {
    parse_all(&[text], field)
}

/// Values of `field`'s type from text.
pub(crate) fn parse_all(texts: &[&str], field: &Field) -> Result<ArrayRef, String> {
    let schema = Arc::new(Schema::new(vec![field.clone().with_nullable(true)]));
    let column = Arc::new(StringArray::from(texts.to_vec())) as ArrayRef;
    let (rows, bad) = typed_rows(&schema, &[column], texts.len());
    match bad.into_values().next() {
        Some(message) => Err(message),
        None => Ok(rows.column(0).clone()),
    }
}

/// The ordinal of the first value of `values`, which have a type with `bounds`.
pub(crate) fn of_first(values: &ArrayRef) -> Option<i128> {
    if values.is_empty() || values.is_null(0) {
        return None;
    }
    Some(match values.data_type() {
        DataType::Int16 => values.as_primitive::<Int16Type>().value(0).into(),
        DataType::Int32 => values.as_primitive::<Int32Type>().value(0).into(),
        DataType::Int64 => values.as_primitive::<Int64Type>().value(0).into(),
        DataType::Decimal128(..) => values.as_primitive::<Decimal128Type>().value(0),
        DataType::Date32 => values.as_primitive::<Date32Type>().value(0).into(),
        DataType::Time64(TimeUnit::Microsecond) => values.as_primitive::<Time64MicrosecondType>().value(0).into(),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            values.as_primitive::<TimestampMicrosecondType>().value(0).into()
        }
        _ => return None,
    })
}

/// Values of `data_type`, which has `bounds`, from ordinals within them.
pub(crate) fn to_array(ordinals: impl Iterator<Item = Option<i128>>, data_type: &DataType) -> ArrayRef {
    let i64s = |ordinal: Option<i128>| ordinal.map(|ordinal| ordinal as i64);
    let i32s = |ordinal: Option<i128>| ordinal.map(|ordinal| ordinal as i32);
    match data_type {
        DataType::Int16 => {
            Arc::new(ordinals.map(|ordinal| ordinal.map(|ordinal| ordinal as i16)).collect::<Int16Array>())
        }
        DataType::Int32 => Arc::new(ordinals.map(i32s).collect::<Int32Array>()),
        DataType::Date32 => Arc::new(ordinals.map(i32s).collect::<Date32Array>()),
        DataType::Time64(_) => Arc::new(ordinals.map(i64s).collect::<Time64MicrosecondArray>()),
        DataType::Timestamp(..) => {
            let values: TimestampMicrosecondArray = ordinals.map(i64s).collect();
            Arc::new(values.with_data_type(data_type.clone()))
        }
        DataType::Decimal128(..) => {
            let values: Decimal128Array = ordinals.collect();
            Arc::new(values.with_data_type(data_type.clone()))
        }
        _ => Arc::new(ordinals.map(i64s).collect::<Int64Array>()),
    }
}
