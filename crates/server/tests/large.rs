//! Large values and large counts, over the wire: each is answered, by a server that goes on and
//! stays within the memory that it was given.
//!
//! What is compared are counts, lengths and sums: they are exact, and small to send.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use futures::StreamExt;
use testkit::server::Server;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, SimpleQueryMessage};

/// What each server is given.
const MEMORY_BYTES: u64 = 1_000_000_000;

/// What the process may take beyond it: one part in this.
const MEMORY_SLACK_PART: u64 = 10;

const MEGABYTE: usize = 1_000_000;

/// A server, and what a test does with it.
struct Large {
    server: Server,
    client: Client,
}

impl Large {
    async fn start() -> Result<Large> {
        let memory = MEMORY_BYTES.to_string();
        let server = Server::start(Path::new(env!("CARGO_BIN_EXE_freshet")), &["--memory", &memory, "--workers", "2"])?;
        let client = server.connect().await?;
        Ok(Large { server, client })
    }

    async fn run(&self, sql: &str) -> Result<()> {
        self.client.batch_execute(sql).await.with_context(|| sql.chars().take(200).collect::<String>())
    }

    /// The values of the only row of an answer.
    async fn row(&self, sql: &str) -> Result<Vec<String>> {
        let messages = self.client.simple_query(sql).await.with_context(|| sql.to_owned())?;
        let row = messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        let row = row.with_context(|| format!("no row: {sql}"))?;
        Ok((0..row.len()).map(|column| row.get(column).unwrap_or("NULL").to_owned()).collect())
    }

    async fn expect(&self, sql: &str, row: &[&str]) -> Result<()> {
        let held = self.row(sql).await?;
        ensure!(held == row, "{sql}: {held:?}, not {row:?}");
        Ok(())
    }

    /// That the server answers others, and never took more memory than it may.
    async fn end(&self) -> Result<()> {
        let other = self.server.connect().await?;
        other.batch_execute("SELECT 1").await?;
        let most = self.server.memory_most()?;
        let allowed = MEMORY_BYTES + MEMORY_BYTES / MEMORY_SLACK_PART;
        ensure!(most <= allowed, "the process took {most} bytes, of {MEMORY_BYTES} that it was given");
        Ok(())
    }
}

/// `digits` of a text that does not repeat within a line.
fn text(length: usize) -> String {
    (0..)
        .map(|number: u64| number.to_string())
        .flat_map(|number| number.into_bytes())
        .map(char::from)
        .take(length)
        .collect()
}

#[tokio::test]
async fn texts_of_a_megabyte_and_of_a_hundred_go_in_and_out() -> Result<()> {
    let large = Large::start().await?;
    large.run("CREATE TABLE t (id INT PRIMARY KEY, body TEXT)").await?;
    large.run("CREATE MATERIALIZED VIEW v AS SELECT id, length(body) AS n, upper(body) AS body FROM t").await?;
    for (id, length) in [(1, MEGABYTE), (2, 100 * MEGABYTE)] {
        let body = text(length);
        let insert = "INSERT INTO t VALUES ($1, $2)";
        large.client.execute(insert, &[&id as &(dyn ToSql + Sync), &body]).await?;
        let back: String = large.client.query_one("SELECT body FROM v WHERE id = $1", &[&id]).await?.get(0);
        ensure!(back == body, "a text of {length} bytes came back as one of {}", back.len());
        large.expect(&format!("SELECT n FROM v WHERE id = {id}"), &[&length.to_string()]).await?;
    }
    large.run("DELETE FROM t WHERE id = 2").await?;
    large.expect("SELECT count(*), max(length(body)) FROM v", &["1", "1000000"]).await?;
    large.end().await
}

#[tokio::test]
async fn one_large_text_in_a_literal_is_a_statement_like_others() -> Result<()> {
    let large = Large::start().await?;
    large.run("CREATE TABLE t (id INT PRIMARY KEY, body TEXT)").await?;
    large.run(&format!("INSERT INTO t VALUES (1, '{}')", text(20 * MEGABYTE))).await?;
    large.run("UPDATE t SET body = body || body WHERE id = 1").await?;
    large.expect("SELECT length(body) FROM t", &["40000000"]).await?;
    large.end().await
}

