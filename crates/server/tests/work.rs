//! Work follows the change and not the data: the same changes, with what is counted on their way,
//! to tables of ten thousand, a hundred thousand and a million rows.

use std::sync::Arc;

use engine::{Config, Engine, Outcome, Session};
use futures::TryStreamExt;

const SIZES: [usize; 3] = [10_000, 100_000, 1_000_000];

/// Groups have this many rows, however many groups there are.
const GROUP_ROWS: usize = 10;

/// How much was done, by those that did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Work {
    /// Changes that operators took.
    taken: u64,
    /// Rows that scans went through.
    scanned: u64,
}

/// An engine with tables of some size, and views over them.
struct Database {
    engine: Arc<Engine>,
    session: Session,
}

impl Database {
    async fn with_rows(rows: usize) -> Database {
        let config = Config { workers: 2, memory_bytes: 4 << 30, data_dir: None };
        let engine = Engine::start(config).expect("an engine starts");
        let session = engine.connect("dev", "dev").expect("there is a database dev");
        let mut database = Database { engine, session };
        let groups = rows / GROUP_ROWS;
        for sql in [
            "CREATE TABLE events (id INT PRIMARY KEY, k INT, v INT)",
            "CREATE TABLE names (k INT PRIMARY KEY, name TEXT)",
            "CREATE TABLE bag (k INT, v INT)",
            "CREATE MATERIALIZED VIEW joined AS SELECT e.id, n.name, e.v FROM events e JOIN names n ON e.k = n.k",
            "CREATE MATERIALIZED VIEW grouped AS SELECT k, count(*) AS n, sum(v) AS total, max(v) AS most, \
             count(DISTINCT v) AS kinds FROM events GROUP BY k",
            "CREATE MATERIALIZED VIEW above AS SELECT g.k, n.name, g.total FROM grouped g JOIN names n ON g.k = n.k",
            "CREATE MATERIALIZED VIEW kinds AS SELECT DISTINCT k, v FROM bag",
            "CREATE MATERIALIZED VIEW whole AS SELECT count(*) AS n, max(v) AS most FROM events",
            &format!("INSERT INTO names SELECT n - 1, 'name ' || n FROM generate_series(1, {groups}) AS s(n)"),
            &format!(
                "INSERT INTO events SELECT n - 1, (n - 1) % {groups}, (n - 1) % 100 FROM generate_series(1, {rows}) AS s(n)"
            ),
            &format!("INSERT INTO bag SELECT n % {groups}, n % 3 FROM generate_series(1, {rows}) AS s(n)"),
        ] {
            database.run(sql).await;
        }
        database
    }

    /// Runs a statement to its end.
    async fn run(&mut self, sql: &str) {
        for statement in self.session.parse(sql).expect(sql) {
            if let Outcome::Rows { rows, .. } = self.session.execute(&statement, &[]).await.expect(sql) {
                rows.try_collect::<Vec<_>>().await.expect(sql);
            }
        }
    }

    /// What statements cost.
    async fn work(&mut self, statements: &[String]) -> Work {
        let before = self.counted();
        for sql in statements {
            self.run(sql).await;
        }
        let after = self.counted();
        Work { taken: after.taken - before.taken, scanned: after.scanned - before.scanned }
    }

    fn counted(&self) -> Work {
        let relations = self.engine.runtime().statistics().relations;
        Work {
            taken: relations.iter().map(|relation| relation.taken).sum(),
            scanned: relations.iter().map(|relation| relation.scanned).sum(),
        }
    }
}

