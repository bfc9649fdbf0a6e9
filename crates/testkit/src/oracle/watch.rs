//! Readers that last: subscriptions, whose changes added up must be the view at each epoch, and
//! transactions, which must go on seeing the epoch that they began in.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;
use futures::StreamExt;

use super::compare::difference;
use super::database::{Batches, Client, Database, texts};

/// A subscription to a view, and what its changes so far add up to.
pub struct Watch {
    pub view: String,
    batches: Batches,
    /// How many copies of each row there are.
    folded: BTreeMap<String, i64>,
    /// All changes up to this epoch have come.
    upto: Option<u64>,
    /// What the view held at epochs that the subscription has not been compared at yet.
    held: BTreeMap<u64, Vec<String>>,
    /// It lives as long as its session.
    _session: Client,
}

impl Watch {
    pub async fn start(database: &Database, view: &str) -> Result<Watch> {
        let mut session = database.connect()?;
        let batches = session.subscribe(&format!("SUBSCRIBE TO {view} WITH (PROGRESS)")).await?;
        let (folded, held) = (BTreeMap::new(), BTreeMap::new());
        Ok(Watch { view: view.to_owned(), batches, folded, upto: None, held, _session: session })
    }

    /// Notes what the view held at an epoch.
    pub fn note(&mut self, epoch: u64, rows: &[String]) {
        self.held.insert(epoch, rows.to_vec());
    }

    /// Takes all changes up to an epoch that has come, and compares at each epoch that was noted.
    pub async fn catch_up(&mut self, epoch: u64) -> Result<()> {
        while self.upto.is_none_or(|upto| upto < epoch) {
            let batch = self.batches.next().await.context("the subscription has ended")??;
            let context = format!("SUBSCRIBE TO {} WITH (PROGRESS)", self.view);
            self.take(&batch).with_context(|| context)?;
        }
        Ok(())
    }

    fn take(&mut self, batch: &arrow::array::RecordBatch) -> Result<()> {
        let (epochs, diffs) =
            (batch.column(0).as_primitive::<Int64Type>(), batch.column(1).as_primitive::<Int64Type>());
        let progressed = batch.column(2).as_boolean();
        let places: Vec<usize> = (3..batch.num_columns()).collect();
        for (row, text) in texts(&batch.project(&places)?)?.into_iter().enumerate() {
            let epoch = u64::try_from(epochs.value(row))?;
            ensure!(self.upto.is_none_or(|upto| epoch > upto), "a change of epoch {epoch}, which was complete");
            if progressed.value(row) {
                self.compare_below(epoch + 1)?;
                self.upto = Some(epoch);
                continue;
            }
            ensure!(diffs.is_valid(row) && diffs.value(row) != 0, "a change without a diff: {text}");
            self.compare_below(epoch)?;
            let count = self.folded.entry(text).or_default();
            *count += diffs.value(row);
        }
        Ok(())
    }

    /// Compares with what was noted of epochs below this one: no change of those can come any more.
    fn compare_below(&mut self, epoch: u64) -> Result<()> {
        let rest = self.held.split_off(&epoch);
        for (at, rows) in std::mem::replace(&mut self.held, rest) {
            self.folded.retain(|_, count| *count != 0);
            if let Some((row, count)) = self.folded.iter().find(|(_, count)| **count < 0) {
                bail!("at epoch {at}: {count} copies of {row}");
            }
            let copies = |(row, count): (&String, &i64)| vec![row.clone(); usize::try_from(*count).unwrap_or(0)];
            let folded: Vec<String> = self.folded.iter().flat_map(copies).collect();
            if let Some(difference) = difference(&folded, &rows) {
                bail!("changes up to epoch {at}, added up (+), against the view then (-)\n{difference}");
            }
        }
        Ok(())
    }
}

/// A transaction that goes on reading what it has read.
pub struct Reader {
    session: Client,
    read: Vec<Read>,
    /// At which step it ends.
    pub until: usize,
}

/// What a transaction has read.
struct Read {
    relation: String,
    sql: String,
    rows: Vec<String>,
}

impl Reader {
    /// Begins with some relations, each with a query over it.
    pub async fn start(database: &Database, queries: Vec<(String, String)>, until: usize) -> Result<Reader> {
        let mut reader = Reader { session: database.connect()?, read: Vec::new(), until };
        reader.session.rows("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        for (relation, sql) in queries {
            let rows = reader.session.rows(&sql).await?;
            reader.read.push(Read { relation, sql, rows });
        }
        Ok(reader)
    }

    /// Forgets a relation that is dropped.
    pub fn forget(&mut self, relation: &str) {
        self.read.retain(|read| read.relation != relation);
    }

    /// Reads all again.
    pub async fn finish(mut self) -> Result<()> {
        for Read { sql, rows, .. } in &self.read {
            let now = self.session.rows(sql).await?;
            if let Some(difference) = difference(&now, rows) {
                bail!("{sql} in a transaction, read again (+), against the first time (-)\n{difference}");
            }
        }
        self.session.rows("COMMIT").await.map(drop)
    }
}
