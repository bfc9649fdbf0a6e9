//! The statements of the sessions, over three small tables, each with what it does to them.

use std::collections::{BTreeMap, BTreeSet};

use super::super::random::Random;
use super::model::Tables;

/// A row: all columns are integers.
pub type Row = Vec<i64>;

/// Rows by how often they are there; in a difference, counts are negative too.
#[derive(Clone, Debug, Default)]
pub struct Bag(pub BTreeMap<Row, i64>);

/// A table.
#[derive(Debug)]
pub struct Table {
    pub name: &'static str,
    columns: &'static [&'static str],
    /// How many of its first columns are its primary key.
    pub key: Option<usize>,
}

/// The place of the table whose rows only ever have something added to them.
pub const COUNTERS: usize = 0;
const ACCOUNTS: usize = 1;
const LOG: usize = 2;

/// The tables.
pub const TABLES: [Table; 3] = [
    Table { name: "counters", columns: &["id", "n"], key: Some(1) },
    Table { name: "accounts", columns: &["id", "g", "n"], key: Some(1) },
    Table { name: "log", columns: &["g", "v"], key: None },
];

/// A view, and its query.
#[derive(Debug)]
pub struct View {
    pub name: &'static str,
    pub query: &'static str,
}

/// The views.
pub const VIEWS: &[View] = &[
    View { name: "total", query: "SELECT count(*) AS rows, sum(n)::bigint AS n FROM counters" },
    View { name: "by_group", query: "SELECT g, count(*) AS rows, sum(n)::bigint AS n FROM accounts GROUP BY g" },
    View { name: "seen", query: "SELECT DISTINCT g, v FROM log" },
    View { name: "joined", query: "SELECT a.id, l.v FROM accounts AS a JOIN log AS l ON a.g = l.g" },
    View { name: "above", query: "SELECT b.g, b.n, s.v FROM by_group AS b JOIN seen AS s ON b.g = s.g" },
];

/// Keys of accounts; few, so that sessions meet.
const KEYS: i64 = 5;
const GROUPS: i64 = 3;
const COUNTED: i64 = 3;

/// What a statement does.
#[derive(Clone, Debug)]
pub enum Action {
    Insert(Vec<Row>),
    /// `ON CONFLICT (id) DO NOTHING`, or `DO UPDATE SET n = n + EXCLUDED.n`.
    Upsert {
        row: Row,
        updates: bool,
    },
    Update {
        column: usize,
        set: Set,
        when: Condition,
    },
    Delete(Condition),
    Read(Condition),
    ReadView(usize),
}

/// What a column becomes.
#[derive(Clone, Copy, Debug)]
pub enum Set {
    Plus(i64),
    To(i64),
}

/// `column = value`, or nothing.
#[derive(Clone, Copy, Debug)]
pub struct Condition(Option<(usize, i64)>);

/// A statement on one table.
#[derive(Clone, Debug)]
pub struct Statement {
    pub sql: String,
    table: usize,
    action: Action,
}

/// What a statement does to what it sees.
#[derive(Clone, Debug)]
pub struct Effect {
    pub table: usize,
    pub change: Bag,
    /// The rows before and after it.
    pub touched: Vec<Row>,
    /// Its rows, or its SQLSTATE.
    pub answer: Result<Vec<String>, &'static str>,
}

/// What makes the tables and views.
pub fn setup() -> Vec<String> {
    let table = |table: &Table| {
        let columns: Vec<String> = table.columns.iter().map(|name| format!("{name} BIGINT NOT NULL")).collect();
        let key = if table.key.is_some() { ", PRIMARY KEY (id)" } else { "" };
        format!("CREATE TABLE {} ({}{key})", table.name, columns.join(", "))
    };
    let view = |view: &View| format!("CREATE MATERIALIZED VIEW {} AS {}", view.name, view.query);
    TABLES.iter().map(table).chain(VIEWS.iter().map(view)).collect()
}

impl Bag {
    fn of(rows: &[Row]) -> Bag {
        let mut bag = Bag::default();
        rows.iter().for_each(|row| *bag.0.entry(row.clone()).or_default() += 1);
        bag
    }

