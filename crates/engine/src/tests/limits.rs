//! What one statement may take from the others: threads, memory, time.

use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex};

use arrow::datatypes::DataType;
use datafusion::catalog::SchemaProvider;
use datafusion::logical_expr::{ScalarUDF, Volatility, create_udf};
use datafusion::sql::sqlparser::ast;
use futures::StreamExt;

use super::{engine, run};
use crate::{Config, Engine, Extension, Outcome, Owner, SessionInfo};

/// Brings `stuck(bigint)`, which takes its thread until it is let go.
struct Stuck {
    begun: Mutex<mpsc::Sender<()>>,
    let_go: Arc<(Mutex<bool>, Condvar)>,
}

impl Extension for Stuck {
    fn schemas(&self, _: &SessionInfo) -> Vec<(String, Arc<dyn SchemaProvider>)> {
        vec![]
    }

    fn functions(&self, _: &SessionInfo) -> Vec<ScalarUDF> {
        let begun = Mutex::new(self.begun.lock().expect("no panic").clone());
        let let_go = Arc::clone(&self.let_go);
        let stuck = move |arguments: &[datafusion::logical_expr::ColumnarValue]| {
            // The test may have seen enough of them.
            let _ = begun.lock().expect("no panic").send(());
            let (is_let_go, changed) = &*let_go;
            let mut is_let_go = is_let_go.lock().expect("no panic");
            while !*is_let_go {
                is_let_go = changed.wait(is_let_go).expect("no panic");
            }
            Ok(arguments[0].clone())
        };
        let int = DataType::Int64;
        vec![create_udf("stuck", vec![int.clone()], int, Volatility::Immutable, Arc::new(stuck))]
    }

