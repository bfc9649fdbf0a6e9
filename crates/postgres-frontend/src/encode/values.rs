//! A column whose Arrow type has been looked up once, so that writing a value is one match.

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Decimal256Array, Float32Array,
    Float64Array, Int16Array, Int32Array, Int64Array, IntervalMonthDayNanoArray, ListArray, StringArray, StructArray,
    Time64MicrosecondArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    IntervalMonthDayNanoType, IntervalUnit, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
};
use postgres_types::Type;

use crate::error::Error;
use crate::types::{WireType, element_of};

/// A column of one kind of value.
pub(crate) enum Values {
    Null,
    Boolean(BooleanArray),
    Int16(Int16Array),
    Int32(Int32Array),
    Int64(Int64Array),
    Float32(Float32Array),
    Float64(Float64Array),
    Numeric(Decimal128Array, Scale),
    WideNumeric(Decimal256Array, Scale),
    Text(StringArray),
    /// `character(n)`, stored without the blanks that fill it up to this many characters.
    Padded(StringArray, usize),
    Jsonb(StringArray),
    Bytes(BinaryArray),
    Uuid(BinaryArray),
    Date(Date32Array),
    Time(Time64MicrosecondArray),
    Timestamp(TimestampMicrosecondArray),
    TimestampTz(TimestampMicrosecondArray),
    Interval(IntervalMonthDayNanoArray),
    List(Box<ListValues>),
    Record(StructArray, Vec<Values>),
}

/// The scale of a decimal column.
#[derive(Clone, Copy)]
pub(crate) struct Scale {
    pub(crate) digits: i8,
    /// A `numeric` that says no scale has the digits that it needs, not those of its storage.
    pub(crate) trimmed: bool,
}

impl Scale {
    fn new(digits: i8, wire: &WireType) -> Self {
        Self { digits, trimmed: wire.modifier < 0 }
    }
}

/// An array column: where each row's elements are, and all elements.
pub(crate) struct ListValues {
    pub(crate) lists: ListArray,
    pub(crate) elements: Values,
    pub(crate) element_type: Type,
    /// `int2vector` and `oidvector` have a text form of their own.
    pub(crate) is_vector: bool,
}

impl Values {
    /// `array` is canonical; `wire` is the Postgres type that it is sent as.
    pub(crate) fn new(array: ArrayRef, wire: &WireType) -> Result<Self, Error> {
        let base = &wire.base;
        Ok(match array.data_type() {
            DataType::Null => Self::Null,
            DataType::Boolean => Self::Boolean(array.as_boolean().clone()),
            DataType::Int16 => Self::Int16(array.as_primitive::<Int16Type>().clone()),
            DataType::Int32 => Self::Int32(array.as_primitive::<Int32Type>().clone()),
            DataType::Int64 => Self::Int64(array.as_primitive::<Int64Type>().clone()),
            DataType::Float32 => Self::Float32(array.as_primitive::<Float32Type>().clone()),
            DataType::Float64 => Self::Float64(array.as_primitive::<Float64Type>().clone()),
            DataType::Decimal128(_, scale) => {
                Self::Numeric(array.as_primitive::<Decimal128Type>().clone(), Scale::new(*scale, wire))
            }
            DataType::Decimal256(_, scale) => {
                Self::WideNumeric(array.as_primitive::<Decimal256Type>().clone(), Scale::new(*scale, wire))
            }
            DataType::Utf8 if *base == Type::JSONB => Self::Jsonb(array.as_string().clone()),
            DataType::Utf8 if *base == Type::UUID => Self::Uuid(parse_uuids(array.as_string())?),
            DataType::Utf8 if *base == Type::BPCHAR && wire.modifier >= 4 => {
                Self::Padded(array.as_string().clone(), (wire.modifier - 4) as usize)
            }
            DataType::Utf8 => Self::Text(array.as_string().clone()),
            DataType::Binary if *base == Type::UUID => Self::Uuid(array.as_binary().clone()),
            DataType::Binary => Self::Bytes(array.as_binary().clone()),
            DataType::Date32 => Self::Date(array.as_primitive::<Date32Type>().clone()),
            DataType::Time64(TimeUnit::Microsecond) => {
                Self::Time(array.as_primitive::<Time64MicrosecondType>().clone())
            }
            DataType::Timestamp(TimeUnit::Microsecond, zone) => {
                let values = array.as_primitive::<TimestampMicrosecondType>().clone();
                if zone.is_some() { Self::TimestampTz(values) } else { Self::Timestamp(values) }
            }
            DataType::Interval(IntervalUnit::MonthDayNano) => {
                Self::Interval(array.as_primitive::<IntervalMonthDayNanoType>().clone())
            }
            DataType::List(_) => {
                let lists = array.as_list::<i32>().clone();
                let element_type = element_of(base).unwrap_or(Type::TEXT);
                let nested = matches!(lists.values().data_type(), DataType::List(_));
                let inner = if nested { base.clone() } else { element_type.clone() };
                let inner = WireType { base: inner, modifier: wire.modifier };
                let elements = Self::new(lists.values().clone(), &inner)?;
                let is_vector = matches!(*base, Type::INT2_VECTOR | Type::OID_VECTOR);
                Self::List(Box::new(ListValues { lists, elements, element_type, is_vector }))
            }
            DataType::Struct(fields) => {
                let structs = array.as_struct().clone();
                let columns = fields.iter().zip(structs.columns()).map(|(field, column)| {
                    let wire = WireType::of(field).unwrap_or(WireType { base: Type::TEXT, modifier: -1 });
                    Self::new(column.clone(), &wire)
                });
                let columns = columns.collect::<Result<Vec<_>, _>>()?;
                Self::Record(structs, columns)
            }
            other => return Err(Error::unsupported(format_args!("type {other} in a result"))),
        })
    }

    pub(crate) fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Null => true,
            Self::Boolean(array) => array.is_null(row),
            Self::Int16(array) => array.is_null(row),
            Self::Int32(array) => array.is_null(row),
            Self::Int64(array) => array.is_null(row),
            Self::Float32(array) => array.is_null(row),
            Self::Float64(array) => array.is_null(row),
            Self::Numeric(array, _) => array.is_null(row),
            Self::WideNumeric(array, _) => array.is_null(row),
            Self::Text(array) | Self::Padded(array, _) | Self::Jsonb(array) => array.is_null(row),
            Self::Bytes(array) | Self::Uuid(array) => array.is_null(row),
            Self::Date(array) => array.is_null(row),
            Self::Time(array) => array.is_null(row),
            Self::Timestamp(array) | Self::TimestampTz(array) => array.is_null(row),
            Self::Interval(array) => array.is_null(row),
            Self::List(list) => list.lists.is_null(row),
            Self::Record(array, _) => array.is_null(row),
        }
    }
}

impl ListValues {
    /// Where the elements of one row's list are.
    pub(crate) fn range(&self, row: usize) -> std::ops::Range<usize> {
        let offsets = self.lists.value_offsets();
        // Offsets of a valid list array are never negative.
        offsets[row] as usize..offsets[row + 1] as usize
    }
}

fn parse_uuids(texts: &StringArray) -> Result<BinaryArray, Error> {
    texts
        .iter()
        .map(|text| text.map(crate::decode::parse_uuid).transpose())
        .collect::<Result<Vec<_>, _>>()
        .map(|uuids| uuids.iter().map(|uuid| uuid.as_ref().map(|uuid| &uuid[..])).collect())
}
