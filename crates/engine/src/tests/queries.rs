//! SELECT, views, EXPLAIN, settings, and errors with their places.

use super::check;

#[tokio::test(flavor = "multi_thread")]
async fn views_are_read_through() {
    check(
        "
        > CREATE TABLE t (id int PRIMARY KEY, word text); INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'a')
        CREATE TABLE
        INSERT 0 3
        > CREATE VIEW words (w, n) AS SELECT word, count(*) FROM t GROUP BY word
        CREATE VIEW
        > CREATE VIEW often AS SELECT w FROM words WHERE n > 1
        CREATE VIEW
        > CREATE MATERIALIZED VIEW kept AS SELECT o.w, t.id FROM often o JOIN t ON t.word = o.w
        CREATE MATERIALIZED VIEW
        > SELECT * FROM words ORDER BY w; SELECT * FROM often; SELECT * FROM kept ORDER BY id
        a|2
        b|1
        SELECT 2
        a
        SELECT 1
        a|1
        a|3
        SELECT 2
        > INSERT INTO t VALUES (4, 'b')
        INSERT 0 1
        > SELECT * FROM kept ORDER BY id
        a|1
        b|2
        a|3
        b|4
        SELECT 4
        > WITH x AS (SELECT id FROM t WHERE id = 2) SELECT x.id, (SELECT max(n) FROM words) FROM x
        2|2
        SELECT 1
        > SELECT count(*), count(*) FROM public.t
        4|4
        SELECT 1
        ",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_know_their_place() {
    check(
        "
        > CREATE TABLE orders (id int, quantity int)
        CREATE TABLE
        > SELECT quantty FROM orders
        ERROR 42703: column \"quantty\" does not exist
        HINT: Perhaps you meant to reference the column \"orders.quantity\".
        POSITION: 8
        > SELECT * FROM oders
        ERROR 42P01: relation \"oders\" does not exist
        HINT: Perhaps you meant the relation \"orders\".
        POSITION: 15
        > SELECT 1;   SELECT * FROM nowhere.orders
        1
        SELECT 1
        ERROR 42P01: relation \"nowhere.orders\" does not exist
        POSITION: 27
        > SELECT 1/0
        ERROR 22012: division by zero
        > SELECT quantity / (id - id) FROM orders
        SELECT 0
        > SELECT 'x'::int
        ERROR 22P02: invalid input syntax for type integer: \"x\"
        > SELECT 2147483647 + id FROM (VALUES (1::int)) AS v(id)
        ERROR 22003: integer out of range
        > SELECT nofunction(1)
        ERROR 42883: function nofunction does not exist
        POSITION: 8
        > SELECT * FROM nofunction(1)
        ERROR 42883: function nofunction does not exist
        POSITION: 15
        > SELECT id, sum(quantity) FROM orders
        ERROR 42803: column \"orders.id\" must appear in the GROUP BY clause or be used in an aggregate function
        POSITION: 8
        > SELECT id FROM orders a, orders b
        ERROR 42702: column reference \"id\" is ambiguous
        POSITION: 8
        > SELECT a.id FROM orders b
        ERROR 42P01: missing FROM-clause entry for table \"a\"
        POSITION: 8
        > SELEC 1
        ERROR 42601: syntax error at or near \"SELEC\"
        DETAIL: Expected a statement.
        POSITION: 1
        > SELECT true + 1
        ERROR 42883: operator does not exist: boolean + bigint
        HINT: No operator matches the given name and argument types. You might need to add explicit type casts.
        ",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings() {
    check(
        "
        > SHOW server_version; SHOW TimeZone; SHOW transaction_isolation
        15.0
        SHOW
        UTC
        SHOW
        read committed
        SHOW
        > SET TIME ZONE 'Europe/Berlin'; SHOW timezone
        WARNING: time zone \"Europe/Berlin\" is used to write timestamps with time zone, and not to read them
        DETAIL: A text without an offset, casts between timestamp and timestamptz, extract, date_trunc, to_char and current_date mean UTC.
        SET
        Europe/Berlin
        SHOW
        > SET statment_timeout = 5
        ERROR 42704: unrecognized configuration parameter \"statment_timeout\"
        HINT: Perhaps you meant \"statement_timeout\".
        > RESET ALL; SHOW timezone
        RESET
        UTC
        SHOW
        > SET application_name = 'x'; DEALLOCATE ALL; DISCARD PLANS; SHOW application_name; DISCARD ALL; SHOW application_name
        SET
        DEALLOCATE ALL
        DISCARD PLANS
        x
        SHOW
        DISCARD ALL
        SHOW
        > SHOW nothing_of_the_kind
        ERROR 42704: unrecognized configuration parameter \"nothing_of_the_kind\"
        ",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_are_explained() {
    check(
        "
        > CREATE TABLE t (a int, b int)
        CREATE TABLE
        > EXPLAIN SELECT a, b FROM t WHERE a > 1
        Filter: a > 1
        -> Get t [a, b]
        EXPLAIN
        > EXPLAIN CREATE MATERIALIZED VIEW v AS SELECT a FROM t ORDER BY a LIMIT 1
        ERROR 0A000: LIMIT in a materialized view is not supported yet
        > EXPLAIN SELECT a FROM t LIMIT 1
        Batch plan, since LIMIT in a materialized view is not supported yet:
        CoalescePartitionsExec: fetch=1
        LocalLimitExec: fetch=1
        RelationScan: t [a]
        EXPLAIN
        ",
    )
    .await;
}
