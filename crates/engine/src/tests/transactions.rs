//! BEGIN, COMMIT, ROLLBACK, and two sessions at once.

use super::check;

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_sees_its_own_writes() {
    check(
        "
        > CREATE TABLE t (id int PRIMARY KEY, n int); CREATE TABLE log (line text)
        CREATE TABLE
        CREATE TABLE
        > INSERT INTO t VALUES (1, 10), (2, 20)
        INSERT 0 2
        > BEGIN
        BEGIN
        > UPDATE t SET n = n + 1 WHERE id = 1
        UPDATE 1
        > INSERT INTO t VALUES (3, 30)
        INSERT 0 1
        > INSERT INTO log VALUES ('x'), ('x')
        INSERT 0 2
        > DELETE FROM t WHERE id = 2
        DELETE 1
        > UPDATE t SET n = n * 2 WHERE id IN (1, 3)
        UPDATE 2
        > SELECT * FROM t ORDER BY id
        1|22
        3|60
        SELECT 2
        > SELECT * FROM t WHERE id = 3
        3|60
        SELECT 1
        b> SELECT * FROM t ORDER BY id
        1|10
        2|20
        SELECT 2
        b> SELECT count(*) FROM log
        0
        SELECT 1
        > INSERT INTO t VALUES (2, 1) ON CONFLICT (id) DO UPDATE SET n = -1
        INSERT 0 1
        > INSERT INTO t VALUES (3, 1) ON CONFLICT (id) DO UPDATE SET n = -1
        INSERT 0 1
        > COMMIT
        COMMIT
        b> SELECT * FROM t ORDER BY id
        1|22
        2|1
        3|-1
        SELECT 3
        b> SELECT * FROM log
        x
        x
        SELECT 2
        > BEGIN; DELETE FROM t; SELECT count(*) FROM t; ROLLBACK; SELECT count(*) FROM t
        BEGIN
        DELETE 3
        0
        SELECT 1
        ROLLBACK
        3
        SELECT 1
        ",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_of_a_transaction_see_one_epoch() {
    check(
        "
        > CREATE TABLE t (a int); CREATE MATERIALIZED VIEW s AS SELECT sum(a) AS total FROM t
        CREATE TABLE
        CREATE MATERIALIZED VIEW
        > BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; SELECT count(*) FROM t
        BEGIN
        0
        SELECT 1
        b> INSERT INTO t VALUES (1), (2)
        INSERT 0 2
        > SELECT count(*) FROM t; SELECT coalesce(total, 0) FROM s
        0
        SELECT 1
        0
        SELECT 1
        > INSERT INTO t VALUES (3)
        ERROR 25006: cannot execute INSERT in a read-only transaction
        > SELECT 1
        ERROR 25P02: current transaction is aborted, commands ignored until end of transaction block
        > COMMIT
        ROLLBACK
        > SELECT count(*) FROM t; SELECT coalesce(total, 0) FROM s
        2
        SELECT 1
        3
        SELECT 1
        ",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_writer_of_a_row_fails() {
    check(
        "
        > CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 0)
        CREATE TABLE
        INSERT 0 1
        > BEGIN; UPDATE t SET n = n + 1
        BEGIN
        UPDATE 1
        b> UPDATE t SET n = n + 10
        UPDATE 1
        > COMMIT
        ERROR 40001: could not serialize access due to concurrent update
        HINT: The transaction might succeed if retried.
        > SELECT * FROM t
        1|10
        SELECT 1
        > BEGIN; INSERT INTO t VALUES (2, 0)
        BEGIN
        INSERT 0 1
        b> INSERT INTO t VALUES (2, 1)
        INSERT 0 1
        > COMMIT
        ERROR 23505: duplicate key value violates unique constraint \"t_pkey\"
        DETAIL: Key (id)=(2) already exists.
        > BEGIN; DELETE FROM t WHERE id = 2; INSERT INTO t VALUES (2, 7)
        BEGIN
        DELETE 1
        INSERT 0 1
        b> UPDATE t SET n = 5 WHERE id = 2
        UPDATE 1
        > COMMIT
        ERROR 40001: could not serialize access due to concurrent update
        HINT: The transaction might succeed if retried.
        ",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_statement_of_a_read_committed_transaction_sees_what_is_there() {
    check(
        "
        > CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 1)
        CREATE TABLE
        INSERT 0 1
        > SHOW transaction_isolation; BEGIN; SELECT * FROM t
        read committed
        SHOW
        BEGIN
        1|1
        SELECT 1
        b> INSERT INTO t VALUES (2, 2); UPDATE t SET n = 10 WHERE id = 1
        INSERT 0 1
        UPDATE 1
        > SELECT * FROM t ORDER BY id
        1|10
        2|2
        SELECT 2
        > UPDATE t SET n = n + 1 WHERE id = 1
        UPDATE 1
        b> INSERT INTO t VALUES (3, 3)
        INSERT 0 1
        > SELECT * FROM t ORDER BY id; COMMIT
        1|11
        2|2
        3|3
        SELECT 3
        COMMIT
        > SET default_transaction_isolation = 'repeatable read'; BEGIN; SHOW transaction_isolation; SELECT count(*) FROM t
        SET
        BEGIN
        repeatable read
        SHOW
        3
        SELECT 1
        b> DELETE FROM t
        DELETE 3
        > SELECT count(*) FROM t
        3
        SELECT 1
        > SET TRANSACTION ISOLATION LEVEL READ COMMITTED
        ERROR 25001: SET TRANSACTION ISOLATION LEVEL must be called before any query
        > ROLLBACK; BEGIN; SET TRANSACTION ISOLATION LEVEL READ COMMITTED; SELECT count(*) FROM t
        ROLLBACK
        BEGIN
        SET
        0
        SELECT 1
        b> INSERT INTO t VALUES (4, 4)
        INSERT 0 1
        > SELECT count(*) FROM t; COMMIT
        1
        SELECT 1
        COMMIT
        ",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn savepoints() {
    check(
        "
        > CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 1), (2, 2); CREATE TABLE log (line text)
        CREATE TABLE
        INSERT 0 2
        CREATE TABLE
        > BEGIN; INSERT INTO t VALUES (3, 3); SAVEPOINT a; UPDATE t SET n = 0; INSERT INTO log VALUES ('x'); SAVEPOINT b; DELETE FROM t WHERE id = 3
        BEGIN
        INSERT 0 1
        SAVEPOINT
        UPDATE 3
        INSERT 0 1
        SAVEPOINT
        DELETE 1
        > INSERT INTO t VALUES (1, 9)
        ERROR 23505: duplicate key value violates unique constraint \"t_pkey\"
        DETAIL: Key (id)=(1) already exists.
        > SAVEPOINT c
        ERROR 25P02: current transaction is aborted, commands ignored until end of transaction block
        > ROLLBACK TO b; SELECT * FROM t ORDER BY id
        ROLLBACK
        1|0
        2|0
        3|0
        SELECT 3
        > ROLLBACK TO a; SELECT * FROM t ORDER BY id; SELECT count(*) FROM log; SELECT n FROM t WHERE id = 3
        ROLLBACK
        1|1
        2|2
        3|3
        SELECT 3
        0
        SELECT 1
        3
        SELECT 1
        > ROLLBACK TO b
        ERROR 3B001: savepoint \"b\" does not exist
        > ROLLBACK TO SAVEPOINT a; SET application_name = 'within'; INSERT INTO log VALUES ('y'); SAVEPOINT a; INSERT INTO log VALUES ('z'); ROLLBACK TO a; RELEASE a
        ROLLBACK
        SET
        INSERT 0 1
        SAVEPOINT
        INSERT 0 1
        ROLLBACK
        RELEASE
        > RELEASE SAVEPOINT a; COMMIT; SELECT * FROM log; SELECT count(*) FROM t; SHOW application_name
        RELEASE
        COMMIT
        y
        SELECT 1
        3
        SELECT 1
        within
        SHOW
        > RELEASE a
        ERROR 25P01: RELEASE SAVEPOINT can only be used in transaction blocks
        > BEGIN; SAVEPOINT a; SET application_name = 'gone'; ROLLBACK TO a; SHOW application_name; ROLLBACK
        BEGIN
        SAVEPOINT
        SET
        ROLLBACK
        within
        SHOW
        ROLLBACK
        ",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_without_a_key_are_counted_in_a_transaction() {
    check(
        "
        > CREATE TABLE t (a text); INSERT INTO t VALUES ('x'), ('x'), ('y')
        CREATE TABLE
        INSERT 0 3
        > BEGIN; INSERT INTO t VALUES ('x'); SELECT count(*) FROM t WHERE a = 'x'; DELETE FROM t WHERE a = 'y'; INSERT INTO t VALUES ('y'), ('y')
        BEGIN
        INSERT 0 1
        3
        SELECT 1
        DELETE 1
        INSERT 0 2
        > UPDATE t SET a = 'z' WHERE a = 'x'; SELECT a, count(*) FROM t GROUP BY a ORDER BY a; COMMIT; SELECT a, count(*) FROM t GROUP BY a ORDER BY a
        UPDATE 3
        y|2
        z|3
        SELECT 2
        COMMIT
        y|2
        z|3
        SELECT 2
        ",
    )
    .await;
}

/// A transaction that waits for its client keeps nobody's garbage: each of its statements sees the
/// epoch of its start, and no reader is left in between.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_committed_transaction_holds_no_epoch_between_statements() {
    let engine = super::engine();
    let mut session = engine.connect("someone", "dev").expect("the database is there");
    super::run(&mut session, "CREATE TABLE t (a int); BEGIN; INSERT INTO t VALUES (1); SELECT * FROM t").await;
    assert_eq!(session.transaction_epoch(), None);
    super::run(&mut session, "COMMIT; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT * FROM t").await;
    assert!(session.transaction_epoch().is_some());
    engine.shutdown();
}

#[tokio::test(flavor = "multi_thread")]
async fn transaction_blocks() {
    check(
        "
        > COMMIT
        WARNING: there is no transaction in progress
        COMMIT
        > BEGIN; BEGIN
        BEGIN
        WARNING: there is already a transaction in progress
        BEGIN
        > CREATE TABLE early (a int)
        WARNING: CREATE TABLE takes effect at once and is not undone by ROLLBACK
        CREATE TABLE
        > INSERT INTO early VALUES (1)
        INSERT 0 1
        > CREATE TABLE t (a int)
        ERROR 25001: CREATE TABLE cannot run inside a transaction block
        HINT: It takes effect at once and cannot be rolled back. Run it first, or after COMMIT.
        > ROLLBACK
        ROLLBACK
        > SELECT * FROM early
        SELECT 0
        > SAVEPOINT s
        ERROR 25P01: SAVEPOINT can only be used in transaction blocks
        > SET application_name = 'before'
        SET
        > BEGIN; SET application_name = 'within'; ROLLBACK; SHOW application_name
        BEGIN
        SET
        ROLLBACK
        before
        SHOW
        > BEGIN; SET LOCAL application_name = 'within'; SHOW application_name; COMMIT; SHOW application_name
        BEGIN
        SET
        within
        SHOW
        COMMIT
        before
        SHOW
        ",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_statements_are_one_transaction() {
    check(
        "
        > CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)
        CREATE TABLE
        INSERT 0 1
        INSERT 0 1
        > INSERT INTO t VALUES (3); INSERT INTO t VALUES (1); INSERT INTO t VALUES (4)
        INSERT 0 1
        ERROR 23505: duplicate key value violates unique constraint \"t_pkey\"
        DETAIL: Key (id)=(1) already exists.
        > INSERT INTO t VALUES (3); SELECT 1 / 0
        INSERT 0 1
        ERROR 22012: division by zero
        > SELECT count(*) FROM t
        2
        SELECT 1
        > INSERT INTO t VALUES (5); BEGIN; INSERT INTO t VALUES (6); ROLLBACK; INSERT INTO t VALUES (7)
        INSERT 0 1
        BEGIN
        INSERT 0 1
        ROLLBACK
        INSERT 0 1
        > SELECT * FROM t ORDER BY id
        1
        2
        7
        SELECT 3
        > INSERT INTO t VALUES (8); CREATE VIEW v AS SELECT * FROM t; INSERT INTO t VALUES (8)
        INSERT 0 1
        CREATE VIEW
        ERROR 23505: duplicate key value violates unique constraint \"t_pkey\"
        DETAIL: Key (id)=(8) already exists.
        > SELECT count(*) FROM v; DELETE FROM t WHERE id = 8; SELECT count(*) FROM v
        4
        SELECT 1
        DELETE 1
        3
        SELECT 1
        > INSERT INTO t VALUES (20); CREATE TABLE t (a int)
        INSERT 0 1
        ERROR 42P07: relation \"t\" already exists
        > INSERT INTO t VALUES (20); CREATE TABLE IF NOT EXISTS t (a int); SELECT 1 / 0
        INSERT 0 1
        NOTICE: relation \"t\" already exists, skipping
        CREATE TABLE
        ERROR 22012: division by zero
        > INSERT INTO t VALUES (20); DROP TABLE nosuch
        INSERT 0 1
        ERROR 42P01: table \"nosuch\" does not exist
        > SELECT count(*) FROM t WHERE id = 20
        0
        SELECT 1
        > INSERT INTO t VALUES (9); COMMIT; SELECT count(*) FROM t
        INSERT 0 1
        WARNING: there is no transaction in progress
        COMMIT
        4
        SELECT 1
        ",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn single_statements_do_not_lose_updates() {
    let engine = super::engine();
    let mut session = engine.connect("someone", "dev").expect("the database is there");
    super::run(&mut session, "CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 0)").await;
    let count = |engine: std::sync::Arc<crate::Engine>| async move {
        let mut session = engine.connect("someone", "dev").expect("the database is there");
        for _ in 0..10 {
            assert_eq!(super::run(&mut session, "UPDATE t SET n = n + 1").await, "UPDATE 1\n");
        }
    };
    let counting: Vec<_> = (0..4).map(|_| tokio::spawn(count(std::sync::Arc::clone(&engine)))).collect();
    for one in counting {
        one.await.expect("it counts");
    }
    assert_eq!(super::run(&mut session, "SELECT n FROM t").await, "40\nSELECT 1\n");
    engine.shutdown();
}
