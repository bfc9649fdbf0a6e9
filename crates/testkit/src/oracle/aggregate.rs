//! Random aggregate functions.

use super::expression::{Scope, condition, expression};
use super::random::Random;
use super::schema::{Column, Type};

/// An aggregate over the columns in scope, cast to the type that it is given with.
pub fn aggregate(random: &mut Random, scope: &Scope) -> (String, Type) {
    let filter =
        if random.chance(25) { format!(" FILTER (WHERE {})", condition(random, scope, 1)) } else { String::new() };
    let numbers: Vec<Column> = scope.iter().filter(|column| column.data_type.is_number()).cloned().collect();
    let subject = if numbers.is_empty() || random.chance(60) { random.pick(scope) } else { random.pick(&numbers) };
    let subject = subject.clone();
    let argument = if random.chance(75) || subject.data_type == Type::Inexact {
        subject.name.clone()
    } else {
        expression(random, scope, subject.data_type, 1)
    };
    if random.chance(8) {
        return combined(random, scope, &subject);
    }
    let distinct = if random.chance(25) { "DISTINCT " } else { "" };
    match random.below(7) {
        0 => (format!("count(*){filter}"), Type::Big),
        1 => (format!("count({distinct}{argument}){filter}"), Type::Big),
        2 if subject.data_type.is_number() => (format!("(avg({distinct}{argument}){filter})::float8"), Type::Inexact),
        3 | 4 if subject.data_type.is_number() => sum(&format!("{distinct}{argument}"), &filter, subject.data_type),
        choice if subject.data_type.has_extremes() => {
            let function = if choice % 2 == 0 { "min" } else { "max" };
            (format!("({function}({argument}){filter})::{}", subject.data_type.sql()), subject.data_type)
        }
        _ => (format!("count({distinct}{argument}){filter}"), Type::Big),
    }
}

fn sum(argument: &str, filter: &str, of: Type) -> (String, Type) {
    let data_type = match of {
        Type::Small | Type::Int | Type::Big => Type::Big,
        other => other,
    };
    (format!("(sum({argument}){filter})::{}", data_type.sql()), data_type)
}

/// An expression over several aggregates.
fn combined(random: &mut Random, scope: &Scope, subject: &Column) -> (String, Type) {
    let name = &subject.name;
    match subject.data_type {
        Type::Int => (format!("coalesce(max({name}) - min({name}), -1)"), Type::Int),
        Type::Numeric => {
            (format!("CASE WHEN count(*) > 2 THEN sum({name})::numeric(20,2) ELSE min({name}) END"), Type::Numeric)
        }
        _ => (
            format!("(count(*) - count({name}) * 2 + count(*) FILTER (WHERE {}))", condition(random, scope, 0)),
            Type::Big,
        ),
    }
}
