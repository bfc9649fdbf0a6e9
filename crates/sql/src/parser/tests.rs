//! Texts and the statements in them, as tables of text.

use std::fmt::Write;

use crate::*;

#[test]
fn statements() {
    for file in ["create", "others", "queries", "errors"] {
        golden::check(&format!("src/parser/tests/{file}.txt"), |text| match parse(text) {
            Ok(statements) => statements.iter().map(|parsed| summary(&parsed.statement) + "\n").collect(),
            Err(error) => {
                let (position, detail) = match &error {
                    Error::Syntax { position, detail, .. } => (*position, detail.clone()),
                    Error::Unsupported { position, .. } => (*position, None),
                    _ => (None, None),
                };
                let mut out = format!("error: {error}");
                if let Some(position) = position {
                    let _ = write!(out, " [{position}]");
                }
                if let Some(detail) = detail {
                    let _ = write!(out, "\n{detail}");
                }
                out
            }
        });
    }
}

#[test]
fn each_statement_has_its_text() {
    let text = "SELECT 1 ;; -- no\n SELECT 'ä;'  /* ; */ ; \n\nINSERT INTO t VALUES ('ö') -- end";
    let texts = parse(text).expect("valid").into_iter().map(|parsed| parsed.sql).collect::<Vec<_>>();
    assert_eq!(texts, ["SELECT 1", "SELECT 'ä;'", "INSERT INTO t VALUES ('ö')"]);
}

#[test]
fn positions_count_characters() {
    let position = |text| match parse(text) {
        Err(Error::Syntax { position, .. }) => position,
        other => panic!("{other:?}"),
    };
    assert_eq!(position("SELECT 1;\nSELECT 'ä' WHERE = t"), Some(28));
    assert_eq!(position("SELEC 1"), Some(1));
    assert_eq!(position("SELECT (1"), Some(10));
}

#[test]
fn nothing_overflows_the_stack() {
    let deep = format!("SELECT {}1{}", "(".repeat(100_000), ")".repeat(100_000));
    let long = format!("SELECT 1{}", " + 1".repeat(100_000));
    let many_rows = format!("INSERT INTO t VALUES {}", vec!["(-1, 'a')"; 20_000].join(", "));
    assert!(matches!(parse(&deep), Err(Error::TooComplex)));
    assert!(matches!(parse(&long), Err(Error::TooComplex)));
    assert!(parse(&many_rows).is_ok());
    assert!(parse(&format!("SELECT 1{}", " + 1".repeat(100))).is_ok());
    assert!(parse(&format!("SELECT a OR b{}", " OR c = 1".repeat(450))).is_ok());
}

fn name(name: &Name) -> String {
    match &name.schema {
        Some(schema) => format!("{schema}.{}", name.name),
        None => name.name.clone(),
    }
}

fn columns(columns: &[ColumnDefinition]) -> String {
    let columns = columns.iter().map(|column| {
        let default = column.default.as_ref().map(|value| format!(" default {value}")).unwrap_or_default();
        let not_null = if column.not_null { " not null" } else { "" };
        format!("{} {}{not_null}{default}", column.name, column.data_type)
    });
    columns.collect::<Vec<_>>().join(", ")
}

fn summary(statement: &Statement) -> String {
    match statement {
        Statement::Query(query) => format!("query: {query}"),
        Statement::Insert(insert) => match &insert.literals {
            None => format!("insert: {}", insert.clauses),
            Some(rows) => format!("insert: {}; {}", insert.clauses, literals(rows)),
        },
        Statement::Update(update) => format!("update: {update}"),
        Statement::Delete(delete) => format!("delete: {delete}"),
        Statement::CreateTable(table) => format!(
            "create table {}{}: {}; key {:?}",
            name(&table.name),
            if table.if_not_exists { " if not exists" } else { "" },
            columns(&table.columns),
            table.primary_key
        ),
        Statement::CreateSource(source) => format!(
            "create source {}{}: {}; with {:?}; format {:?}",
            name(&source.name),
            if source.if_not_exists { " if not exists" } else { "" },
            columns(&source.columns),
            source.with,
            source.format.as_ref().map(|format| (&format.format, &format.encode, &format.options))
        ),
        Statement::CreateView(view) => format!(
            "create {}view {}{}{} {:?}: {}",
            if view.materialized { "materialized " } else { "" },
            name(&view.name),
            if view.or_replace { " or replace" } else { "" },
            if view.if_not_exists { " if not exists" } else { "" },
            view.columns,
            view.query
        ),
        Statement::CreateSink(sink) => {
            format!("create sink {}: {}; with {:?}", name(&sink.name), sink.query, sink.with)
        }
        Statement::Drop(drop) => format!(
            "drop {:?} {}{}{}",
            drop.kind,
            drop.names.iter().map(name).collect::<Vec<_>>().join(", "),
            if drop.if_exists { " if exists" } else { "" },
            if drop.cascade { " cascade" } else { "" }
        ),
        Statement::Explain(inner) => format!("explain {}", summary(inner)),
        Statement::Subscribe(subscribe) => format!(
            "subscribe: {}; snapshot {}, progress {}, as of {:?}",
            subscribe.query, subscribe.snapshot, subscribe.progress, subscribe.as_of
        ),
        other => format!("{other:?}"),
    }
}

