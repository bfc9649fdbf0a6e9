//! Statements that are stopped while they wait for their commit.

use std::sync::mpsc::{Receiver, Sender, channel};

use arrow::datatypes::DataType;
use datafusion::catalog::SchemaProvider;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};
use datafusion::sql::sqlparser::ast;
use parking_lot::Mutex;
use state::{CheckpointSink, Value};

use super::*;
use crate::{Extension, SessionInfo};

/// Where the clock, or a worker, stops until it is let go on.
#[derive(Debug)]
struct Gate {
    arrives: Sender<()>,
    leaves: Mutex<Receiver<()>>,
}

impl Gate {
    /// A gate; what is told of each arrival; what lets one go on.
    fn new() -> (Arc<Gate>, Receiver<()>, Sender<()>) {
        let ((arrives, arrived), (leave, leaves)) = (channel(), channel());
        (Arc::new(Gate { arrives, leaves: Mutex::new(leaves) }), arrived, leave)
    }

    fn pass(&self) {
        self.arrives.send(()).expect("the test waits");
        self.leaves.lock().recv().expect("the test lets go");
    }
}

/// Checkpoints come to it before anything is written.
struct HeldCheckpoint(Arc<Gate>);

impl CheckpointSink for HeldCheckpoint {
    fn put(&self, key: Vec<u8>, _value: Value) -> Result<(), state::Error> {
        self.0.pass();
        // One is enough.
        Err(state::Error::Arrow(arrow::error::ArrowError::InvalidArgumentError(format!("no room for {key:?}"))))
    }

    fn delete(&self, _key: Vec<u8>) -> Result<(), state::Error> {
        Ok(())
    }

    fn delete_all(&self, _prefix: &[u8]) -> Result<(), state::Error> {
        Ok(())
    }

    fn commit(&self, _epoch: ::changes::Epoch) -> Result<(), state::Error> {
        Ok(())
    }
}

/// Adds `held(bigint)`, which gives its argument when it is let.
struct Held(Arc<Gate>);

impl Extension for Held {
    fn schemas(&self, _session: &SessionInfo) -> Vec<(String, Arc<dyn SchemaProvider>)> {
        vec![]
    }

    fn functions(&self, _session: &SessionInfo) -> Vec<ScalarUDF> {
        let gate = Arc::clone(&self.0);
        let held = move |arguments: &[ColumnarValue]| {
            gate.pass();
            Ok(arguments[0].clone())
        };
        vec![create_udf("held", vec![DataType::Int64], DataType::Int64, Volatility::Immutable, Arc::new(held))]
    }

    fn rewrite(&self, _query: &mut ast::Statement) {}
}

/// A way to write a row.
type Writes = &'static [&'static str];

const WAYS: [Writes; 3] = [
    &["INSERT INTO t VALUES (1)"],
    &["BEGIN; SET work_mem = '1GB'; INSERT INTO t VALUES (1)", "COMMIT"],
    &["INSERT INTO t VALUES (1); UPDATE t SET a = 2"],
];

/// Runs a way to write on a session of its own; gives that, and what the last text of it says, when it ends.
async fn begin(session: Session, way: Writes) -> tokio::task::JoinHandle<(Session, String)> {
    let mut session = session;
    let committing = session.committing.clone();
    let running = tokio::spawn(async move {
        let mut said = String::new();
        for text in way {
            said = run(&mut session, text).await;
        }
        (session, said)
    });
    while !committing.is_waiting() && !running.is_finished() {
        tokio::task::yield_now().await;
    }
    running
}

