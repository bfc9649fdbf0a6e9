//! One client's connection: its settings, its transaction, and the statement it runs.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::datatypes::Field;
use dataflow::{CommitError, Write};
use datafusion::scalar::ScalarValue;
use futures::TryStreamExt;
use parking_lot::Mutex;
use sql::{Parsed, Statement};

use crate::bind::Binder;
use crate::cancel::Canceller;
use crate::transaction::{Transaction, TransactionStatus};
use crate::{Description, Engine, Error, Notice, Outcome, SessionInfo, Settings, statement as statements};

/// One client's connection. Its statements run one at a time.
pub struct Session {
    pub(crate) engine: Arc<Engine>,
    pub(crate) info: SessionInfo,
    pub(crate) binder: Binder,
    pub(crate) transaction: Transaction,
    pub(crate) notices: Vec<Notice>,
    canceller: Canceller,
    /// Whether a commit is under way, which is not cancelled.
    committing: Arc<AtomicBool>,
    /// The text that was parsed last.
    batch: Mutex<Batch>,
}

/// A text of statements.
#[derive(Default)]
struct Batch {
    /// Positions in errors count from its start.
    text: String,
    /// The statements still to be run, if they are several: those are one transaction.
    waiting: VecDeque<String>,
}

impl Session {
    pub(crate) fn new(engine: Arc<Engine>, info: SessionInfo) -> Session {
        let binder =
            Binder::new(&info, engine.extensions(), engine.environment(), engine.pool(), engine.query_partitions());
        Session {
            engine,
            info,
            binder,
            transaction: Transaction::default(),
            notices: Vec::new(),
            canceller: Canceller::default(),
            committing: Arc::default(),
            batch: Mutex::default(),
        }
    }

    /// Who it is.
    #[must_use]
    pub fn info(&self) -> &SessionInfo {
        &self.info
    }

    /// The statements of a text. If they are several, and executed in this order, they are one
    /// transaction.
    ///
    /// # Errors
    /// 42601 with the position, or 0A000 for a statement that is not supported.
    pub fn parse(&self, sql: &str) -> Result<Vec<Parsed>, Error> {
        let mut batch = self.batch.lock();
        *batch = Batch { text: sql.to_owned(), waiting: VecDeque::new() };
        let statements = sql::parse(sql)?;
        if statements.len() > 1 {
            batch.waiting = statements.iter().map(|statement| statement.sql.clone()).collect();
        }
        Ok(statements)
    }

    /// Types of `$1`.. and the columns of the result, without running it. `hints`: the types that
    /// the client gave.
    ///
    /// # Errors
    /// As `execute`, as far as binding goes.
    pub async fn describe(&mut self, statement: &Parsed, hints: &[Option<Field>]) -> Result<Description, Error> {
        let may_end = matches!(statement.statement, Statement::Commit | Statement::Rollback);
        let result = match if may_end { Ok(()) } else { self.check_not_failed() } {
            Ok(()) => {
                self.begin_statement();
                statements::describe(self, &statement.statement, hints).await
            }
            Err(error) => Err(error),
        };
        self.finish(statement, result)
    }

    /// Runs a statement. `parameters`: one for each `$n`, of the described types.
    ///
    /// # Errors
    /// Whatever is wrong with it; an open transaction has then failed.
    pub async fn execute(&mut self, statement: &Parsed, parameters: &[ScalarValue]) -> Result<Outcome, Error> {
        let mut cancelled = self.canceller.begin(self.info.settings.duration("statement_timeout"));
        let rest = cancelled.clone();
        self.committing.store(false, Ordering::Relaxed);
        let committing = Arc::clone(&self.committing);
        let run = async {
            if !matches!(statement.statement, Statement::Commit | Statement::Rollback) {
                self.check_not_failed()?;
            }
            let place = self.next_of_batch(statement);
            if place != Place::Alone {
                self.begin_implicit();
            }
            self.begin_statement();
            let outcome = statements::execute(self, statement, parameters).await?;
            if place == Place::Last { self.end_batch(outcome).await } else { Ok(outcome) }
        };
        let result = tokio::select! {
            biased;
            error = cancelled.wait_unless(&committing) => Err(error),
            result = run => result,
        };
        let result = result.map(|outcome| match outcome {
            Outcome::Rows { tag, schema, rows } => Outcome::Rows { tag, schema, rows: rest.guard(rows) },
            Outcome::Subscription { schema, rows } => Outcome::Subscription { schema, rows: rest.guard(rows) },
            done => done,
        });
        self.finish(statement, result)
    }

    /// Whether a transaction is open.
    #[must_use]
    pub fn transaction(&self) -> TransactionStatus {
        self.transaction.status()
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.info.settings
    }

    /// What has been noticed since the last call.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        let mut notices = std::mem::take(&mut self.notices);
        notices.retain(|notice| self.info.settings.wants(notice.severity));
        notices
    }

    /// A handle by which another thread may cancel what is running.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }

    /// Writes rows in one epoch. From here on the statement is not cancelled.
    pub(crate) async fn write(&self, writes: Vec<Write>) -> Result<(), CommitError> {
        self.committing.store(true, Ordering::Relaxed);
        let written = self.engine.runtime().commit(writes).await;
        self.committing.store(false, Ordering::Relaxed);
        written.map(|_| ())
    }

    /// Where a statement that is run now stands in the text that was parsed last.
    fn next_of_batch(&self, statement: &Parsed) -> Place {
        let waiting = &mut self.batch.lock().waiting;
        if waiting.front() != Some(&statement.sql) {
            waiting.clear();
            return Place::Alone;
        }
        waiting.pop_front();
        if waiting.is_empty() { Place::Last } else { Place::Among }
    }

    /// The rest of the text will not be run.
    pub(crate) fn forget_batch(&self) {
        self.batch.lock().waiting.clear();
    }

    /// Commits what the statements of a text have written. The rows of the last one must all be
    /// there before: computing them may fail.
    async fn end_batch(&mut self, outcome: Outcome) -> Result<Outcome, Error> {
        let outcome = match outcome {
            Outcome::Rows { tag, schema, rows } if self.has_implicit_writes() => {
                let batches = rows.try_collect().await?;
                crate::rows::outcome(tag, schema, batches)
            }
            other => other,
        };
        self.end_implicit().await?;
        Ok(outcome)
    }

    fn begin_statement(&mut self) {
        let zone = self.info.settings.get("timezone").unwrap_or_else(|| "UTC".to_owned());
        let in_transaction = self.transaction() != TransactionStatus::Idle;
        self.binder.begin_statement(&zone, self.info.settings.search_path(), in_transaction);
    }

    /// A statement has ended: an error fails the transaction, and learns its place in the text.
    fn finish<T>(&mut self, statement: &Parsed, result: Result<T, Error>) -> Result<T, Error> {
        result.map_err(|error| {
            self.fail_transaction();
            let batch = self.batch.lock();
            let is_of_batch = batch.text.contains(&statement.sql);
            let whole = if is_of_batch { batch.text.as_str() } else { statement.sql.as_str() };
            error.located_in(whole)
        })
    }
}

/// Where a statement stands in its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// It is the only one.
    Alone,
    /// Others follow.
    Among,
    /// It is the last of several.
    Last,
}
