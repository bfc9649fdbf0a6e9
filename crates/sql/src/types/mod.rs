//! Postgres' types and the Arrow types that hold their values.
//!
//! Several Postgres types share an Arrow type; a field says which one it is under [`TYPE_KEY`].
//! How a value looks on the wire is the frontend's business.
//!
//! `numeric` without precision is stored as `Decimal128(38, 10)`: 28 digits before the point and
//! ten after it. A cast to plain `numeric` of what is a number already leaves its scale alone.

mod declare;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, IntervalUnit, TimeUnit};

pub use declare::{PostgresTypePlanner, type_from_sql};

/// The metadata key that tells types with one Arrow type apart; its value is [`PgType::name`].
pub const TYPE_KEY: &str = "freshet.type";

/// The most digits of a `numeric`: what `Decimal128` holds.
pub(crate) const PRECISION_MAX: u8 = 38;

/// The precision and scale of a `numeric` that says neither.
pub const NUMERIC_DEFAULT: (u8, i8) = (PRECISION_MAX, 10);

/// A type as Postgres knows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PgType {
    /// `boolean`
    Boolean,
    /// `smallint`
    SmallInt,
    /// `integer`
    Integer,
    /// `bigint`
    BigInt,
    /// `real`
    Real,
    /// `double precision`
    Double,
    /// `numeric`, with precision and scale if they were given.
    Numeric(Option<(u8, i8)>),
    /// `text`
    Text,
    /// `character varying(n)`
    Varchar(Option<u32>),
    /// `character(n)`; without a length what one of any length is compared with.
    Char(Option<u32>),
    /// `bytea`
    Bytea,
    /// `date`
    Date,
    /// `time without time zone`
    Time,
    /// `timestamp without time zone`
    Timestamp,
    /// `timestamp with time zone`
    TimestampTz,
    /// `interval`
    Interval,
    /// `uuid`
    Uuid,
    /// `json`
    Json,
    /// `jsonb`
    Jsonb,
    /// `"char"`: one byte, in the system catalogs.
    SystemChar,
    /// `name`, in the system catalogs.
    Name,
    /// `oid`, in the system catalogs.
    Oid,
    /// `regclass`: a relation's OID, shown as its name.
    RegClass,
    /// `regtype`: a type's OID, shown as its name.
    RegType,
    /// `regproc`: a function's OID, shown as its name.
    RegProc,
    /// `int2vector`, in the system catalogs.
    Int2Vector,
    /// `oidvector`, in the system catalogs.
    OidVector,
    /// An array of a type that is no array.
    Array(Box<PgType>),
}

