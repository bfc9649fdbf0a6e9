//! Single values of catalog rows, and their way into Arrow columns and back.
//!
//! Catalogs are small: a row at a time is easier to read, and quick enough.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float32Array, Float64Array, Int16Array, Int32Array, Int64Array, ListArray,
    StringArray, TimestampMicrosecondArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::error::{DataFusionError, Result};
use sql::PgType;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Null,
    Bool(bool),
    Int(i64),
    Real(f64),
    Text(String),
    List(Vec<Cell>),
}

/// The type of a catalog's column or a function's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bool,
    Int2,
    Int4,
    Int8,
    Oid,
    Real,
    Text,
    Name,
    Char,
    Time,
    Int2Vector,
    OidVector,
    Int2Array,
    OidArray,
    TextArray,
    NameArray,
    CharArray,
}

impl Kind {
    /// The type that has this name in Postgres.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "bool" => Self::Bool,
            "int2" => Self::Int2,
            "int4" => Self::Int4,
            "int8" => Self::Int8,
            "oid" => Self::Oid,
            "float4" => Self::Real,
            "text" => Self::Text,
            "name" => Self::Name,
            "char" => Self::Char,
            "timestamptz" => Self::Time,
            "int2vector" => Self::Int2Vector,
            "oidvector" => Self::OidVector,
            "int2[]" => Self::Int2Array,
            "oid[]" => Self::OidArray,
            "text[]" => Self::TextArray,
            "name[]" => Self::NameArray,
            "char[]" => Self::CharArray,
            _ => return None,
        })
    }

    /// The Postgres type.
    pub(crate) fn pg_type(self) -> PgType {
        let array = |element: PgType| PgType::Array(Box::new(element));
        match self {
            Self::Bool => PgType::Boolean,
            Self::Int2 => PgType::SmallInt,
            Self::Int4 => PgType::Integer,
            Self::Int8 => PgType::BigInt,
            Self::Oid => PgType::Oid,
            Self::Real => PgType::Real,
            Self::Text => PgType::Text,
            Self::Name => PgType::Name,
            Self::Char => PgType::SystemChar,
            Self::Time => PgType::TimestampTz,
            Self::Int2Vector => PgType::Int2Vector,
            Self::OidVector => PgType::OidVector,
            Self::Int2Array => array(PgType::SmallInt),
            Self::OidArray => array(PgType::Oid),
            Self::TextArray => array(PgType::Text),
            Self::NameArray => array(PgType::Name),
            Self::CharArray => array(PgType::SystemChar),
        }
    }

    /// A column of this type.
    pub(crate) fn field(self, name: &str) -> Field {
        self.pg_type().field(name, true)
    }
}

