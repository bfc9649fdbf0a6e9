//! Panics on purpose: where all state depends on the thread, the process ends and says where;
//! nobody is left waiting.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use testkit::server::Server;

/// Names the thread that is to panic when it closes its first epoch.
const ON_PURPOSE: &str = "FRESHET_TEST_PANIC";

/// Who has not been hung up on by then never will be: so that a hang has a name.
const END_MAX: Duration = Duration::from_secs(60);

/// Has a thread panic, while one client writes, another waits for changes and a third does nothing.
async fn check(thread: &str) -> Result<()> {
    let binary = Path::new(env!("CARGO_BIN_EXE_freshet"));
    let server = Server::start_with(binary, &["--workers", "2"], &[(ON_PURPOSE, thread)])?;
    let (writer, reader, idle) = (server.connect().await?, server.connect().await?, server.connect().await?);
    writer.batch_execute("CREATE TABLE t (a INT PRIMARY KEY)").await?;
    let subscription = reader.simple_query("SUBSCRIBE TO t");
    let writing = async {
        // Views close an epoch, too.
        writer.batch_execute("CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM t").await?;
        writer.batch_execute("INSERT INTO t VALUES (1)").await
    };
    let both = async { tokio::join!(writing, subscription) };
    let (written, read) = tokio::time::timeout(END_MAX, both).await.context("clients are left waiting")?;
    ensure!(written.is_err(), "a write was acknowledged by a server without its {thread}");
    ensure!(read.is_err(), "a subscription ended as if all were well");
    ensure!(idle.batch_execute("SELECT 1").await.is_err(), "somebody is still answered");
    let (status, log) = server.wait()?;
    ensure!(!status.success(), "it ended as if all were well: {status}");
    for said in ["panicked", thread, ".rs:"] {
        ensure!(log.contains(said), "the log does not say {said}:\n{log}");
    }
    Ok(())
}

#[tokio::test]
async fn a_panic_of_the_clock_ends_the_process() -> Result<()> {
    check("clock").await
}

#[tokio::test]
async fn a_panic_of_a_worker_ends_the_process() -> Result<()> {
    check("worker 0").await?;
    check("worker 1").await
}
