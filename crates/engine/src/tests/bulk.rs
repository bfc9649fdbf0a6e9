//! Very many values in one statement, and very many statements in one transaction.

use std::fmt::Write;

use super::{check, engine, run};
use crate::Session;

/// Literals of each kind.
const LITERALS: &[&str] = &[
    "NULL",
    "DEFAULT",
    "true",
    "1",
    "-3",
    "40000",
    "3000000000",
    "1.5",
    "-0.125",
    "123456.789",
    "99999999999999999999.5",
    "'2'",
    "' 7 '",
    "'1.55'",
    "'text'",
    "'abc  '",
    "'abcd'",
    "E'a\\nb'",
    "$$d$$",
    "'t'",
    "'2020-02-29'",
    "'2020-02-29 10:11:12.5'",
    "'2020-02-29 10:11:12+02'",
    "'1 day 2 hours'",
    "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",
    "'{\"b\": 1, \"a\": [2]}'",
    "'{1,2,NULL}'",
    "'\\xff'",
    "date '2020-01-02'",
    "timestamp '2020-01-02 03:04:05'",
    "'2020-01-02'::timestamptz",
    "'12'::int",
    "'12.34'::numeric(6,3)",
    "CAST('x' AS text)",
    "'no'::date",
    "1e3",
    "1 + 1",
    "-5::bigint",
    "- 7",
    "interval '36 hours'",
    "interval '1' day",
    "uuid 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",
    "jsonb '{\"b\": 1.0}'",
    "ARRAY[1, 2]",
    "'x' || 'y'",
    "(3)",
];

const TYPES: &[&str] = &[
    "smallint",
    "int",
    "bigint",
    "real",
    "double precision",
    "numeric",
    "numeric(5,2)",
    "text",
    "varchar(3)",
    "char(3)",
    "boolean",
    "date",
    "time",
    "timestamp",
    "timestamptz",
    "interval",
    "uuid",
    "jsonb",
    "bytea",
    "int[]",
    "text[]",
];

/// What an insert gives, and leaves.
async fn inserted(session: &mut Session, source: &str) -> String {
    let shown = run(session, &format!("INSERT INTO t {source} RETURNING a::text")).await;
    // Where a value stands differs, of course.
    shown.lines().filter(|line| !line.starts_with("POSITION")).fold(String::new(), |all, line| all + line + "\n")
}