/// The rows of the view together are three times what one Arrow array of texts can hold.
#[tokio::test]
async fn three_thousand_matches_of_one_megabyte_are_joined_in_bounded_memory() -> Result<()> {
    let large = Large::start().await?;
    large.run("CREATE TABLE bodies (k INT PRIMARY KEY, body TEXT)").await?;
    large.run("CREATE TABLE events (id INT PRIMARY KEY, k INT)").await?;
    let view = "CREATE MATERIALIZED VIEW v AS SELECT k, count(*) AS n, sum(size) AS size FROM \
                (SELECT e.k, length(b.body || e.id::text) AS size FROM events e JOIN bodies b ON e.k = b.k) AS j GROUP BY k";
    large.run(view).await?;
    large.run(&format!("INSERT INTO bodies VALUES (7, repeat('x', {MEGABYTE}))")).await?;
    large.run("INSERT INTO events SELECT 1000 + n, 7 FROM generate_series(0, 2999) AS s(n)").await?;
    large.expect("SELECT n, size FROM v", &["3000", "3000012000"]).await?;
    // The other way round: one row comes, and has all the matches at once.
    large.run("DELETE FROM bodies").await?;
    large.expect("SELECT count(*) FROM v", &["0"]).await?;
    large.run(&format!("INSERT INTO bodies VALUES (7, repeat('y', {MEGABYTE}))")).await?;
    large.expect("SELECT n, size FROM v", &["3000", "3000012000"]).await?;
    // And by a query.
    let direct = "SELECT count(*), sum(length(b.body)) FROM events e JOIN bodies b ON e.k = b.k";
    large.expect(direct, &["3000", "3000000000"]).await?;
    large.end().await
}

#[tokio::test]
async fn a_result_of_three_gigabytes_is_streamed() -> Result<()> {
    let large = Large::start().await?;
    large.run("CREATE TABLE bodies (k INT PRIMARY KEY, body TEXT)").await?;
    large.run(&format!("INSERT INTO bodies VALUES (7, repeat('x', {MEGABYTE}))")).await?;
    let query = "SELECT n, body FROM generate_series(1, 3000) AS s(n) CROSS JOIN bodies";
    let rows = large.client.query_raw::<_, &str, _>(query, []).await?;
    futures::pin_mut!(rows);
    let (mut count, mut bytes) = (0, 0);
    while let Some(row) = rows.next().await {
        count += 1;
        bytes += row?.get::<_, &str>(1).len();
    }
    ensure!((count, bytes) == (3000, 3000 * MEGABYTE), "{count} rows of {bytes} bytes");
    large.end().await
}

#[tokio::test]
async fn a_hundred_thousand_rows_of_values_in_one_statement() -> Result<()> {
    let large = Large::start().await?;
    large.run("CREATE TABLE t (id INT PRIMARY KEY, price NUMERIC(20,2), day DATE, name TEXT)").await?;
    large
        .run("CREATE MATERIALIZED VIEW v AS SELECT day, sum(price) AS price, count(*) AS n FROM t GROUP BY day")
        .await?;
    let row = |id: u32| {
        let name = if id.is_multiple_of(10) { "NULL".to_owned() } else { format!("'name ''{id}'''") };
        format!("({id}, {}.5, DATE '2024-01-{:02}', {name})", id % 1000, 1 + id % 28)
    };
    let rows: Vec<String> = (0..100_000).map(row).collect();
    large.run(&format!("INSERT INTO t VALUES {}", rows.join(", "))).await?;
    large.expect("SELECT count(*), count(name), max(name) FROM t", &["100000", "90000", "name '99999'"]).await?;
    large.expect("SELECT count(*), sum(n), sum(price) FROM v", &["28", "100000", "50000000.00"]).await?;
    large.end().await
}

