//! Random queries of all the shapes that a materialized view maintains.
//!
//! Columns of a result are named `c0`, `c1`, ... and cast where Postgres and others give an
//! expression different types, so that a view can be read by later ones without surprises.

use super::aggregate::aggregate;
use super::expression::{column, expression};
use super::failing_query::failing_query;
use super::random::Random;
use super::schema::{Column, Relation, STORED, Type};
use super::source::{Scene, Source, any, joined, single};

/// A query and the columns of its result.
#[derive(Clone, Debug)]
pub struct Query {
    /// What the view is of.
    pub sql: String,
    /// What gives the view's rows in a batch: the same, or if rows fail, the query of the others.
    pub batch: String,
    pub failure: Option<Failure>,
    /// Whether there is one row at every time.
    pub is_one_row: bool,
    pub columns: Vec<Column>,
}

/// What is known of the rows that a view has to keep out.
#[derive(Clone, Debug)]
pub struct Failure {
    /// How many there are, if that does not depend on how the query is planned.
    pub count: Option<String>,
    /// What the query's error is, where it is sure to be one as soon as one row fails.
    pub code: Option<&'static str>,
}

impl Query {
    /// A query in which nothing fails.
    pub fn new(sql: String, columns: Vec<Column>) -> Query {
        Query { batch: sql.clone(), sql, failure: None, is_one_row: false, columns }
    }
}

/// A query over some of the relations.
pub fn random_query(random: &mut Random, scene: &Scene<'_>) -> Query {
    match random.below(15) {
        0..=1 => {
            let source = single(random, scene);
            projection(random, "", &source)
        }
        2..=3 => {
            let source = joined(random, scene);
            projection(random, "", &source)
        }
        4..=5 => union(random, scene),
        6 => {
            let source = any(random, scene);
            projection(random, "DISTINCT ", &source)
        }
        7..=10 => {
            let source = any(random, scene);
            grouped(random, &source)
        }
        11 => {
            let source = any(random, scene);
            let items = (0..1 + random.below(4)).map(|_| aggregate(random, &source.columns)).collect();
            Query { is_one_row: true, ..with_items("", &source, items) }
        }
        _ => failing_query(random, scene),
    }
}

/// Queries with a group or value for each row of a table, so that many come and go.
pub fn of_each_row(table: &Relation) -> Vec<Query> {
    let source = Source { from: format!("{} AS a", table.name), conditions: vec![], columns: table.columns.clone() };
    let by = |keys: &str, items: &[(&str, Type)]| {
        let items = items.iter().map(|(text, data_type)| ((*text).to_owned(), *data_type)).collect();
        let query = with_items("", &source, items);
        Query::new(format!("{}{keys}", query.sql), query.columns)
    };
    let distinct = [("count(DISTINCT a.id)", Type::Big), ("sum(DISTINCT a.c0)::bigint", Type::Big)];
    let extremes = [("a.c0", Type::Int), ("max(a.id)", Type::Int), ("min(a.id)", Type::Int)];
    let totals = [("a.id", Type::Int), ("count(*)", Type::Big), ("sum(a.c0)::bigint", Type::Big)];
    vec![
        by("", &distinct),
        by(" GROUP BY a.c0", &[&extremes[..], &distinct].concat()),
        by(" GROUP BY a.id", &[&totals[..], &[("(avg(a.c0))::float8", Type::Inexact)]].concat()),
        by(" GROUP BY a.c0, a.id", &[("a.id", Type::Int), ("max(a.c0::text)", Type::Text)]),
    ]
}

/// `SELECT expressions FROM source`.
fn projection(random: &mut Random, distinct: &str, source: &Source) -> Query {
    // A few columns only, so that a DISTINCT has something to do.
    let types: Vec<Type> = (0..1 + random.below(4)).map(|_| random.pick(&source.columns).data_type).collect();
    select(random, distinct, source, &types)
}

