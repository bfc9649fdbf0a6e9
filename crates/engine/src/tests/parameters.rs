//! Parameters: their types when described, their values when run.

use arrow::datatypes::{DataType, Field};
use datafusion::scalar::ScalarValue;
use sql::PgType;

use super::{engine, run, run_with};
use crate::Session;

/// The types of a statement's parameters and columns, as text.
async fn describe(session: &mut Session, sql: &str, hints: &[Option<Field>]) -> String {
    let statement = session.parse(sql).expect("it is SQL").pop().expect("it is one statement");
    let description = match session.describe(&statement, hints).await {
        Ok(description) => description,
        Err(error) => return super::show_error(&error),
    };
    let name = |field: &Field| PgType::from_field(field).expect("a Postgres type").name();
    let parameters: Vec<String> = description.parameters.iter().map(|field| name(field)).collect();
    let columns = description.columns.map_or_else(
        || "nothing".to_owned(),
        |schema| {
            schema
                .fields()
                .iter()
                .map(|field| format!("{} {}", field.name(), name(field)))
                .collect::<Vec<_>>()
                .join(", ")
        },
    );
    format!("({}) -> {columns}", parameters.join(", "))
}

#[tokio::test(flavor = "multi_thread")]
async fn types_are_inferred() {
    let engine = engine();
    let mut session = engine.connect("someone", "dev").expect("the database is there");
    run(&mut session, "CREATE TABLE t (id uuid PRIMARY KEY, n smallint, at timestamptz, name text)").await;
    run(&mut session, "CREATE TABLE w (v varchar(3), p numeric(10, 2), c char(2))").await;
    for (sql, expected) in [
        ("SELECT n, at FROM t WHERE id = $1 AND n > $2", "(uuid, smallint) -> n smallint, at timestamp with time zone"),
        ("SELECT $1::int AS x, $2", "(integer, text) -> x integer, ?column? text"),
        ("SELECT name FROM t LIMIT $1", "(bigint) -> name text"),
        ("INSERT INTO t (n, id) VALUES ($1, $2), ($3, $4)", "(smallint, uuid, smallint, uuid) -> nothing"),
        ("INSERT INTO t (id, at) SELECT $1, $2 RETURNING n", "(uuid, timestamp with time zone) -> n smallint"),
        ("UPDATE t SET at = $1, n = n + $2 WHERE id = $3", "(timestamp with time zone, smallint, uuid) -> nothing"),
        (
            "DELETE FROM t WHERE name LIKE $1 RETURNING *",
            "(text) -> id uuid, n smallint, at timestamp with time zone, name text",
        ),
        (
            "INSERT INTO t (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET name = $2 WHERE t.n = $3",
            "(uuid, text, smallint) -> nothing",
        ),
        ("INSERT INTO w VALUES ($1, $2, $3)", "(character varying, numeric(38,10), bpchar) -> nothing"),
        ("SELECT c FROM w WHERE c = $1", "(bpchar) -> c character(2)"),
        ("SELECT n FROM t WHERE n = ANY($1) OR name = ANY($2)", "(smallint[], text[]) -> n smallint"),
        ("SELECT g FROM generate_series(1, $1::int) AS g", "(integer) -> g bigint"),
        ("SHOW timezone", "() -> TimeZone text"),
        ("EXPLAIN SELECT 1", "() -> QUERY PLAN text"),
        (
            "SUBSCRIBE t",
            "() -> freshet_epoch bigint, freshet_diff bigint, id uuid, n smallint, at timestamp with time zone, name text",
        ),
        ("CREATE TABLE u (a int)", "() -> nothing"),
    ] {
        assert_eq!(describe(&mut session, sql, &[]).await, expected, "{sql}");
    }
    let hint = [Some(Field::new("", DataType::Int32, true))];
    assert_eq!(describe(&mut session, "SELECT $1 AS x", &hint).await, "(integer) -> x integer");
    engine.shutdown();
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_bound() {
    let engine = engine();
    let mut session = engine.connect("someone", "dev").expect("the database is there");
    run(&mut session, "CREATE TABLE t (id int PRIMARY KEY, name text)").await;
    run(&mut session, "CREATE TABLE w (v varchar(3))").await;
    let number = |number: i32| ScalarValue::Int32(Some(number));
    let text = |text: &str| ScalarValue::from(text);
    for (sql, values, expected) in [
        ("INSERT INTO t VALUES ($1, $2), ($3, 'two')", vec![number(1), text("one"), number(2)], "INSERT 0 2\n"),
        ("INSERT INTO t VALUES ($1, $2)", vec![number(3), ScalarValue::Utf8(None)], "INSERT 0 1\n"),
        ("SELECT name FROM t WHERE id = $1", vec![number(2)], "two\nSELECT 1\n"),
        (
            "SELECT id FROM t WHERE id < $1 ORDER BY id LIMIT $2",
            vec![number(9), ScalarValue::Int64(Some(1))],
            "1\nSELECT 1\n",
        ),
        (
            "UPDATE t SET name = $1 || '!' WHERE id = $2 RETURNING name, $3::text",
            vec![text("x"), number(1), text("y")],
            "x!|y\nUPDATE 1\n",
        ),
        (
            "INSERT INTO w VALUES ($1)",
            vec![text("abcd")],
            "ERROR 22001: value too long for type character varying(3)\n",
        ),
        ("INSERT INTO w VALUES ($1) RETURNING v", vec![text("abc")], "abc\nINSERT 0 1\n"),
        ("DELETE FROM t WHERE id IN ($1, $2)", vec![number(1), number(3)], "DELETE 2\n"),
        ("SELECT sum(g) FROM generate_series(1, $1::int) AS g", vec![number(4)], "10\nSELECT 1\n"),
        (
            "INSERT INTO t VALUES ($1, 'x') ON CONFLICT (id) DO UPDATE SET name = $2 RETURNING *",
            vec![number(2), text("new")],
            "2|new\nINSERT 0 1\n",
        ),
    ] {
        assert_eq!(run_with(&mut session, sql, &values).await, expected, "{sql}");
    }
    engine.shutdown();
}