#[tokio::test]
async fn a_million_rows_in_one_statement() -> Result<()> {
    let large = Large::start().await?;
    large.run("CREATE TABLE t (id BIGINT PRIMARY KEY, g BIGINT, s TEXT)").await?;
    large.run("CREATE MATERIALIZED VIEW v AS SELECT g, count(*) AS n, sum(id) AS total FROM t GROUP BY g").await?;
    large.run("INSERT INTO t SELECT n, n % 1000, n::text FROM generate_series(1, 1000000) AS s(n)").await?;
    large.expect("SELECT count(*), sum(n), sum(total) FROM v", &["1000", "1000000", "500000500000"]).await?;
    large.run("UPDATE t SET g = g + 1 WHERE id % 2 = 0").await?;
    large.expect("SELECT count(*), sum(n), sum(total) FROM v", &["500", "1000000", "500000500000"]).await?;
    large.run("DELETE FROM t WHERE id > 10").await?;
    large.expect("SELECT count(*), sum(n), sum(total) FROM v", &["6", "10", "55"]).await?;
    large.end().await
}

#[tokio::test]
async fn three_hundred_thousand_equal_rows_are_deleted_and_come_again() -> Result<()> {
    let large = Large::start().await?;
    large.run("CREATE TABLE t (a INT, b TEXT)").await?;
    large.run("CREATE MATERIALIZED VIEW copies AS SELECT a, b FROM t WHERE a > 0").await?;
    large.run("CREATE MATERIALIZED VIEW one AS SELECT DISTINCT a, b FROM t").await?;
    for _ in 0..2 {
        large.run("INSERT INTO t SELECT 1, 'x' FROM generate_series(1, 300000)").await?;
        large.expect("SELECT count(*), (SELECT count(*) FROM one) FROM copies", &["300000", "1"]).await?;
        large.run("UPDATE t SET b = 'y'").await?;
        large.expect("SELECT count(*), min(b), (SELECT max(b) FROM one) FROM copies", &["300000", "y", "y"]).await?;
        large.run("DELETE FROM t").await?;
        large.expect("SELECT count(*), (SELECT count(*) FROM one) FROM copies", &["0", "0"]).await?;
    }
    large.end().await
}

#[tokio::test]
async fn wide_groups_and_distinct_texts_are_maintained() -> Result<()> {
    let large = Large::start().await?;
    large.run("CREATE TABLE t (id INT PRIMARY KEY)").await?;
    let key = "repeat(id::text || ' ', 33000 / length(id::text || ' '))";
    large.run(&format!("CREATE MATERIALIZED VIEW g AS SELECT length(k) AS n, c FROM (SELECT {key} AS k, count(*) AS c FROM t GROUP BY 1) AS q")).await?;
    large
        .run(&format!(
            "CREATE MATERIALIZED VIEW d AS SELECT length(k) AS n FROM (SELECT DISTINCT {key} AS k FROM t) AS q"
        ))
        .await?;
    large.run("INSERT INTO t SELECT n FROM generate_series(1, 4000) AS s(n)").await?;
    for view in ["g", "d"] {
        large.expect(&format!("SELECT count(*), max(n) FROM {view}"), &["4000", "33000"]).await?;
    }
    large.run("DELETE FROM t WHERE id > 5").await?;
    for view in ["g", "d"] {
        large.expect(&format!("SELECT count(*), max(n) FROM {view}"), &["5", "33000"]).await?;
    }
    large.end().await
}

#[tokio::test]
async fn ten_thousand_statements_in_one_transaction() -> Result<()> {
    let large = Large::start().await?;
    large.run("CREATE TABLE t (id INT PRIMARY KEY, v TEXT)").await?;
    large.run("CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n, sum(id) AS total FROM t").await?;
    large.run("BEGIN").await?;
    let insert = large.client.prepare("INSERT INTO t VALUES ($1, $2)").await?;
    for id in 0..10_000 {
        let inserted = large.client.execute(&insert, &[&id as &(dyn ToSql + Sync), &format!("row {id}")]).await?;
        ensure!(inserted == 1, "{inserted} rows were inserted");
    }
    for id in (0..10_000).step_by(100) {
        large.expect(&format!("SELECT v FROM t WHERE id = {id}"), &[&format!("row {id}")]).await?;
    }
    large.run("UPDATE t SET v = 'changed' WHERE id = 5000").await?;
    large.run("DELETE FROM t WHERE id = 9999").await?;
    large.expect("SELECT count(*), max(v) FROM t WHERE id IN (5000, 9999)", &["1", "changed"]).await?;
    large.expect("SELECT n FROM v", &["0"]).await?;
    large.run("COMMIT").await?;
    large.expect("SELECT n, total FROM v", &["9999", "49985001"]).await?;
    large.end().await
}