    /// Adds the counts of another.
    pub fn add(&mut self, other: &Bag) {
        for (row, count) in &other.0 {
            *self.0.entry(row.clone()).or_default() += count;
        }
        self.0.retain(|_, count| *count != 0);
    }

    fn negated(&self) -> Bag {
        Bag(self.0.iter().map(|(row, count)| (row.clone(), -count)).collect())
    }

    /// Each row, as often as it is there.
    fn rows(&self) -> Vec<Row> {
        self.0.iter().flat_map(|(row, count)| vec![row.clone(); usize::try_from(*count).unwrap_or(0)]).collect()
    }

    /// The rows as they are shown, sorted.
    pub fn texts(&self) -> Vec<String> {
        texts(&self.rows())
    }

    /// Whether it can be a table's rows.
    pub fn is_table(&self, key: Option<usize>) -> bool {
        let mut keys = BTreeSet::new();
        self.0.iter().all(|(row, count)| match key {
            Some(key) => *count == 1 && keys.insert(&row[..key]),
            None => *count > 0,
        })
    }
}

fn texts(rows: &[Row]) -> Vec<String> {
    let text = |row: &Row| row.iter().map(i64::to_string).collect::<Vec<_>>().join(" | ");
    let mut texts: Vec<String> = rows.iter().map(text).collect();
    texts.sort_unstable();
    texts
}

impl Condition {
    fn holds(self, row: &Row) -> bool {
        self.0.is_none_or(|(column, value)| row[column] == value)
    }

    fn sql(self, table: &Table) -> String {
        self.0.map_or(String::new(), |(column, value)| format!(" WHERE {} = {value}", table.columns[column]))
    }

    fn random(random: &mut Random, table: usize) -> Condition {
        let column = match table {
            ACCOUNTS => *random.pick(&[0, 0, 0, 1]),
            _ => random.below(TABLES[table].columns.len()),
        };
        let value = match (table, column) {
            (LOG, 1) => random.between(0, 4),
            (LOG, _) | (ACCOUNTS, 1) => random.between(1, GROUPS),
            _ => random.between(1, KEYS),
        };
        Condition(Some((column, value)))
    }
}

impl Statement {
    fn new(table: usize, action: Action) -> Statement {
        let of = &TABLES[table];
        let name = of.name;
        let sql = match &action {
            Action::Insert(rows) => format!("INSERT INTO {name} VALUES {} RETURNING *", values(rows)),
            Action::Upsert { row, updates } => {
                let then = match updates {
                    true => format!("DO UPDATE SET n = {name}.n + EXCLUDED.n"),
                    false => "DO NOTHING".to_owned(),
                };
                let row = values(std::slice::from_ref(row));
                format!("INSERT INTO {name} VALUES {row} ON CONFLICT (id) {then}")
            }
            Action::Update { column, set, when } => {
                let column = of.columns[*column];
                let value = match set {
                    Set::Plus(added) => format!("{column} + {added}"),
                    Set::To(value) => value.to_string(),
                };
                format!("UPDATE {name} SET {column} = {value}{} RETURNING *", when.sql(of))
            }
            Action::Delete(when) => format!("DELETE FROM {name}{} RETURNING *", when.sql(of)),
            Action::Read(when) => format!("SELECT * FROM {name}{}", when.sql(of)),
            Action::ReadView(view) => format!("SELECT * FROM {}", VIEWS[*view].name),
        };
        Statement { sql, table, action }
    }

    /// What fills the tables at the start.
    pub fn first(random: &mut Random) -> Vec<Statement> {
        let counters = (1..=COUNTED).map(|id| vec![id, 0]).collect();
        let accounts = (1..=KEYS / 2).map(|id| vec![id, random.between(1, GROUPS), 0]).collect();
        vec![
            Statement::new(COUNTERS, Action::Insert(counters)),
            Statement::new(ACCOUNTS, Action::Insert(accounts)),
            Statement::new(LOG, Action::Insert(vec![vec![1, 0], vec![1, 0], vec![2, 1]])),
        ]
    }

