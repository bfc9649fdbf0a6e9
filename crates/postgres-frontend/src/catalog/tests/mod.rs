//! What real clients ask a PostgreSQL 15 server, asked of the catalog here.

mod fixture;
mod recorded;

pub(super) use fixture::world;

use fixture::Client;
use recorded::{psql, recorded};

/// What fails, and is right to: everything that is not the catalog's business.
fn may_fail(section: &str, statement: &str, error: &str) -> bool {
    error.contains("is not supported yet")
        || (section == "psql \\sf f" && error.contains("function \"f\" does not exist"))
        // Its database has another name.
        || (section == "dbt" && statement.contains("\"postgres\""))
}

#[tokio::test]
async fn recorded_queries_run() {
    let client = Client::new();
    let mut failures = String::new();
    let mut count = 0;
    for (section, statement) in recorded() {
        count += 1;
        if let Err(error) = client.run(&statement).await
            && !may_fail(&section, &statement, &error)
        {
            let statement: String = statement.chars().take(2_000).collect();
            failures.push_str(&format!("{section}: {error}\n    {statement}\n"));
        }
    }
    assert!(failures.is_empty(), "{failures}");
    assert!(count > 250, "the log has been read: {count}");
}

#[tokio::test]
async fn psql_lists() {
    let client = Client::new();
    for (command, expected) in [
        (
            "\\d",
            vec![
                "public|mv|materialized view|me",
                "public|s|foreign table|me",
                "public|t|table|me",
                "public|v|view|me",
            ],
        ),
        ("\\dt", vec!["public|t|table|me"]),
        ("\\dv", vec!["public|v|view|me"]),
        ("\\dm", vec!["public|mv|materialized view|me"]),
        ("\\di", vec!["public|t_pkey|index|me|t"]),
        ("\\ds", vec![]),
        ("\\dn", vec!["public|me"]),
        ("\\l", vec!["dev|me|UTF8|C.UTF-8|C.UTF-8||libc|"]),
        ("\\du", vec!["me|true|true|true|true|true|-1||[]|false|true"]),
        ("\\df", vec![]),
        ("\\dT", vec![]),
        ("\\dt+", vec!["public|t|table|me|permanent|heap|0 bytes|hi"]),
        ("\\dm+", vec!["public|mv|materialized view|me|permanent|heap|0 bytes|"]),
    ] {
        assert_eq!(client.rows(&psql(command, 0)).await, expected, "{command}");
    }
}

#[tokio::test]
async fn psql_describes_a_table() {
    let client = Client::new();
    assert_eq!(client.rows(&psql("\\d t", 0)).await, ["16384|public|t"]);
    assert_eq!(
        client.rows(&psql("\\d t", 2)).await,
        ["a|integer||true|||", "b|text|'x'::text|false|||", "ts|timestamp with time zone||false|||"]
    );
    assert_eq!(
        client.rows(&psql("\\d t", 3)).await,
        [
            "t_pkey|true|true|false|true|CREATE UNIQUE INDEX t_pkey ON public.t USING btree (a)|PRIMARY KEY (a)|p|false|false|false|0"
        ]
    );
    assert_eq!(client.rows(&psql("\\d mv", 2)).await, ["b|text||false|||", "c|numeric(10,2)||false|||"]);
    let index = "SELECT i.indisprimary, (NOT i.indimmediate) AND EXISTS (SELECT 1 FROM pg_catalog.pg_constraint \
                 WHERE conrelid = i.indrelid AND conindid = i.indexrelid AND condeferrable) AS condeferrable \
                 FROM pg_catalog.pg_index i, pg_catalog.pg_class c WHERE i.indexrelid = c.oid AND c.relname = 't_pkey'";
    assert_eq!(client.rows(index).await, ["true|false"]);
    let definition = "SELECT pg_catalog.pg_get_viewdef('16396'::pg_catalog.oid, true)";
    assert_eq!(client.rows(definition).await, [" SELECT a FROM t;"]);
}

#[tokio::test]
async fn psql_shows_the_options_of_a_source() {
    let client = Client::new();
    let query = "SELECT s.srvname, pg_catalog.array_to_string(ARRAY( \
                 SELECT pg_catalog.quote_ident(option_name) || ' ' || pg_catalog.quote_literal(option_value) \
                 FROM pg_catalog.pg_options_to_table(ftoptions)), ', ') \
                 FROM pg_catalog.pg_foreign_table f, pg_catalog.pg_foreign_server s \
                 WHERE f.ftrelid = '16400' AND s.oid = f.ftserver";
    assert_eq!(client.rows(query).await, ["freshet|connector 'datagen', rows '5'"]);
}

#[tokio::test]
async fn functions_of_the_catalog() {
    let client = Client::new();
    for (query, expected) in [
        ("'t'::regclass", "t"),
        ("'t'::regclass::oid", "16384"),
        ("'public.t'::regclass::int8", "16384"),
        ("16384::regclass::text", "t"),
        ("'pg_class'::regclass::oid", "1259"),
        ("to_regclass('nothing')", ""),
        ("'int4'::regtype", "integer"),
        ("'text[]'::regtype::oid", "1009"),
        ("format_type(1043, 14)", "character varying(10)"),
        ("format_type(1231, NULL)", "numeric[]"),
        ("quote_ident('A b')", "\"A b\""),
        ("quote_ident('select')", "\"select\""),
        ("quote_ident('left')", "\"left\""),
        ("quote_literal('a''b')", "'a''b'"),
        ("current_user", "me"),
        ("current_database()", "dev"),
        ("current_schema", "public"),
        ("current_schemas(true)", "[pg_catalog, public]"),
        ("current_setting('server_version_num')", "150000"),
        ("version() LIKE 'PostgreSQL 15.0 (Freshet %) on %'", "true"),
        ("current_setting('no.such', true)", ""),
        ("has_table_privilege('t', 'SELECT')", "true"),
        ("pg_size_pretty(10240::bigint)", "10 kB"),
        ("pg_backend_pid()", "7"),
        ("array_to_string(ARRAY['a', 'b'], '-')", "a-b"),
        ("obj_description('t'::regclass, 'pg_class')", "hi"),
    ] {
        assert_eq!(client.rows(&format!("SELECT {query}")).await, [expected], "{query}");
    }
    assert!(client.run("SELECT 'nothing'::regclass").await.is_err());
    assert!(client.run("SELECT current_setting('no.such')").await.is_err());
}

#[tokio::test]
async fn information_schema_lists() {
    let client = Client::new();
    assert_eq!(
        client
            .rows(
                "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1"
            )
            .await,
        ["mv|VIEW", "s|FOREIGN", "t|BASE TABLE", "v|VIEW"]
    );
    let columns = "SELECT column_name, ordinal_position, column_default, is_nullable, data_type, udt_name, numeric_scale \
                   FROM information_schema.columns WHERE table_schema = 'public' AND table_name IN ('t', 's', 'mv') \
                   ORDER BY table_name, ordinal_position";
    assert_eq!(
        client.rows(columns).await,
        [
            "b|1||YES|text|text|",
            "c|2||YES|numeric|numeric|2",
            "x|1||YES|ARRAY|_int4|",
            "a|1||NO|integer|int4|0",
            "b|2|'x'::text|YES|text|text|",
            "ts|3||YES|timestamp with time zone|timestamptz|",
        ]
    );
}