async fn connect(engine: &Arc<Engine>) -> Session {
    engine.connect("someone", "dev").expect("the database is there")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_its_commit_is_stopped_with_nothing_written() {
    for way in WAYS {
        for by_timeout in [false, true] {
            let engine = engine();
            let mut session = connect(&engine).await;
            run(&mut session, "CREATE TABLE t (a INT)").await;
            let (gate, arrived, leave) = Gate::new();
            let checkpoint = tokio::spawn({
                let engine = Arc::clone(&engine);
                async move { engine.checkpoint(Arc::new(HeldCheckpoint(gate))).await.is_ok() }
            });
            arrived.recv().expect("the clock is held");
            if by_timeout {
                run(&mut session, "SET statement_timeout = '20ms'").await;
            }
            let canceller = session.canceller();
            let running = begin(session, way).await;
            if !by_timeout {
                canceller.cancel();
            }
            let (mut session, said) = running.await.expect("no panic");
            assert!(said.contains("57014"), "{way:?}: {said}");
            leave.send(()).expect("the clock waits");
            assert!(!checkpoint.await.expect("no panic"));
            assert_eq!(session.transaction(), crate::TransactionStatus::Idle);
            let said = run(&mut session, "SHOW work_mem; RESET statement_timeout; SELECT a FROM t").await;
            assert!(said.contains("4MB") && said.ends_with("SELECT 0\n"), "{way:?}: {said}");
            // The clock goes on with whoever comes next.
            assert!(run(&mut session, "INSERT INTO t VALUES (7)").await.contains("INSERT 0 1"));
            engine.shutdown();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_clock_has_begun_with_is_written_and_said_to_be() {
    for (way, tag) in WAYS.into_iter().zip(["INSERT 0 1", "COMMIT", "UPDATE 1"]) {
        let engine = Engine::start(Config { workers: 1, memory_bytes: 1 << 30, data_dir: None }).expect("threads");
        let (gate, arrived, leave) = Gate::new();
        engine.extend(Arc::new(Held(gate)));
        let mut session = connect(&engine).await;
        run(&mut session, "CREATE TABLE t (a INT)").await;
        run(&mut session, "CREATE MATERIALIZED VIEW v AS SELECT held(a) AS a FROM t").await;
        let canceller = session.canceller();
        let running = begin(session, way).await;
        arrived.recv().expect("a worker computes the view");
        canceller.cancel();
        leave.send(()).expect("the worker waits");
        let (mut session, said) = running.await.expect("no panic");
        assert!(said.contains(tag), "{way:?}: {said}");
        assert!(run(&mut session, "SELECT a FROM v").await.contains("SELECT 1"));
        engine.shutdown();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rows_of_what_has_written_are_not_cancelled() {
    let engine = engine();
    let mut session = connect(&engine).await;
    run(&mut session, "CREATE TABLE t (a INT)").await;
    let insert = session.parse("INSERT INTO t VALUES (1) RETURNING a").expect("it is SQL").remove(0);
    let outcome = session.execute(&insert, &[]).await.expect("a row");
    assert!(session.has_written());
    session.canceller().cancel();
    assert_eq!(show(outcome).await.expect("a row"), "1\nINSERT 0 1\n");
    engine.shutdown();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_waits_for_its_commit_is_stopped() {
    let engine = engine();
    let mut session = connect(&engine).await;
    run(&mut session, "CREATE TABLE t (a INT)").await;
    session.begin_group();
    run(&mut session, "INSERT INTO t VALUES (1)").await;
    let (gate, arrived, leave) = Gate::new();
    let checkpoint = tokio::spawn({
        let engine = Arc::clone(&engine);
        async move { engine.checkpoint(Arc::new(HeldCheckpoint(gate))).await.is_ok() }
    });
    arrived.recv().expect("the clock is held");
    let (canceller, committing) = (session.canceller(), session.committing.clone());
    let running = tokio::spawn(async move {
        let ended = session.end_group().await;
        (session, ended)
    });
    while !committing.is_waiting() {
        tokio::task::yield_now().await;
    }
    canceller.cancel();
    let (mut session, ended) = running.await.expect("no panic");
    assert_eq!(ended.expect_err("it was cancelled").code, crate::SqlState::QUERY_CANCELED);
    leave.send(()).expect("the clock waits");
    checkpoint.await.expect("no panic");
    assert!(run(&mut session, "SELECT a FROM t").await.contains("SELECT 0"));
    engine.shutdown();
}
