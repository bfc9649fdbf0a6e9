//! Views that are being built: what others see of them, and how they end early.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arrow::array::Int64Array;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use connectors::{Pace, Position, Read, Source, SourceReader};
use plan::{Properties, RelationId};
use sql::ObjectKind;

use super::*;
use crate::catalog::{Entry, Object};

/// One row; to read it again takes until the gate is opened.
#[derive(Debug)]
struct Gated(Arc<AtomicBool>);

struct GatedReader {
    is_replay: bool,
    has_ended: bool,
    gate: Arc<AtomicBool>,
}

fn columns() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]))
}

impl Source for Gated {
    fn schema(&self) -> SchemaRef {
        columns()
    }

    fn is_finite(&self) -> bool {
        true
    }

    fn open(
        &self,
        _from: Option<&Position>,
        until: Option<&Position>,
        _pace: Pace,
    ) -> Result<Box<dyn SourceReader>, connectors::Error> {
        Ok(Box::new(GatedReader { is_replay: until.is_some(), has_ended: false, gate: Arc::clone(&self.0) }))
    }
}

impl SourceReader for GatedReader {
    fn read(&mut self, _rows_max: usize) -> Result<Read, connectors::Error> {
        if self.is_replay && !self.gate.load(Ordering::Relaxed) {
            return Ok(Read::Idle(Duration::from_micros(100)));
        }
        if std::mem::replace(&mut self.has_ended, true) {
            return Ok(Read::End);
        }
        let rows = RecordBatch::try_new(columns(), vec![Arc::new(Int64Array::from(vec![7]))]).expect("one column");
        Ok(Read::Rows { rows, errors: vec![], position: Position("1".to_owned()), ends_epoch: false })
    }
}

/// An engine with a source `s` that a view has read; a view over it can be built when the gate is opened.
async fn gated() -> (Arc<Engine>, Arc<AtomicBool>) {
    let (engine, gate) = (engine(), Arc::new(AtomicBool::new(false)));
    let source: Arc<dyn Source> = Arc::new(Gated(Arc::clone(&gate)));
    let oid = engine.catalog().new_oid();
    let relation = engine.runtime().create_source(RelationId(oid), "s", Arc::clone(&source)).await.expect("a source");
    engine.catalog().change().await.put(Entry {
        relation: Some(relation),
        source: Some(source),
        properties: Properties { append_only: true, unique: None },
        ..Entry::new(Object::new(oid, ObjectKind::Source, "s", columns(), ""), "")
    });
    let mut session = connect(&engine);
    run(&mut session, "CREATE MATERIALIZED VIEW seen AS SELECT n FROM s").await;
    run(&mut session, "FLUSH").await;
    (engine, gate)
}

fn connect(engine: &Arc<Engine>) -> Session {
    engine.connect("someone", "dev").expect("the database is there")
}

/// Runs a statement that builds on a session of its own, and returns when the build has begun.
async fn begin(engine: &Arc<Engine>, sql: &'static str) -> (crate::Canceller, tokio::task::JoinHandle<String>) {
    let mut session = connect(engine);
    let canceller = session.canceller();
    let builds = tokio::spawn(async move { run(&mut session, sql).await });
    while engine.runtime().builds().is_empty() {
        tokio::task::yield_now().await;
    }
    (canceller, builds)
}

const LATE: &str = "CREATE MATERIALIZED VIEW late AS SELECT n FROM s";

#[tokio::test(flavor = "multi_thread")]
async fn others_go_on_while_a_view_is_built() {
    let (engine, gate) = gated().await;
    let (_, building) = begin(&engine, LATE).await;
    let mut session = connect(&engine);
    let said = run(&mut session, "SELECT * FROM late").await;
    assert!(said.contains("55000") && said.contains("still being created"), "{said}");
    let said =
        run(&mut session, "SUBSCRIBE TO late").await + &run(&mut session, "SUBSCRIBE (SELECT * FROM late)").await;
    assert!(!said.contains("a subscription"), "{said}");
    assert!(run(&mut session, "CREATE TABLE late (a INT)").await.contains("42P07"));
    assert!(run(&mut session, "DROP SOURCE s").await.contains("2BP01"));
    // The catalog is free for all else.
    run(&mut session, "CREATE TABLE t (a INT)").await;
    run(&mut session, "CREATE MATERIALIZED VIEW v AS SELECT a FROM t").await;
    run(&mut session, "INSERT INTO t VALUES (1)").await;
    assert!(run(&mut session, "SELECT a FROM v").await.contains('1'));
    let said =
        run(&mut session, "SELECT name, statement, rows_done, rows_known FROM freshet_catalog.ddl_progress").await;
    assert!(said.contains("late") && said.contains(LATE), "{said}");
    gate.store(true, Ordering::Relaxed);
    assert!(building.await.expect("no panic").contains("CREATE MATERIALIZED VIEW"));
    assert!(run(&mut session, "SELECT n FROM late").await.contains('7'));
    engine.shutdown();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_is_cancelled_or_dropped_leaves_nothing() {
    let (engine, _gate) = gated().await;
    let mut session = connect(&engine);
    let (canceller, building) = begin(&engine, LATE).await;
    canceller.cancel();
    assert!(building.await.expect("no panic").contains("57014"));
    assert!(engine.catalog().snapshot().find_public("late").is_none());
    // The clock has heard of it before it hears of this.
    run(&mut session, "FLUSH").await;
    assert!(engine.runtime().builds().is_empty());

    let (_, building) = begin(&engine, "CREATE SINK late FROM s WITH (connector = 'blackhole')").await;
    run(&mut session, "DROP SINK late").await;
    assert!(building.await.expect("no panic").contains("57014"));
    run(&mut session, "FLUSH").await;
    assert!(engine.runtime().builds().is_empty());
    assert!(run(&mut session, "CREATE TABLE late (a INT)").await.contains("CREATE TABLE"));
    engine.shutdown();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_is_built_in_the_background() {
    let (engine, gate) = gated().await;
    let mut session = connect(&engine);
    run(&mut session, "SET background_ddl = true").await;
    assert!(run(&mut session, LATE).await.contains("CREATE MATERIALIZED VIEW"));
    assert!(run(&mut session, "SELECT n FROM late").await.contains("55000"));
    gate.store(true, Ordering::Relaxed);
    while run(&mut session, "SELECT n FROM late").await.contains("55000") {
        tokio::task::yield_now().await;
    }
    assert!(run(&mut session, "SELECT n FROM late").await.contains('7'));
    engine.shutdown();
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_shown_by_owner() {
    let engine = engine();
    let mut session = connect(&engine);
    run(&mut session, "CREATE TABLE t (a INT); CREATE MATERIALIZED VIEW v AS SELECT a, count(*) FROM t GROUP BY a")
        .await;
    run(&mut session, "INSERT INTO t SELECT n FROM generate_series(1, 1000) AS g(n)").await;
    let sql = "SELECT owner, name FROM freshet_catalog.memory WHERE owner IN ('rows', 'beyond') ORDER BY 2";
    let said = run(&mut session, sql).await;
    let names = ["t", "v", "beyond"];
    assert!(names.iter().all(|name| said.contains(name)), "{said}");
    engine.shutdown();
}
