//! Random expressions over the columns in scope. None of them fails on any row; those that do are
//! in `failing`.

use super::random::Random;
use super::schema::{Column, Type};

/// Values in a list.
const LIST_MAX: usize = 12;

/// Conditions in a chain.
const TERMS_MAX: usize = 40;

/// Columns as an expression names them (`a.c0`).
pub type Scope = [Column];

/// An expression of a type.
pub fn expression(random: &mut Random, scope: &Scope, data_type: Type, depth: usize) -> String {
    if depth == 0 || random.chance(40) {
        return column(random, scope, data_type).unwrap_or_else(|| data_type.literal(random));
    }
    let of = |random: &mut Random, data_type: Type| expression(random, scope, data_type, depth - 1);
    match random.below(6) {
        0 => {
            let condition = condition(random, scope, depth - 1);
            let (then, other) = (of(random, data_type), of(random, data_type));
            format!("CASE WHEN {condition} THEN {then} ELSE {other} END")
        }
        1 => {
            let operand = of(random, data_type);
            format!("coalesce({operand}, {})", data_type.literal(random))
        }
        2 if data_type != Type::Array => {
            let operand = of(random, data_type);
            format!("nullif({operand}, {})", data_type.literal(random))
        }
        3 => {
            let subject = random.pick(scope).data_type;
            let operand = of(random, subject);
            let mut when = || format!("WHEN {} THEN {}", subject.value(random), of(random, data_type));
            let branches = [when(), when()].join(" ");
            let other = if random.chance(50) { format!(" ELSE {}", of(random, data_type)) } else { String::new() };
            format!("CASE {operand} {branches}{other} END")
        }
        _ => computed(random, scope, data_type, depth),
    }
}

/// An operator or function of this result type.
fn computed(random: &mut Random, scope: &Scope, data_type: Type, depth: usize) -> String {
    let of = |random: &mut Random, data_type: Type| expression(random, scope, data_type, depth - 1);
    let choice = random.below(6);
    match (data_type, choice) {
        (Type::Int, 0 | 1) => format!("({} + {})", of(random, Type::Int), random.between(1, 3)),
        (Type::Int, 2) => format!("({} % 3)", of(random, Type::Int)),
        (Type::Int, 3) => format!("length({})::int", of(random, Type::Text)),
        (Type::Int, 4) => format!("extract(day FROM {})::int", of(random, Type::Date)),
        (Type::Int, _) => format!("(- {})", of(random, Type::Int)),
        (Type::Small, _) => format!("({} % 4)::smallint", of(random, Type::Int)),
        (Type::Big, 0 | 1) => format!("({} - 1)", of(random, Type::Big)),
        (Type::Big, 2) => format!("{}::bigint", of(random, Type::Int)),
        (Type::Big, _) => format!("abs({})::bigint", of(random, Type::Big)),
        (Type::Text, 0) => format!("upper({})", of(random, Type::Text)),
        (Type::Text, 1) => format!("({} || '-' || {}::text)", of(random, Type::Text), of(random, Type::Int)),
        (Type::Text, 2) => format!("substr({}, 1, 2)", of(random, Type::Text)),
        (Type::Text, 3) => format!("replace({}, 'a', 'xy')", of(random, Type::Text)),
        (Type::Text, 4) => format!("{}::text", of(random, Type::Date)),
        (Type::Text, _) => format!("{}::text", of(random, Type::Numeric)),
        (Type::Boolean, _) => format!("({})", condition(random, scope, depth - 1)),
        (Type::Date, 0 | 1) => format!("{}::date", of(random, Type::Timestamp)),
        (Type::Date, _) => format!("({} + 1)", of(random, Type::Date)),
        (Type::Timestamp, 0 | 1) => format!("{}::timestamp", of(random, Type::Date)),
        (Type::Timestamp, 2 | 3) => format!("({} + INTERVAL '1 hour')", of(random, Type::Timestamp)),
        (Type::Timestamp, _) => format!("date_trunc('day', {})", of(random, Type::Timestamp)),
        (Type::TimestampTz, _) => format!("({} + INTERVAL '1 hour')", of(random, Type::TimestampTz)),
        (Type::Numeric, 0 | 1) => format!("({} + 0.25)::numeric(20,2)", of(random, Type::Numeric)),
        (Type::Numeric, 2) => format!("({} * 0.5)::numeric(20,2)", of(random, Type::Int)),
        (Type::Numeric, 3) => format!("abs({})", of(random, Type::Numeric)),
        (Type::Numeric, _) => format!("{}::numeric(20,2)", of(random, Type::Int)),
        (Type::Float, 0 | 1) => format!("({} * 2)", of(random, Type::Float)),
        (Type::Float, 2) => format!("abs({})", of(random, Type::Float)),
        (Type::Float, _) => format!("({}::double precision + 0.5)", of(random, Type::Int)),
        (Type::Time | Type::Uuid | Type::Bytes | Type::Array | Type::Inexact, _) => of(random, data_type),
    }
}

