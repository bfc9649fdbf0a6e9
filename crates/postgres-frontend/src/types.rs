//! Which Postgres type a column is, and what Postgres knows of its types. No values here.

use std::collections::HashMap;
use std::sync::LazyLock;

use arrow::datatypes::{DataType, Field};
use postgres_types::{Kind, Type};
use sql::PgType;

/// A Postgres type with its modifier (-1 without one).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WireType {
    pub(crate) base: Type,
    pub(crate) modifier: i32,
}

/// Array types by the OID of their element type.
static ARRAYS: LazyLock<HashMap<u32, Type>> = LazyLock::new(|| {
    all_types()
        .filter_map(|array| match array.kind() {
            // A second array type of the same element does not exist; vectors have a kind of their own.
            Kind::Array(element) if array.name().starts_with('_') => Some((element.oid(), array.clone())),
            _ => None,
        })
        .collect()
});

/// Every built-in type that has a fixed OID.
pub(crate) fn all_types() -> impl Iterator<Item = Type> {
    (16..10_000).filter_map(Type::from_oid)
}

/// The type of arrays of `element`.
pub(crate) fn array_of(element: &Type) -> Option<Type> {
    ARRAYS.get(&element.oid()).cloned()
}

/// The element type of an array or vector type.
pub(crate) fn element_of(array: &Type) -> Option<Type> {
    match array.kind() {
        Kind::Array(element) => Some(element.clone()),
        _ => None,
    }
}

impl WireType {
    /// The Postgres type of a column; none for Arrow types without one.
    pub(crate) fn of(field: &Field) -> Option<Self> {
        match field.data_type() {
            DataType::Struct(_) => Some(Self { base: Type::RECORD, modifier: -1 }),
            _ => PgType::from_field(field).and_then(|pg_type| Self::from_pg_type(&pg_type)),
        }
    }

    fn from_pg_type(pg_type: &PgType) -> Option<Self> {
        let (base, modifier) = match pg_type {
            PgType::Array(element) => {
                let element = Self::from_pg_type(element)?;
                (array_of(&element.base)?, element.modifier)
            }
            PgType::Numeric(Some((precision, scale))) => {
                (Type::NUMERIC, ((i32::from(*precision) << 16) | (i32::from(*scale) & 0xffff)) + 4)
            }
            PgType::Varchar(Some(length)) => (Type::VARCHAR, i32::try_from(*length).ok()?.checked_add(4)?),
            PgType::Char(Some(length)) => (Type::BPCHAR, i32::try_from(*length).ok()?.checked_add(4)?),
            other => (by_name(other.base_name())?, -1),
        };
        Some(Self { base, modifier })
    }

    /// The field that parameters of a type given by its OID have; none for a type that is not known here.
    pub(crate) fn field(oid: u32) -> Option<Field> {
        Type::from_oid(oid).and_then(|base| pg_type(&base)).map(|pg_type| pg_type.field("", true))
    }

    /// Bytes of a value, or -1 where they vary (-2 for C strings).
    pub(crate) fn length(&self) -> i16 {
        length(&self.base)
    }
}

/// `pg_type.typlen`.
pub(crate) fn length(base: &Type) -> i16 {
    match *base {
        Type::BOOL | Type::CHAR => 1,
        Type::INT2 => 2,
        Type::INT4
        | Type::FLOAT4
        | Type::DATE
        | Type::OID
        | Type::REGCLASS
        | Type::REGTYPE
        | Type::REGPROC
        | Type::REGNAMESPACE
        | Type::REGROLE
        | Type::XID
        | Type::CID
        | Type::VOID => 4,
        Type::INT8 | Type::FLOAT8 | Type::TIME | Type::TIMESTAMP | Type::TIMESTAMPTZ | Type::MONEY | Type::XID8 => 8,
        Type::INTERVAL | Type::UUID => 16,
        Type::TIMETZ => 12,
        Type::NAME => 64,
        Type::UNKNOWN | Type::CSTRING => -2,
        _ => -1,
    }
}

/// A type by any of its usual SQL names, without modifier.
pub(crate) fn by_name(name: &str) -> Option<Type> {
    Some(match name {
        "boolean" => Type::BOOL,
        "smallint" => Type::INT2,
        "int" | "integer" => Type::INT4,
        "bigint" => Type::INT8,
        "real" => Type::FLOAT4,
        "float" | "double precision" => Type::FLOAT8,
        "decimal" => Type::NUMERIC,
        "character varying" => Type::VARCHAR,
        "character" => Type::BPCHAR,
        "\"char\"" => Type::CHAR,
        "char" => Type::BPCHAR,
        "string" => Type::TEXT,
        "time without time zone" => Type::TIME,
        "time with time zone" => Type::TIMETZ,
        "timestamp without time zone" => Type::TIMESTAMP,
        "timestamp with time zone" => Type::TIMESTAMPTZ,
        other => return NAMES.get(other).cloned(),
    })
}

static NAMES: LazyLock<HashMap<String, Type>> =
    LazyLock::new(|| all_types().map(|base| (base.name().to_owned(), base)).collect());

