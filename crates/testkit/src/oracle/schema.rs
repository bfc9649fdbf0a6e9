//! Random tables and the values that go into them.
//!
//! Values come from small domains, so that keys meet, groups grow and shrink, and equal rows occur.
//! Floats are multiples of a quarter, whose sums are exact in any order, and now and then NaN, an
//! infinity or minus zero.

use super::random::Random;

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    Small,
    Int,
    Big,
    Text,
    Boolean,
    Date,
    Time,
    Timestamp,
    TimestampTz,
    Numeric,
    /// Multiples of a quarter.
    Float,
    Uuid,
    Bytes,
    Array,
    /// A mean or quotient: deterministic, but a sum of several depends on their order.
    Inexact,
}

/// The types of tables' columns, each as often as it shall occur.
pub const STORED: &[Type] = &[
    Type::Int,
    Type::Int,
    Type::Int,
    Type::Big,
    Type::Big,
    Type::Text,
    Type::Text,
    Type::Numeric,
    Type::Numeric,
    Type::Float,
    Type::Float,
    Type::Float,
    Type::Float,
    Type::Float,
    Type::Date,
    Type::Timestamp,
    Type::Boolean,
    Type::Small,
    Type::Time,
    Type::TimestampTz,
    Type::Uuid,
    Type::Bytes,
    Type::Array,
];

impl Type {
    pub fn sql(self) -> &'static str {
        match self {
            Type::Small => "SMALLINT",
            Type::Int => "INT",
            Type::Big => "BIGINT",
            Type::Text => "TEXT",
            Type::Boolean => "BOOLEAN",
            Type::Date => "DATE",
            Type::Time => "TIME",
            Type::Timestamp => "TIMESTAMP",
            Type::TimestampTz => "TIMESTAMPTZ",
            Type::Numeric => "NUMERIC(20,2)",
            Type::Float | Type::Inexact => "DOUBLE PRECISION",
            Type::Uuid => "UUID",
            Type::Bytes => "BYTEA",
            Type::Array => "INT[]",
        }
    }

    /// A value as SQL of exactly this type, never null.
    pub fn literal(self, random: &mut Random) -> String {
        let text = match self {
            // A cast binds more tightly than a minus.
            Type::Small | Type::Int => match random.between(-3, 6) {
                negative @ ..0 => format!("({negative})"),
                number => number.to_string(),
            },
            Type::Big => format!("({})", random.pick(&[0_i64, 1, 2, 3, 5_000_000_000, -7])),
            // Longer than what is stored in place, or compared at once.
            Type::Text if random.chance(3) => {
                let copies = *random.pick(&[5, 20, 700]);
                format!("'{}'", random.pick(&["ab ", "Ö", "x"]).repeat(copies))
            }
            Type::Text => {
                format!("'{}'", random.pick(&["", "a", "b", "ab", "abc", "Ö", "it''s", "zz top", "7", "-12", "3x"]))
            }
            Type::Boolean => (*random.pick(&["true", "false"])).to_owned(),
            Type::Date => format!("'2024-0{}-1{}'", random.between(1, 3), random.between(0, 2)),
            Type::Time => format!("'0{}:15:00.5'", random.between(0, 5)),
            Type::Timestamp => format!("'2024-01-0{} 0{}:30:00.25'", random.between(1, 3), random.between(0, 9)),
            Type::TimestampTz => format!("'2024-01-01 0{}:00:00+00'", random.between(0, 6)),
            Type::Numeric => format!("({}.{:02})", random.between(-5, 20), 25 * random.between(0, 3)),
            Type::Float | Type::Inexact if random.chance(14) => {
                // More NaNs would make nothing else of all sums.
                let zero = random.chance(85);
                format!("'{}'", random.pick(if zero { &["0", "-0", "-0"] } else { &["NaN", "Infinity", "-Infinity"] }))
            }
            Type::Float | Type::Inexact => format!("({:?})", random.between(-20, 20) as f64 / 4.0),
            Type::Uuid => format!("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1{}'", random.between(0, 5)),
            Type::Bytes => format!("'\\x{}'", random.pick(&["", "00", "ff", "00ff", "616263"])),
            Type::Array => format!("'{{{}}}'", random.pick(&["", "1", "1,2", "2,1", "1,2,3", "1,NULL"])),
        };
        format!("{text}::{}", self.sql())
    }

    /// A value as SQL, sometimes null.
    pub fn value(self, random: &mut Random) -> String {
        if random.chance(15) { self.null() } else { self.literal(random) }
    }

    pub fn null(self) -> String {
        format!("NULL::{}", self.sql())
    }

    /// What can be added up exactly, in any order.
    pub fn is_number(self) -> bool {
        matches!(self, Type::Small | Type::Int | Type::Big | Type::Numeric | Type::Float)
    }

    /// Whether Postgres has `min` and `max` of it.
    pub fn has_extremes(self) -> bool {
        !matches!(self, Type::Boolean | Type::Uuid | Type::Bytes | Type::Array)
    }

    /// Whether the batch engine has them as Postgres does: it takes NaN for no number at all.
    pub fn has_plain_extremes(self) -> bool {
        self.has_extremes() && !matches!(self, Type::Float | Type::Inexact)
    }

    /// Whether values of the two types can be equal.
    pub fn is_comparable_with(self, other: Type) -> bool {
        let is_exact_number = |of: Type| of.is_number() && of != Type::Float;
        let is_day = |of: Type| matches!(of, Type::Date | Type::Timestamp);
        self == other || is_exact_number(self) && is_exact_number(other) || is_day(self) && is_day(other)
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
    /// How many of its first columns are its primary key.
    pub key: usize,
    /// Which columns are declared to have no nulls.
    pub not_null: Vec<bool>,
    /// The next key that was never used.
    pub next_key: i64,
}

