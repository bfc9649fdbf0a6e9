//! The types that a statement may name, as sqlparser reads them.

use std::sync::Arc;

use arrow::datatypes::FieldRef;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::planner::TypePlanner;
use sqlparser::ast::{ArrayElemTypeDef, CharacterLength, DataType as Sql, ExactNumberInfo, TimezoneInfo};

use super::{PRECISION_MAX, PgType};
use crate::Error;

/// Postgres' bound for `varchar(n)` and `char(n)`.
const LENGTH_MAX: u64 = 10_485_760;

/// The type that a column definition or a cast names.
pub fn type_from_sql(sql: &Sql) -> Result<PgType, Error> {
    Ok(match sql {
        Sql::Boolean | Sql::Bool => PgType::Boolean,
        Sql::SmallInt(None) | Sql::Int2(None) => PgType::SmallInt,
        Sql::Int(None) | Sql::Integer(None) | Sql::Int4(None) => PgType::Integer,
        Sql::BigInt(None) | Sql::Int8(None) => PgType::BigInt,
        Sql::Real | Sql::Float4 => PgType::Real,
        Sql::Float(ExactNumberInfo::Precision(bits)) if *bits <= 24 => PgType::Real,
        Sql::Float(ExactNumberInfo::Precision(bits)) if *bits > 53 => {
            return Err(Error::InvalidParameter("precision for type float must be less than 54 bits".to_owned()));
        }
        Sql::Float(_) | Sql::DoublePrecision | Sql::Float8 | Sql::Double(ExactNumberInfo::None) => PgType::Double,
        Sql::Numeric(info) | Sql::Decimal(info) | Sql::Dec(info) => numeric(info)?,
        Sql::Text | Sql::String(None) => PgType::Text,
        Sql::Varchar(length) | Sql::CharacterVarying(length) | Sql::CharVarying(length) => {
            PgType::Varchar(length.as_ref().map(characters).transpose()?)
        }
        Sql::Char(length) | Sql::Character(length) => {
            PgType::Char(Some(length.as_ref().map(characters).transpose()?.unwrap_or(1)))
        }
        Sql::Bytea => PgType::Bytea,
        Sql::Date => PgType::Date,
        Sql::Time(precision, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
            microseconds(*precision, "time")?;
            PgType::Time
        }
        Sql::Timestamp(precision, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
            microseconds(*precision, "timestamp")?;
            PgType::Timestamp
        }
        Sql::Timestamp(precision, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz) => {
            microseconds(*precision, "timestamptz")?;
            PgType::TimestampTz
        }
        Sql::Interval { fields: None, precision: None } => PgType::Interval,
        Sql::Uuid => PgType::Uuid,
        Sql::JSON => PgType::Json,
        Sql::JSONB => PgType::Jsonb,
        Sql::Regclass => PgType::RegClass,
        Sql::Array(ArrayElemTypeDef::SquareBracket(element, _) | ArrayElemTypeDef::AngleBracket(element)) => {
            match type_from_sql(element)? {
                // `integer[][]` is `integer[]` to Postgres; here it would need another depth.
                PgType::Array(_) => return Err(Error::unsupported("a multidimensional array type")),
                element => PgType::Array(Box::new(element)),
            }
        }
        Sql::Custom(name, modifiers) if modifiers.is_empty() => custom(&name.to_string().to_lowercase())?,
        other => return Err(Error::unsupported(format!("type {}", other.to_string().to_lowercase()))),
    })
}

/// Types that sqlparser has no word for.
fn custom(name: &str) -> Result<PgType, Error> {
    let name = name.strip_prefix("pg_catalog.").unwrap_or(name);
    Ok(match name {
        "int2" => PgType::SmallInt,
        "int4" => PgType::Integer,
        "int8" => PgType::BigInt,
        "float4" => PgType::Real,
        "float8" => PgType::Double,
        "bool" => PgType::Boolean,
        "text" => PgType::Text,
        "bpchar" => PgType::Varchar(None),
        "serial" | "bigserial" | "smallserial" | "serial4" | "serial8" | "serial2" | "money" | "xml" | "inet"
        | "cidr" | "macaddr" | "hstore" | "citext" | "timetz" | "int4range" | "int8range" | "numrange" | "tsrange"
        | "tstzrange" | "daterange" | "xid" | "regnamespace" | "regrole" | "pg_lsn" => {
            return Err(Error::unsupported(format!("type {name}")));
        }
        name => PgType::from_name(name).ok_or_else(|| Error::UndefinedType(name.to_owned()))?,
    })
}

fn numeric(info: &ExactNumberInfo) -> Result<PgType, Error> {
    let (precision, scale) = match *info {
        ExactNumberInfo::None => return Ok(PgType::Numeric(None)),
        ExactNumberInfo::Precision(precision) => (precision, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (precision, scale),
    };
    if precision == 0 || precision > 1000 {
        return Err(Error::InvalidParameter(format!("NUMERIC precision {precision} must be between 1 and 1000")));
    }
    let in_range =
        precision <= u64::from(PRECISION_MAX) && scale >= 0 && scale <= i64::try_from(precision).unwrap_or(0);
    match (u8::try_from(precision), i8::try_from(scale)) {
        (Ok(precision), Ok(scale)) if in_range => Ok(PgType::Numeric(Some((precision, scale)))),
        _ => Err(Error::unsupported(format!("numeric({precision},{scale})"))),
    }
}

fn characters(length: &CharacterLength) -> Result<u32, Error> {
    match length {
        CharacterLength::IntegerLength { length: 0, .. } => {
            Err(Error::InvalidParameter("length for type varchar must be at least 1".to_owned()))
        }
        CharacterLength::IntegerLength { length, .. } if *length <= LENGTH_MAX => {
            u32::try_from(*length).map_err(|_| Error::unsupported("this length"))
        }
        CharacterLength::IntegerLength { .. } => {
            Err(Error::InvalidParameter(format!("length for type varchar cannot exceed {LENGTH_MAX}")))
        }
        CharacterLength::Max => Err(Error::unsupported("varchar(max)")),
    }
}

/// Times are kept in microseconds; fewer digits would have to be rounded to.
fn microseconds(precision: Option<u64>, name: &str) -> Result<(), Error> {
    match precision {
        None | Some(6) => Ok(()),
        Some(precision) => Err(Error::unsupported(format!("{name}({precision})"))),
    }
}

/// Tells DataFusion's binder which Arrow field a type name means.
#[derive(Debug)]
pub struct PostgresTypePlanner;

impl TypePlanner for PostgresTypePlanner {
    fn plan_type_field(&self, sql: &Sql) -> Result<Option<FieldRef>> {
        let pg_type = type_from_sql(sql).map_err(|error| DataFusionError::External(Box::new(error)))?;
        Ok(Some(Arc::new(pg_type.field("", true))))
    }
}