    /// A statement that somebody may send who sees these rows.
    pub fn random(random: &mut Random, visible: &Tables) -> Statement {
        match random.below(20) {
            0..=4 => {
                let when = if random.chance(85) { Some((0, random.between(1, COUNTED))) } else { None };
                let set = Set::Plus(random.between(1, 9));
                Statement::new(COUNTERS, Action::Update { column: 1, set, when: Condition(when) })
            }
            5..=12 => Statement::new(ACCOUNTS, account(random, &visible[ACCOUNTS])),
            13..=15 => Statement::new(LOG, log(random)),
            16 => Statement::new(COUNTERS, Action::ReadView(random.below(VIEWS.len()))),
            _ => {
                let table = random.below(TABLES.len());
                let when = if random.chance(50) { Condition(None) } else { Condition::random(random, table) };
                Statement::new(table, Action::Read(when))
            }
        }
    }

    /// What it does to these rows.
    pub fn run(&self, visible: &Tables, views: &[Vec<String>]) -> Effect {
        let table = self.table;
        let before = visible[table].rows();
        let (mut gone, mut come) = (Vec::new(), Vec::new());
        let mut answer = Vec::new();
        match &self.action {
            Action::Insert(rows) => {
                come.clone_from(rows);
                answer = texts(rows);
            }
            Action::Upsert { row, updates } => match before.iter().find(|other| other[0] == row[0]) {
                None => come.push(row.clone()),
                Some(other) if *updates => {
                    gone.push(other.clone());
                    let mut changed = other.clone();
                    changed[2] += row[2];
                    come.push(changed);
                }
                Some(_) => {}
            },
            Action::Update { column, set, when } => {
                gone = before.into_iter().filter(|row| when.holds(row)).collect();
                come.clone_from(&gone);
                for row in &mut come {
                    row[*column] = match set {
                        Set::Plus(added) => row[*column] + added,
                        Set::To(value) => *value,
                    };
                }
                answer = texts(&come);
            }
            Action::Delete(when) => {
                gone = before.into_iter().filter(|row| when.holds(row)).collect();
                answer = texts(&gone);
            }
            Action::Read(when) => {
                let rows: Vec<Row> = before.into_iter().filter(|row| when.holds(row)).collect();
                answer = texts(&rows);
            }
            Action::ReadView(view) => answer.clone_from(&views[*view]),
        }
        let mut change = Bag::of(&gone).negated();
        change.add(&Bag::of(&come));
        let mut after = visible[table].clone();
        after.add(&change);
        let answer = if after.is_table(TABLES[table].key) { Ok(answer) } else { Err("23505") };
        Effect { table, change, touched: [gone, come].concat(), answer }
    }
}

fn account(random: &mut Random, visible: &Bag) -> Action {
    let key = random.between(1, KEYS);
    let row = |random: &mut Random, key| vec![key, random.between(1, GROUPS), random.between(0, 20)];
    let when = Condition::random(random, ACCOUNTS);
    match random.below(12) {
        0..=2 => Action::Insert(vec![row(random, key)]),
        3 => Action::Upsert { row: row(random, key), updates: random.chance(70) },
        4..=5 => Action::Delete(when),
        6 => Action::Update { column: 0, set: Set::To(random.between(1, KEYS)), when: Condition(Some((0, key))) },
        7 => Action::Update { column: 1, set: Set::To(random.between(1, GROUPS)), when },
        8..=9 => Action::Update { column: 2, set: Set::Plus(random.between(1, 9)), when },
        // As an application does that reads, computes, and writes what it has computed.
        _ => {
            let held = visible.0.keys().find(|row| row[0] == key).map_or(0, |row| row[2]);
            let set = Set::To(held + random.between(1, 9));
            Action::Update { column: 2, set, when: Condition(Some((0, key))) }
        }
    }
}

fn log(random: &mut Random) -> Action {
    let when = Condition::random(random, LOG);
    match random.below(4) {
        0..=1 => {
            let row = vec![random.between(1, GROUPS), random.between(0, 4)];
            Action::Insert(vec![row; 1 + random.below(3)])
        }
        2 => Action::Update { column: 1, set: Set::Plus(random.between(0, 2)), when },
        _ => Action::Delete(when),
    }
}

fn values(rows: &[Row]) -> String {
    let row = |row: &Row| format!("({})", row.iter().map(i64::to_string).collect::<Vec<_>>().join(", "));
    rows.iter().map(row).collect::<Vec<_>>().join(", ")
}
