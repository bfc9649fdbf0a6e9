//! The Nexmark queries that are measured, as their SQL stands in the benchmark, and what other
//! systems reach on them.

/// One query.
#[derive(Clone, Copy, Debug)]
pub struct Query {
    /// Its usual name.
    pub name: &'static str,
    /// Its SQL.
    pub sql: &'static str,
    /// Million events per CPU-second of DBSP's hand-written Rust circuits, and of Flink 2.3 SQL: 10
    /// million events made beforehand, one worker, a machine as ours.
    pub reference: Option<(f64, f64)>,
}

/// All of them.
pub const QUERIES: &[Query] = &[
    Query { name: "q0", sql: include_str!("../queries/q0.sql"), reference: None },
    Query { name: "q1", sql: include_str!("../queries/q1.sql"), reference: Some((1.5, 1.5)) },
    Query { name: "q2", sql: include_str!("../queries/q2.sql"), reference: Some((2.8, 1.8)) },
    Query { name: "q3", sql: include_str!("../queries/q3.sql"), reference: Some((2.5, 1.8)) },
    Query { name: "q4", sql: include_str!("../queries/q4.sql"), reference: Some((1.2, 0.28)) },
    Query { name: "q17", sql: include_str!("../queries/q17.sql"), reference: Some((0.55, 0.72)) },
    Query { name: "q20", sql: include_str!("../queries/q20.sql"), reference: Some((0.45, 0.23)) },
];

/// The three tables of the auction site.
pub const TABLES: [&str; 3] = ["person", "auction", "bid"];

/// `CREATE SOURCE` for one of the tables, all of whose events are made beforehand.
#[must_use]
pub fn create_source(table: &str, events: u64, epoch_events: u64) -> String {
    format!(
        "CREATE SOURCE {table} WITH (connector = 'nexmark', table = '{table}', total = '{events}', \
         pregenerate = 'true', epoch_events = '{epoch_events}')"
    )
}
