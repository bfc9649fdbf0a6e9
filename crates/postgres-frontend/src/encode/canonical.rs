//! Brings a column to the one Arrow type that its kind of value is written from.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StructArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};

use crate::error::Error;

/// The column as the types in [`super::values::Values`] have it. `described` is what the client was told.
pub(crate) fn canonical(array: &ArrayRef, described: &DataType) -> Result<ArrayRef, Error> {
    let target =
        canonical_type(described).ok_or_else(|| Error::unsupported(format_args!("type {described} in a result")))?;
    cast(array, &target)
}

fn cast(array: &ArrayRef, target: &DataType) -> Result<ArrayRef, Error> {
    if array.data_type() == target {
        return Ok(Arc::clone(array));
    }
    if let (DataType::Struct(fields), Some(structs)) = (target, array.as_any().downcast_ref::<StructArray>()) {
        let columns = structs
            .columns()
            .iter()
            .zip(fields)
            .map(|(column, field)| cast(column, field.data_type()))
            .collect::<Result<Vec<_>, _>>()?;
        return StructArray::try_new(fields.clone(), columns, structs.nulls().cloned())
            .map(|structs| Arc::new(structs) as ArrayRef)
            .map_err(|error| Error::request("XX000", error.to_string()));
    }
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array, target, &options).map_err(|_| {
        if array.data_type().is_integer() && target.is_integer() {
            return Error::request("22003", "bigint out of range");
        }
        let message = format!("cached plan must not change result type: {} is not {target}", array.data_type());
        Error::request("0A000", message)
    })
}

fn canonical_type(data_type: &DataType) -> Option<DataType> {
    Some(match data_type {
        DataType::Int8 | DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 | DataType::UInt64 => DataType::Int64,
        DataType::Float16 => DataType::Float32,
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => DataType::Binary,
        DataType::Date64 => DataType::Date32,
        DataType::Time32(_) | DataType::Time64(_) => DataType::Time64(TimeUnit::Microsecond),
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Microsecond, zone.clone()),
        DataType::Interval(_) | DataType::Duration(_) => DataType::Interval(IntervalUnit::MonthDayNano),
        DataType::Dictionary(_, values) => canonical_type(values)?,
        DataType::List(element)
        | DataType::LargeList(element)
        | DataType::ListView(element)
        | DataType::LargeListView(element)
        | DataType::FixedSizeList(element, _) => DataType::List(canonical_field(element)?),
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(canonical_field).collect::<Option<Vec<_>>>()?.into())
        }
        DataType::Null
        | DataType::Boolean
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Decimal128(..)
        | DataType::Decimal256(..)
        | DataType::Utf8
        | DataType::Binary
        | DataType::Date32 => data_type.clone(),
        _ => return None,
    })
}

fn canonical_field(field: &Arc<Field>) -> Option<Arc<Field>> {
    let data_type = canonical_type(field.data_type())?;
    Some(Arc::new(Field::new(field.name(), data_type, field.is_nullable()).with_metadata(field.metadata().clone())))
}
