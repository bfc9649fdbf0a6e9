//! One client's connection: its settings, its transaction, and the statement it runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::datatypes::Field;
use dataflow::{CommitError, Write};
use datafusion::scalar::ScalarValue;
use parking_lot::Mutex;
use sql::{Parsed, Statement};

use crate::bind::Binder;
use crate::cancel::Canceller;
use crate::transaction::{Transaction, TransactionStatus};
use crate::{Description, Engine, Error, Notice, Outcome, SessionInfo, Settings, describe, execute};

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
    /// The text that was parsed last: positions in errors count from its start.
    text: Mutex<String>,
}

impl Session {
    pub(crate) fn new(engine: Arc<Engine>, info: SessionInfo) -> Session {
        let binder = Binder::new(&info, engine.extensions(), engine.environment(), engine.query_partitions());
        Session {
            engine,
            info,
            binder,
            transaction: Transaction::default(),
            notices: Vec::new(),
            canceller: Canceller::default(),
            committing: Arc::default(),
            text: Mutex::default(),
        }
    }

    /// Who it is.
    #[must_use]
    pub fn info(&self) -> &SessionInfo {
        &self.info
    }

    /// The statements of a text.
    ///
    /// # Errors
    /// 42601 with the position, or 0A000 for a statement that is not supported.
    pub fn parse(&self, sql: &str) -> Result<Vec<Parsed>, Error> {
        *self.text.lock() = sql.to_owned();
        Ok(sql::parse(sql)?)
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
                describe::describe(self, &statement.statement, hints).await
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
            self.begin_statement();
            execute::execute(self, statement, parameters).await
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
        std::mem::take(&mut self.notices)
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

    fn begin_statement(&mut self) {
        let zone = self.info.settings.get("timezone").unwrap_or_else(|| "UTC".to_owned());
        let in_transaction = self.transaction() != TransactionStatus::Idle;
        self.binder.begin_statement(&zone, in_transaction);
    }

    /// A statement has ended: an error fails the transaction, and learns its place in the text.
    fn finish<T>(&mut self, statement: &Parsed, result: Result<T, Error>) -> Result<T, Error> {
        result.map_err(|error| {
            self.fail_transaction();
            let text = self.text.lock();
            let whole = if text.contains(&statement.sql) { text.as_str() } else { statement.sql.as_str() };
            error.located_in(whole)
        })
    }
}
