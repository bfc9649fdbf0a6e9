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
        > BEGIN READ ONLY; SELECT count(*) FROM t
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
        ERROR 40001: could not serialize access due to concurrent update
        HINT: The transaction might succeed if retried.
        ",
    )
    .await;
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
        ERROR 0A000: SAVEPOINT is not supported yet
        POSITION: 1
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
