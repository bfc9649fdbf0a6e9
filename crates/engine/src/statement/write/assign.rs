//! Values on their way into a column: whether their type may go there, and the cast that takes it.
//!
//! Postgres tells a literal that has no type yet (`'2024-01-01'`) from text: the first becomes
//! whatever the column is, the second does not.

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::logical_expr::Expr;
use datafusion::sql::sqlparser::ast;
use sql::PgType;

use crate::bind::{ParameterTypes, number_of};
use crate::{Error, SqlState};

/// `value`, of the type `from`, as the column `to` keeps it. `is_literal`: it is one of those that
/// have no type yet.
pub(crate) fn assign_column(value: Expr, from: &Field, is_literal: bool, to: &Field) -> Result<Expr, Error> {
    let is_open = *from.data_type() == DataType::Null || is_literal && is_text(from);
    if !is_open && !is_assignable(from, to) {
        let name =
            |field: &Field| PgType::from_field(field).map_or_else(|| field.data_type().to_string(), |one| one.name());
        return Err(Error::new(
            SqlState::DATATYPE_MISMATCH,
            format!("column \"{}\" is of type {} but expression is of type {}", to.name(), name(to), name(from)),
        )
        .with_hint("You will need to rewrite or cast the expression."));
    }
    Ok(sql::assign(value, from, to)?)
}

/// Whether a value is a literal or a parameter: it takes the type of where it goes.
pub(crate) fn is_unknown_literal(value: &ast::Expr) -> bool {
    match value {
        ast::Expr::Value(_) => true,
        ast::Expr::Nested(inner) => is_unknown_literal(inner),
        _ => false,
    }
}

/// If a value is a parameter and nothing else, it has the type of the column that it goes to.
pub(crate) fn note_assigned(types: &mut ParameterTypes, value: &ast::Expr, column: &FieldRef) -> Result<(), Error> {
    match value {
        ast::Expr::Nested(inner) => note_assigned(types, inner, column),
        ast::Expr::Value(value) => match &value.value {
            ast::Value::Placeholder(id) => {
                types.note(number_of(id)?, Some(std::sync::Arc::clone(column)));
                Ok(())
            }
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Whether Postgres has an assignment cast between the types.
fn is_assignable(from: &Field, to: &Field) -> bool {
    let (Some(from), Some(to)) = (PgType::from_field(from), PgType::from_field(to)) else { return false };
    is_type_assignable(&from, &to)
}

fn is_type_assignable(from: &PgType, to: &PgType) -> bool {
    use PgType::{
        Array, Char, Date, Interval, Json, Jsonb, Name, Oid, RegClass, RegProc, RegType, SystemChar, Text, Time,
        Timestamp, TimestampTz, Varchar,
    };
    let is_number = |one: &PgType| {
        use PgType::{BigInt, Double, Integer, Numeric, Real, SmallInt};
        matches!(one, SmallInt | Integer | BigInt | Real | Double | Numeric(_))
    };
    let is_oid = |one: &PgType| matches!(one, Oid | RegClass | RegType | RegProc);
    let is_day = |one: &PgType| matches!(one, Date | Timestamp | TimestampTz);
    match (from, to) {
        (Array(from), Array(to)) => is_type_assignable(from, to),
        _ if from.base_name() == to.base_name() => !matches!((from, to), (Array(_), _) | (_, Array(_))),
        (_, Text | Varchar(_) | Char(_) | Name | SystemChar) => true,
        (from, to) if is_number(from) && is_number(to) => true,
        (from, to) if is_day(from) && is_day(to) => true,
        (Timestamp | TimestampTz | Interval, Time) | (Time, Interval) => true,
        (Json, Jsonb) | (Jsonb, Json) => true,
        (from, to) if is_oid(to) => is_oid(from) || matches!(from, PgType::SmallInt | PgType::Integer | PgType::BigInt),
        (from, PgType::Integer | PgType::BigInt) => is_oid(from),
        _ => false,
    }
}

fn is_text(field: &Field) -> bool {
    matches!(PgType::from_field(field), Some(PgType::Text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignment_casts_are_postgres_ones() {
        let numeric = PgType::Numeric(Some((10, 2)));
        let ints = PgType::Array(Box::new(PgType::Integer));
        for (from, to, expected) in [
            (PgType::BigInt, PgType::SmallInt, true),
            (PgType::Double, numeric.clone(), true),
            (PgType::Text, PgType::Integer, false),
            (PgType::Integer, PgType::Text, true),
            (PgType::Boolean, PgType::Integer, false),
            (PgType::Date, PgType::TimestampTz, true),
            (PgType::Text, PgType::Date, false),
            (PgType::Text, PgType::Jsonb, false),
            (PgType::Text, PgType::Uuid, false),
            (PgType::Varchar(Some(3)), PgType::Varchar(Some(2)), true),
            (ints.clone(), PgType::Array(Box::new(numeric)), true),
            (ints.clone(), PgType::Integer, false),
            (PgType::Integer, ints, false),
        ] {
            assert_eq!(is_type_assignable(&from, &to), expected, "{from} to {to}");
        }
    }
}
