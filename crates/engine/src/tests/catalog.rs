//! CREATE, DROP, SHOW.

use super::check;

#[tokio::test(flavor = "multi_thread")]
async fn names_are_taken_and_freed() {
    check(
        "
        > CREATE TABLE t (a int); CREATE TABLE t (b int)
        CREATE TABLE
        ERROR 42P07: relation \"t\" already exists
        > CREATE TABLE IF NOT EXISTS t (b int)
        NOTICE: relation \"t\" already exists, skipping
        CREATE TABLE
        > CREATE VIEW t AS SELECT 1
        ERROR 42P07: relation \"t\" already exists
        > DROP VIEW t
        ERROR 42809: \"t\" is not a view
        HINT: It is a table: say TABLE instead.
        > DROP TABLE IF EXISTS nothing, t
        NOTICE: table \"nothing\" does not exist, skipping
        DROP TABLE
        > DROP TABLE t
        ERROR 42P01: table \"t\" does not exist
        > CREATE TABLE twice (a int); CREATE TABLE other (a int); DROP TABLE twice, other, twice
        CREATE TABLE
        CREATE TABLE
        DROP TABLE
        > CREATE TABLE other.t (a int)
        ERROR 3F000: schema \"other\" does not exist
        HINT: There is one schema to create things in: public.
        > CREATE TABLE u (a int DEFAULT 'x')
        ERROR 22P02: invalid input syntax for type integer: \"x\"
        > CREATE TABLE u (a int DEFAULT true)
        ERROR 42804: column \"a\" is of type integer but default expression is of type boolean
        HINT: You will need to rewrite or cast the expression.
        ",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dependents_hold_or_go_along() {
    check(
        "
        > CREATE TABLE t (a int); CREATE VIEW v AS SELECT a FROM t; CREATE MATERIALIZED VIEW m AS SELECT a + 1 AS b FROM v
        CREATE TABLE
        CREATE VIEW
        CREATE MATERIALIZED VIEW
        > CREATE SINK k FROM m WITH (connector = 'blackhole')
        CREATE SINK
        > DROP TABLE t
        ERROR 2BP01: cannot drop table t because other objects depend on it
        DETAIL: view v depends on table t
        DETAIL: materialized view m depends on view v
        DETAIL: sink k depends on materialized view m
        HINT: Use DROP ... CASCADE to drop the dependent objects too.
        > DROP TABLE t CASCADE
        NOTICE: drop cascades to 3 other objects
        DETAIL: drop cascades to view v
        DETAIL: drop cascades to materialized view m
        DETAIL: drop cascades to sink k
        DROP TABLE
        > SHOW TABLES; SHOW VIEWS; SHOW MATERIALIZED VIEWS; SHOW SINKS
        SHOW
        SHOW
        SHOW
        SHOW
        ",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shows_what_there_is() {
    check(
        "
        > CREATE TABLE t (id bigint PRIMARY KEY, name varchar(10) DEFAULT 'x', tags text[]); CREATE VIEW v AS SELECT id FROM t
        CREATE TABLE
        CREATE VIEW
        > SHOW TABLES; SHOW VIEWS
        t
        SHOW
        v
        SHOW
        > SHOW COLUMNS FROM t
        id|bigint|no|
        name|character varying(10)|yes|'x'
        tags|text[]|yes|
        SHOW
        > SHOW CREATE VIEW v
        v|CREATE VIEW v AS SELECT id FROM t
        SHOW
        > CREATE OR REPLACE VIEW v AS SELECT id, name FROM t WHERE id > 1
        CREATE VIEW
        > CREATE OR REPLACE VIEW v AS SELECT name FROM t
        ERROR 42P16: cannot change name of view column \"id\" to \"name\"
        > CREATE OR REPLACE MATERIALIZED VIEW v AS SELECT name FROM t
        ERROR 0A000: OR REPLACE of a materialized view is not supported yet
        HINT: Drop it first, with CASCADE if others read it.
        > CREATE MATERIALIZED VIEW w AS SELECT now() AS t
        ERROR 0A000: now() in a materialized view is not supported yet
        > CREATE SINK k FROM t WITH (connector = 'kafka')
        ERROR 0A000: a sink with connector 'kafka' is not supported yet
        HINT: The only connector for sinks is 'blackhole'.
        ",
    )
    .await;
}
