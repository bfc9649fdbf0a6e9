//! Several sessions that write at once: their statements come interleaved, in an order that the
//! seed decides, and each answer is foretold by a model of snapshot isolation.
//!
//! A statement sees what its transaction's snapshot holds and what the transaction has written. A
//! commit must fail if a row that it changes is no longer there, or a key that it brings is taken:
//! or an update would be lost. It must not fail if nobody has touched those rows and keys since.
//! When it has succeeded, the tables hold what the model says, each counter what was added to it by
//! transactions that were acknowledged, and each view what its query gives.
//!
//! Here statements follow each other; those that run at the same instant are in [`parallel`].

mod model;
mod parallel;
mod statement;

use anyhow::{Context, Result, bail, ensure};

use super::Options;
use super::compare::difference;
use super::database::{Client, Database, code};
use super::random::Random;
use model::{Commit, Model, Transaction};
use statement::{COUNTERS, Statement, TABLES, VIEWS};

pub use model::Isolation;
pub use parallel::run_parallel;

/// Sessions at a time, at most.
const SESSIONS_MAX: usize = 4;

/// What a run did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Interleaved {
    /// Statements whose answers were compared.
    pub statements: usize,
    /// Transactions of several statements that were committed.
    pub committed: usize,
    /// Transactions that were refused because of another one.
    pub refused: usize,
}

struct Session {
    client: Client,
    transaction: Option<Transaction>,
}

struct Run {
    random: Random,
    database: Database,
    sessions: Vec<Session>,
    model: Model,
    report: Interleaved,
}

/// Runs interleaved transactions of these isolation levels.
///
/// # Errors
/// The first answer that was not to be expected, with the command that repeats it.
pub async fn run_sessions(options: Options, levels: &[Isolation]) -> Result<Interleaved> {
    let mut random = Random::new(options.seed);
    let database = Database::start(options.workers, &format!("sessions-{}", options.seed))?;
    let mut sessions = Vec::new();
    for _ in 0..2 + random.below(SESSIONS_MAX - 1) {
        sessions.push(Session { client: database.connect()?, transaction: None });
    }
    let mut run = Run { random, database, sessions, model: Model::default(), report: Interleaved::default() };
    let result = run.steps(options.steps, levels).await;
    if let Err(error) = result {
        let script = run.database.script().display();
        bail!(
            "seed {}\n{error:#}\nall statements: {script}\nrepeat: {}",
            options.seed,
            options.replay("sessions_that")
        );
    }
    run.sessions.clear();
    run.database.stop();
    Ok(run.report)
}

impl Run {
    async fn steps(&mut self, steps: usize, levels: &[Isolation]) -> Result<()> {
        for sql in statement::setup() {
            self.database.run(&sql).await?;
        }
        for statement in Statement::first(&mut self.random) {
            self.alone(0, &statement).await?;
        }
        for _ in 0..steps {
            let number = self.random.below(self.sessions.len());
            let is_open = self.sessions[number].transaction.is_some();
            match self.random.below(100) {
                0..=24 if !is_open => {
                    let statement = Statement::random(&mut self.random, self.model.now());
                    self.alone(number, &statement).await
                }
                _ if !is_open => {
                    let level = *self.random.pick(levels);
                    self.begin(number, level).await
                }
                0..=11 => self.commit(number).await,
                12..=14 => self.roll_back(number).await,
                15..=24 => self.savepoint(number).await,
                _ => self.among(number).await,
            }
            .with_context(|| format!("session {number}"))?;
        }
        for number in 0..self.sessions.len() {
            if self.sessions[number].transaction.is_some() {
                self.commit(number).await.with_context(|| format!("session {number}"))?;
            }
        }
        Ok(())
    }

    /// Runs a text in a session; its rows, or its SQLSTATE.
    async fn send(&mut self, number: usize, sql: &str) -> Result<Result<Vec<String>, String>> {
        self.database.note(&format!("/* session {number} */ {sql};"))?;
        match self.sessions[number].client.rows(sql).await {
            Ok(rows) => Ok(Ok(rows)),
            Err(error) => match code(&error) {
                Some(code) => Ok(Err(code)),
                None => Err(error),
            },
        }
    }

    /// A statement that is a transaction of its own: it is computed again rather than refused.
    async fn alone(&mut self, number: usize, statement: &Statement) -> Result<()> {
        let effect = statement.run(self.model.now(), self.model.views());
        let answer = self.send(number, &statement.sql).await?;
        compare(&statement.sql, &answer, &effect.answer)?;
        self.report.statements += 1;
        if effect.answer.is_ok() {
            let mut transaction = Transaction::begin(Isolation::RepeatableRead);
            transaction.add(&self.model, &effect);
            self.model.commit(transaction);
        }
        self.check().await.with_context(|| statement.sql.clone())
    }

    async fn begin(&mut self, number: usize, level: Isolation) -> Result<()> {
        let sql = format!("BEGIN ISOLATION LEVEL {}", level.sql());
        let answer = self.send(number, &sql).await?;
        ensure!(answer.is_ok(), "{sql}: {answer:?}");
        self.sessions[number].transaction = Some(Transaction::begin(level));
        Ok(())
    }

