//! An engine in this process, and one session on it, as the oracle sees them: statements in, rows
//! as text out.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use engine::{Config, Engine, Outcome, Session};
use futures::TryStreamExt;

/// An engine, one session, and the text of all that was run.
pub struct Database {
    engine: Arc<Engine>,
    session: Session,
    script: String,
}

impl Database {
    /// Starts an engine in memory.
    pub fn start(workers: usize) -> Result<Database> {
        let config = Config { workers, memory_bytes: 4 << 30, data_dir: None };
        let engine = Engine::start(config).map_err(described)?;
        let session = engine.connect("dev", "dev").map_err(described)?;
        Ok(Database { engine, session, script: String::new() })
    }

    /// All statements so far, to be run elsewhere.
    pub fn script(&self) -> &str {
        &self.script
    }

    /// Runs statements for their effect.
    pub async fn run(&mut self, sql: &str) -> Result<()> {
        self.script.push_str(sql);
        self.script.push_str(";\n");
        self.rows(sql).await.map(drop)
    }

    /// Runs a query; its rows as text, sorted.
    pub async fn rows(&mut self, sql: &str) -> Result<Vec<String>> {
        let mut rows = Vec::new();
        for statement in self.session.parse(sql).map_err(described).with_context(|| sql.to_owned())? {
            let outcome = self.session.execute(&statement, &[]).await;
            if let Outcome::Rows { rows: stream, .. } = outcome.map_err(described).with_context(|| sql.to_owned())? {
                let batches: Vec<_> = stream.try_collect().await.with_context(|| sql.to_owned())?;
                for batch in &batches {
                    append_rows(batch, &mut rows)?;
                }
            }
        }
        rows.sort_unstable();
        Ok(rows)
    }

    /// Takes a checkpoint in memory, drops all operators and rebuilds them from it.
    pub async fn checkpoint_and_rebuild(&mut self) -> Result<()> {
        self.script.push_str("-- here a checkpoint was taken, and everything rebuilt from it\n");
        Ok(self.engine.runtime().checkpoint_and_rebuild().await?)
    }

    /// Rows, groups and values that the views' operators remember.
    pub fn state_rows(&self) -> usize {
        self.engine.runtime().statistics().relations.iter().map(|relation| relation.state_rows).sum()
    }

    /// Stops the workers.
    pub fn stop(self) {
        drop(self.session);
        self.engine.shutdown();
    }
}

fn append_rows(batch: &arrow::array::RecordBatch, rows: &mut Vec<String>) -> Result<()> {
    let options = FormatOptions::default().with_null("NULL");
    let columns: Vec<ArrayFormatter<'_>> =
        batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options)).collect::<Result<_, _>>()?;
    for index in 0..batch.num_rows() {
        let values: Vec<String> = columns.iter().map(|column| column.value(index).to_string()).collect();
        rows.push(values.join(" | "));
    }
    Ok(())
}

fn described(error: engine::Error) -> anyhow::Error {
    anyhow!("{} {}", error.code, error)
}
