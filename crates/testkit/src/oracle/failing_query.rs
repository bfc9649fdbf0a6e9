//! Queries of which an expression fails on some rows.
//!
//! A view keeps those rows out and goes on, so that it holds what the same query gives over the
//! other rows: that is the query's `batch`, in which a condition keeps them out instead.

use super::aggregate::aggregate;
use super::expression::{Scope, column, plain_condition};
use super::failing::{Failing, failing};
use super::query::{Failure, Query, items, keys, select, with_items};
use super::random::Random;
use super::schema::{Column, Type};
use super::source::{Scene, Source, any, joined, qualified, relation};

/// A query that fails on some rows, or a plain one where the columns are of no use for it.
pub fn failing_query(random: &mut Random, scene: &Scene<'_>) -> Query {
    let is_join = random.chance(20);
    let mut source = if is_join { joined(random, scene) } else { relation(random, scene) };
    let Some(failing) = failing(random, &source.columns) else {
        let types: Vec<Type> = source.columns.iter().map(|column| column.data_type).collect();
        return select(random, "", &source, &types);
    };
    if random.chance(40) {
        let subject = random.pick(&source.columns).clone();
        source.conditions.push(plain_condition(random, &source.columns, &subject));
    }
    match random.below(11) {
        0..=2 => projected(random, &source, &failing, ""),
        3 => projected(random, &source, &failing, "DISTINCT "),
        4..=5 => filtered(random, &source, &failing, is_join),
        6 => key(random, &source, &failing),
        7 => argument(random, &source, &failing),
        8 => in_union(random, scene, &source, &failing),
        9 => of_group(random, &source).unwrap_or_else(|| projected(random, &source, &failing, "")),
        _ => join_key(random, scene).unwrap_or_else(|| projected(random, &source, &failing, "")),
    }
}

/// How many rows of the source fail.
fn count(source: &Source, failing: &Failing) -> String {
    format!("SELECT count(*) {}", source.and(&format!("NOT {}", failing.succeeds)).text())
}

fn others(random: &mut Random, scope: &Scope) -> Vec<(String, Type)> {
    let mut other = |_| {
        let Column { name, data_type } = random.pick(scope).clone();
        (name, data_type)
    };
    (0..2).map(&mut other).collect()
}

fn item(text: String, data_type: Type) -> (String, Type) {
    (format!("({text})::{}", data_type.sql()), data_type)
}

/// `SELECT failing, others FROM source`.
fn projected(random: &mut Random, source: &Source, failing: &Failing, distinct: &str) -> Query {
    let others = others(random, &source.columns);
    let items = |first: String| [vec![item(first, failing.data_type)], others.clone()].concat();
    let view = with_items(distinct, source, items(failing.text.clone()));
    let batch = with_items(distinct, &source.and(&failing.succeeds), items(failing.guarded()));
    let failure = Failure { count: Some(count(source, failing)), code: Some(failing.code) };
    Query { batch: batch.sql, failure: Some(failure), ..view }
}

/// `SELECT others FROM source WHERE failing > literal`.
fn filtered(random: &mut Random, source: &Source, failing: &Failing, is_join: bool) -> Query {
    let types: Vec<Type> = (0..1 + random.below(3)).map(|_| random.pick(&source.columns).data_type).collect();
    let comparison = format!("{} {}", random.pick(&["<", ">=", "<>"]), failing.data_type.literal(random));
    let condition = format!("{} {comparison}", failing.text);
    let guarded = format!("({}) {comparison}", failing.guarded());
    let items = items(random, source, &types);
    let view = with_items("", &source.and(&condition), items.clone());
    let batch = with_items("", &source.and(&guarded), items).sql;
    // Below a join the condition sees other rows than above it.
    let count = (!is_join).then(|| count(source, failing));
    Query { batch, failure: Some(Failure { count, code: None }), ..view }
}

/// `SELECT failing, aggregate FROM source GROUP BY failing`.
fn key(random: &mut Random, source: &Source, failing: &Failing) -> Query {
    let aggregate = aggregate(random, &source.columns);
    let items = |key: &str| vec![(key.to_owned(), failing.data_type), aggregate.clone()];
    let view = with_items("", source, items(&failing.text));
    let guarded = failing.guarded();
    let batch = with_items("", &source.and(&failing.succeeds), items(&guarded));
    let failure = Failure { count: Some(count(source, failing)), code: Some(failing.code) };
    Query {
        sql: format!("{} GROUP BY {}", view.sql, failing.text),
        batch: format!("{} GROUP BY {guarded}", batch.sql),
        failure: Some(failure),
        ..view
    }
}