/// A literal among `VALUES` is read by itself; in a select list it is an expression like any other.
#[tokio::test(flavor = "multi_thread")]
async fn a_literal_means_the_same_wherever_it_stands() {
    let engine = engine();
    let mut session = engine.connect("someone", "dev").expect("the database is there");
    let mut differences = String::new();
    for data_type in TYPES {
        run(&mut session, &format!("CREATE TABLE t (a {data_type})")).await;
        for literal in LITERALS {
            let alone = inserted(&mut session, &format!("VALUES ({literal})")).await;
            // There is no DEFAULT in a select list.
            let in_select = literal.replace("DEFAULT", "NULL");
            let selected = inserted(&mut session, &format!("SELECT {in_select}")).await;
            // Among others it is cast together with them.
            let among = inserted(&mut session, &format!("VALUES (NULL), ({literal}), (NULL)")).await;
            let expected = match selected.strip_suffix("INSERT 0 1\n") {
                Some(row) => format!("\n{row}\nINSERT 0 3\n"),
                None => selected.clone(),
            };
            if alone != selected || among != expected {
                let _ = writeln!(differences, "{literal} as {data_type}: {alone:?}, {selected:?}, {among:?}");
            }
        }
        run(&mut session, "DROP TABLE t").await;
    }
    assert_eq!(differences, "");
    engine.shutdown();
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_all_kinds_in_one_column() {
    check(
        "
        > CREATE TABLE t (id int PRIMARY KEY DEFAULT 70 + 7, a text DEFAULT upper('d'), n numeric(6,2))
        CREATE TABLE
        > INSERT INTO t VALUES (1, 'x', 1), ('2', 2, '2.345'), (1 + 2, true, NULL), (DEFAULT, DEFAULT, -3.999), (4, lower('Y'), 1e2), (5, date '2020-01-01', (SELECT max(id) FROM t)) RETURNING *
        1|x|1.00
        2|2|2.35
        3|true|
        77|D|-4.00
        4|y|100.00
        5|2020-01-01|
        INSERT 0 6
        > INSERT INTO t (n, id) VALUES (1, 10), ('bad', 11), (2, 'worse')
        ERROR 22P02: invalid input syntax for type numeric: \"bad\"
        > INSERT INTO t (n, id) VALUES (1, 10), (99999, 11), (2, 'worse')
        ERROR 22003: numeric field overflow
        DETAIL: A field with precision 6, scale 2 must round to an absolute value less than 10^4.
        > INSERT INTO t (id) VALUES (10), (11, 12)
        ERROR 42601: VALUES lists must all be the same length
        > INSERT INTO t (id) VALUES (true)
        ERROR 42804: column \"id\" is of type integer but expression is of type boolean
        HINT: You will need to rewrite or cast the expression.
        > SELECT count(*) FROM t
        6
        SELECT 1
        ",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_alike_is_computed_once_unless_it_is_another_value_each_time() {
    let engine = engine();
    let mut session = engine.connect("someone", "dev").expect("the database is there");
    run(&mut session, "CREATE TABLE t (id int, u uuid, s text, n numeric(4,1))").await;
    let rows: Vec<String> = (0..10_000).map(|id| format!("({id}, gen_random_uuid(), 'x' || 'y', 1.25 + 1)")).collect();
    assert_eq!(run(&mut session, &format!("INSERT INTO t VALUES {}", rows.join(","))).await, "INSERT 0 10000\n");
    let shown = run(&mut session, "SELECT count(DISTINCT u), min(s), max(s), min(n), max(n) FROM t").await;
    assert_eq!(shown, "10000|xy|xy|2.3|2.3\nSELECT 1\n");
    engine.shutdown();
}

/// More rows than one batch and more expressions than one block hold.
#[tokio::test(flavor = "multi_thread")]
async fn many_rows_are_one_statement() {
    let engine = engine();
    let mut session = engine.connect("someone", "dev").expect("the database is there");
    run(&mut session, "CREATE TABLE t (id int PRIMARY KEY, a text, n numeric(10,2), d date)").await;
    let row = |id: i32| match id % 3 {
        0 => format!("({id}, 'x{id}', {id}.5, '2020-01-01')"),
        1 => format!("({id}, {id}, '{id}', date '2020-01-02')"),
        _ => format!("({id}, NULL, {id} + 1, DEFAULT)"),
    };
    let rows: Vec<String> = (0..20_000).map(row).collect();
    assert_eq!(run(&mut session, &format!("INSERT INTO t VALUES {}", rows.join(","))).await, "INSERT 0 20000\n");
    let shown = run(&mut session, "SELECT count(*), count(a), sum(n), count(d), max(a) FROM t").await;
    assert_eq!(shown, "20000|13334|199999999.50|13334|x9999\nSELECT 1\n");
    engine.shutdown();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_of_many_statements_finds_its_rows_by_key() {
    let engine = engine();
    let mut session = engine.connect("someone", "dev").expect("the database is there");
    run(&mut session, "CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (-1, 0); BEGIN").await;
    for id in 0..2_000 {
        assert_eq!(run(&mut session, &format!("INSERT INTO t VALUES ({id}, 0)")).await, "INSERT 0 1\n");
    }
    let explained = run(&mut session, "UPDATE t SET n = 1 WHERE id = 7; SELECT n FROM t WHERE id = 7").await;
    assert_eq!(explained, "UPDATE 1\n1\nSELECT 1\n");
    assert_eq!(run(&mut session, "DELETE FROM t WHERE id = 8 OR id = -1").await, "DELETE 2\n");
    assert_eq!(run(&mut session, "SELECT id FROM t WHERE id IN (-1) OR id = 8").await, "SELECT 0\n");
    assert_eq!(run(&mut session, "SELECT id FROM t ORDER BY id LIMIT 2; COMMIT").await, "0\n1\nSELECT 2\nCOMMIT\n");
    assert_eq!(run(&mut session, "SELECT count(*), sum(n) FROM t").await, "1999|1\nSELECT 1\n");
    engine.shutdown();
}
