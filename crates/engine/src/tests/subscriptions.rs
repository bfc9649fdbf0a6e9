//! SUBSCRIBE, and cancelling.

use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;

use super::{engine, lines, run, show_error};
use crate::{Config, Engine, Error, Outcome, Owner, Session};

async fn subscribe(session: &mut Session, sql: &str) -> SendableRecordBatchStream {
    let statement = session.parse(sql).expect("it is SQL").pop().expect("it is one statement");
    match session.execute(&statement, &[]).await {
        Ok(Outcome::Subscription { rows, .. }) => rows,
        Ok(other) => panic!("not a subscription: {other:?}"),
        Err(error) => panic!("{}", show_error(&error)),
    }
}

/// The next rows, sorted, without their epochs; at least `count`.
async fn next(rows: &mut SendableRecordBatchStream, count: usize) -> Vec<String> {
    let mut found = Vec::new();
    while found.len() < count {
        let batch = rows.next().await.expect("it goes on").expect("it is well");
        found.extend(lines(&batch).lines().map(|line| line.split_once('|').map_or("", |(_, rest)| rest).to_owned()));
    }
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_follow_the_snapshot() {
    let engine = engine();
    let mut writer = engine.connect("someone", "dev").expect("the database is there");
    let mut reader = engine.connect("someone", "dev").expect("the database is there");
    run(&mut writer, "CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 10), (2, 20)").await;
    run(&mut writer, "CREATE MATERIALIZED VIEW total AS SELECT sum(n) AS n FROM t").await;
    let mut table = subscribe(&mut reader, "SUBSCRIBE t").await;
    assert_eq!(next(&mut table, 2).await, ["1|1|10", "1|2|20"]);
    let mut other = engine.connect("someone", "dev").expect("the database is there");
    let mut view = subscribe(&mut other, "SUBSCRIBE TO total WITH (SNAPSHOT = false)").await;
    let mut third = engine.connect("someone", "dev").expect("the database is there");
    let mut query = subscribe(&mut third, "SUBSCRIBE (SELECT n / 10 AS tens FROM t WHERE n > 15)").await;
    assert_eq!(next(&mut query, 1).await, ["1|2"]);

    run(&mut writer, "UPDATE t SET n = 30 WHERE id = 1").await;
    assert_eq!(next(&mut table, 2).await, ["-1|1|10", "1|1|30"]);
    assert_eq!(next(&mut view, 2).await, ["-1|30", "1|50"]);
    assert_eq!(next(&mut query, 1).await, ["1|3"]);
    run(&mut writer, "DELETE FROM t WHERE id = 2").await;
    assert_eq!(next(&mut table, 1).await, ["-1|2|20"]);
    assert_eq!(next(&mut query, 1).await, ["-1|2"]);

    run(&mut writer, "DROP TABLE t CASCADE").await;
    assert!(table.next().await.is_none(), "what is dropped has no more changes");
    engine.shutdown();
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_says_what_is_complete() {
    let engine = engine();
    let mut writer = engine.connect("someone", "dev").expect("the database is there");
    let mut reader = engine.connect("someone", "dev").expect("the database is there");
    run(&mut writer, "CREATE TABLE t (a int); INSERT INTO t VALUES (1)").await;
    let mut rows = subscribe(&mut reader, "SUBSCRIBE t WITH (PROGRESS)").await;
    assert_eq!(next(&mut rows, 2).await, ["1|false|1", "|true|"]);
    run(&mut writer, "INSERT INTO t VALUES (2)").await;
    let mut seen = Vec::new();
    while !seen.contains(&"1|false|2".to_owned()) {
        seen.extend(next(&mut rows, 1).await);
    }
    assert_eq!(next(&mut rows, 1).await, ["|true|"]);
    engine.shutdown();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_cancelled() {
    let engine = engine();
    let mut session = engine.connect("someone", "dev").expect("the database is there");
    run(&mut session, "CREATE TABLE t (a int)").await;
    let mut rows = subscribe(&mut session, "SUBSCRIBE t").await;
    session.canceller().cancel();
    let error = Error::from(rows.next().await.expect("it says why").expect_err("it is cancelled"));
    assert_eq!(error.code.0, "57014");
    assert!(rows.next().await.is_none());
    // The next statement is not concerned.
    assert_eq!(run(&mut session, "SELECT 1").await, "1\nSELECT 1\n");
    engine.shutdown();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_epoch_of_the_past_is_refused() {
    let engine = engine();
    let mut session = engine.connect("someone", "dev").expect("the database is there");
    run(&mut session, "CREATE TABLE t (a int); INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)").await;
    let shown = run(&mut session, "SUBSCRIBE t AS OF 0").await;
    assert!(shown.starts_with("ERROR 22023: epoch 0 is not held any more"), "{shown}");
    let shown = run(&mut session, "SUBSCRIBE t AS OF 1000000").await;
    assert!(shown.starts_with("ERROR 22023: epoch 1000000 has not come yet"), "{shown}");
    engine.shutdown();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_that_does_not_read_is_ended_alone() {
    let config = Config { workers: 2, memory_bytes: 64 << 20, data_dir: None };
    let engine = Engine::start(config).expect("threads can be had");
    let connect = || engine.connect("someone", "dev").expect("the database is there");
    let (mut writer, mut idle, mut late, mut other) = (connect(), connect(), connect(), connect());
    run(&mut writer, "CREATE TABLE t (id int PRIMARY KEY, s text); INSERT INTO t VALUES (1, '')").await;
    let never_read = subscribe(&mut idle, "SUBSCRIBE (SELECT id, s FROM t)").await;
    let mut not_read = subscribe(&mut late, "SUBSCRIBE t").await;
    assert_eq!(next(&mut not_read, 1).await, ["1|1|"]);
    let mut read = subscribe(&mut other, "SUBSCRIBE t").await;
    assert_eq!(next(&mut read, 1).await, ["1|1|"]);

    let rows_bytes = || {
        let holdings = engine.budget().holdings();
        let of_rows = holdings.iter().filter(|holding| holding.owner == Owner::Rows);
        of_rows.map(|holding| holding.bytes).sum::<usize>()
    };
    let mut most = 0;
    // Each epoch leaves a dead row of 1 MB for those who have not read it; then they are ended, and it goes.
    for letter in std::iter::repeat_n(["a", "b"], 50).flatten() {
        run(&mut writer, &format!("UPDATE t SET s = repeat('{letter}', 1000000)")).await;
        assert_eq!(next(&mut read, 2).await.len(), 2);
        most = most.max(rows_bytes());
    }
    assert!(most < 60 << 20, "{most} bytes were held");
    for mut ended in [never_read, not_read] {
        let error = Error::from(ended.next().await.expect("it says why").expect_err("it is ended"));
        assert_eq!(error.code.0, "53200", "{error}");
        assert!(error.detail.is_some() && error.hint.is_some(), "{error:?}");
        assert!(ended.next().await.is_none());
    }
    // Both sessions go on.
    assert_eq!(run(&mut idle, "SELECT count(*) FROM t").await, "1\nSELECT 1\n");
    assert_eq!(run(&mut late, "SELECT count(*) FROM t").await, "1\nSELECT 1\n");
    engine.shutdown();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_epoch_changed_is_sent_batch_by_batch() {
    let config = Config { workers: 1, memory_bytes: 1 << 30, data_dir: None };
    let engine = Engine::start(config).expect("threads can be had");
    let connect = || engine.connect("someone", "dev").expect("the database is there");
    let (mut writer, mut reader) = (connect(), connect());
    run(&mut writer, "CREATE TABLE t (id int PRIMARY KEY, s text)").await;
    let insert = "INSERT INTO t SELECT n, repeat('x', 1000000) FROM generate_series(1, 40) AS g(n)";
    assert_eq!(run(&mut writer, insert).await, "INSERT 0 40\n");
    let mut rows = subscribe(&mut reader, "SUBSCRIBE t WITH (SNAPSHOT = false)").await;
    assert_eq!(run(&mut writer, "DELETE FROM t").await, "DELETE 40\n");
    let mut count = 0;
    while count < 40 {
        let batch = rows.next().await.expect("it goes on").expect("it is well");
        count += batch.num_rows();
        let holdings = engine.budget().holdings();
        let given = holdings.iter().filter(|holding| holding.owner == Owner::Result && holding.bytes > 0);
        let given = given.map(|holding| holding.bytes).collect::<Vec<_>>();
        assert!(matches!(given.as_slice(), [bytes] if *bytes <= changes::BATCH_BYTES_MAX), "{given:?}");
    }
    engine.shutdown();
}