/// Something to filter by.
pub fn condition(random: &mut Random, scope: &Scope, depth: usize) -> String {
    if depth > 0 && random.chance(3) {
        return chain(random, scope);
    }
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
    match random.below(11) {
        0 => {
            let other = expression(random, scope, data_type, 1);
            format!("({name} IS DISTINCT FROM {other})")
        }
        1 if data_type.has_extremes() => {
            format!("{name} BETWEEN {} AND {}", data_type.literal(random), data_type.literal(random))
        }
        2 if data_type.has_extremes() => {
            let mut of = || expression(random, scope, data_type, 1);
            let (operand, low, high) = (of(), of(), of());
            let not = if random.chance(30) { "NOT " } else { "" };
            format!("{operand} {not}BETWEEN {low} AND {high}")
        }
        3 if data_type != Type::Boolean => {
            let operand = expression(random, scope, data_type, 1);
            format!("{operand} {}", list(random, scope, data_type))
        }
        4 if data_type == Type::Int => {
            let other = *random.pick(&[Type::Big, Type::Small, Type::Numeric]);
            format!("{name} >= {}", expression(random, scope, other, 0))
        }
        _ => plain_condition(random, scope, &subject),
    }
}

/// Many conditions with functions in them, most of which decide nothing.
fn chain(random: &mut Random, scope: &Scope) -> String {
    let operator = *random.pick(&[" AND ", " OR "]);
    let count = *random.pick(&[3, 10, TERMS_MAX]);
    let term = |random: &mut Random| {
        let data_type = random.pick(scope).data_type;
        let (left, right) = (computed(random, scope, data_type, 1), expression(random, scope, data_type, 0));
        let sign = *random.pick(if operator == " AND " {
            &["<>", "<>", "IS DISTINCT FROM"]
        } else {
            &["=", "=", "IS NOT DISTINCT FROM"]
        });
        format!("{left} {sign} {right}")
    };
    let terms: Vec<String> = (0..count).map(|_| term(random)).collect();
    format!("({})", terms.join(operator))
}

/// `IN` some values, of which some may be null, or other columns' expressions.
fn list(random: &mut Random, scope: &Scope, data_type: Type) -> String {
    let item = |random: &mut Random| match random.below(10) {
        0 => expression(random, scope, data_type, 1),
        1 => data_type.null(),
        _ => data_type.literal(random),
    };
    let items: Vec<String> = (0..1 + random.below(LIST_MAX)).map(|_| item(random)).collect();
    format!("{}IN ({})", if random.chance(30) { "NOT " } else { "" }, items.join(", "))
}

/// A condition on one column, without any function: nothing could be evaluated before it.
pub fn plain_condition(random: &mut Random, scope: &Scope, subject: &Column) -> String {
    let (name, data_type) = (&subject.name, subject.data_type);
    match random.below(6) {
        0 => format!("{name} IS NULL"),
        1 => format!("{name} IS NOT NULL"),
        2 if data_type == Type::Text => format!("{name} LIKE '%{}%'", random.pick(&["a", "b", "o"])),
        3 if data_type != Type::Boolean => {
            format!("{name} IN ({}, {})", data_type.literal(random), data_type.literal(random))
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