impl Table {
    pub fn random(random: &mut Random, number: usize) -> Table {
        let key = *random.pick(&[0, 0, 1, 1, 1, 1, 2]);
        let mut columns = vec![Column { name: "id".to_owned(), data_type: Type::Int }];
        for position in 0..2 + random.below(4) {
            // The first one is an integer in every table, so that any two tables can be joined.
            let data_type = if position == 0 { Type::Int } else { *random.pick(STORED) };
            columns.push(Column { name: format!("c{position}"), data_type });
        }
        let not_null = (0..columns.len()).map(|place| place < key || random.chance(15)).collect();
        Table { relation: Relation { name: format!("t{number}"), columns }, key, not_null, next_key: 1 }
    }

    pub fn create(&self) -> String {
        let columns = self.relation.columns.iter().zip(&self.not_null);
        let columns = columns.map(|(column, not_null)| {
            format!("{} {}{}", column.name, column.data_type.sql(), if *not_null { " NOT NULL" } else { "" })
        });
        let mut parts: Vec<String> = columns.collect();
        if self.key > 0 {
            parts.push(format!("PRIMARY KEY ({})", self.key_columns().join(", ")));
        }
        format!("CREATE TABLE {} ({})", self.relation.name, parts.join(", "))
    }

    pub fn key_columns(&self) -> Vec<&str> {
        self.relation.columns[..self.key].iter().map(|column| column.name.as_str()).collect()
    }
}

/// A source of a few rows, which are there at once and for ever: its views know that none goes.
pub fn random_source(random: &mut Random) -> (String, Relation) {
    let columns = [("id", Type::Int), ("c0", Type::Int), ("c1", Type::Text), ("c2", Type::Float)];
    let columns = columns.map(|(name, data_type)| Column { name: name.to_owned(), data_type });
    let declared: Vec<String> =
        columns.iter().map(|column| format!("{} {}", column.name, column.data_type.sql())).collect();
    let options = [
        "fields.id.kind = 'sequence', fields.id.start = '1'".to_owned(),
        "fields.c0.kind = 'random', fields.c0.min = '-3', fields.c0.max = '6', fields.c0.nulls = '0.2'".to_owned(),
        "fields.c1.kind = 'choice', fields.c1.values = 'a,b,ab,7', fields.c1.nulls = '0.2'".to_owned(),
        "fields.c2.kind = 'choice', fields.c2.values = '0.25,-1.5,2,NaN', fields.c2.nulls = '0.2'".to_owned(),
        format!("total = '{}', seed = '{}'", random.between(5, 40), random.between(1, 1000)),
    ];
    let create =
        format!("CREATE SOURCE s0 ({}) WITH (connector = 'datagen', {})", declared.join(", "), options.join(", "));
    (create, Relation { name: "s0".to_owned(), columns: columns.into() })
}