fn union(random: &mut Random, scene: &Scene<'_>) -> Query {
    let types: Vec<Type> = (0..1 + random.below(3)).map(|_| *random.pick(STORED)).collect();
    let all = if random.chance(70) { "UNION ALL" } else { "UNION" };
    let source = any(random, scene);
    let first = select(random, "", &source, &types);
    let mut parts = vec![first.sql];
    for _ in 0..1 + random.below(2) {
        if random.chance(12) {
            let row: Vec<String> = types.iter().map(|data_type| data_type.value(random)).collect();
            parts.push(format!("SELECT {}", row.join(", ")));
            continue;
        }
        let source = any(random, scene);
        parts.push(select(random, "", &source, &types).sql);
    }
    Query::new(parts.join(&format!(" {all} ")), first.columns)
}

/// `SELECT keys, aggregates FROM source GROUP BY keys HAVING condition`.
pub fn grouped(random: &mut Random, source: &Source) -> Query {
    let keys = keys(random, source);
    let mut items: Vec<(String, Type)> = Vec::new();
    for key in &keys {
        // A key need not be shown.
        if random.chance(88) {
            items.push(key.clone());
        }
    }
    for _ in 0..1 + random.below(4) {
        items.push(aggregate(random, &source.columns));
    }
    let mut query = with_items("", source, items);
    let keys: Vec<&str> = keys.iter().map(|(text, _)| text.as_str()).collect();
    query.sql.push_str(&format!(" GROUP BY {}", keys.join(", ")));
    if random.chance(20) {
        query.sql.push_str(&format!(" HAVING {}", having(random, source)));
    }
    Query::new(query.sql, query.columns)
}

fn having(random: &mut Random, source: &Source) -> String {
    let subject = random.pick(&source.columns).clone();
    match random.below(3) {
        0 if subject.data_type.has_plain_extremes() => {
            format!("max({}) > {}", subject.name, subject.data_type.literal(random))
        }
        1 => format!("count({}) BETWEEN 1 AND {}", subject.name, random.between(1, 4)),
        _ => format!("count(*) > {}", random.between(0, 3)),
    }
}

/// Some expressions to group by.
pub fn keys(random: &mut Random, source: &Source) -> Vec<(String, Type)> {
    let mut keys: Vec<(String, Type)> = Vec::new();
    for _ in 0..1 + random.below(3) {
        let data_type = random.pick(&source.columns).data_type;
        let key = match column(random, &source.columns, data_type).filter(|_| random.chance(75)) {
            Some(column) => column,
            None => expression(random, &source.columns, data_type, 1),
        };
        let is_of_row = source.columns.iter().any(|column| key.contains(&column.name));
        if is_of_row && keys.iter().all(|(known, _)| *known != key) {
            keys.push((key, data_type));
        }
    }
    if keys.is_empty() {
        let column = random.pick(&source.columns).clone();
        keys.push((column.name, column.data_type));
    }
    keys
}

/// `SELECT` of one expression of each type.
pub fn select(random: &mut Random, distinct: &str, source: &Source, types: &[Type]) -> Query {
    with_items(distinct, source, items(random, source, types))
}

/// One expression of each type.
pub fn items(random: &mut Random, source: &Source, types: &[Type]) -> Vec<(String, Type)> {
    let mut item = |data_type: &Type| {
        let text = expression(random, &source.columns, *data_type, 2);
        // An expression's own type may be another one: `smallint % integer`, `date + interval`.
        let is_column = source.columns.iter().any(|column| column.name == text);
        (if is_column { text } else { format!("({text})::{}", data_type.sql()) }, *data_type)
    };
    types.iter().map(&mut item).collect()
}

/// `SELECT` of these expressions.
pub fn with_items(distinct: &str, source: &Source, items: Vec<(String, Type)>) -> Query {
    let mut columns = Vec::new();
    let mut texts = Vec::new();
    for (position, (text, data_type)) in items.into_iter().enumerate() {
        let name = format!("c{position}");
        texts.push(format!("{text} AS {name}"));
        columns.push(Column { name, data_type });
    }
    Query::new(format!("SELECT {distinct}{} {}", texts.join(", "), source.text()), columns)
}
