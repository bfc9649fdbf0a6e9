//! One client's connection: its settings, its transaction, and the statement it runs.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use arrow::datatypes::Field;
use dataflow::{CommitError, Write};
use datafusion::scalar::ScalarValue;
use futures::TryStreamExt;
use parking_lot::Mutex;
use sql::{Parsed, Statement};

use crate::bind::Binder;
use crate::cancel::{Canceller, Committing, Deadlines};
use crate::memory::{ResultMemory, StatementMemory};
use crate::news::{News, NewsReader};
use crate::statement::Casts;
use crate::transaction::{Transaction, TransactionStatus};
use crate::{Description, Engine, Error, Notice, Outcome, SessionInfo, Settings, statement as statements};

/// While a text is read, its tokens and syntax trees take about so many times as much memory.
const SYNTAX_FACTOR: usize = 16;
/// Of a literal there are this many copies at most meanwhile.
const LITERAL_FACTOR: usize = 4;

/// A text of so many bytes is read before another thread would have taken it.
const SHORT_TEXT: usize = 1 << 10;

/// How much of a statement's text names it among those who hold memory.
const NAME_CHARACTERS: usize = 60;

/// One client's connection. Its statements run one at a time.
pub struct Session {
    pub(crate) engine: Arc<Engine>,
    pub(crate) info: SessionInfo,
    pub(crate) binder: Binder,
    pub(crate) transaction: Transaction,
    pub(crate) notices: Vec<Notice>,
    pub(crate) casts: Arc<Casts>,
    pub(crate) news: News,
    canceller: Canceller,
    /// How far the statement at hand is with its commit.
    pub(crate) committing: Committing,
    /// The text that was parsed last.
    batch: Mutex<Batch>,
}

/// A text of statements.
#[derive(Default)]
struct Batch {
    /// Positions in errors count from its start.
    text: String,
    /// The statements still to be run, if they are several: those are one transaction.
    waiting: VecDeque<Arc<Parsed>>,
}

impl Session {
    pub(crate) fn new(engine: Arc<Engine>, info: SessionInfo) -> Session {
        let binder = Binder::new(
            &info,
            engine.extensions(),
            engine.environment(),
            engine.pool(),
            engine.query_partitions(),
            engine.budget().clone(),
        );
        Session {
            engine,
            info,
            binder,
            transaction: Transaction::default(),
            notices: Vec::new(),
            casts: Arc::default(),
            news: News::default(),
            canceller: Canceller::default(),
            committing: Committing::default(),
            batch: Mutex::default(),
        }
    }

    /// Who it is.
    #[must_use]
    pub fn info(&self) -> &SessionInfo {
        &self.info
    }

    /// The statements of a text, read on the caller's own thread. If they are several, and executed in
    /// this order, they are one transaction.
    ///
    /// # Errors
    /// 42601 with the position, or 0A000 for a statement that is not supported.
    pub fn parse(&self, sql: &str) -> Result<Vec<Arc<Parsed>>, Error> {
        let statements = sql::parse(sql);
        self.note_batch(sql, statements)
    }

    /// The same for a frontend, whose threads serve other sessions, too: a long text takes its time.
    ///
    /// # Errors
    /// As `parse`; 57014 if it was cancelled or took too long, and 25P04.
    pub async fn read(&mut self, sql: &str) -> Result<Vec<Arc<Parsed>>, Error> {
        if sql.len() <= SHORT_TEXT && sql::is_read_quickly(sql) {
            return self.parse(sql);
        }
        let mut cancelled = self.canceller.begin(self.deadlines());
        let name = format!("session {}: a text that is read", self.info.process_id);
        let memory = StatementMemory::open(self.engine.budget(), name);
        memory.take(reading_bytes(sql))?;
        let text = sql.to_owned();
        let read = self.on_pool(async move {
            let statements = sql::parse(&text);
            drop(memory);
            Ok(statements)
        });
        let statements = tokio::select! {
            biased;
            error = cancelled.wait() => Err(error),
            statements = read => statements,
        };
        self.note_batch(sql, statements?)
    }

    fn note_batch(&self, sql: &str, parsed: Result<Vec<Parsed>, sql::Error>) -> Result<Vec<Arc<Parsed>>, Error> {
        let mut batch = self.batch.lock();
        *batch = Batch { text: sql.to_owned(), waiting: VecDeque::new() };
        let statements: Vec<Arc<Parsed>> = parsed?.into_iter().map(Arc::new).collect();
        if statements.len() > 1 {
            batch.waiting = statements.iter().map(Arc::clone).collect();
        }
        Ok(statements)
    }

    /// Types of `$1`.. and the columns of the result, without running it. `hints`: the types that
    /// the client gave.
    ///
    /// # Errors
    /// As `execute`, as far as binding goes.
    pub async fn describe(&mut self, statement: &Arc<Parsed>, hints: &[Option<Field>]) -> Result<Description, Error> {
        let mut cancelled = self.canceller.begin(self.deadlines());
        let run = async {
            self.check_admitted(statement)?;
            self.begin_statement(statement);
            statements::describe(self, statement, hints).await
        };
        let result = tokio::select! {
            biased;
            error = cancelled.wait() => Err(error),
            result = run => result,
        };
        self.finish(statement, result)
    }

