//! An engine in this process, and sessions on it, as the oracle sees them: statements in, rows as
//! text out.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use engine::{Config, Engine, Outcome, Saved, Session};
use futures::TryStreamExt;

/// An engine, its main session, and a file of all that was run there for its effect: it is there
/// even if an operator ends the process.
pub struct Database {
    engine: Arc<Engine>,
    session: Client,
    workers: usize,
    /// The checkpoints of as many workers so far.
    saved: Arc<Saved>,
    script: File,
    path: PathBuf,
}

/// A session.
pub struct Client(Session);

/// Rows of any stream of the engine's.
pub type Batches = std::pin::Pin<Box<dyn futures::Stream<Item = Result<RecordBatch>> + Send>>;

impl Database {
    /// Starts an engine in memory. `name` tells the script from others.
    pub fn start(workers: usize, name: &str) -> Result<Database> {
        let engine = Engine::start(config(workers)).map_err(described)?;
        let session = Client(engine.connect("dev", "dev").map_err(described)?);
        let path = std::env::temp_dir().join(format!("freshet-oracle-{name}.sql"));
        let script = File::create(&path).with_context(|| path.display().to_string())?;
        Ok(Database { engine, session, workers, saved: Arc::default(), script, path })
    }

    /// Another session.
    pub fn connect(&self) -> Result<Client> {
        Ok(Client(self.engine.connect("dev", "dev").map_err(described)?))
    }

    /// All statements so far, to be run elsewhere.
    pub fn script(&self) -> &Path {
        &self.path
    }

    /// Runs statements for their effect.
    pub async fn run(&mut self, sql: &str) -> Result<()> {
        writeln!(self.script, "{sql};")?;
        self.rows(sql).await.map(drop)
    }

    /// Notes in the script what was run elsewhere than in the main session.
    pub fn note(&mut self, text: &str) -> Result<()> {
        Ok(writeln!(self.script, "{text}")?)
    }

    /// Runs a query; its rows as text, sorted.
    pub async fn rows(&mut self, sql: &str) -> Result<Vec<String>> {
        self.session.rows(sql).await
    }

    /// Takes a checkpoint in memory, stops the engine, and starts one from it with so many workers. Other
    /// sessions, and what they read, end.
    pub async fn restart(&mut self, workers: usize) -> Result<()> {
        writeln!(self.script, "-- here a checkpoint was taken, and {workers} workers started from it")?;
        self.engine.checkpoint(Arc::clone(&self.saved) as _).await.map_err(described)?;
        self.engine.shutdown();
        self.engine = Engine::restore(config(workers), Arc::clone(&self.saved) as _).await.map_err(described)?;
        self.session = Client(self.engine.connect("dev", "dev").map_err(described)?);
        if workers != self.workers {
            // What others have saved is not gone on with.
            self.saved = Arc::default();
            self.workers = workers;
        }
        Ok(())
    }

    /// How many timely workers there are.
    pub fn workers(&self) -> usize {
        self.workers
    }

    /// The last epoch.
    pub fn epoch(&self) -> u64 {
        self.engine.runtime().now().0
    }

    /// Rows, groups and values that the views' operators remember.
    pub fn state_rows(&self) -> usize {
        self.engine.runtime().statistics().relations.iter().map(|relation| relation.state_rows).sum()
    }

    /// Rows that a relation keeps out because they cannot be computed.
    pub fn errors(&self, relation: &str) -> Option<i64> {
        let catalog = self.engine.catalog().snapshot();
        let oid = catalog.objects.iter().find(|object| object.name == relation)?.oid;
        let statistics = self.engine.runtime().statistics().relations;
        statistics.iter().find(|known| known.id.0 == oid).map(|known| known.errors)
    }

    /// Stops the workers, and forgets the script.
    pub fn stop(self) {
        drop(self.session);
        self.engine.shutdown();
        // Nobody misses it.
        let _ = std::fs::remove_file(self.path);
    }
}

fn config(workers: usize) -> Config {
    Config { workers, memory_bytes: 4 << 30, data_dir: None }
}

impl Client {
    /// Runs statements; the rows of all of them as text, sorted.
    pub async fn rows(&mut self, sql: &str) -> Result<Vec<String>> {
        let mut rows = Vec::new();
        for statement in self.0.parse(sql).map_err(described).with_context(|| sql.to_owned())? {
            let outcome = self.0.execute(&statement, &[]).await;
            if let Outcome::Rows { rows: stream, .. } = outcome.map_err(described).with_context(|| sql.to_owned())? {
                let batches = stream.try_collect::<Vec<_>>().await.map_err(engine::Error::from).map_err(described);
                for batch in &batches.with_context(|| sql.to_owned())? {
                    rows.extend(texts(batch)?);
                }
            }
        }
        rows.sort_unstable();
        Ok(rows)
    }

    /// Starts a subscription.
    pub async fn subscribe(&mut self, sql: &str) -> Result<Batches> {
        let statement = self.0.parse(sql).map_err(described)?.pop().context("no statement")?;
        match self.0.execute(&statement, &[]).await.map_err(described).with_context(|| sql.to_owned())? {
            Outcome::Subscription { rows, .. } => {
                Ok(Box::pin(rows.map_err(|error| described(engine::Error::from(error)))))
            }
            other => Err(anyhow!("{sql}: no subscription, but {other:?}")),
        }
    }
}

/// The rows of a batch as text. Minus zero is shown as zero, which it equals: which of equal values
/// a group or an extreme shows is left open.
pub fn texts(batch: &RecordBatch) -> Result<Vec<String>> {
    let options = FormatOptions::default().with_null("NULL");
    let columns: Vec<ArrayFormatter<'_>> =
        batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options)).collect::<Result<_, _>>()?;
    let text = |row: usize| {
        let value = |column: &ArrayFormatter<'_>| match column.value(row).to_string() {
            zero if zero == "-0.0" => "0.0".to_owned(),
            value => value,
        };
        columns.iter().map(value).collect::<Vec<_>>().join(" | ")
    };
    Ok((0..batch.num_rows()).map(text).collect())
}

/// The SQLSTATE of an error of the engine's.
pub fn code(error: &anyhow::Error) -> Option<String> {
    let described = error.root_cause().to_string();
    let code = described.split(' ').next()?;
    (code.len() == 5 && code.chars().all(|letter| letter.is_ascii_alphanumeric())).then(|| code.to_owned())
}

fn described(error: engine::Error) -> anyhow::Error {
    anyhow!("{} {}", error.code, error)
}