/// Puts values of one type into a column. A value of another type is a mistake in a table's definition.
pub(crate) fn column(cells: &[Cell], data_type: &DataType) -> Result<ArrayRef> {
    let int = |cell: &Cell| match cell {
        Cell::Int(value) => Some(*value),
        _ => None,
    };
    let text = |cell: &Cell| match cell {
        Cell::Text(value) => Some(value.clone()),
        _ => None,
    };
    let real = |cell: &Cell| match cell {
        Cell::Real(value) => Some(*value),
        _ => None,
    };
    Ok(match data_type {
        DataType::Boolean => Arc::new(
            cells
                .iter()
                .map(|cell| if let Cell::Bool(value) = cell { Some(*value) } else { None })
                .collect::<BooleanArray>(),
        ),
        DataType::Int16 => {
            Arc::new(cells.iter().map(|cell| int(cell).map(|value| value as i16)).collect::<Int16Array>())
        }
        // OIDs above 2^31 wrap into the sign, as they are read again on the wire.
        DataType::Int32 => {
            Arc::new(cells.iter().map(|cell| int(cell).map(|value| value as i32)).collect::<Int32Array>())
        }
        DataType::Int64 => Arc::new(cells.iter().map(int).collect::<Int64Array>()),
        DataType::Float32 => {
            Arc::new(cells.iter().map(|cell| real(cell).map(|value| value as f32)).collect::<Float32Array>())
        }
        DataType::Float64 => Arc::new(cells.iter().map(real).collect::<Float64Array>()),
        DataType::Utf8 => Arc::new(cells.iter().map(text).collect::<StringArray>()),
        DataType::Timestamp(_, zone) => {
            let array: TimestampMicrosecondArray = cells.iter().map(int).collect();
            Arc::new(array.with_timezone_opt(zone.clone()))
        }
        DataType::List(field) => {
            let lists: Vec<Option<&Vec<Cell>>> =
                cells.iter().map(|cell| if let Cell::List(list) = cell { Some(list) } else { None }).collect();
            let lengths = lists.iter().map(|list| list.map_or(0, Vec::len));
            let offsets = OffsetBuffer::from_lengths(lengths);
            let nulls = NullBuffer::from_iter(lists.iter().map(Option::is_some));
            let elements: Vec<Cell> = lists.into_iter().flatten().flatten().cloned().collect();
            let elements = column(&elements, field.data_type())?;
            Arc::new(ListArray::try_new(Arc::clone(field), offsets, elements, Some(nulls))?)
        }
        other => return Err(DataFusionError::Internal(format!("no catalog has columns of type {other}"))),
    })
}

/// The values of a column, whatever integers or strings it has.
pub(crate) fn cells(array: &ArrayRef) -> Result<Vec<Cell>> {
    let rows = 0..array.len();
    Ok(match array.data_type() {
        DataType::Null => vec![Cell::Null; array.len()],
        DataType::Boolean => {
            let values = array.as_boolean();
            rows.map(|row| if values.is_null(row) { Cell::Null } else { Cell::Bool(values.value(row)) }).collect()
        }
        data_type if data_type.is_integer() => {
            let values = arrow::compute::cast(array, &DataType::Int64)?;
            values.as_primitive::<Int64Type>().iter().map(Cell::from).collect()
        }
        DataType::List(_) => {
            let lists = array.as_list::<i32>();
            rows.map(|row| match lists.is_null(row) {
                true => Ok(Cell::Null),
                false => cells(&lists.value(row)).map(Cell::List),
            })
            .collect::<Result<_>>()?
        }
        // Everything else by its text, which is what the functions here take.
        _ => {
            let values = arrow::compute::cast(array, &DataType::Utf8)?;
            values.as_string::<i32>().iter().map(Cell::from).collect()
        }
    })
}

impl Cell {
    /// The integer, if it is one; also from its text, since clients write OIDs as text.
    pub(crate) fn int(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// An OID.
    pub(crate) fn oid(&self) -> Option<u32> {
        // A sign is what is left of an OID above 2^31.
        self.int()
            .and_then(|value| u32::try_from(value).ok().or_else(|| i32::try_from(value).ok().map(|value| value as u32)))
    }

    /// The text, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl From<bool> for Cell {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

macro_rules! from_integers {
    ($($integer:ty)*) => {
        $(impl From<$integer> for Cell {
            fn from(value: $integer) -> Self {
                Self::Int(i64::from(value))
            }
        })*
    };
}
from_integers!(i16 i32 i64 u32);

impl From<f64> for Cell {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl From<&str> for Cell {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Cell {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<&String> for Cell {
    fn from(value: &String) -> Self {
        Self::Text(value.clone())
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<T: Into<Cell>> From<Vec<T>> for Cell {
    fn from(values: Vec<T>) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

/// A row of a catalog: the columns that it says something about, by name.
pub(crate) type Row = Vec<(&'static str, Cell)>;

/// A [`Row`]: `row! { oid: 7, relname: "t" }`.
macro_rules! row {
    ($($name:ident: $value:expr),* $(,)?) => {
        vec![$((stringify!($name), $crate::catalog::cell::Cell::from($value))),*]
    };
}
pub(crate) use row;
