//! Random writes: what clients do to tables, each with queries that foretell the table after it.

use super::expression::{condition, expression};
use super::random::Random;
use super::schema::{Column, Table};

/// Tables are kept around this size, so that joins of three stay small.
const ROWS_AIMED_AT: i64 = 40;

/// More than an aggregate keeps empty groups of.
const MANY_ROWS: i64 = 1_400;

/// Equal rows that come at once; as joins multiply them, not many.
const EQUAL_ROWS: i64 = 8;

/// How old the rows are at most that are copied from one table to another.
const COPIED_ROWS: i64 = 6;

/// A statement that changes one table.
#[derive(Clone, Debug)]
pub struct Write {
    pub sql: String,
    /// Which table, by its number.
    pub table: usize,
    /// Whether all rows that were there before stay as they are.
    pub keeps: bool,
    /// Queries over what was there before, whose rows together are the table afterwards, or with
    /// `keeps` those that come.
    pub becomes: Vec<String>,
}

/// The statements of one transaction.
pub fn random_transaction(random: &mut Random, tables: &mut [Table]) -> Vec<Write> {
    let count = if random.chance(60) { 1 } else { 2 + random.below(4) };
    (0..count)
        .map(|_| {
            let number = random.below(tables.len());
            random_write(random, tables, number)
        })
        .collect()
}

/// Fills a table.
pub fn first_rows(random: &mut Random, tables: &mut [Table], number: usize) -> Write {
    insert(random, &mut tables[number], number, ROWS_AIMED_AT / 2)
}

/// Thousands of rows at once, each in a group of its own, or a table cut back to its size.
pub fn many_rows(random: &mut Random, tables: &mut [Table]) -> Write {
    let number = random.below(tables.len());
    if random.chance(60) {
        return delete(&tables[number], number, &format!("id <= {}", tables[number].next_key - ROWS_AIMED_AT));
    }
    let table = &mut tables[number];
    if table.key == 0 && random.chance(40) {
        return copies(random, table, number, MANY_ROWS);
    }
    if random.chance(30) {
        return insert(random, table, number, MANY_ROWS);
    }
    let first = table.next_key;
    table.next_key += MANY_ROWS;
    let mut items = vec![format!("{first} + n"), "n".to_owned()];
    for column in &table.relation.columns[2..] {
        items.push(column.data_type.literal(random));
    }
    let query = format!("SELECT {} FROM generate_series(0, {}) AS g(n)", items.join(", "), MANY_ROWS - 1);
    let sql = format!("INSERT INTO {} {query}", table.relation.name);
    Write { sql, table: number, keeps: true, becomes: vec![query] }
}

fn random_write(random: &mut Random, tables: &mut [Table], number: usize) -> Write {
    let other = random.below(tables.len());
    let table = &tables[number];
    let last = table.next_key;
    match random.below(22) {
        0 if table.key == 0 => copies(random, &mut tables[number], number, EQUAL_ROWS),
        0..=6 => {
            let rows = random.between(1, 6);
            insert(random, &mut tables[number], number, rows)
        }
        7..=9 if table.key > 0 => upsert(random, &mut tables[number], number),
        10..=12 => set_column(random, table, number),
        13 => set_many(random, table, number),
        14 if table.key > 0 => move_keys(random, &mut tables[number], number),
        15 if tables[other].key == 1 && other != number && table.key < 2 => set_from(table, &tables[other], number),
        // Where rows have no key of their own, two may be given the same one.
        16 if other != number && (table.key == 0 || tables[other].key == 1) => copy_rows(random, tables, number, other),
        // Keeps the table near its size.
        17 => delete(table, number, &format!("id % 7 = {}", random.below(7))),
        18..=19 => delete(table, number, &format!("id <= {}", last - ROWS_AIMED_AT)),
        20 => delete(table, number, &condition(random, &table.relation.columns, 1)),
        21 if random.chance(30) => delete(table, number, "true"),
        _ => update(table, number, &[(1, "c0".to_owned())], "id % 3 = 0"),
    }
}

fn insert(random: &mut Random, table: &mut Table, number: usize, count: i64) -> Write {
    let mut rows: Vec<String> = Vec::new();
    for _ in 0..count {
        let key = table.next_key;
        table.next_key += 1;
        // Without a key, some rows are there several times.
        match rows.last().filter(|_| table.key == 0 && random.chance(30)) {
            Some(row) => rows.push(row.clone()),
            None => rows.push(row(random, table, key)),
        }
    }
    let rows = rows.join(", ");
    let becomes = vec![format!("SELECT * FROM (VALUES {rows}) AS v")];
    Write { sql: format!("INSERT INTO {} VALUES {rows}", table.relation.name), table: number, keeps: true, becomes }
}

