//! What stands between `FROM` and `GROUP BY`: relations, joins of them, subqueries, conditions.

use super::expression::{Scope, column, condition, expression};
use super::query::{grouped, select};
use super::random::Random;
use super::schema::{Column, Relation, Type};

/// What there is to select from.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    pub relations: &'a [Relation],
    /// Whether relations may be joined: not if they are large.
    pub has_joins: bool,
}

/// Rows to select from, and what to call their columns.
#[derive(Clone, Debug)]
pub struct Source {
    /// What stands behind `FROM`.
    pub from: String,
    /// What stands behind `WHERE`, perhaps nothing.
    pub conditions: Vec<String>,
    pub columns: Vec<Column>,
}

impl Source {
    /// `FROM` and `WHERE`.
    pub fn text(&self) -> String {
        if self.conditions.is_empty() {
            return format!("FROM {}", self.from);
        }
        format!("FROM {} WHERE {}", self.from, self.conditions.join(" AND "))
    }

    /// With one more condition.
    pub fn and(&self, condition: &str) -> Source {
        let conditions = self.conditions.iter().cloned().chain([condition.to_owned()]).collect();
        Source { conditions, ..self.clone() }
    }
}

/// One relation as it is.
pub fn relation(random: &mut Random, scene: &Scene<'_>) -> Source {
    let relation = random.pick(scene.relations);
    let from = format!("{} AS a", relation.name);
    Source { from, conditions: vec![], columns: qualified("a", &relation.columns) }
}

/// One relation, or a query over one, with or without a condition.
pub fn single(random: &mut Random, scene: &Scene<'_>) -> Source {
    let mut source = relation(random, scene);
    if random.chance(20) {
        source = derived(random, &source);
    }
    if random.chance(50) {
        source.conditions.push(condition(random, &source.columns, 2));
    }
    if random.chance(8) {
        source.conditions.push(with_subquery(random, scene, &source.columns));
    }
    source
}

/// Any of what there is.
pub fn any(random: &mut Random, scene: &Scene<'_>) -> Source {
    if random.chance(35) { joined(random, scene) } else { single(random, scene) }
}

fn derived(random: &mut Random, inner: &Source) -> Source {
    let query = if random.chance(40) {
        grouped(random, inner)
    } else {
        let types: Vec<Type> = inner.columns.iter().map(|column| column.data_type).collect();
        let distinct = *random.pick(&["", "DISTINCT "]);
        select(random, distinct, inner, &types)
    };
    let columns = qualified("q", &query.columns);
    Source { from: format!("({}) AS q", query.sql), conditions: vec![], columns }
}

/// A comparison with a single row's value; also what is refused today, so that it is tested on
/// the day it is not.
fn with_subquery(random: &mut Random, scene: &Scene<'_>, scope: &Scope) -> String {
    let other = random.pick(scene.relations);
    let columns = qualified("s", &other.columns);
    let subject = random.pick(scope).clone();
    let from = format!("FROM {} AS s", other.name);
    let Some(theirs) = column(random, &columns, subject.data_type) else {
        return format!("{} IS NOT NULL AND (SELECT count(*) {from}) > 2", subject.name);
    };
    match random.below(10) {
        0 => format!("{} IN (SELECT {theirs} {from})", subject.name),
        1 => format!("NOT EXISTS (SELECT 1 {from} WHERE {theirs} = {})", subject.name),
        _ if subject.data_type.has_plain_extremes() => format!("{} >= (SELECT min({theirs}) {from})", subject.name),
        _ => format!("(SELECT count({theirs}) {from}) > 1"),
    }
}

/// Two or three relations, perhaps the same one, joined by equal columns.
pub fn joined(random: &mut Random, scene: &Scene<'_>) -> Source {
    if !scene.has_joins {
        return single(random, scene);
    }
    let first = random.pick(scene.relations);
    let mut source =
        Source { from: format!("{} AS a", first.name), conditions: vec![], columns: qualified("a", &first.columns) };
    for alias in ["b", "c"] {
        if alias == "c" && random.chance(65) {
            break;
        }
        let (text, added) = partner(random, scene, first, alias);
        let mut equal = Vec::new();
        for _ in 0..1 + random.below(3) {
            if let Some(condition) = equality(random, &source.columns, &added)
                && !equal.contains(&condition)
            {
                equal.push(condition);
            }
        }
        if equal.is_empty() {
            break;
        }
        source.columns.extend(added);
        if random.chance(15) {
            equal.push(condition(random, &source.columns, 1));
        }
        match random.below(20) {
            // The older way to write the same.
            0..=3 => {
                source.from.push_str(&format!(" CROSS JOIN {text}"));
                source.conditions.extend(equal);
            }
            4 => source.from.push_str(&format!(" LEFT JOIN {text} ON {}", equal.join(" AND "))),
            _ => source.from.push_str(&format!(" JOIN {text} ON {}", equal.join(" AND "))),
        }
    }
    if random.chance(35) {
        source.conditions.push(condition(random, &source.columns, 1));
    }
    source
}

/// What to join with, and its columns.
fn partner(random: &mut Random, scene: &Scene<'_>, first: &Relation, alias: &str) -> (String, Vec<Column>) {
    if random.chance(6) {
        let row = |random: &mut Random| format!("({}, {})", Type::Int.literal(random), Type::Text.literal(random));
        let rows = [row(random), row(random), row(random)].join(", ");
        let columns = [("c0", Type::Int), ("c1", Type::Text)];
        let columns = columns.map(|(name, data_type)| Column { name: format!("{alias}.{name}"), data_type });
        return (format!("(VALUES {rows}) AS {alias}(c0, c1)"), columns.into());
    }
    let relation = if random.chance(25) { first } else { random.pick(scene.relations) };
    (format!("{} AS {alias}", relation.name), qualified(alias, &relation.columns))
}

/// Two columns that can be equal, one of each side; now and then one is an expression.
fn equality(random: &mut Random, left: &Scope, right: &Scope) -> Option<String> {
    let start = random.below(left.len());
    for offset in 0..left.len() {
        let subject = &left[(start + offset) % left.len()];
        // Joining on truth values multiplies rows to no purpose.
        if subject.data_type == Type::Boolean {
            continue;
        }
        let fits = |column: &&Column| column.data_type.is_comparable_with(subject.data_type);
        let fitting: Vec<&Column> = right.iter().filter(fits).collect();
        if fitting.is_empty() {
            continue;
        }
        let other = (*random.pick(&fitting)).clone();
        let mut sides = [subject.name.clone(), other.name];
        if random.chance(15) {
            sides[0] = expression(random, std::slice::from_ref(subject), subject.data_type, 1);
        }
        if !sides[0].contains(&subject.name) {
            continue;
        }
        return Some(format!("{} = {}", sides[0], sides[1]));
    }
    None
}

pub fn qualified(alias: &str, columns: &[Column]) -> Vec<Column> {
    columns
        .iter()
        .map(|column| Column { name: format!("{alias}.{}", column.name), data_type: column.data_type })
        .collect()
}