    /// Runs a statement. `parameters`: one for each `$n`, of the described types.
    ///
    /// # Errors
    /// Whatever is wrong with it; an open transaction has then failed.
    pub async fn execute(&mut self, statement: &Arc<Parsed>, parameters: &[ScalarValue]) -> Result<Outcome, Error> {
        let mut cancelled = self.canceller.begin(self.deadlines());
        let rest = cancelled.clone();
        let committing = self.begin_committing();
        let result = {
            let run = pin!(async {
                self.check_admitted(statement)?;
                let place = self.next_of_batch(statement);
                if place != Place::Alone {
                    self.begin_implicit();
                }
                self.begin_statement(statement);
                let outcome = statements::execute(self, statement, parameters).await?;
                if place == Place::Last { self.end_batch(outcome).await } else { Ok(outcome) }
            });
            tokio::select! {
                biased;
                error = cancelled.wait_unless(&committing) => Err(error),
                result = run => result,
            }
        };
        let memory = || {
            let name = format!("rows of {}", self.name_of(statement));
            ResultMemory::open(Arc::clone(self.binder.memory()), name)
        };
        let result = result.map(|outcome| match outcome {
            Outcome::Rows { tag, schema, rows } => {
                let rows = if committing.has_written() { memory().count(rows) } else { rest.guard(rows, memory()) };
                Outcome::Rows { tag, schema, rows }
            }
            Outcome::Subscription { schema, rows } => {
                Outcome::Subscription { schema, rows: rest.guard(rows, memory()) }
            }
            done => done,
        });
        self.finish(statement, result)
    }

    /// What is executed from here on is one transaction up to [`Session::end_group`], unless it says
    /// otherwise itself.
    pub fn begin_group(&mut self) {
        self.begin_implicit();
    }

    /// Commits what has been executed since [`Session::begin_group`].
    ///
    /// # Errors
    /// As `COMMIT`; nothing has been written then.
    pub async fn end_group(&mut self) -> Result<(), Error> {
        let mut cancelled = self.canceller.begin(self.deadlines());
        let committing = self.begin_committing();
        let ended = tokio::select! {
            biased;
            error = cancelled.wait_unless(&committing) => Err(error),
            ended = self.end_implicit() => ended,
        };
        ended.inspect_err(|_| self.fail_transaction())
    }

    /// Whether the last statement has written what nobody can take back: it is not cancelled any more.
    #[must_use]
    pub fn has_written(&self) -> bool {
        self.committing.has_written()
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

    /// What the next statement tells while it runs; what it tells when it ends is in
    /// [`Session::take_notices`].
    #[must_use]
    pub fn news(&self) -> NewsReader {
        self.news.subscribe()
    }

    /// A handle by which another thread may cancel what is running.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }

    /// Writes rows in one epoch. Once the clock has begun with that, the statement is not cancelled.
    pub(crate) async fn write(&self, writes: Vec<Write>) -> Result<(), CommitError> {
        self.committing.written(self.engine.runtime().commit(writes)).await
    }

    fn begin_committing(&self) -> Committing {
        self.committing.begin();
        self.committing.clone()
    }

    /// Where a statement that is run now stands in the text that was parsed last.
    fn next_of_batch(&self, statement: &Arc<Parsed>) -> Place {
        let waiting = &mut self.batch.lock().waiting;
        if !waiting.front().is_some_and(|next| Arc::ptr_eq(next, statement)) {
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
            Outcome::Rows { tag, schema, mut rows } if self.has_implicit_writes() => {
                let mut batches = Vec::new();
                while let Some(batch) = rows.try_next().await? {
                    self.binder.memory().take(batch.get_array_memory_size())?;
                    batches.push(batch);
                }
                crate::rows::outcome(tag, schema, batches)
            }
            other => other,
        };
        self.end_implicit().await?;
        Ok(outcome)
    }

    /// Does a work of the statement at hand where it takes no thread from other sessions.
    pub(crate) fn on_pool<T, W>(&self, work: W) -> impl Future<Output = Result<T, Error>> + Send + use<T, W>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let pool = self.engine.pool();
        async move { pool.plan(work).await }
    }

    /// When what begins now must end.
    fn deadlines(&self) -> Deadlines {
        Deadlines {
            statement: self.info.settings.duration("statement_timeout").map(|timeout| Instant::now() + timeout),
            transaction: self.transaction_deadline(),
        }
    }

    /// That a transaction which has failed is only rolled back.
    fn check_admitted(&self, statement: &Parsed) -> Result<(), Error> {
        let may_end = matches!(statement.statement, Statement::Commit | Statement::Rollback | Statement::RollbackTo(_));
        if may_end { Ok(()) } else { self.check_not_failed() }
    }

    fn begin_statement(&mut self, statement: &Parsed) {
        let zone = self.info.settings.get("timezone").unwrap_or_else(|| "UTC".to_owned());
        let keeps_time = self.keeps_time();
        let name = self.name_of(statement);
        self.binder.begin_statement(name, &zone, self.info.settings.search_path(), keeps_time);
    }

    /// What a person knows a statement by.
    fn name_of(&self, statement: &Parsed) -> String {
        let text: String = statement.sql.chars().take(NAME_CHARACTERS).collect();
        format!("session {}: {text}", self.info.process_id)
    }

    /// A statement has ended: an error fails the transaction, and learns its place in the text.
    fn finish<T>(&mut self, statement: &Parsed, result: Result<T, Error>) -> Result<T, Error> {
        self.binder.end_statement();
        result.map_err(|error| {
            self.fail_transaction();
            let batch = self.batch.lock();
            let is_of_batch = batch.text.contains(&statement.sql);
            let whole = if is_of_batch { batch.text.as_str() } else { statement.sql.as_str() };
            error.located_in(whole)
        })
    }
}

/// What reading a text takes, in bytes, more or less.
fn reading_bytes(sql: &str) -> usize {
    // Between quotes, every other piece is a literal.
    let factor = |place: usize| if place % 2 == 1 { LITERAL_FACTOR } else { SYNTAX_FACTOR };
    sql.split('\'').enumerate().map(|(place, piece)| piece.len().saturating_mul(factor(place))).sum()
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