/// Equal rows.
fn copies(random: &mut Random, table: &mut Table, number: usize, count: i64) -> Write {
    let row = values(random, table, table.next_key);
    table.next_key += 1;
    let query = format!("SELECT {row} FROM generate_series(1, {count}) AS g(n)");
    let sql = format!("INSERT INTO {} {query}", table.relation.name);
    Write { sql, table: number, keeps: true, becomes: vec![query] }
}

/// Some of another table's rows, the youngest, under new keys.
fn copy_rows(random: &mut Random, tables: &mut [Table], number: usize, other: usize) -> Write {
    let Table { relation: from, next_key: newest, .. } = tables[other].clone();
    let table = &mut tables[number];
    let first = table.next_key;
    table.next_key += COPIED_ROWS + 1;
    let mut items = vec![format!("{first} + {newest} - id")];
    for (column, not_null) in table.relation.columns.iter().zip(&table.not_null).skip(1) {
        let value = expression(random, &from.columns, column.data_type, 1);
        let value = format!("({value})::{}", column.data_type.sql());
        let or = column.data_type.literal(random);
        items.push(if *not_null { format!("coalesce({value}, {or})") } else { value });
    }
    let query = format!(
        "SELECT {} FROM {} WHERE id BETWEEN {newest} - {COPIED_ROWS} AND {newest} AND ({})",
        items.join(", "),
        from.name,
        condition(random, &from.columns, 1)
    );
    let sql = format!("INSERT INTO {} {query}", table.relation.name);
    Write { sql, table: number, keeps: true, becomes: vec![query] }
}

fn upsert(random: &mut Random, table: &mut Table, number: usize) -> Write {
    let mut rows = Vec::new();
    let mut key = (table.next_key - random.between(1, ROWS_AIMED_AT)).max(1);
    for _ in 0..1 + random.below(4) {
        rows.push(row(random, table, key));
        key += random.between(1, 6);
    }
    table.next_key = table.next_key.max(key + 1);
    let rows = rows.join(", ");
    let Table { relation, .. } = &*table;
    let names: Vec<&str> = relation.columns.iter().map(|column| column.name.as_str()).collect();
    let values = format!("(VALUES {rows}) AS v({})", names.join(", "));
    let equal: Vec<String> = table.key_columns().iter().map(|name| format!("t.{name} = v.{name}")).collect();
    let equal = equal.join(" AND ");
    let into =
        format!("INSERT INTO {} AS t VALUES {rows} ON CONFLICT ({})", relation.name, table.key_columns().join(", "));
    let come =
        format!("SELECT v.* FROM {values} WHERE NOT EXISTS (SELECT 1 FROM {} AS t WHERE {equal})", relation.name);
    if random.chance(30) {
        return Write { sql: format!("{into} DO NOTHING"), table: number, keeps: true, becomes: vec![come] };
    }
    let place = table.key.max(1) + random.below(names.len() - table.key.max(1)).min(1);
    let Column { name, data_type } = &relation.columns[place];
    let proposed = if table.not_null[place] || random.chance(60) {
        format!("EXCLUDED.{name}")
    } else {
        format!("(CASE WHEN t.{name} IS NULL THEN EXCLUDED.{name} ELSE t.{name} END)::{}", data_type.sql())
    };
    let (condition, holds) = match random.below(3) {
        0 => (" WHERE t.id % 2 = 0".to_owned(), " AND t.id % 2 = 0"),
        _ => (String::new(), ""),
    };
    let changed = proposed.replace("EXCLUDED.", "v.");
    let columns = relation.columns.iter().map(|column| {
        if column.name == *name {
            format!("CASE WHEN v.id IS NOT NULL{holds} THEN ({changed})::{} ELSE t.{name} END", data_type.sql())
        } else {
            format!("t.{}", column.name)
        }
    });
    let stay = format!(
        "SELECT {} FROM {} AS t LEFT JOIN {values} ON {equal}",
        columns.collect::<Vec<_>>().join(", "),
        relation.name
    );
    let sql = format!("{into} DO UPDATE SET {name} = {proposed}{condition}");
    Write { sql, table: number, keeps: false, becomes: vec![stay, come] }
}