impl PgType {
    /// The name as `format_type` and `\d` show it, with its modifier.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            PgType::Numeric(Some((precision, scale))) => format!("numeric({precision},{scale})"),
            PgType::Varchar(Some(length)) => format!("character varying({length})"),
            PgType::Char(Some(length)) => format!("character({length})"),
            PgType::Char(None) => "bpchar".to_owned(),
            PgType::Array(element) => format!("{}[]", element.name()),
            _ => self.base_name().to_owned(),
        }
    }

    /// The name without a modifier; an array's is its element's.
    #[must_use]
    pub fn base_name(&self) -> &'static str {
        match self {
            PgType::Boolean => "boolean",
            PgType::SmallInt => "smallint",
            PgType::Integer => "integer",
            PgType::BigInt => "bigint",
            PgType::Real => "real",
            PgType::Double => "double precision",
            PgType::Numeric(_) => "numeric",
            PgType::Text => "text",
            PgType::Varchar(_) => "character varying",
            PgType::Char(_) => "character",
            PgType::Bytea => "bytea",
            PgType::Date => "date",
            PgType::Time => "time without time zone",
            PgType::Timestamp => "timestamp without time zone",
            PgType::TimestampTz => "timestamp with time zone",
            PgType::Interval => "interval",
            PgType::Uuid => "uuid",
            PgType::Json => "json",
            PgType::Jsonb => "jsonb",
            PgType::SystemChar => "\"char\"",
            PgType::Name => "name",
            PgType::Oid => "oid",
            PgType::RegClass => "regclass",
            PgType::RegType => "regtype",
            PgType::RegProc => "regproc",
            PgType::Int2Vector => "int2vector",
            PgType::OidVector => "oidvector",
            PgType::Array(element) => element.base_name(),
        }
    }

    /// The Arrow type of its values.
    #[must_use]
    pub fn arrow(&self) -> DataType {
        match self {
            PgType::Boolean => DataType::Boolean,
            PgType::SmallInt => DataType::Int16,
            PgType::Integer | PgType::Oid | PgType::RegClass | PgType::RegType | PgType::RegProc => DataType::Int32,
            PgType::BigInt => DataType::Int64,
            PgType::Real => DataType::Float32,
            PgType::Double => DataType::Float64,
            PgType::Numeric(modifier) => {
                let (precision, scale) = modifier.unwrap_or(NUMERIC_DEFAULT);
                DataType::Decimal128(precision, scale)
            }
            PgType::Text
            | PgType::Varchar(_)
            | PgType::Char(_)
            | PgType::Uuid
            | PgType::Json
            | PgType::Jsonb
            | PgType::SystemChar
            | PgType::Name => DataType::Utf8,
            PgType::Bytea => DataType::Binary,
            PgType::Date => DataType::Date32,
            PgType::Time => DataType::Time64(TimeUnit::Microsecond),
            PgType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            PgType::TimestampTz => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            PgType::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
            PgType::Int2Vector => DataType::List(Arc::new(Field::new_list_field(DataType::Int16, true))),
            PgType::OidVector => DataType::List(Arc::new(Field::new_list_field(DataType::Int32, true))),
            PgType::Array(element) => DataType::List(Arc::new(element.field("item", true))),
        }
    }

    /// A field of this type.
    #[must_use]
    pub fn field(&self, name: &str, nullable: bool) -> Field {
        let field = Field::new(name, self.arrow(), nullable);
        match self {
            PgType::Array(_) => field,
            _ if PgType::from_arrow(&self.arrow()).as_ref() == Some(self) => field,
            _ => field.with_metadata(HashMap::from([(TYPE_KEY.to_owned(), self.name())])),
        }
    }

    /// The type of a field: by its metadata if it has any, else by its Arrow type. None for types
    /// that Postgres has no counterpart of, such as maps.
    #[must_use]
    pub fn from_field(field: &Field) -> Option<PgType> {
        let named = field.metadata().get(TYPE_KEY).and_then(|name| PgType::from_name(name));
        named.or_else(|| PgType::from_arrow(field.data_type()))
    }

    /// What [`PgType::name`] gave; only those that need telling apart.
    fn from_name(name: &str) -> Option<PgType> {
        let (base, modifier) = match name.strip_suffix(')').and_then(|name| name.split_once('(')) {
            Some((base, modifier)) => (base, Some(modifier)),
            None => (name, None),
        };
        Some(match base {
            "numeric" => PgType::Numeric(match modifier {
                Some(modifier) => {
                    let (precision, scale) = modifier.split_once(',')?;
                    Some((precision.parse().ok()?, scale.parse().ok()?))
                }
                None => None,
            }),
            "character varying" => PgType::Varchar(match modifier {
                Some(length) => Some(length.parse().ok()?),
                None => None,
            }),
            "character" => PgType::Char(Some(modifier.unwrap_or("1").parse().ok()?)),
            "bpchar" => PgType::Char(None),
            "uuid" => PgType::Uuid,
            "json" => PgType::Json,
            "jsonb" => PgType::Jsonb,
            "\"char\"" => PgType::SystemChar,
            "name" => PgType::Name,
            "oid" => PgType::Oid,
            "regclass" => PgType::RegClass,
            "regtype" => PgType::RegType,
            "regproc" => PgType::RegProc,
            "int2vector" => PgType::Int2Vector,
            "oidvector" => PgType::OidVector,
            _ => return None,
        })
    }

    /// The type that a bare Arrow type means.
    #[must_use]
    pub fn from_arrow(data_type: &DataType) -> Option<PgType> {
        Some(match data_type {
            DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => PgType::Text,
            DataType::Boolean => PgType::Boolean,
            DataType::Int8 | DataType::Int16 | DataType::UInt8 => PgType::SmallInt,
            DataType::Int32 | DataType::UInt16 => PgType::Integer,
            DataType::Int64 | DataType::UInt32 | DataType::UInt64 => PgType::BigInt,
            DataType::Float16 | DataType::Float32 => PgType::Real,
            DataType::Float64 => PgType::Double,
            DataType::Decimal32(precision, scale)
            | DataType::Decimal64(precision, scale)
            | DataType::Decimal128(precision, scale)
            | DataType::Decimal256(precision, scale) => PgType::Numeric(Some((*precision, *scale))),
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
                PgType::Bytea
            }
            DataType::Date32 | DataType::Date64 => PgType::Date,
            DataType::Time32(_) | DataType::Time64(_) => PgType::Time,
            DataType::Timestamp(_, None) => PgType::Timestamp,
            DataType::Timestamp(_, Some(_)) => PgType::TimestampTz,
            DataType::Interval(_) | DataType::Duration(_) => PgType::Interval,
            DataType::Dictionary(_, values) => PgType::from_arrow(values)?,
            DataType::List(element)
            | DataType::LargeList(element)
            | DataType::ListView(element)
            | DataType::LargeListView(element)
            | DataType::FixedSizeList(element, _) => match PgType::from_field(element)? {
                // Postgres does not tell `integer[][]` from `integer[]`.
                PgType::Array(inner) => PgType::Array(inner),
                element => PgType::Array(Box::new(element)),
            },
            _ => return None,
        })
    }
}

impl fmt::Display for PgType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

/// The field that rows of `field`'s type are kept in: one of ours, whatever a query computed.
/// None for types that cannot be kept.
#[must_use]
pub fn canonical(field: &Field) -> Option<FieldRef> {
    let pg_type = PgType::from_field(field)?;
    let data_type = match field.data_type() {
        // Nested lists keep their depth, which the Postgres type does not have.
        DataType::List(element)
        | DataType::LargeList(element)
        | DataType::ListView(element)
        | DataType::LargeListView(element)
        | DataType::FixedSizeList(element, _) => {
            let element = canonical(element)?;
            DataType::List(Arc::new(element.as_ref().clone().with_name("item").with_nullable(true)))
        }
        DataType::Decimal256(precision, scale) => DataType::Decimal128((*precision).min(38), *scale),
        // What is exact in an unsigned column may not fit a signed one of its width.
        _ => pg_type.arrow(),
    };
    let mut metadata = field.metadata().clone();
    metadata.retain(|key, _| key == TYPE_KEY);
    Some(Arc::new(Field::new(field.name(), data_type, field.is_nullable()).with_metadata(metadata)))
}