    fn rewrite(&self, _: &mut ast::Statement) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_that_never_give_way_leave_threads_for_others() {
    let engine = engine();
    let (begun, has_begun) = mpsc::channel();
    let let_go = Arc::new((Mutex::new(false), Condvar::new()));
    engine.extend(Arc::new(Stuck { begun: Mutex::new(begun), let_go: Arc::clone(&let_go) }));
    let connect = || engine.connect("someone", "dev").expect("the database is there");
    let mut other = connect();
    run(&mut other, "CREATE TABLE t (a bigint); INSERT INTO t VALUES (1)").await;
    // As constants, while they are planned, and over rows, while they run.
    let stuck: Vec<_> =
        ["SELECT stuck(7)", "SELECT stuck(a) FROM t", "SELECT stuck(8)", "DELETE FROM t WHERE stuck(a) = 1"]
            .into_iter()
            .map(|sql| {
                let mut session = connect();
                tokio::spawn(async move { run(&mut session, sql).await })
            })
            .collect();
    let all_stuck = tokio::task::spawn_blocking(move || (0..4).try_for_each(|_| has_begun.recv()).map(|()| has_begun));
    let _has_begun = all_stuck.await.expect("no panic").expect("all begin");
    assert_eq!(run(&mut other, "SELECT a FROM t").await, "1\nSELECT 1\n");
    // One that is stuck itself ends for its client, whose session goes on.
    let timed_out = "ERROR 57014: canceling statement due to statement timeout\n";
    assert_eq!(run(&mut other, "SET statement_timeout = '20ms'").await, "SET\n");
    assert_eq!(run(&mut other, "SELECT stuck(9)").await, timed_out);
    assert_eq!(run(&mut other, "SELECT stuck(a) FROM t").await, timed_out);
    assert_eq!(run(&mut other, "EXPLAIN SELECT stuck(9)").await, timed_out);
    assert_eq!(run(&mut other, "RESET statement_timeout; SELECT 2").await, "RESET\n2\nSELECT 1\n");
    assert!(stuck.iter().all(|one| !one.is_finished()), "nobody has let them go");
    *let_go.0.lock().expect("no panic") = true;
    let_go.1.notify_all();
    let mut shown = vec![];
    for one in stuck {
        shown.push(one.await.expect("no panic"));
    }
    assert_eq!(shown, ["7\nSELECT 1\n", "1\nSELECT 1\n", "8\nSELECT 1\n", "DELETE 1\n"]);
    engine.shutdown();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_wants_too_much_memory_fails_alone() {
    let config = Config { workers: 1, memory_bytes: 512 << 20, data_dir: None };
    let engine = Engine::start(config).expect("threads can be had");
    let mut session = engine.connect("someone", "dev").expect("the database is there");
    run(&mut session, "CREATE TABLE t (a bigint)").await;
    for statement in [
        "INSERT INTO t SELECT generate_series(1, 100000000000000)",
        "INSERT INTO t SELECT * FROM generate_series(1, 10000000000)",
    ] {
        let shown = run(&mut session, statement).await;
        assert!(shown.starts_with("ERROR 53200: out of memory\nDETAIL: "), "{statement}: {shown}");
        assert_eq!(run(&mut session, "SELECT count(*) FROM t").await, "0\nSELECT 1\n");
    }
    run(&mut session, "BEGIN").await;
    let mut shown = String::new();
    for _ in 0..1_000 {
        shown = run(&mut session, "INSERT INTO t SELECT generate_series(1, 100000)").await;
        if shown != "INSERT 0 100000\n" {
            break;
        }
    }
    assert!(shown.starts_with("ERROR 53200: out of memory\n"), "{shown}");
    assert_eq!(run(&mut session, "ROLLBACK; SELECT count(*) FROM t").await, "ROLLBACK\n0\nSELECT 1\n");
    let holdings = engine.budget().holdings();
    let of_statements = |holding: &&state::Holding| matches!(holding.owner, Owner::Statement | Owner::Transaction);
    assert_eq!(holdings.iter().filter(of_statements).map(|holding| holding.bytes).sum::<usize>(), 0, "{holdings:?}");
    engine.shutdown();
}

#[tokio::test(flavor = "multi_thread")]
async fn views_that_read_views_end_somewhere() {
    let engine = engine();
    let mut session = engine.connect("someone", "dev").expect("the database is there");
    run(&mut session, "CREATE TABLE v0 (a int); INSERT INTO v0 VALUES (7)").await;
    let mut depth = 1;
    let refused = loop {
        let shown = run(&mut session, &format!("CREATE VIEW v{depth} AS SELECT * FROM v{}", depth - 1)).await;
        if shown != "CREATE VIEW\n" {
            break shown;
        }
        depth += 1;
    };
    assert!(refused.starts_with("ERROR 54001: views are nested more than "), "{refused}");
    assert_eq!(run(&mut session, &format!("SELECT a FROM v{}", depth - 2)).await, "7\nSELECT 1\n");
    engine.shutdown();
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_wait_for_their_client_are_counted_and_bounded() {
    let config = Config { workers: 1, memory_bytes: 64 << 20, data_dir: None };
    let engine = Engine::start(config).expect("threads can be had");
    let connect = || engine.connect("someone", "dev").expect("the database is there");
    let (mut session, mut other) = (connect(), connect());
    run(&mut session, "CREATE TABLE t (a int, s text)").await;
    let held = || {
        let holdings = engine.budget().holdings();
        let waits = |holding: &&state::Holding| matches!(holding.owner, Owner::Statement | Owner::Result);
        holdings.iter().filter(waits).map(|holding| holding.bytes).sum::<usize>()
    };
    for statement in [
        "INSERT INTO t SELECT n, repeat('x', 1000) FROM generate_series(1, 2000) AS g(n) RETURNING s",
        "SELECT repeat(s, 2) FROM t",
    ] {
        let parsed = session.parse(statement).expect("it is SQL").pop().expect("it is one statement");
        let outcome = session.execute(&parsed, &[]).await.expect("it is well");
        let Outcome::Rows { mut rows, .. } = outcome else { panic!("{outcome:?}") };
        // As a portal of which some rows were fetched.
        assert!(rows.next().await.is_some_and(|batch| batch.is_ok()), "{statement}");
        assert!((2_000_000..32 << 20).contains(&held()), "{statement}: {}", held());
        let shown =
            run(&mut other, "SELECT bytes > 1000000 FROM freshet_catalog.memory WHERE owner = 'result' AND bytes > 0")
                .await;
        assert_eq!(shown, "true\nSELECT 1\n", "{statement}");
        drop(rows);
        assert_eq!(run(&mut session, "SELECT count(*) FROM t").await, "2000\nSELECT 1\n");
    }
    engine.shutdown();
}
