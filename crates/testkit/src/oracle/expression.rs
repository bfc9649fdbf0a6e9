//! Random expressions over the columns in scope. None of them can fail on any row.

use super::random::Random;
use super::schema::{Column, Type};

/// Columns as an expression names them (`a.c0`).
pub type Scope = [Column];

/// An expression of a type.
pub fn expression(random: &mut Random, scope: &Scope, data_type: Type, depth: usize) -> String {
    if depth == 0 || random.chance(40) {
        return column(random, scope, data_type).unwrap_or_else(|| data_type.literal(random));
    }
    let of = |random: &mut Random, data_type: Type| expression(random, scope, data_type, depth - 1);
    let choice = random.below(4);
    match (data_type, choice) {
        (_, 0) => {
            let condition = condition(random, scope, depth - 1);
            let (then, other) = (of(random, data_type), of(random, data_type));
            format!("CASE WHEN {condition} THEN {then} ELSE {other} END")
        }
        (_, 1) => {
            let operand = of(random, data_type);
            format!("coalesce({operand}, {})", data_type.literal(random))
        }
        (Type::Int, 2) => format!("({} + {})", of(random, Type::Int), random.between(1, 3)),
        (Type::Int, _) => match random.below(3) {
            0 => format!("({} % 3)", of(random, Type::Int)),
            1 => format!("length({})::int", of(random, Type::Text)),
            _ => format!("extract(day FROM {})::int", of(random, Type::Date)),
        },
        (Type::Big, 2) => format!("({} - 1)", of(random, Type::Big)),
        (Type::Big, _) => format!("abs({})::bigint", of(random, Type::Int)),
        (Type::Text, 2) => format!("upper({})", of(random, Type::Text)),
        (Type::Text, _) => format!("({} || '-' || {}::text)", of(random, Type::Text), of(random, Type::Int)),
        (Type::Boolean, _) => format!("({})", condition(random, scope, depth - 1)),
        (Type::Date, _) => format!("nullif({}, DATE '2024-02-11')", of(random, Type::Date)),
        (Type::Timestamp, _) => format!("date_trunc('day', {})", of(random, Type::Timestamp)),
        (Type::Numeric, _) => format!("({} + 0.25)::numeric(20,2)", of(random, Type::Numeric)),
        (Type::Float, 2) => format!("({} * 2)", of(random, Type::Float)),
        (Type::Float, _) => format!("({}::double precision + 0.5)", of(random, Type::Int)),
        (Type::Inexact, _) => of(random, Type::Inexact),
    }
}

/// Something to filter by.
pub fn condition(random: &mut Random, scope: &Scope, depth: usize) -> String {
    if depth > 0 && random.chance(25) {
        let (left, right) = (condition(random, scope, depth - 1), condition(random, scope, depth - 1));
        return match random.below(3) {
            0 => format!("({left} AND {right})"),
            1 => format!("({left} OR {right})"),
            _ => format!("NOT ({left})"),
        };
    }
    let subject = random.pick(scope).clone();
    let (name, data_type) = (&subject.name, subject.data_type);
    match random.below(6) {
        0 => format!("{name} IS NULL"),
        1 => format!("{name} IS NOT NULL"),
        2 if data_type == Type::Text => format!("{name} LIKE '%{}%'", random.pick(&["a", "b", "o"])),
        3 if data_type != Type::Boolean => {
            format!("{name} IN ({}, {})", data_type.literal(random), data_type.literal(random))
        }
        4 => {
            let other = expression(random, scope, data_type, 1);
            format!("({name} IS DISTINCT FROM {other})")
        }
        _ => {
            let operator = *random.pick(&["=", "<>", "<", "<=", ">", ">="]);
            let other = column(random, scope, data_type).filter(|_| random.chance(30));
            let other = other.unwrap_or_else(|| data_type.literal(random));
            format!("{name} {operator} {other}")
        }
    }
}

/// A column of a type, if there is one.
pub fn column(random: &mut Random, scope: &Scope, data_type: Type) -> Option<String> {
    let fitting: Vec<&Column> = scope.iter().filter(|column| column.data_type == data_type).collect();
    if fitting.is_empty() { None } else { Some(random.pick(&fitting).name.clone()) }
}