#[tokio::test]
async fn joins_with_few_rows_of_four_hundred_million_pairs() -> Result<()> {
    let large = Large::start().await?;
    large.run("CREATE TABLE a (x INT PRIMARY KEY); CREATE TABLE b (y INT PRIMARY KEY)").await?;
    large.run("CREATE MATERIALIZED VIEW v AS SELECT x, y FROM a CROSS JOIN b WHERE x * y = 35").await?;
    large.run("INSERT INTO a SELECT n FROM generate_series(1, 20000) AS s(n)").await?;
    large.run("INSERT INTO b SELECT n FROM generate_series(1, 20000) AS s(n)").await?;
    large.expect("SELECT count(*), sum(x), sum(y) FROM v", &["4", "48", "48"]).await?;
    large.run("DELETE FROM a WHERE x = 7").await?;
    large.expect("SELECT count(*), sum(x), sum(y) FROM v", &["3", "41", "43"]).await?;
    large.end().await
}

/// A key that all rows of both sides have: what comes is many times what there is.
#[tokio::test]
async fn one_hot_key_joins_in_bounded_memory() -> Result<()> {
    let large = Large::start().await?;
    large.run("CREATE TABLE a (x INT PRIMARY KEY, k INT); CREATE TABLE b (y INT PRIMARY KEY, k INT)").await?;
    large.run("CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n, max(x * 10 + y % 10) AS most FROM a JOIN b ON a.k = b.k").await?;
    large.run("INSERT INTO a SELECT n, 1 FROM generate_series(1, 5000) AS s(n)").await?;
    large.run("INSERT INTO b SELECT n, 1 FROM generate_series(1, 5000) AS s(n)").await?;
    large.expect("SELECT n, most FROM v", &["25000000", "50009"]).await?;
    large.end().await
}

#[tokio::test]
async fn what_does_not_fit_fails_alone_while_others_are_answered() -> Result<()> {
    let large = Large::start().await?;
    large.run("CREATE TABLE t (n BIGINT); INSERT INTO t VALUES (1)").await?;
    let other = large.server.connect().await?;
    let endless = large.client.simple_query("INSERT INTO t SELECT n FROM generate_series(1, 10000000000) AS s(n)");
    tokio::pin!(endless);
    let mut answered = 0;
    let refused = loop {
        tokio::select! {
            biased;
            answer = &mut endless => break answer.expect_err("there are ten billion rows"),
            answer = other.query_one("SELECT count(*) FROM t", &[]) => {
                ensure!(answer?.get::<_, i64>(0) == 1, "rows are seen that were never committed");
                answered += 1;
            }
        }
    };
    ensure!(refused.code() == Some(&SqlState::OUT_OF_MEMORY), "{refused:?}");
    ensure!(answered > 0, "nobody else was answered");
    large.run("INSERT INTO t VALUES (2)").await?;
    large.expect("SELECT count(*) FROM t", &["2"]).await?;
    large.end().await
}

#[tokio::test]
async fn a_value_that_is_too_large_for_any_column_is_refused_by_name() -> Result<()> {
    let large = Large::start().await?;
    let refused = large.client.simple_query("SELECT length(repeat('0123456789', 200000000))").await;
    let refused = refused.expect_err("a text of two gigabytes");
    ensure!(refused.code() == Some(&SqlState::PROGRAM_LIMIT_EXCEEDED), "{refused:?}");
    large.end().await
}
