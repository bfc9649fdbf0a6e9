//! Random writes: what clients do to tables.

use super::expression::{condition, expression};
use super::random::Random;
use super::schema::Table;

/// Tables are kept around this size, so that joins of three stay small.
const ROWS_AIMED_AT: i64 = 40;

/// The statements of one transaction.
pub fn random_transaction(random: &mut Random, tables: &mut [Table]) -> Vec<String> {
    let count = if random.chance(60) { 1 } else { 2 + random.below(4) };
    (0..count)
        .map(|_| {
            let number = random.below(tables.len());
            random_write(random, &mut tables[number])
        })
        .collect()
}

/// Fills a table.
pub fn first_rows(random: &mut Random, table: &mut Table) -> String {
    insert(random, table, ROWS_AIMED_AT / 2)
}

fn random_write(random: &mut Random, table: &mut Table) -> String {
    let name = table.relation.name.clone();
    let columns = table.relation.columns.clone();
    match random.below(20) {
        0..=7 => {
            let rows = random.between(1, 6);
            insert(random, table, rows)
        }
        8..=9 if table.has_key => upsert(random, table),
        10..=13 => {
            let target = &columns[1 + random.below(columns.len() - 1)];
            let value = match random.below(3) {
                0 => target.data_type.value(random),
                _ => expression(random, &columns, target.data_type, 1),
            };
            format!("UPDATE {name} SET {} = {value} WHERE {}", target.name, condition(random, &columns, 1))
        }
        // Keeps the table near its size.
        14..=15 => format!("DELETE FROM {name} WHERE id % 7 = {}", random.below(7)),
        16..=17 => format!("DELETE FROM {name} WHERE id <= {}", table.next_key - ROWS_AIMED_AT),
        18 => format!("DELETE FROM {name} WHERE {}", condition(random, &columns, 1)),
        19 if random.chance(25) => format!("DELETE FROM {name}"),
        _ => format!("UPDATE {name} SET c0 = c0 WHERE id % 3 = 0"),
    }
}

fn insert(random: &mut Random, table: &mut Table, count: i64) -> String {
    let mut rows: Vec<String> = Vec::new();
    for _ in 0..count {
        let key = table.next_key;
        table.next_key += 1;
        // Without a key, some rows are there several times.
        match rows.last().filter(|_| !table.has_key && random.chance(30)) {
            Some(row) => rows.push(row.clone()),
            None => rows.push(row(random, table, key)),
        }
    }
    format!("INSERT INTO {} VALUES {}", table.relation.name, rows.join(", "))
}

fn upsert(random: &mut Random, table: &mut Table) -> String {
    let key = (table.next_key - random.between(1, ROWS_AIMED_AT)).max(1);
    table.next_key = table.next_key.max(key + 1);
    let row = row(random, table, key);
    let action = if random.chance(30) { "NOTHING" } else { "UPDATE SET c0 = EXCLUDED.c0" };
    format!("INSERT INTO {} VALUES {row} ON CONFLICT (id) DO {action}", table.relation.name)
}

fn row(random: &mut Random, table: &Table, key: i64) -> String {
    let mut values = vec![key.to_string()];
    for column in &table.relation.columns[1..] {
        values.push(column.data_type.value(random));
    }
    format!("({})", values.join(", "))
}