/// sqlparser tries what a prefix may be one after the other, each try down to the end: that must
/// not double with each level.
#[test]
fn nesting_does_not_take_exponential_time() {
    let nests = [
        ("SELECT ", "(", "1", ")"),
        ("SELECT ", "((1), ", "1", ")"),
        ("SELECT ", "ARRAY[", "1", "]"),
        ("SELECT ", "[", "1", "]"),
        ("SELECT a", "[", "1", "]"),
        ("SELECT ", "f(", "1", ")"),
        ("SELECT ", "row(", "1", ")"),
        ("SELECT ", "CAST(", "1", " AS int)"),
        ("SELECT ", "EXTRACT(day FROM ", "x", ")"),
        ("SELECT ", "CASE WHEN ", "x", " THEN 1 END"),
        ("SELECT ", "CASE ", "x", " WHEN 1 THEN 2 END"),
        ("SELECT ", "NOT ", "x", ""),
        ("SELECT ", "- ", "x", ""),
        ("SELECT ", "INTERVAL ", "'1 day'", ""),
        ("SELECT ", "EXISTS (SELECT ", "1", ")"),
        ("SELECT ", "x IN (", "1", ")"),
        ("SELECT ", "x = ANY (", "1", ")"),
        ("SELECT ", "x BETWEEN (", "1", ") AND 2"),
        ("SELECT ", "{'a': ", "1", "}"),
        ("SELECT ", "(SELECT ", "1", ")"),
        ("", "(", "SELECT 1", ")"),
        ("", "(", "SELECT 1", ") UNION SELECT 2"),
        ("SELECT * FROM ", "(", "t", ")"),
        ("SELECT * FROM ", "(", "t", ") x"),
        ("SELECT * FROM ", "(", "t", " JOIN t ON true)"),
        ("SELECT * FROM ", "(", "t", " CROSS JOIN t)"),
        ("SELECT * FROM ", "(SELECT * FROM ", "t", ") x"),
        ("SELECT * FROM t JOIN ", "(", "t", ") ON true"),
        ("SELECT * FROM ", "f(", "1", ")"),
        ("WITH a AS ", "(WITH a AS (", "SELECT 1", ") SELECT 1)"),
        ("SELECT x::", "array<", "int", ">"),
        ("SELECT CAST(1 AS ", "array(", "int", ")"),
        ("SELECT sum(x) OVER ", "(PARTITION BY (", "1", "))"),
        ("VALUES ", "((", "1", "))"),
        ("INSERT INTO t VALUES ", "((", "1", "))"),
        ("CREATE TABLE t (a int DEFAULT ", "(", "1", "))"),
    ];
    for (start, open, inner, close) in nests {
        println!("{start}{open}");
        for depth in [30, 60, 2000] {
            // Whether it is refused is none of this test's business, nor whether it is ended properly.
            let _ = parse(&format!("{start}{}{inner}{}", open.repeat(depth), close.repeat(depth)));
            let _ = parse(&format!("{start}{}{inner}", open.repeat(depth)));
            let _ = parse(&format!("{start}{}", open.repeat(depth)));
        }
    }
}

fn literals(rows: &LiteralRows) -> String {
    let value = |row, place| match rows.get(row, place) {
        Literal::Null => "null".to_owned(),
        Literal::Default => "default".to_owned(),
        Literal::Boolean(value) => value.to_string(),
        Literal::Number { digits, is_negative } => format!("{}{digits}", if is_negative { "-" } else { "" }),
        Literal::Text(text) => format!("'{text}'"),
        Literal::Typed(data_type, text) => format!("{data_type} '{text}'"),
        Literal::Parameter(number) => format!("${number}"),
        Literal::Expression(expression) => format!("expression {expression}"),
    };
    let row = |row| (0..rows.width()).map(|place| value(row, place)).collect::<Vec<_>>().join(", ");
    (0..rows.len()).map(|one| format!("({})", row(one))).collect::<Vec<_>>().join(" ")
}

