//! INSERT, UPDATE, DELETE.

use super::check;

#[tokio::test(flavor = "multi_thread")]
async fn inserts_defaults_and_casts() {
    check(
        "
        > CREATE TABLE t (id bigint PRIMARY KEY, name varchar(5) DEFAULT 'none', price numeric(6,2), day date)
        CREATE TABLE
        > INSERT INTO t VALUES (1, 'one', 1.005, '2024-02-29'), (2, DEFAULT, 3, NULL)
        INSERT 0 2
        > INSERT INTO t (id) VALUES (3) RETURNING *
        3|none||
        INSERT 0 1
        > INSERT INTO t (price, id) SELECT 10 * x, x FROM (VALUES (4), (5)) AS v(x) RETURNING id + 100 AS more, price
        104|40.00
        105|50.00
        INSERT 0 2
        > SELECT * FROM t ORDER BY id
        1|one|1.01|2024-02-29
        2|none|3.00|
        3|none||
        4|none|40.00|
        5|none|50.00|
        SELECT 5
        > INSERT INTO t VALUES (6, 'much too long')
        ERROR 22001: value too long for type character varying(5)
        > INSERT INTO t VALUES (6, 'six', 123456)
        ERROR 22003: numeric field overflow
        DETAIL: A field with precision 6, scale 2 must round to an absolute value less than 10^4.
        > INSERT INTO t VALUES (NULL, 'x')
        ERROR 23502: null value in column \"id\" of relation \"t\" violates not-null constraint
        DETAIL: Failing row contains (null, x, null, null).
        > INSERT INTO t VALUES ('x')
        ERROR 22P02: invalid input syntax for type bigint: \"x\"
        > INSERT INTO t (id, nme) VALUES (1, 'x')
        ERROR 42703: column \"nme\" of relation \"t\" does not exist
        HINT: Perhaps you meant to reference the column \"name\".
        POSITION: 20
        > INSERT INTO t (id) VALUES (1, 2)
        ERROR 42601: INSERT has more expressions than target columns
        POSITION: 31
        > INSERT INTO t (id, name) VALUES (1)
        ERROR 42601: INSERT has more target columns than expressions
        POSITION: 20
        > INSERT INTO t (id) SELECT name FROM t
        ERROR 42804: column \"id\" is of type bigint but expression is of type character varying(5)
        HINT: You will need to rewrite or cast the expression.
        > INSERT INTO t (id, day) VALUES (7, 'not a day')
        ERROR 22007: invalid input syntax for type date: \"not a day\"
        > INSERT INTO t DEFAULT VALUES
        ERROR 23502: null value in column \"id\" of relation \"t\" violates not-null constraint
        DETAIL: Failing row contains (null, none, null, null).
        ",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_value_is_cast_by_itself() {
    check(
        "
        > CREATE TABLE t (a text, n int DEFAULT 40 + 2, u uuid, j jsonb, at timestamptz)
        CREATE TABLE
        > INSERT INTO t VALUES (1, '2'), ('x', DEFAULT), (upper('y'), 1 + 1), (true, 2.5)
        INSERT 0 4
        > INSERT INTO t (u, j) VALUES ('A0EEBC99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid, '{\"b\": 1}'), ('a0eebc999c0b4ef8bb6d6bb9bd380a12', '[]'::jsonb)
        INSERT 0 2
        > INSERT INTO t (at, n) VALUES ('2024-01-01', (SELECT max(n) FROM t)), (DATE '2024-02-03', -1)
        INSERT 0 2
        > SELECT a, n FROM t WHERE a IS NOT NULL ORDER BY a
        1|2
        Y|2
        true|3
        x|42
        SELECT 4
        > SELECT u, j FROM t WHERE u IS NOT NULL ORDER BY u
        a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11|{\"b\": 1}
        a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12|[]
        SELECT 2
        > SELECT at, n FROM t WHERE at IS NOT NULL ORDER BY at
        2024-01-01T00:00:00Z|42
        2024-02-03T00:00:00Z|-1
        SELECT 2
        > CREATE TABLE f (x double precision); INSERT INTO f VALUES (1e300), (0.1), (-0.00001), (NULL), (7)
        CREATE TABLE
        INSERT 0 5
        > SELECT x FROM f ORDER BY x
        -0.00001
        0.1
        7.0
        1e300

        SELECT 5
        > INSERT INTO t (a, n) VALUES ('a', 1), ('b')
        ERROR 42601: VALUES lists must all be the same length
        > INSERT INTO t (n) VALUES (upper('y'))
        ERROR 42804: column \"n\" is of type integer but expression is of type text
        HINT: You will need to rewrite or cast the expression.
        ",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_unique() {
    check(
        "
        > CREATE TABLE t (a int, b text, n int, PRIMARY KEY (a, b))
        CREATE TABLE
        > INSERT INTO t VALUES (1, 'x', 10), (1, 'y', 20)
        INSERT 0 2
        > INSERT INTO t VALUES (2, 'x', 0), (1, 'y', 30)
        ERROR 23505: duplicate key value violates unique constraint \"t_pkey\"
        DETAIL: Key (a, b)=(1, y) already exists.
        > INSERT INTO t VALUES (2, 'x', 0), (2, 'x', 1)
        ERROR 23505: duplicate key value violates unique constraint \"t_pkey\"
        DETAIL: Key (a, b)=(2, x) already exists.
        > UPDATE t SET b = 'x'
        ERROR 23505: duplicate key value violates unique constraint \"t_pkey\"
        DETAIL: Key (a, b)=(1, x) already exists.
        > UPDATE t SET a = a + 1
        UPDATE 2
        > UPDATE t SET n = n WHERE a = 2 AND b = 'x'
        UPDATE 1
        > SELECT * FROM t ORDER BY b
        2|x|10
        2|y|20
        SELECT 2
        ",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_conflict() {
    check(
        "
        > CREATE TABLE c (word text PRIMARY KEY, n int DEFAULT 1)
        CREATE TABLE
        > INSERT INTO c VALUES ('a', 1), ('b', 2)
        INSERT 0 2
        > INSERT INTO c VALUES ('a', 9), ('c', 3) ON CONFLICT DO NOTHING RETURNING word
        c
        INSERT 0 1
        > INSERT INTO c VALUES ('d', 4), ('a', 10), ('b', 20) ON CONFLICT (word) DO UPDATE SET n = c.n + excluded.n RETURNING *
        d|4
        a|11
        b|22
        INSERT 0 3
        > INSERT INTO c AS old VALUES ('a', 100), ('b', 5) ON CONFLICT ON CONSTRAINT c_pkey DO UPDATE SET n = excluded.n WHERE old.n < excluded.n
        INSERT 0 1
        > SELECT * FROM c ORDER BY word
        a|100
        b|22
        c|3
        d|4
        SELECT 4
        > INSERT INTO c VALUES ('z', 1), ('z', 2) ON CONFLICT (word) DO UPDATE SET n = 0
        ERROR 21000: ON CONFLICT DO UPDATE command cannot affect row a second time
        HINT: Ensure that no rows proposed for insertion within the same command have duplicate constrained values.
        > INSERT INTO c VALUES ('z', 1) ON CONFLICT (n) DO NOTHING
        ERROR 42P10: there is no unique or exclusion constraint matching the ON CONFLICT specification
        > INSERT INTO c VALUES ('z', 1), ('z', 2) ON CONFLICT DO NOTHING
        INSERT 0 1
        > SELECT n FROM c WHERE word = 'z'
        1
        SELECT 1
        ",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn updates_and_deletes_without_a_key() {
    check(
        "
        > CREATE TABLE t (a int, b text NOT NULL)
        CREATE TABLE
        > INSERT INTO t VALUES (1, 'x'), (1, 'x'), (2, 'y'), (NULL, 'z')
        INSERT 0 4
        > UPDATE t SET a = coalesce(a, 0) + 1, b = DEFAULT WHERE a IS NULL
        ERROR 23502: null value in column \"b\" of relation \"t\" violates not-null constraint
        DETAIL: Failing row contains (1, null).
        > UPDATE t AS u SET (a, b) = (5, b || '!') WHERE u.a = 1 RETURNING u.*
        5|x!
        5|x!
        UPDATE 2
        > DELETE FROM t WHERE a = 5 RETURNING a
        5
        5
        DELETE 2
        > UPDATE t SET a = '7' WHERE b = 'z'
        UPDATE 1
        > UPDATE t SET a = 1, a = 2
        ERROR 42601: multiple assignments to same column \"a\"
        > UPDATE t SET a = b
        ERROR 42804: column \"a\" is of type integer but expression is of type text
        HINT: You will need to rewrite or cast the expression.
        POSITION: 18
        > DELETE FROM t WHERE nope = 1
        ERROR 42703: column \"nope\" does not exist
        POSITION: 21
        > SELECT * FROM t ORDER BY b
        2|y
        7|z
        SELECT 2
        > DELETE FROM t
        DELETE 2
        > DELETE FROM t
        DELETE 0
        ",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_tables_take_part() {
    check(
        "
        > CREATE TABLE goods (id int PRIMARY KEY, price int); CREATE TABLE news (id int, price int);
        CREATE TABLE
        CREATE TABLE
        > INSERT INTO goods VALUES (1, 10), (2, 20), (3, 30); INSERT INTO news VALUES (1, 11), (1, 11), (2, 22)
        INSERT 0 3
        INSERT 0 3
        > UPDATE goods SET price = n.price FROM news n WHERE goods.id = n.id AND n.id = 1 RETURNING goods.id, goods.price, n.price
        1|11|11
        UPDATE 1
        > DELETE FROM goods g USING news n WHERE g.id = n.id AND n.id = 1 RETURNING *
        1|11|1|11
        DELETE 1
        > UPDATE goods SET price = (SELECT max(price) FROM news) WHERE id IN (SELECT id FROM news)
        UPDATE 1
        > SELECT * FROM goods ORDER BY id
        2|22
        3|30
        SELECT 2
        ",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_tables_are_changed() {
    check(
        "
        > CREATE TABLE t (a int); CREATE VIEW v AS SELECT * FROM t; CREATE MATERIALIZED VIEW m AS SELECT * FROM t
        CREATE TABLE
        CREATE VIEW
        CREATE MATERIALIZED VIEW
        > INSERT INTO v VALUES (1)
        ERROR 55000: cannot insert into view \"v\"
        DETAIL: Views are not automatically updatable.
        HINT: Change the tables that the view reads.
        > UPDATE m SET a = 1
        ERROR 42809: cannot change materialized view \"m\"
        > DELETE FROM x
        ERROR 42P01: relation \"x\" does not exist
        POSITION: 13
        ",
    )
    .await;
}
