//! What a checkpoint writes, and what becomes of one that cannot be written.

use std::sync::Arc;

use changes::Epoch;
use parking_lot::Mutex;
use state::Value;

use super::{engine, run};
use crate::{CheckpointSink, Config, Engine, Saved};

/// Keeps what it is given, counts it, and fails when it has been given so much.
struct Counting {
    saved: Arc<Saved>,
    fails_at: usize,
    given: Mutex<Given>,
}

#[derive(Default)]
struct Given {
    keys: Vec<Vec<u8>>,
    bytes: usize,
    committed: Vec<Epoch>,
}

impl Counting {
    fn new(fails_at: usize) -> Arc<Counting> {
        Arc::new(Counting { saved: Arc::default(), fails_at, given: Mutex::default() })
    }

    fn take(&self) -> Given {
        std::mem::take(&mut self.given.lock())
    }

    fn note(&self, key: &[u8], bytes: usize) -> Result<(), state::Error> {
        let mut given = self.given.lock();
        if given.keys.len() == self.fails_at {
            return Err(state::Error::Damaged("the disk is full".to_owned()));
        }
        given.keys.push(key.to_vec());
        given.bytes += key.len() + bytes;
        Ok(())
    }
}

impl CheckpointSink for Counting {
    fn put(&self, key: Vec<u8>, value: Value) -> Result<(), state::Error> {
        let bytes = match &value {
            Value::Bytes(bytes) => bytes.len(),
            Value::Rows(rows) => changes::bytes_of(rows.columns(), 0..rows.num_rows()),
        };
        self.note(&key, bytes)?;
        self.saved.put(key, value)
    }

    fn delete(&self, key: Vec<u8>) -> Result<(), state::Error> {
        self.note(&key, 0)?;
        self.saved.delete(key)
    }

    fn delete_all(&self, prefix: &[u8]) -> Result<(), state::Error> {
        self.note(prefix, 0)?;
        self.saved.delete_all(prefix)
    }

    fn commit(&self, epoch: Epoch) -> Result<(), state::Error> {
        self.note(b"commit", 0)?;
        self.given.lock().committed.push(epoch);
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_writes_what_changed_since_the_last() {
    let engine = engine();
    let mut session = engine.connect("someone", "dev").expect("the database is there");
    run(&mut session, "CREATE TABLE t (id int PRIMARY KEY, n int); CREATE TABLE other (a int)").await;
    for view in 0..20 {
        run(&mut session, &format!("CREATE MATERIALIZED VIEW v{view} AS SELECT n FROM t WHERE id < {view}")).await;
    }
    run(&mut session, "INSERT INTO t SELECT n, n FROM generate_series(1, 100000) AS g(n)").await;
    let sink = Counting::new(usize::MAX);
    let first = engine.checkpoint(Arc::clone(&sink) as _).await.expect("it is written");
    let all = sink.take();
    assert_eq!(all.committed, [first]);

    // The epoch, its time, the number of workers, and that it is done.
    engine.checkpoint(Arc::clone(&sink) as _).await.expect("it is written");
    assert_eq!(sink.take().keys.len(), 4);
    run(&mut session, "DELETE FROM t WHERE id = 50000").await;
    engine.checkpoint(Arc::clone(&sink) as _).await.expect("it is written");
    let one_row = sink.take();
    assert_eq!(one_row.keys.len(), 5, "{:?}", one_row.keys);
    assert!(one_row.bytes < all.bytes / 50, "{} bytes, of {}", one_row.bytes, all.bytes);

    run(&mut session, "DROP TABLE other; CREATE VIEW plain AS SELECT * FROM t; DROP MATERIALIZED VIEW v3").await;
    engine.checkpoint(Arc::clone(&sink) as _).await.expect("it is written");
    let of_catalog = sink.take().keys.iter().filter(|key| key.starts_with(b"x")).count();
    assert_eq!(of_catalog, 2 * 3 + 2, "statement and columns of three things, their order and the next number");
    engine.shutdown();

    let config = Config { workers: 2, memory_bytes: 1 << 30, data_dir: None };
    let engine = Engine::restore(config, Arc::clone(&sink.saved) as _).await.expect("it can be read");
    let mut session = engine.connect("someone", "dev").expect("the database is there");
    let shown = run(&mut session, "SELECT count(*) FROM plain; SELECT count(*) FROM v7; SELECT * FROM v3").await;
    assert!(shown.starts_with("99999\nSELECT 1\n6\nSELECT 1\nERROR 42P01"), "{shown}");
    engine.shutdown();
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_checkpoint_that_failed_there_is_none_before_a_restart() {
    // A first time, to see how much there is to write; then it fails at the first key, in the midst and at the end.
    let mut total = None;
    for part in [None, Some(0), Some(1), Some(2)] {
        let engine = engine();
        let mut session = engine.connect("someone", "dev").expect("the database is there");
        run(&mut session, "CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2)").await;
        run(&mut session, "CREATE MATERIALIZED VIEW v AS SELECT a FROM t").await;
        let fails_at = total.zip(part).map(|(total, part): (usize, usize)| (total - 1) * part / 2);
        let failing = Counting::new(fails_at.unwrap_or(usize::MAX));
        if part.is_none() {
            engine.checkpoint(Arc::clone(&failing) as _).await.expect("it is written");
            total = Some(failing.take().keys.len());
            engine.shutdown();
            continue;
        }
        engine.checkpoint(Arc::clone(&failing) as _).await.expect_err("it fails");
        assert!(failing.take().committed.is_empty());
        // What the first one took is not in a second: it would be one without rows.
        let good = Counting::new(usize::MAX);
        let refused = engine.checkpoint(Arc::clone(&good) as _).await.expect_err("it is refused");
        assert_eq!(refused.code.0, "58030", "{refused}");
        assert!(good.take().keys.is_empty());
        // All else goes on.
        run(&mut session, "INSERT INTO t VALUES (3)").await;
        assert_eq!(run(&mut session, "SELECT count(*) FROM v").await, "3\nSELECT 1\n");
        engine.shutdown();
    }
}