#[test]
fn rows_of_literals_are_what_sqlparser_reads() {
    let one = |text: &str| match parse(text).expect(text).swap_remove(0).statement {
        Statement::Insert(Insert { clauses, literals }) => (clauses, literals),
        other => panic!("{other:?}"),
    };
    for (row, expected) in [
        ("1, -2, 3.50, .5, 5.", Some("(1, -2, 3.50, .5, 5.)")),
        ("'a', '', 'it''s', '\\', 'ä\n'", Some("('a', '', 'it's', '\\', 'ä\n')")),
        ("NULL, default, True, FALSE", Some("(null, default, true, false)")),
        (
            "date '2024-01-01', '1'::numeric(10, 2) , 'x' :: text",
            Some("(DATE '2024-01-01', NUMERIC(10,2) '1', TEXT 'x')"),
        ),
        ("$1, $23", Some("($1, $23)")),
        ("1e5, -1E-3", Some("(expression 1e5, expression -1E-3)")),
        ("123456789012345678901234567890123456789", Some("(expression 123456789012345678901234567890123456789)")),
        ("interval '1 day', jsonb '{}'", Some("(INTERVAL '1 day', JSONB '{}')")),
        ("interval '1' day", Some("(expression INTERVAL '1' DAY)")),
        ("1 + 1, now()", Some("(expression 1 + 1, expression now())")),
        ("'x' || 'y', 'z'", Some("(expression 'x' || 'y', 'z')")),
        ("E'it\\'s', $$,)$$, 7", Some("(expression E'it\\'s', expression $$,)$$, 7)")),
        ("'a'::text::varchar", Some("(expression 'a'::TEXT::VARCHAR)")),
        ("- 1, -5::bigint", Some("(expression -1, expression -5::BIGINT)")),
        ("1 -- one", Some("(1)")),
        ("/* none */ 1", Some("(1)")),
        ("(1), ARRAY[1, 2]", Some("(expression (1), expression ARRAY[1, 2])")),
        ("(SELECT max(a), 1 FROM t)", Some("(expression (SELECT max(a), 1 FROM t))")),
        ("$65536", Some("(expression $65536)")),
    ] {
        for (before, after) in [("INSERT INTO t VALUES (", ")"), ("insert into s.\"T\"(a)values(\n", "\n) RETURNING *")]
        {
            if before.contains("(a)") && row.contains(',') {
                continue;
            }
            let text = format!("{before}{row}\n{after}");
            let (clauses, rows) = one(&text);
            assert_eq!(rows.as_ref().map(literals).as_deref(), expected, "{text}");
            assert_eq!(clauses.returning.is_some(), after.contains("RETURNING"), "{text}");
        }
    }
    let rows = one("INSERT INTO t VALUES (now(), now()), (now(), 1)").1.expect("values");
    let expression = |row, place| match rows.get(row, place) {
        Literal::Expression(expression) => std::ptr::from_ref(expression),
        other => panic!("{other:?}"),
    };
    assert_eq!(expression(0, 0), expression(1, 0), "what is written alike in one place is kept once");
    assert_ne!(expression(0, 0), expression(0, 1));
    // Rows that differ in width are sqlparser's to refuse or take.
    assert!(one("INSERT INTO t VALUES (1), (2, 3)").1.is_none());
}

#[test]
fn what_stands_around_rows_of_literals_keeps_its_place() {
    let text =
        "INSERT INTO t VALUES (1, 'ä;');\n;INSERT INTO u(a) VALUES\n(2)  ON CONFLICT DO NOTHING; SELECT 'ö' FROM t";
    let texts = parse(text).expect("valid").into_iter().map(|parsed| parsed.sql).collect::<Vec<_>>();
    let second = "INSERT INTO u(a) VALUES\n(2)  ON CONFLICT DO NOTHING";
    assert_eq!(texts, ["INSERT INTO t VALUES (1, 'ä;')", second, "SELECT 'ö' FROM t"]);
    let position = |text: &str| match parse(text) {
        Err(Error::Syntax { position, .. }) => position,
        other => panic!("{other:?}"),
    };
    for text in [
        "INSERT INTO t VALUES\n('ä') WHERE",
        "INSERT INTO t VALUES ('ä');\nSELECT 1 1 WHERE",
        "INSERT INTO t VALUES (1); x WHERE",
        "INSERT INTO t VALUES (1, 'ä', 1 1 WHERE), (2)",
    ] {
        let expected = text.find("WHERE").or(text.find("1 W")).map(|byte| text[..byte].chars().count() + 1);
        let found = position(text);
        let other = text.rfind("1 W").or(text.find("x W")).map(|byte| text[..byte].chars().count() + 1);
        assert!(found == expected || found == other, "{text}: {found:?}");
    }
}

#[test]
fn what_is_tried_again_and_again_is_not_quick() {
    assert!(is_read_quickly("INSERT INTO t VALUES (1, 'a')") && is_read_quickly("SELECT a FROM t WHERE NOT b"));
    assert!(!is_read_quickly(&format!("SELECT {}1 +", "CAST(".repeat(12))));
}