/// A hundred statements, or a few that change a hundred rows, with a name.
fn changes() -> Vec<(&'static str, Vec<String>)> {
    let each = |text: &dyn Fn(usize) -> String| (0..100).map(text).collect::<Vec<_>>();
    let rows = each(&|row| format!("({}, {}, 1)", 5_000_000 + row, row % 10)).join(", ");
    vec![
        ("INSERT of a row", each(&|row| format!("INSERT INTO events VALUES ({}, {row}, 7)", 2_000_000 + row))),
        ("INSERT of many rows", vec![format!("INSERT INTO events VALUES {rows}")]),
        ("UPDATE by key", each(&|row| format!("UPDATE events SET v = v + 1 WHERE id = {row}"))),
        ("UPDATE of the group", each(&|row| format!("UPDATE events SET k = {} WHERE id = {row}", (row + 1) % 100))),
        ("UPDATE of what is joined", each(&|row| format!("UPDATE names SET name = name || '!' WHERE k = {row}"))),
        (
            "INSERT or UPDATE",
            each(&|row| {
                format!("INSERT INTO events VALUES ({row}, 1, 1) ON CONFLICT (id) DO UPDATE SET v = EXCLUDED.v")
            }),
        ),
        ("SELECT by key", each(&|row| format!("SELECT * FROM events WHERE id = {row}"))),
        ("DELETE by key", each(&|row| format!("DELETE FROM events WHERE id = {row}"))),
        ("INSERT of a row that is there", each(&|_| "INSERT INTO bag VALUES (1, 1)".to_owned())),
        ("a transaction", {
            let insert = |row| format!("INSERT INTO events VALUES ({}, {row}, 7)", 3_000_000 + row);
            let update = |row| format!("UPDATE events SET v = 8 WHERE id = {}", 3_000_000 + row);
            let select = |row| format!("SELECT * FROM events WHERE id = {}", 200 + row);
            let among = (0..30).flat_map(|row| [insert(row), update(row), select(row)]);
            std::iter::once("BEGIN".to_owned()).chain(among).chain(["COMMIT".to_owned()]).collect()
        }),
    ]
}

#[tokio::test]
async fn the_same_changes_cost_the_same_however_many_rows_there_are() {
    let mut costs: Vec<Vec<Work>> = Vec::new();
    for rows in SIZES {
        let mut database = Database::with_rows(rows).await;
        let mut of_size = Vec::new();
        for (_, statements) in changes() {
            of_size.push(database.work(&statements).await);
        }
        database.engine.shutdown();
        costs.push(of_size);
    }
    let mut growing = Vec::new();
    for (place, (name, _)) in changes().iter().enumerate() {
        let of_change: Vec<Work> = costs.iter().map(|of_size| of_size[place]).collect();
        println!("{name}: {of_change:?}");
        if of_change.iter().any(|work| *work != of_change[0]) {
            growing.push(format!("{name}: {of_change:?}"));
        }
    }
    assert!(growing.is_empty(), "with {SIZES:?} rows:\n{}", growing.join("\n"));
}

/// What each relation's dataflow did, in the order in which they were made.
fn done(engine: &Engine) -> Vec<(u64, u64)> {
    let mut relations = engine.runtime().statistics().relations;
    relations.sort_by_key(|relation| relation.id);
    relations.iter().map(|relation| (relation.taken, relation.stepped)).collect()
}

#[tokio::test]
async fn an_epoch_costs_a_view_nothing_that_it_does_not_reach() {
    let config = Config { workers: 2, memory_bytes: 1 << 30, data_dir: None };
    let engine = Engine::start(config).expect("an engine starts");
    let session = engine.connect("dev", "dev").expect("there is a database dev");
    let mut database = Database { engine, session };
    for sql in [
        "CREATE TABLE events (id INT PRIMARY KEY, k INT, v INT)",
        "CREATE TABLE others (id INT PRIMARY KEY, k INT)",
        "CREATE MATERIALIZED VIEW one AS SELECT k, count(*) AS n FROM events WHERE k = 1 GROUP BY k",
        "CREATE MATERIALIZED VIEW above AS SELECT n, count(*) AS c FROM one GROUP BY n",
        "CREATE MATERIALIZED VIEW joined AS SELECT e.id, o.k FROM events e JOIN others o ON e.k = o.id WHERE e.v > 10",
        "CREATE MATERIALIZED VIEW elsewhere AS SELECT k, count(*) AS n FROM others GROUP BY k",
        "INSERT INTO events VALUES (1, 1, 1)",
        "INSERT INTO others VALUES (1, 1)",
    ] {
        database.run(sql).await;
    }
    let work = async |database: &mut Database, sql: &str| {
        let before = done(&database.engine);
        database.run(sql).await;
        let after = done(&database.engine);
        before.iter().zip(after).map(|(before, after)| (after.0 - before.0, after.1 - before.1)).collect::<Vec<_>>()
    };
    // The filters of two views look at the row, and that is all.
    let passing = work(&mut database, "INSERT INTO events VALUES (2, 2, 2)").await;
    assert_eq!(passing, [(0, 0), (0, 0), (1, 0), (0, 0), (1, 0), (0, 0)]);
    // One view changes, and the one above it; both workers take part in both.
    let changing = work(&mut database, "INSERT INTO events VALUES (3, 1, 3)").await;
    let steps = changing.iter().map(|(_, stepped)| *stepped).collect::<Vec<_>>();
    assert_eq!(steps, [0, 0, 2, 2, 0, 0], "{changing:?}");
    database.engine.shutdown();
}
