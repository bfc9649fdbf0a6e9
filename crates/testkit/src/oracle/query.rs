//! Random queries of all the shapes that a materialized view maintains.
//!
//! Columns of a result are named `c0`, `c1`, ... and cast where Postgres and others give an
//! aggregate different types, so that a view can be read by later ones without surprises.

use super::expression::{Scope, column, condition, expression};
use super::random::Random;
use super::schema::{Column, Relation, STORED, Type};

/// A query and the columns of its result.
#[derive(Clone, Debug)]
pub struct Query {
    pub sql: String,
    pub columns: Vec<Column>,
}

/// What stands between `FROM` and `GROUP BY`.
struct Source {
    text: String,
    columns: Vec<Column>,
}

/// A query over some of the relations.
pub fn random_query(random: &mut Random, relations: &[Relation]) -> Query {
    match random.below(12) {
        0..=1 => projection(random, relations, ""),
        2..=3 => join(random, relations),
        4 => union(random, relations),
        5 => projection(random, relations, "DISTINCT "),
        6..=9 => grouped(random, relations),
        _ => global(random, relations),
    }
}

/// `SELECT expressions FROM source`.
fn projection(random: &mut Random, relations: &[Relation], distinct: &str) -> Query {
    let source = source(random, relations);
    let count = 1 + random.below(4);
    let types: Vec<Type> = (0..count).map(|_| random.pick(&source.columns).data_type).collect();
    // A few columns only, so that a DISTINCT has something to do.
    select(random, distinct, &source, &types)
}

fn join(random: &mut Random, relations: &[Relation]) -> Query {
    let source = joined(random, relations);
    let types: Vec<Type> = (0..2 + random.below(3)).map(|_| random.pick(&source.columns).data_type).collect();
    select(random, "", &source, &types)
}

fn union(random: &mut Random, relations: &[Relation]) -> Query {
    let types: Vec<Type> = (0..1 + random.below(3)).map(|_| *random.pick(STORED)).collect();
    let all = if random.chance(75) { "UNION ALL" } else { "UNION" };
    let mut columns = Vec::new();
    let mut parts = Vec::new();
    for _ in 0..2 + random.below(2) {
        let source = source(random, relations);
        let part = select(random, "", &source, &types);
        columns = part.columns;
        parts.push(part.sql);
    }
    Query { sql: parts.join(&format!(" {all} ")), columns }
}

fn grouped(random: &mut Random, relations: &[Relation]) -> Query {
    let source = if random.chance(35) { joined(random, relations) } else { source(random, relations) };
    let mut items = Vec::new();
    let mut keys = Vec::new();
    for _ in 0..1 + random.below(2) {
        let data_type = random.pick(&source.columns).data_type;
        let key = match column(random, &source.columns, data_type).filter(|_| random.chance(70)) {
            Some(column) => column,
            None => expression(random, &source.columns, data_type, 1),
        };
        // A literal in GROUP BY is a position, to Postgres.
        if keys.contains(&key) || !key.contains(['.', '(']) {
            continue;
        }
        items.push((key.clone(), data_type));
        keys.push(key);
    }
    if keys.is_empty() {
        let column = random.pick(&source.columns).clone();
        items.push((column.name.clone(), column.data_type));
        keys.push(column.name);
    }
    for _ in 0..1 + random.below(4) {
        items.push(aggregate(random, &source.columns));
    }
    let mut query = with_items("", &source, items);
    query.sql.push_str(&format!(" GROUP BY {}", keys.join(", ")));
    if random.chance(15) {
        query.sql.push_str(&format!(" HAVING count(*) > {}", random.between(0, 3)));
    }
    query
}

fn global(random: &mut Random, relations: &[Relation]) -> Query {
    let source = if random.chance(25) { joined(random, relations) } else { source(random, relations) };
    let items = (0..1 + random.below(4)).map(|_| aggregate(random, &source.columns)).collect();
    with_items("", &source, items)
}

