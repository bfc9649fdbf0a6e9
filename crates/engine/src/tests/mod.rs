//! Statements against a running engine, in process: transcripts, compared as text.
//!
//! A line `> sql` runs in session `a`, `b> sql` in session `b`. Below it stand the notices, the
//! rows, and the command tag or the error.

mod builds;
mod bulk;
mod catalog;
mod changes;
mod checkpoints;
mod commits;
mod limits;
mod parameters;
mod queries;
mod sources;
mod subscriptions;
mod transactions;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::scalar::ScalarValue;
use futures::StreamExt;

use crate::{Config, Engine, Error, Outcome, Session};

/// An engine without data.
fn engine() -> Arc<Engine> {
    Engine::start(Config { workers: 2, memory_bytes: 1 << 30, data_dir: None }).expect("threads can be had")
}

/// Runs a transcript's statements and compares what they give with what it says.
async fn check(transcript: &str) {
    let engine = engine();
    let mut sessions: BTreeMap<String, Session> = BTreeMap::new();
    let mut actual = String::new();
    for line in transcript.trim().lines() {
        let Some((name, sql)) = statement(line) else { continue };
        let connect = || engine.connect("someone", "dev").expect("the database is there");
        let session = sessions.entry(name.to_owned()).or_insert_with(connect);
        let _ = writeln!(actual, "{line}");
        actual.push_str(&run(session, sql).await);
    }
    let expected: Vec<&str> = transcript.trim().lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let actual: Vec<&str> = actual.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(expected.join("\n"), actual.join("\n"), "expected on the left");
    drop(sessions);
    engine.shutdown();
}

/// The session and the SQL of a line that is a statement.
fn statement(line: &str) -> Option<(&str, &str)> {
    let (session, sql) = line.trim().split_once("> ")?;
    session.chars().all(|letter| letter.is_ascii_lowercase()).then_some((session, sql))
}

/// What a text of statements gives, as a transcript shows it.
async fn run(session: &mut Session, sql: &str) -> String {
    let mut shown = String::new();
    let statements = match session.parse(sql) {
        Ok(statements) => statements,
        Err(error) => return show_error(&error),
    };
    for statement in statements {
        let result = session.execute(&statement, &[]).await;
        for notice in session.take_notices() {
            let _ = writeln!(shown, "{}: {}", notice.severity, notice.message);
            for detail in notice.detail.iter().flat_map(|detail| detail.lines()) {
                let _ = writeln!(shown, "DETAIL: {detail}");
            }
            if let Some(hint) = &notice.hint {
                let _ = writeln!(shown, "HINT: {hint}");
            }
        }
        match result {
            Ok(outcome) => match show(outcome).await {
                Ok(text) => shown.push_str(&text),
                Err(error) => {
                    session.fail_transaction();
                    return shown + &show_error(&error);
                }
            },
            // The rest of the text is not run, as with any frontend.
            Err(error) => return shown + &show_error(&error),
        }
    }
    shown
}

async fn show(outcome: Outcome) -> Result<String, Error> {
    let mut shown = String::new();
    match outcome {
        Outcome::Rows { tag, mut rows, .. } => {
            let mut count = 0;
            while let Some(batch) = rows.next().await {
                let batch = batch?;
                count += batch.num_rows() as u64;
                shown.push_str(&lines(&batch));
            }
            let _ = writeln!(shown, "{}", tag.complete(count));
        }
        Outcome::Done(tag) => {
            let _ = writeln!(shown, "{tag}");
        }
        Outcome::Subscription { .. } => shown.push_str("a subscription\n"),
        Outcome::Empty => {}
    }
    Ok(shown)
}

/// A line a row, columns divided by bars, nulls as nothing.
fn lines(batch: &RecordBatch) -> String {
    let options = FormatOptions::default();
    let columns: Vec<ArrayFormatter<'_>> = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column.as_ref(), &options).expect("every type can be shown"))
        .collect();
    let mut lines = String::new();
    for row in 0..batch.num_rows() {
        let values: Vec<String> = columns.iter().map(|column| column.value(row).to_string()).collect();
        let _ = writeln!(lines, "{}", values.join("|"));
    }
    lines
}

fn show_error(error: &Error) -> String {
    let mut shown = format!("ERROR {}: {}\n", error.code, error.message);
    for (name, text) in [("DETAIL", &error.detail), ("HINT", &error.hint)] {
        for line in text.iter().flat_map(|text| text.lines()) {
            let _ = writeln!(shown, "{name}: {line}");
        }
    }
    if let Some(position) = error.position {
        let _ = writeln!(shown, "POSITION: {position}");
    }
    shown
}

/// Describes one statement, and runs it with values.
async fn run_with(session: &mut Session, sql: &str, values: &[ScalarValue]) -> String {
    let statement = session.parse(sql).expect("it is SQL").pop().expect("it is one statement");
    match session.execute(&statement, values).await {
        Ok(outcome) => show(outcome).await.unwrap_or_else(|error| show_error(&error)),
        Err(error) => show_error(&error),
    }
}