/// `SELECT keys, max(failing), aggregate FROM source GROUP BY keys`.
fn argument(random: &mut Random, source: &Source, failing: &Failing) -> Query {
    let keys = keys(random, source);
    let aggregate = aggregate(random, &source.columns);
    let function = *random.pick(&["min", "max", "count", "count"]);
    let function = if failing.data_type.has_plain_extremes() { function } else { "count" };
    let data_type = if function == "count" { Type::Big } else { failing.data_type };
    let items = |argument: &str| {
        let first = item(format!("{function}({argument})"), data_type);
        [keys.clone(), vec![first, aggregate.clone()]].concat()
    };
    let view = with_items("", source, items(&failing.text));
    let batch = with_items("", &source.and(&failing.succeeds), items(&failing.guarded()));
    let names: Vec<&str> = keys.iter().map(|(text, _)| text.as_str()).collect();
    let groups = format!(" GROUP BY {}", names.join(", "));
    let failure = Failure { count: Some(count(source, failing)), code: Some(failing.code) };
    Query { sql: format!("{}{groups}", view.sql), batch: batch.sql + &groups, failure: Some(failure), ..view }
}

/// `SELECT failing FROM source UNION [ALL] SELECT other FROM other`.
fn in_union(random: &mut Random, scene: &Scene<'_>, source: &Source, failing: &Failing) -> Query {
    let first = projected(random, source, failing, "");
    let types: Vec<Type> = first.columns.iter().map(|column| column.data_type).collect();
    let other = any(random, scene);
    let second = select(random, "", &other, &types).sql;
    let all = *random.pick(&["UNION ALL", "UNION"]);
    Query { sql: format!("{} {all} {second}", first.sql), batch: format!("{} {all} {second}", first.batch), ..first }
}

/// `SELECT keys, sum(x)::int FROM source GROUP BY keys`, where some sums are no `int`.
fn of_group(random: &mut Random, source: &Source) -> Option<Query> {
    let total = column(random, &source.columns, Type::Big)?;
    let keys = keys(random, source);
    let succeeds = format!("(sum({total}) IS NULL OR sum({total}) BETWEEN -2147483648 AND 2147483647)");
    let text = format!("sum({total})::int % 1000");
    let items = |text: String| [keys.clone(), vec![item(text, Type::Int)]].concat();
    let view = with_items("", source, items(text.clone()));
    let batch = with_items("", source, items(format!("CASE WHEN {succeeds} THEN {text} END")));
    let names: Vec<&str> = keys.iter().map(|(text, _)| text.as_str()).collect();
    let groups = format!(" GROUP BY {}", names.join(", "));
    let count = format!(
        "SELECT count(*) FROM (SELECT count(*) AS n {}{groups} HAVING NOT {succeeds}) AS failing",
        source.text()
    );
    Some(Query {
        sql: format!("{}{groups}", view.sql),
        batch: format!("{}{groups} HAVING {succeeds}", batch.sql),
        failure: Some(Failure { count: Some(count), code: Some("22003") }),
        ..view
    })
}

/// `SELECT columns FROM a JOIN b ON failing(a) = b`.
fn join_key(random: &mut Random, scene: &Scene<'_>) -> Option<Query> {
    if !scene.has_joins {
        return None;
    }
    let left = random.pick(scene.relations).clone();
    let columns = qualified("a", &left.columns);
    let failing = failing(random, &columns)?;
    let right = random.pick(scene.relations).clone();
    let right_columns = qualified("b", &right.columns);
    let theirs = column(random, &right_columns, failing.data_type)?;
    let both = [columns.clone(), right_columns].concat();
    let from = |key: &str| format!("{} AS a JOIN {} AS b ON {key} = {theirs}", left.name, right.name);
    let source = Source { from: from(&failing.text), conditions: vec![], columns: both.clone() };
    let items: Vec<(String, Type)> =
        (0..3).map(|_| random.pick(&both).clone()).map(|column| (column.name, column.data_type)).collect();
    let view = with_items("", &source, items.clone());
    let guarded = format!("({})", failing.guarded());
    let batch = with_items("", &Source { from: from(&guarded), ..source }, items);
    let rows = Source { from: format!("{} AS a", left.name), conditions: vec![], columns };
    let failure = Failure { count: Some(count(&rows, &failing)), code: None };
    Some(Query { batch: batch.sql, failure: Some(failure), ..view })
}
