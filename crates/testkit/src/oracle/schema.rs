//! Random tables and the values that go into them.
//!
//! Values come from small domains, so that keys meet, groups grow and shrink, and equal rows occur.
//! Floats are multiples of a quarter, whose sums are exact in any order.

use super::random::Random;

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    Int,
    Big,
    Text,
    Boolean,
    Date,
    Timestamp,
    Numeric,
    /// Multiples of a quarter.
    Float,
    /// A mean: deterministic, but a sum of several depends on their order.
    Inexact,
}

/// The types of tables' columns.
pub const STORED: &[Type] = &[
    Type::Int,
    Type::Int,
    Type::Big,
    Type::Text,
    Type::Boolean,
    Type::Date,
    Type::Timestamp,
    Type::Numeric,
    Type::Float,
];

impl Type {
    pub fn sql(self) -> &'static str {
        match self {
            Type::Int => "INT",
            Type::Big => "BIGINT",
            Type::Text => "TEXT",
            Type::Boolean => "BOOLEAN",
            Type::Date => "DATE",
            Type::Timestamp => "TIMESTAMP",
            Type::Numeric => "NUMERIC(20,2)",
            Type::Float | Type::Inexact => "DOUBLE PRECISION",
        }
    }

    /// A value as SQL, never null.
    pub fn literal(self, random: &mut Random) -> String {
        match self {
            // A cast binds more tightly than a minus.
            Type::Int => match random.between(-3, 6) {
                negative @ ..0 => format!("({negative})"),
                number => number.to_string(),
            },
            Type::Big => format!("{}::bigint", *random.pick(&[0_i64, 1, 2, 3, 5_000_000_000, -7])),
            Type::Text => format!("'{}'", random.pick(&["", "a", "b", "ab", "abc", "Ö", "it''s", "zz top"])),
            Type::Boolean => (*random.pick(&["true", "false"])).to_owned(),
            Type::Date => format!("DATE '2024-0{}-1{}'", random.between(1, 3), random.between(0, 2)),
            Type::Timestamp => {
                format!("TIMESTAMP '2024-01-0{} 0{}:30:00.25'", random.between(1, 3), random.between(0, 9))
            }
            Type::Numeric => format!("{}.{:02}::numeric(20,2)", random.between(-5, 20), 25 * random.between(0, 3)),
            Type::Float | Type::Inexact => format!("{}::double precision", random.between(-20, 20) as f64 / 4.0),
        }
    }

    /// A value as SQL, sometimes null.
    pub fn value(self, random: &mut Random) -> String {
        if random.chance(15) { "NULL".to_owned() } else { self.literal(random) }
    }

    pub fn is_number(self) -> bool {
        matches!(self, Type::Int | Type::Big | Type::Numeric | Type::Float)
    }
}

#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    pub data_type: Type,
}

/// A table, or a view once it is there.
#[derive(Clone, Debug)]
pub struct Relation {
    pub name: String,
    pub columns: Vec<Column>,
}

#[derive(Clone, Debug)]
pub struct Table {
    pub relation: Relation,
    /// Whether its first column is its primary key.
    pub has_key: bool,
    /// The next key that was never used.
    pub next_key: i64,
}

impl Table {
    pub fn random(random: &mut Random, number: usize) -> Table {
        let has_key = random.chance(65);
        let mut columns = vec![Column { name: "id".to_owned(), data_type: Type::Int }];
        for position in 0..2 + random.below(4) {
            // The first one is an integer in every table, so that any two tables can be joined.
            let data_type = if position == 0 { Type::Int } else { *random.pick(STORED) };
            columns.push(Column { name: format!("c{position}"), data_type });
        }
        Table { relation: Relation { name: format!("t{number}"), columns }, has_key, next_key: 1 }
    }

    pub fn create(&self) -> String {
        let mut columns: Vec<String> =
            self.relation.columns.iter().map(|column| format!("{} {}", column.name, column.data_type.sql())).collect();
        if self.has_key {
            columns[0].push_str(" PRIMARY KEY");
        }
        format!("CREATE TABLE {} ({})", self.relation.name, columns.join(", "))
    }
}
