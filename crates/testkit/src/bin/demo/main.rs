//! `cargo xtask demo`: a server with the demo's views, shown as they change.
//!
//! It is a plain Postgres client of a server that it starts itself, on a fresh directory. It is run
//! in the checkout's root, where `demo/` is.

mod screen;

use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Parser;
use testkit::server::{Server, binary_beside};
use tokio::time::{Instant, interval};
use tokio_postgres::Client;

use crate::screen::{Panel, Screen};

/// Where psql looks unless told otherwise is taken by PostgreSQL; this is ours.
const ADDRESS: &str = "127.0.0.1:4566";
const REFRESH: Duration = Duration::from_secs(1);

/// Starts a server, creates the demo's sources and views, and shows them until Ctrl-C.
#[derive(Debug, Parser)]
#[command(name = "demo")]
struct Arguments {
    /// Stop by itself after so many seconds.
    #[arg(long)]
    seconds: Option<u64>,
    /// psql is there to connect with.
    #[arg(long, hide = true)]
    psql: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let binary = binary_beside("freshet")?;
    // Beside another server, any free port will do.
    let server = Server::start_at(ADDRESS, &binary, &[]).or_else(|_| Server::start(&binary, &[]))?;
    let client = server.connect().await?;

    let script = std::fs::read_to_string("demo/demo.sql").context("demo/demo.sql is read from the checkout's root")?;
    for statement in statements(&script) {
        if let Err(error) = client.batch_execute(&statement.sql).await {
            let message = error.as_db_error().map_or_else(|| error.to_string(), |error| error.message().to_owned());
            bail!("{message}\n{}", statement.sql);
        }
    }
    let watched = std::fs::read_to_string("demo/watch.sql").context("demo/watch.sql")?;
    let hint = hint(&server, arguments.psql);
    let shown = show(&client, &statements(&watched), &hint, arguments.seconds.map(Duration::from_secs)).await;
    let stopped = server.stop()?;
    shown?;
    if !stopped.success() {
        bail!("the server ended with {stopped}");
    }
    Ok(())
}

/// Shows the panels until Ctrl-C, or for as long as it is told.
async fn show(client: &Client, watched: &[Statement], hint: &str, limit: Option<Duration>) -> Result<()> {
    let screen = Screen::new();
    let start = Instant::now();
    let mut refresh = interval(REFRESH);
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    loop {
        tokio::select! {
            _ = &mut interrupted => return Ok(()),
            _ = refresh.tick() => {}
        }
        let mut panels = Vec::new();
        for statement in watched {
            panels.push(Panel::query(client, &statement.title, &statement.sql).await?);
        }
        screen.draw(hint, start.elapsed(), &panels)?;
        if limit.is_some_and(|limit| start.elapsed() >= limit) {
            return Ok(());
        }
    }
}

fn hint(server: &Server, has_psql: bool) -> String {
    let address = server.address();
    let command = format!("psql -h {} -p {} -d dev", address.ip(), address.port());
    if has_psql {
        format!("look around with: {command}")
    } else {
        format!("look around with: {command}   (psql is in Debian's package postgresql-client)")
    }
}

/// One statement of a script, and the last comment in front of it.
struct Statement {
    title: String,
    sql: String,
}

/// The demo's own files hold no semicolon but at a line's end.
fn statements(script: &str) -> Vec<Statement> {
    let mut statements = Vec::new();
    let mut title = String::new();
    let mut sql = String::new();
    for line in script.lines() {
        if let Some(comment) = line.strip_prefix("-- ") {
            title = comment.to_owned();
            continue;
        }
        sql.push_str(line);
        sql.push('\n');
        if line.trim_end().ends_with(';') {
            statements.push(Statement { title: std::mem::take(&mut title), sql: sql.trim().to_owned() });
            sql.clear();
        }
    }
    statements
}