fn aggregate(random: &mut Random, scope: &Scope) -> (String, Type) {
    let filter =
        if random.chance(25) { format!(" FILTER (WHERE {})", condition(random, scope, 1)) } else { String::new() };
    let subject = random.pick(scope).clone();
    let distinct = if random.chance(25) { "DISTINCT " } else { "" };
    let argument = if random.chance(75) || subject.data_type == Type::Inexact {
        subject.name.clone()
    } else {
        expression(random, scope, subject.data_type, 1)
    };
    match random.below(6) {
        0 => (format!("count(*){filter}"), Type::Big),
        1 => (format!("count({distinct}{argument}){filter}"), Type::Big),
        2 if subject.data_type.is_number() => (format!("avg({distinct}{argument}){filter}::float8"), Type::Inexact),
        3 | 4 if subject.data_type.is_number() => {
            let data_type = match subject.data_type {
                Type::Int | Type::Big => Type::Big,
                other => other,
            };
            (format!("sum({distinct}{argument}){filter}::{}", data_type.sql()), data_type)
        }
        choice if subject.data_type != Type::Boolean => {
            let function = if choice % 2 == 0 { "min" } else { "max" };
            (format!("{function}({argument}){filter}"), subject.data_type)
        }
        _ => (format!("count({distinct}{argument}){filter}"), Type::Big),
    }
}

/// One relation, or a query over one, with or without a condition.
fn source(random: &mut Random, relations: &[Relation]) -> Source {
    let relation = random.pick(relations);
    let mut columns = qualified("a", &relation.columns);
    let mut text = format!("{} AS a", relation.name);
    if random.chance(15) {
        let inner = Source { text, columns };
        let types: Vec<Type> = inner.columns.iter().map(|column| column.data_type).collect();
        let distinct = *random.pick(&["", "DISTINCT "]);
        let query = select(random, distinct, &inner, &types);
        columns = qualified("q", &query.columns);
        text = format!("({}) AS q", query.sql);
    }
    if random.chance(50) {
        text.push_str(&format!(" WHERE {}", condition(random, &columns, 2)));
    }
    Source { text, columns }
}

/// Two or three relations, perhaps the same one, joined by equal columns.
fn joined(random: &mut Random, relations: &[Relation]) -> Source {
    let first = random.pick(relations);
    let mut columns = qualified("a", &first.columns);
    let mut text = format!("{} AS a", first.name);
    for alias in ["b", "c"] {
        if alias == "c" && random.chance(65) {
            break;
        }
        let relation = if random.chance(25) { first } else { random.pick(relations) };
        let added = qualified(alias, &relation.columns);
        let mut conditions = Vec::new();
        for _ in 0..1 + random.below(2) {
            if let Some(condition) = equality(random, &columns, &added) {
                conditions.push(condition);
            }
        }
        if conditions.is_empty() {
            break;
        }
        columns.extend(added);
        if random.chance(15) {
            conditions.push(condition(random, &columns, 1));
        }
        text.push_str(&format!(" JOIN {} AS {alias} ON {}", relation.name, conditions.join(" AND ")));
    }
    if random.chance(35) {
        text.push_str(&format!(" WHERE {}", condition(random, &columns, 1)));
    }
    Source { text, columns }
}

/// Two columns of one type, one of each side.
fn equality(random: &mut Random, left: &Scope, right: &Scope) -> Option<String> {
    let start = random.below(left.len());
    for offset in 0..left.len() {
        let subject = &left[(start + offset) % left.len()];
        // Joining on truth values multiplies rows to no purpose.
        if subject.data_type == Type::Boolean {
            continue;
        }
        if let Some(other) = column(random, right, subject.data_type) {
            return Some(format!("{} = {other}", subject.name));
        }
    }
    None
}

fn select(random: &mut Random, distinct: &str, source: &Source, types: &[Type]) -> Query {
    let items = types
        .iter()
        .map(|data_type| {
            let text = expression(random, &source.columns, *data_type, 2);
            // A literal's own type may be narrower, or none at all.
            let text = if text.contains('.') { text } else { format!("{text}::{}", data_type.sql()) };
            (text, *data_type)
        })
        .collect();
    with_items(distinct, source, items)
}

fn with_items(distinct: &str, source: &Source, items: Vec<(String, Type)>) -> Query {
    let mut columns = Vec::new();
    let mut texts = Vec::new();
    for (position, (text, data_type)) in items.into_iter().enumerate() {
        let name = format!("c{position}");
        texts.push(format!("{text} AS {name}"));
        columns.push(Column { name, data_type });
    }
    Query { sql: format!("SELECT {distinct}{} FROM {}", texts.join(", "), source.text), columns }
}

fn qualified(alias: &str, columns: &[Column]) -> Vec<Column> {
    columns
        .iter()
        .map(|column| Column { name: format!("{alias}.{}", column.name), data_type: column.data_type })
        .collect()
}
