//! A panic of a thread that all state depends on, made on purpose: the process ends by itself and says
//! where, in place of leaving everybody to wait.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use tokio_postgres::NoTls;

/// Starts a server of two workers whose `thread` panics in its first epoch, gives it one, and checks
/// how it ends.
async fn check(thread: &str) -> Result<()> {
    let mut process = Command::new(env!("CARGO_BIN_EXE_freshet"))
        .args(["serve", "--listen", "127.0.0.1:0", "--console", "127.0.0.1:0", "--workers", "2"])
        .env("FRESHET_TEST_PANIC", thread)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut ready = String::new();
    BufReader::new(process.stdout.as_mut().context("it was piped")?).read_line(&mut ready)?;
    let port = ready.trim().rsplit(' ').next().context("no ready line")?;
    let config = format!("host=127.0.0.1 port={port} user=dev dbname=dev");
    let (client, connection) = tokio_postgres::connect(&config, NoTls).await?;
    tokio::spawn(connection);
    client.batch_execute("CREATE TABLE t (a INT); CREATE MATERIALIZED VIEW v AS SELECT count(*) FROM t").await?;
    assert!(client.batch_execute("INSERT INTO t VALUES (1)").await.is_err(), "nobody is left to answer");
    let output = process.wait_with_output()?;
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{}", output.status);
    for part in [thread, "stopping the process", "a suite wants this thread to panic", "panics.rs"] {
        assert!(log.contains(part), "\"{part}\" is not in:\n{log}");
    }
    Ok(())
}

#[tokio::test]
async fn a_worker_that_panics_ends_the_process() -> Result<()> {
    check("worker 0").await?;
    check("worker 1").await
}

#[tokio::test]
async fn a_clock_that_panics_ends_the_process() -> Result<()> {
    check("clock").await
}
