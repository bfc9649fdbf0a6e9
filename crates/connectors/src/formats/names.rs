//! Types by their Postgres names, and what a field's metadata adds to its Arrow type.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};

/// The metadata key that tells apart types which share an Arrow type.
const TYPE_KEY: &str = "freshet.type";

/// What a text column may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextType {
    /// Anything.
    Text,
    /// At most so many characters.
    Varchar(usize),
    /// A UUID, written with hyphens in lower case.
    Uuid,
    /// JSON, as it is written.
    Json,
    /// JSON in its one form.
    Jsonb,
}

/// What the text column `field` may hold.
pub(crate) fn text_type(field: &Field) -> TextType {
    let Some(name) = field.metadata().get(TYPE_KEY) else { return TextType::Text };
    let (name, length) = match name.split_once('(') {
        Some((name, length)) => (name.trim(), length.trim_end_matches(')').trim().parse().ok()),
        None => (name.as_str(), None),
    };
    match (name, length) {
        ("uuid", _) => TextType::Uuid,
        ("json", _) => TextType::Json,
        ("jsonb", _) => TextType::Jsonb,
        ("varchar" | "char" | "bpchar" | "character" | "character varying", Some(length)) => TextType::Varchar(length),
        _ => TextType::Text,
    }
}

/// The type of `field` as Postgres calls it.
pub(crate) fn type_name(field: &Field) -> String {
    if let Some(name) = field.metadata().get(TYPE_KEY) {
        return name.clone();
    }
    let name = match field.data_type() {
        DataType::Boolean => "boolean",
        DataType::Int8 | DataType::Int16 => "smallint",
        DataType::Int32 => "integer",
        DataType::Int64 => "bigint",
        DataType::Float32 => "real",
        DataType::Float64 => "double precision",
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
            return format!("numeric({precision},{scale})");
        }
        DataType::Utf8 => "text",
        DataType::Binary => "bytea",
        DataType::Date32 => "date",
        DataType::Time64(_) => "time",
        DataType::Timestamp(_, None) => "timestamp",
        DataType::Timestamp(_, Some(_)) => "timestamp with time zone",
        DataType::Interval(_) => "interval",
        DataType::List(element) => return format!("{}[]", type_name(element)),
        other => return other.to_string(),
    };
    name.to_owned()
}

/// The type that a column of a file's own type gets here; none if there is none.
pub(crate) fn normal_type(data_type: &DataType) -> Option<DataType> {
    Some(match data_type {
        DataType::Boolean
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Utf8
        | DataType::Binary
        | DataType::Date32
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => data_type.clone(),
        DataType::Int8 | DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 => DataType::Int64,
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::Float16 => DataType::Float32,
        DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => DataType::Binary,
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::Date64 => DataType::Timestamp(TimeUnit::Microsecond, None),
        DataType::Time32(_) | DataType::Time64(_) => DataType::Time64(TimeUnit::Microsecond),
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Microsecond, zone.as_ref().map(|_| "UTC".into())),
        DataType::Interval(_) => DataType::Interval(IntervalUnit::MonthDayNano),
        DataType::Dictionary(_, values) => normal_type(values)?,
        DataType::List(element) | DataType::LargeList(element) | DataType::FixedSizeList(element, _) => {
            DataType::List(Arc::new(Field::new_list_field(normal_type(element.data_type())?, true)))
        }
        _ => return None,
    })
}