    /// One more statement of an open transaction.
    async fn among(&mut self, number: usize) -> Result<()> {
        let mut transaction = self.sessions[number].transaction.take().context("no transaction is open")?;
        if transaction.sees_contradiction(&self.model) {
            self.sessions[number].transaction = Some(transaction);
            return self.commit(number).await;
        }
        transaction.look(&self.model);
        let visible = transaction.visible(&self.model);
        let statement = Statement::random(&mut self.random, &visible);
        let answer = self.send(number, &statement.sql).await?;
        self.report.statements += 1;
        if transaction.has_failed {
            ensure!(answer == Err("25P02".to_owned()), "{} in a failed transaction: {answer:?}", statement.sql);
        } else {
            let effect = statement.run(&visible, transaction.views(&self.model));
            compare(&statement.sql, &answer, &effect.answer)?;
            match effect.answer {
                Ok(_) => transaction.add(&self.model, &effect),
                Err(_) => transaction.has_failed = true,
            }
        }
        self.sessions[number].transaction = Some(transaction);
        Ok(())
    }

    async fn commit(&mut self, number: usize) -> Result<()> {
        let transaction = self.sessions[number].transaction.take().context("no transaction is open")?;
        let answer = self.send(number, "COMMIT").await?;
        let foretold = self.model.foretell(&transaction);
        match (&answer, foretold) {
            (Ok(_), Commit::RolledBack) => {}
            (Ok(_), Commit::Succeeds | Commit::MayFail) => {
                self.report.committed += 1;
                self.model.commit(transaction);
            }
            (Err(code), Commit::Fails | Commit::MayFail) if code == "40001" || code == "23505" => {
                self.report.refused += 1;
            }
            (Ok(_), Commit::Fails) => bail!("a commit overwrote what another had committed meanwhile"),
            _ => bail!("a commit of which was foretold: {foretold:?}, gave {answer:?}"),
        }
        self.check().await.context("after COMMIT")
    }

    async fn roll_back(&mut self, number: usize) -> Result<()> {
        self.sessions[number].transaction = None;
        let answer = self.send(number, "ROLLBACK").await?;
        ensure!(answer.is_ok(), "ROLLBACK: {answer:?}");
        self.check().await.context("after ROLLBACK")
    }

    /// Sets a savepoint, goes back to one, or forgets one.
    async fn savepoint(&mut self, number: usize) -> Result<()> {
        let mut transaction = self.sessions[number].transaction.take().context("no transaction is open")?;
        let count = transaction.savepoints();
        let sql = match self.random.below(5) {
            0..=1 if count > 0 => {
                let place = self.random.below(count);
                transaction.go_back(place);
                format!("ROLLBACK TO SAVEPOINT s{place}")
            }
            2 if count > 0 && !transaction.has_failed => {
                let place = self.random.below(count);
                transaction.release(place);
                format!("RELEASE SAVEPOINT s{place}")
            }
            _ if !transaction.has_failed => format!("SAVEPOINT s{}", transaction.save()),
            _ => "ROLLBACK TO SAVEPOINT nowhere".to_owned(),
        };
        let answer = self.send(number, &sql).await?;
        match sql.as_str() {
            "ROLLBACK TO SAVEPOINT nowhere" => ensure!(answer == Err("3B001".to_owned()), "{sql}: {answer:?}"),
            _ => ensure!(answer.is_ok(), "{sql}: {answer:?}"),
        }
        self.sessions[number].transaction = Some(transaction);
        Ok(())
    }

    /// What everybody sees now: tables as the model has them, counters as they were acknowledged,
    /// views as their queries.
    async fn check(&mut self) -> Result<()> {
        self.database.rows("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        for (place, table) in TABLES.iter().enumerate() {
            let held = self.database.rows(&format!("SELECT * FROM {}", table.name)).await?;
            if let Some(difference) = difference(&held, &self.model.now()[place].texts()) {
                bail!("table {} (+) against what was to be expected (-)\n{difference}", table.name);
            }
            if place == COUNTERS {
                ensure!(held == self.model.acknowledged(), "counters {held:?} are not the sums of what was added");
            }
        }
        let mut views = Vec::new();
        for view in VIEWS {
            let held = self.database.rows(&format!("SELECT * FROM {}", view.name)).await?;
            let expected = self.database.rows(view.query).await?;
            if let Some(difference) = difference(&held, &expected) {
                bail!("{} AS {}\n{difference}", view.name, view.query);
            }
            views.push(held);
        }
        self.model.note_views(views);
        self.database.rows("COMMIT").await.map(drop)
    }
}

/// Compares an answer with the one that was foretold.
fn compare(sql: &str, answer: &Result<Vec<String>, String>, foretold: &Result<Vec<String>, &str>) -> Result<()> {
    match (answer, foretold) {
        (Ok(rows), Ok(expected)) => match difference(rows, expected) {
            Some(difference) => bail!("{sql}: the answer (+) against the one foretold (-)\n{difference}"),
            None => Ok(()),
        },
        (Err(code), Err(expected)) if code == expected => Ok(()),
        _ => bail!("{sql}: {answer:?}, but {foretold:?} was foretold"),
    }
}
