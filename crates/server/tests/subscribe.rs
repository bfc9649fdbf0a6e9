//! SUBSCRIBE over the wire: changes are pushed as they happen, and add up to the view.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::pin::Pin;

use anyhow::{Result, anyhow, bail};
use futures::StreamExt;
use testkit::server::Server;
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryStream};

fn server() -> Result<Server> {
    Server::start(Path::new(env!("CARGO_BIN_EXE_freshet")), &[])
}

/// The next row of a subscription.
async fn next_row(rows: &mut Pin<Box<SimpleQueryStream>>) -> Result<Vec<Option<String>>> {
    while let Some(message) = rows.next().await {
        if let SimpleQueryMessage::Row(row) = message? {
            return Ok((0..row.len()).map(|index| row.get(index).map(str::to_owned)).collect());
        }
    }
    bail!("the subscription ended")
}

async fn subscribe(client: &Client, sql: &str) -> Result<Pin<Box<SimpleQueryStream>>> {
    Ok(Box::pin(client.simple_query_raw(sql).await?))
}

/// Rows by how often they are there.
#[derive(Debug, Default, PartialEq, Eq)]
struct Bag(BTreeMap<Vec<Option<String>>, i64>);

impl Bag {
    fn add(&mut self, row: &[Option<String>], diff: i64) {
        let count = self.0.entry(row.to_vec()).or_default();
        *count += diff;
        if *count == 0 {
            self.0.remove(row);
        }
    }
}

fn number(value: &Option<String>) -> Result<i64> {
    value.as_ref().and_then(|text| text.parse().ok()).ok_or_else(|| anyhow!("not a number: {value:?}"))
}

#[tokio::test]
async fn the_snapshot_comes_first_then_every_change() -> Result<()> {
    let server = server()?;
    let writer = server.connect().await?;
    writer.batch_execute("CREATE TABLE t (id INT PRIMARY KEY, v TEXT)").await?;
    writer.batch_execute("INSERT INTO t VALUES (1, 'a')").await?;
    let reader = server.connect().await?;
    let mut rows = subscribe(&reader, "SUBSCRIBE TO t").await?;

    let first = next_row(&mut rows).await?;
    assert_eq!(first[1..], [Some("1".to_owned()), Some("1".to_owned()), Some("a".to_owned())]);

    writer.batch_execute("UPDATE t SET v = NULL WHERE id = 1").await?;
    let mut changes = [next_row(&mut rows).await?, next_row(&mut rows).await?];
    assert_eq!(changes[0][0], changes[1][0], "an update is one epoch's");
    assert!(number(&changes[0][0])? > number(&first[0])?);
    changes.sort_by_key(|row| row[1].clone());
    assert_eq!(changes[0][1..], [Some("-1".to_owned()), Some("1".to_owned()), Some("a".to_owned())]);
    assert_eq!(changes[1][1..], [Some("1".to_owned()), Some("1".to_owned()), None]);
    Ok(())
}

#[tokio::test]
async fn changes_add_up_to_the_view() -> Result<()> {
    let server = server()?;
    let writer = server.connect().await?;
    writer
        .batch_execute(
            "CREATE TABLE t (id INT PRIMARY KEY, g INT);
             CREATE MATERIALIZED VIEW v AS SELECT g, count(*) AS n FROM t GROUP BY g;",
        )
        .await?;
    let reader = server.connect().await?;
    let mut rows = subscribe(&reader, "SUBSCRIBE TO v WITH (PROGRESS)").await?;
    for step in 0..30 {
        let sql = match step % 3 {
            0 => format!("INSERT INTO t SELECT {step} * 100 + n, n % 5 FROM generate_series(1, 20) AS s(n)"),
            1 => format!("UPDATE t SET g = g + 1 WHERE id % 7 = {}", step % 7),
            _ => format!("DELETE FROM t WHERE id % 11 = {}", step % 11),
        };
        writer.batch_execute(&sql).await?;
    }
    writer.batch_execute("INSERT INTO t VALUES (-1, 1000)").await?;

    let mut bag = Bag::default();
    let last = vec![Some("1000".to_owned()), Some("1".to_owned())];
    loop {
        let row = next_row(&mut rows).await?;
        if row[2].as_deref() != Some("t") {
            bag.add(&row[3..], number(&row[1])?);
        } else if bag.0.contains_key(&last) {
            break;
        }
    }
    let mut expected = Bag::default();
    for message in writer.simple_query("SELECT g, n FROM v").await? {
        if let SimpleQueryMessage::Row(row) = message {
            expected.add(&[row.get(0).map(str::to_owned), row.get(1).map(str::to_owned)], 1);
        }
    }
    assert_eq!(bag, expected);
    Ok(())
}

#[tokio::test]
async fn a_file_that_grows_is_followed() -> Result<()> {
    let server = server()?;
    let client = server.connect().await?;
    let path = server.directory().join("log.json");
    std::fs::write(&path, "{\"n\": 1}\n")?;
    let create = format!(
        "CREATE SOURCE log (n INT) WITH (connector = 'file', path = '{}', follow = 'true') FORMAT PLAIN ENCODE JSON",
        path.display()
    );
    client.batch_execute(&create).await?;
    client.batch_execute("CREATE MATERIALIZED VIEW seen AS SELECT n * 10 AS tenfold FROM log").await?;
    let mut rows = subscribe(&client, "SUBSCRIBE TO seen").await?;
    assert_eq!(next_row(&mut rows).await?[2].as_deref(), Some("10"));

    let mut file = std::fs::OpenOptions::new().append(true).open(&path)?;
    // Half a line is no record yet, and a bad one is passed over.
    file.write_all(b"{\"n\": 2}\nnot a record\n{\"n\":")?;
    assert_eq!(next_row(&mut rows).await?[2].as_deref(), Some("20"));
    file.write_all(b" 3}\n")?;
    assert_eq!(next_row(&mut rows).await?[2].as_deref(), Some("30"));
    Ok(())
}

#[tokio::test]
async fn a_subscription_can_be_cancelled_and_ends_with_what_it_reads() -> Result<()> {
    let server = server()?;
    let writer = server.connect().await?;
    writer.batch_execute("CREATE TABLE t (a INT); INSERT INTO t VALUES (1)").await?;
    let reader = server.connect().await?;
    let mut rows = subscribe(&reader, "SUBSCRIBE TO t").await?;
    next_row(&mut rows).await?;
    reader.cancel_token().cancel_query(tokio_postgres::NoTls).await?;
    let error = next_row(&mut rows).await.expect_err("it was cancelled");
    let code = error.downcast_ref::<tokio_postgres::Error>().and_then(|error| error.code().cloned());
    assert_eq!(code, Some(tokio_postgres::error::SqlState::QUERY_CANCELED));

    // The session goes on.
    let mut rows = subscribe(&reader, "SUBSCRIBE TO t").await?;
    next_row(&mut rows).await?;
    writer.batch_execute("DROP TABLE t").await?;
    assert!(next_row(&mut rows).await.is_err(), "what it read is gone");
    reader.batch_execute("SELECT 1").await?;
    Ok(())
}
