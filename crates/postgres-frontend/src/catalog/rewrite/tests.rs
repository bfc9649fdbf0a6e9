//! Rewrites as text: what goes in, what comes out.

use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

fn rewritten(sql: &str) -> String {
    let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, sql).expect(sql);
    let mut statement = statements.pop().expect("one statement");
    super::rewrite(&mut statement);
    statement.to_string()
}

#[test]
fn spellings() {
    for (from, to) in [
        ("SELECT pg_catalog.format_type(a, b) FROM t", "SELECT format_type(a, b) FROM t"),
        (
            "SELECT 1 WHERE a OPERATOR(pg_catalog.~) '^(t)$' COLLATE pg_catalog.default",
            "SELECT 1 WHERE a ~ '^(t)$' COLLATE pg_catalog.default",
        ),
        ("SELECT c.oid::pg_catalog.regclass FROM c", "SELECT regclass_out(c.oid) AS \"oid\" FROM c"),
        ("SELECT 1 WHERE o = 'pg_class'::regclass", "SELECT 1 WHERE o = regclass_in('pg_class')"),
        ("SELECT x FROM t ORDER BY o::regtype::pg_catalog.text", "SELECT x FROM t ORDER BY regtype_out(o)"),
        ("SELECT 'f'::pg_catalog.regproc::pg_catalog.oid", "SELECT regproc_oid('f') AS \"oid\""),
        ("SELECT 1 FROM pg_index WHERE a = '{0}'", "SELECT 1 FROM pg_index WHERE a = ARRAY[0]"),
        ("SELECT 1 FROM t WHERE a = '{name}'", "SELECT 1 FROM t WHERE a = '{name}'"),
        ("SELECT 1 FROM t, pg_index WHERE a <> '{0}'", "SELECT 1 FROM t, pg_index WHERE a <> '{0}'"),
        ("SELECT 1 WHERE a = ANY ('{r,\"v w\"}'::text[])", "SELECT 1 WHERE a = ANY(ARRAY['r', 'v w']::TEXT[])"),
        (
            "SELECT ARRAY(SELECT b FROM pg_m m WHERE m.x = r.x ORDER BY 1) AS z FROM pg_roles r",
            "SELECT array_or_empty((SELECT array_agg(b ORDER BY b) FROM pg_m m WHERE m.x = r.x)) AS z FROM pg_roles r",
        ),
        (
            "WITH t AS (SELECT o FROM pg_class) SELECT ARRAY(SELECT x FROM pg_catalog.unnest(t.o) x) FROM t",
            "WITH t AS (SELECT o FROM pg_class) SELECT NULL::TEXT[] AS \"array\" FROM t",
        ),
        (
            "SELECT ARRAY(SELECT b FROM m ORDER BY 1 LIMIT 2) AS z FROM r",
            "SELECT ARRAY(SELECT b FROM m ORDER BY 1 LIMIT 2) AS z FROM r",
        ),
        ("SELECT s FROM pg_catalog.generate_series(0, 3) s", "SELECT s FROM generate_series(0, 3) s (s)"),
        ("SELECT generate_subscripts(k, 1) FROM i", "SELECT unnest(array_subscripts(k, 1)) FROM i"),
        ("SELECT word FROM pg_catalog.pg_get_keywords()", "SELECT word FROM pg_catalog.pg_get_keywords"),
        ("SELECT a::int, b FROM t", "SELECT a::INT, b FROM t"),
        ("SELECT (SELECT x FROM t WHERE t.a = u.a) FROM u", "SELECT (SELECT x FROM t WHERE t.a = u.a) FROM u"),
        (
            "SELECT (SELECT c.x AS z FROM pg_catalog.pg_collation c WHERE c.oid = u.a) FROM u",
            "SELECT (SELECT min(c.x) AS z FROM pg_catalog.pg_collation c WHERE c.oid = u.a) AS \"z\" FROM u",
        ),
        (
            "SELECT (SELECT f(d.x) FROM pg_attrdef d WHERE d.n = a.n AND a.has) FROM a",
            "SELECT CASE WHEN a.has THEN (SELECT min(f(d.x)) FROM pg_attrdef d WHERE d.n = a.n) END AS \"f\" FROM a",
        ),
        ("SELECT (f(x)).n FROM t", "SELECT get_field((f(x)), 'n') FROM t"),
        ("SELECT '{1,2}'::int[]", "SELECT ARRAY['1', '2']::INT[]"),
        (
            "SELECT 1 WHERE a LIKE 'x/%' ESCAPE '/'",
            "SELECT 1 WHERE a LIKE replace(replace(replace(replace('x/%', '\\', '\\\\'), '//', '\u{f8ff}'), '/', '\\'), '\u{f8ff}', '/')",
        ),
        (
            "SELECT a AND EXISTS (SELECT 1 FROM pg_catalog.pg_index WHERE x = i.y) AS b FROM i WHERE EXISTS (SELECT 1 FROM t)",
            "SELECT a AND (SELECT count(1) FROM pg_catalog.pg_index WHERE x = i.y) > 0 AS b FROM i WHERE EXISTS (SELECT 1 FROM t)",
        ),
        (
            "SELECT CASE WHEN a THEN (SELECT array_agg(o) FROM pg_t) END AS attrtypoids FROM pg_u",
            "SELECT CASE WHEN a THEN (SELECT array_agg(o) FROM pg_t) END::oid[] AS attrtypoids FROM pg_u",
        ),
        (
            "SELECT (CASE WHEN a THEN (SELECT array_agg(o) FROM pg_t) END) AS attrtypoids FROM pg_u",
            "SELECT (CASE WHEN a THEN (SELECT array_agg(o) FROM pg_t) END)::oid[] AS attrtypoids FROM pg_u",
        ),
        (
            "SELECT '1'::\"pg_catalog\".\"int4\", b::pg_catalog.date, '{1}'::\"pg_catalog\".\"int4\"[]",
            "SELECT '1'::INT4, b::DATE, ARRAY['1']::INT4[]",
        ),
        ("SELECT current_schema", "SELECT current_schema()"),
        ("SELECT count(*) FROM public.t WHERE a = 'x'", "SELECT count(*) FROM public.t WHERE a = 'x'"),
    ] {
        assert_eq!(rewritten(from), to, "{from}");
    }
}