/// `format_type(oid, NULL)`: the name that SQL has for a type.
pub(crate) fn sql_name(base: &Type) -> String {
    if let (Kind::Array(element), true) = (base.kind(), base.name().starts_with('_')) {
        return format!("{}[]", sql_name(element));
    }
    match *base {
        Type::BOOL => "boolean",
        Type::INT2 => "smallint",
        Type::INT4 => "integer",
        Type::INT8 => "bigint",
        Type::FLOAT4 => "real",
        Type::FLOAT8 => "double precision",
        Type::VARCHAR => "character varying",
        Type::BPCHAR => "character",
        Type::CHAR => "\"char\"",
        Type::TIME => "time without time zone",
        Type::TIMETZ => "time with time zone",
        Type::TIMESTAMP => "timestamp without time zone",
        Type::TIMESTAMPTZ => "timestamp with time zone",
        Type::VARBIT => "bit varying",
        _ => base.name(),
    }
    .to_owned()
}

/// `format_type(oid, modifier)`.
pub(crate) fn sql_name_with(base: &Type, modifier: i32) -> String {
    if let (Kind::Array(element), true) = (base.kind(), base.name().starts_with('_')) {
        return format!("{}[]", sql_name_with(element, modifier));
    }
    match *base {
        Type::VARCHAR | Type::BPCHAR if modifier >= 4 => format!("{}({})", sql_name(base), modifier - 4),
        Type::NUMERIC if modifier >= 4 => {
            let packed = modifier - 4;
            format!("numeric({},{})", packed >> 16, packed & 0xffff)
        }
        // Without a length it would read as character(1).
        Type::BPCHAR => "bpchar".to_owned(),
        _ => sql_name(base),
    }
}

/// The type as statements know it.
fn pg_type(base: &Type) -> Option<PgType> {
    Some(match *base {
        Type::BOOL => PgType::Boolean,
        Type::INT2 => PgType::SmallInt,
        Type::INT4 => PgType::Integer,
        Type::INT8 => PgType::BigInt,
        Type::OID => PgType::Oid,
        Type::REGCLASS => PgType::RegClass,
        Type::REGTYPE => PgType::RegType,
        Type::REGPROC => PgType::RegProc,
        Type::FLOAT4 => PgType::Real,
        Type::FLOAT8 => PgType::Double,
        Type::NUMERIC => PgType::Numeric(None),
        // A parameter's length is nobody's business but its column's.
        Type::TEXT | Type::VARCHAR | Type::UNKNOWN => PgType::Text,
        Type::BPCHAR => PgType::Char(None),
        Type::NAME => PgType::Name,
        Type::CHAR => PgType::SystemChar,
        Type::JSON => PgType::Json,
        Type::JSONB => PgType::Jsonb,
        Type::UUID => PgType::Uuid,
        Type::BYTEA => PgType::Bytea,
        Type::DATE => PgType::Date,
        Type::TIME => PgType::Time,
        Type::TIMESTAMP => PgType::Timestamp,
        Type::TIMESTAMPTZ => PgType::TimestampTz,
        Type::INTERVAL => PgType::Interval,
        _ => match base.kind() {
            Kind::Array(element) if base.name().starts_with('_') => PgType::Array(Box::new(pg_type(element)?)),
            _ => return None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_modifiers() {
        let array = |element| PgType::Array(Box::new(element));
        for (pg_type, oid, modifier, formatted) in [
            (PgType::Varchar(Some(10)), 1043, 14, "character varying(10)"),
            (PgType::Char(Some(3)), 1042, 7, "character(3)"),
            (PgType::Numeric(Some((10, 2))), 1700, 655_366, "numeric(10,2)"),
            (PgType::Numeric(None), 1700, -1, "numeric"),
            (PgType::Uuid, 2950, -1, "uuid"),
            (array(PgType::Uuid), 2951, -1, "uuid[]"),
            (PgType::Integer, 23, -1, "integer"),
            (PgType::TimestampTz, 1184, -1, "timestamp with time zone"),
            (PgType::Oid, 26, -1, "oid"),
            (PgType::SystemChar, 18, -1, "\"char\""),
            (PgType::Int2Vector, 22, -1, "int2vector"),
        ] {
            let found = WireType::of(&pg_type.field("x", true)).expect(formatted);
            assert_eq!((found.base.oid(), found.modifier), (oid, modifier), "{formatted}");
            assert_eq!(sql_name_with(&found.base, found.modifier), formatted);
        }
    }

    #[test]
    fn lists_are_arrays() {
        let list = |element: DataType| DataType::List(Field::new("item", element, true).into());
        for (data_type, oid) in [
            (list(DataType::Int32), 1007),
            (list(DataType::Utf8), 1009),
            (list(list(DataType::Float64)), 1022),
            (DataType::Boolean, 16),
            (DataType::UInt64, 20),
        ] {
            assert_eq!(WireType::of(&Field::new("x", data_type, true)).expect("a type").base.oid(), oid);
        }
    }

    #[test]
    fn every_parameter_type_has_a_field() {
        for oid in [16, 17, 20, 21, 23, 25, 26, 114, 700, 701, 1007, 1082, 1083, 1114, 1184, 1186, 1700, 2950, 3802] {
            let field = WireType::field(oid).expect("known");
            assert_eq!(WireType::of(&field).expect("a type").base.oid(), oid);
        }
    }
}