/// One column that is no key.
fn set_column(random: &mut Random, table: &Table, number: usize) -> Write {
    let columns = &table.relation.columns;
    let first = table.key.max(1);
    let place = first + random.below(columns.len() - first);
    let value = new_value(random, table, place);
    update(table, number, &[(place, value)], &condition(random, columns, 1))
}

/// All columns that are no key.
fn set_many(random: &mut Random, table: &Table, number: usize) -> Write {
    let columns = &table.relation.columns;
    let places = table.key.max(1)..columns.len();
    let set: Vec<(usize, String)> = places.map(|place| (place, new_value(random, table, place))).collect();
    update(table, number, &set, &format!("id % 5 = {}", random.below(5)))
}

fn new_value(random: &mut Random, table: &Table, place: usize) -> String {
    let data_type = table.relation.columns[place].data_type;
    if table.not_null[place] {
        return data_type.literal(random);
    }
    match random.below(3) {
        0 => data_type.value(random),
        _ => format!("({})::{}", expression(random, &table.relation.columns, data_type, 1), data_type.sql()),
    }
}

/// Keys that become others, which may be those of rows that are there and move on themselves.
fn move_keys(random: &mut Random, table: &mut Table, number: usize) -> Write {
    let last = table.next_key;
    let one = (last - random.between(1, ROWS_AIMED_AT)).max(1);
    match random.below(3) {
        0 => {
            table.next_key += 1;
            update(table, number, &[(0, "id + 1".to_owned())], &format!("id >= {one}"))
        }
        1 => {
            let other = one + random.between(1, 5);
            table.next_key = last.max(other + 1);
            update(table, number, &[(0, format!("{} - id", one + other))], &format!("id IN ({one}, {other})"))
        }
        _ => {
            let far = ROWS_AIMED_AT + 1;
            table.next_key = last + far * 2;
            update(table, number, &[(0, format!("id + {far}"))], &format!("id BETWEEN {one} AND {}", one + 3))
        }
    }
}

/// `UPDATE ... FROM` another table, of which one row at most has a key.
fn set_from(table: &Table, other: &Table, number: usize) -> Write {
    let (name, from) = (&table.relation.name, &other.relation.name);
    let value = if table.not_null[1] { "coalesce(o.c0, 1)" } else { "o.c0" };
    let columns = table.relation.columns.iter().map(|column| match column.name.as_str() {
        "c0" => format!("CASE WHEN o.id IS NOT NULL THEN {value} ELSE t.c0 END"),
        other => format!("t.{other}"),
    });
    let columns = columns.collect::<Vec<_>>().join(", ");
    Write {
        sql: format!("UPDATE {name} AS t SET c0 = {value} FROM {from} AS o WHERE t.id = o.id"),
        table: number,
        keeps: false,
        becomes: vec![format!("SELECT {columns} FROM {name} AS t LEFT JOIN {from} AS o ON t.id = o.id")],
    }
}

fn update(table: &Table, number: usize, set: &[(usize, String)], condition: &str) -> Write {
    let columns = &table.relation.columns;
    let assignments: Vec<String> =
        set.iter().map(|(place, value)| format!("{} = {value}", columns[*place].name)).collect();
    let after = columns.iter().enumerate().map(|(place, column)| {
        let value = set.iter().find(|(changed, _)| *changed == place).map(|(_, value)| value);
        value.map_or(column.name.clone(), |value| {
            format!("CASE WHEN {condition} THEN ({value})::{} ELSE {} END", column.data_type.sql(), column.name)
        })
    });
    let name = &table.relation.name;
    Write {
        sql: format!("UPDATE {name} SET {} WHERE {condition}", assignments.join(", ")),
        table: number,
        keeps: false,
        becomes: vec![format!("SELECT {} FROM {name}", after.collect::<Vec<_>>().join(", "))],
    }
}

fn delete(table: &Table, number: usize, condition: &str) -> Write {
    let name = &table.relation.name;
    Write {
        sql: format!("DELETE FROM {name} WHERE {condition}"),
        table: number,
        keeps: false,
        becomes: vec![format!("SELECT * FROM {name} WHERE ({condition}) IS NOT TRUE")],
    }
}

fn row(random: &mut Random, table: &Table, key: i64) -> String {
    format!("({})", values(random, table, key))
}

fn values(random: &mut Random, table: &Table, key: i64) -> String {
    let mut values = vec![key.to_string()];
    for (column, not_null) in table.relation.columns.iter().zip(&table.not_null).skip(1) {
        let data_type = column.data_type;
        values.push(if *not_null { data_type.literal(random) } else { data_type.value(random) });
    }
    values.join(", ")
}
