//! Transactions: what a session reads, and what it writes, until `COMMIT`.
//!
//! Writes are kept by the session until `COMMIT`, which writes them together in one epoch, or fails
//! with 40001 if somebody else changed the same rows meanwhile: nobody waits for a lock. A
//! materialized view shows them after the commit. Reads see the transaction's own writes on top of an
//! epoch: under `read committed`, the default, that of each statement's start, so that a transaction
//! which waits for its client holds nothing; under `repeatable read` that of the first read.
//! A savepoint is the number of the last step that wrote; going back to it undoes the steps since.
//! What creates or drops things takes effect at once and for everybody, so it is refused inside a
//! transaction that has read or written.
//!
//! Several statements in one text are one transaction too, as in Postgres, and so are those between
//! two `Sync` messages, unless they say `BEGIN` and `COMMIT` themselves. One that creates or drops
//! things, when it has been checked, commits what came before it, and a new transaction begins: what
//! it has done stays if a later one fails.

use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::Instant;

use changes::Epoch;
use dataflow::{CommitError, Write};
use parking_lot::RwLock;
use plan::RelationId;
use state::{Account, Owner};

use crate::read::{PendingRows, Reader, Step, Writes};
use crate::session::Session;
use crate::settings::{self, Remembered};
use crate::statement::duplicate_of;
use crate::{Error, Notice, Outcome, SqlState};

/// How many savepoints a transaction may have.
const SAVEPOINTS_MAX: usize = 10_000;

/// Whether a transaction is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionStatus {
    /// None is.
    Idle,
    /// One is.
    Active,
    /// One is, but only to be rolled back.
    Failed,
}

/// The transaction of a session.
#[derive(Debug, Default)]
pub(crate) enum Transaction {
    #[default]
    Idle,
    Active(Active),
    /// It has failed; what is left is to go back, to a savepoint or altogether.
    Failed(Active),
}

/// An open transaction.
#[derive(Debug)]
pub(crate) struct Active {
    /// Whether it is one that the client knows nothing of: several statements that it sent together.
    implicit: bool,
    began: Instant,
    /// Whether a statement of it has read or written.
    has_run: bool,
    /// Whether its clock stands: `now()` is when its first statement began.
    has_time: bool,
    /// What all of its statements see; none under `read committed`, and before its first read.
    reader: Option<Arc<Reader>>,
    writes: Writes,
    /// The last step that wrote.
    step: Step,
    savepoints: Vec<Savepoint>,
    /// What the writes hold; none before the first.
    memory: Option<Account>,
    read_only: bool,
    /// The settings before it began.
    settings: Remembered,
    /// What `SET LOCAL` has set.
    local: Vec<String>,
}

/// A point of a transaction to go back to.
#[derive(Debug)]
struct Savepoint {
    name: String,
    step: Step,
    settings: Remembered,
    /// How many settings had been set locally.
    local: usize,
}

impl Transaction {
    pub(crate) fn status(&self) -> TransactionStatus {
        match self {
            Transaction::Idle | Transaction::Active(Active { implicit: true, .. }) => TransactionStatus::Idle,
            Transaction::Active(_) => TransactionStatus::Active,
            Transaction::Failed(_) => TransactionStatus::Failed,
        }
    }
}

impl Active {
    /// Undoes the steps after `step`.
    fn go_back(&mut self, step: Step) -> Result<(), Error> {
        for rows in self.writes.values() {
            rows.write().go_back(step)?;
        }
        if let Some(memory) = &self.memory {
            memory.set(bytes_of(&self.writes));
        }
        Ok(())
    }
}

impl Session {
    /// `BEGIN`, or `START TRANSACTION`, as `sql` has it.
    pub(crate) fn begin(&mut self, read_only: Option<bool>, isolation: Option<&str>, sql: &str) -> Outcome {
        self.begin_implicit();
        match &mut self.transaction {
            Transaction::Active(active) if active.implicit => {
                active.implicit = false;
                // Its clock stands since the statement that begins it.
                active.has_time = true;
                active.read_only =
                    read_only.unwrap_or_else(|| self.info.settings.is_on("default_transaction_read_only"));
                if active.read_only {
                    self.set_local_unchecked("transaction_read_only", "on");
                }
                if let Some(isolation) = isolation {
                    self.set_local_unchecked("transaction_isolation", isolation);
                }
            }
            _ => self
                .notices
                .push(Notice::warning(SqlState::ACTIVE_SQL_TRANSACTION, "there is already a transaction in progress")),
        }
        let starts = sql.get(..5).is_some_and(|word| word.eq_ignore_ascii_case("START"));
        Outcome::Done(if starts { "START TRANSACTION" } else { "BEGIN" }.to_owned())
    }

    /// Begins a transaction for the statements of one text, if there is none.
    pub(crate) fn begin_implicit(&mut self) {
        if matches!(self.transaction, Transaction::Idle) {
            self.transaction = Transaction::Active(Active {
                implicit: true,
                began: Instant::now(),
                has_run: false,
                has_time: false,
                reader: None,
                writes: Writes::default(),
                step: 0,
                savepoints: vec![],
                memory: None,
                read_only: false,
                settings: self.info.settings.remember(),
                local: vec![],
            });
        }
    }

    /// Commits the transaction that [`Session::begin_implicit`] began.
    pub(crate) async fn end_implicit(&mut self) -> Result<(), Error> {
        if matches!(&self.transaction, Transaction::Active(active) if active.implicit) {
            self.commit_active().await?;
        }
        Ok(())
    }

    /// Whether the open transaction has written something and is one that the client knows nothing of.
    pub(crate) fn has_implicit_writes(&self) -> bool {
        match &self.transaction {
            Transaction::Active(Active { implicit: true, writes, .. }) => !writes.is_empty(),
            _ => false,
        }
    }

    /// `COMMIT`. Of a failed transaction, it rolls back.
    pub(crate) async fn commit(&mut self) -> Result<Outcome, Error> {
        if let Transaction::Failed(failed) = &self.transaction {
            self.info.settings.restore(&failed.settings);
            self.transaction = Transaction::Idle;
            return Ok(Outcome::Done("ROLLBACK".to_owned()));
        }
        if self.transaction() == TransactionStatus::Idle {
            self.warn_no_transaction();
        }
        self.commit_active().await?;
        Ok(Outcome::Done("COMMIT".to_owned()))
    }

    async fn commit_active(&mut self) -> Result<(), Error> {
        let Transaction::Active(active) = &mut self.transaction else { return Ok(()) };
        for name in active.local.drain(..) {
            self.info.settings.restore_one(&name, &active.settings);
        }
        // Whatever becomes of it, the block is over.
        active.implicit = true;
        let (pending, last) = (active.writes.clone(), active.step);
        let writes = pending_writes(&pending)?;
        let written = if writes.is_empty() { Ok(()) } else { self.write(writes).await };
        let Err(error) = written else {
            self.transaction = Transaction::Idle;
            return Ok(());
        };
        self.fail_transaction();
        if matches!(error, CommitError::Conflict) {
            // Whoever inserted a key that has come to be there meanwhile must not try again.
            let now = Reader::now(self.engine.catalog(), self.engine.runtime());
            for (oid, rows) in pending.iter() {
                let deletes = rows.read().deleted();
                let inserts = rows.read().inserted(last)?;
                if let Some(duplicate) = duplicate_of(&now, *oid, &deletes, &inserts)? {
                    return Err(duplicate);
                }
            }
        }
        Err(failed_commit(error))
    }

    /// `SAVEPOINT`.
    pub(crate) fn savepoint(&mut self, name: &str) -> Result<Outcome, Error> {
        let settings = self.info.settings.remember();
        let active = self.block("SAVEPOINT")?;
        if active.savepoints.len() >= SAVEPOINTS_MAX {
            let message = format!("a transaction may have {SAVEPOINTS_MAX} savepoints");
            return Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message));
        }
        let (step, local) = (active.step, active.local.len());
        active.savepoints.push(Savepoint { name: name.to_owned(), step, settings, local });
        Ok(Outcome::Done("SAVEPOINT".to_owned()))
    }

    /// `RELEASE`: forgets a savepoint and those after it; what was done since stays.
    pub(crate) fn release(&mut self, name: &str) -> Result<Outcome, Error> {
        let active = self.block("RELEASE SAVEPOINT")?;
        let place = active.savepoints.iter().rposition(|savepoint| savepoint.name == name);
        active.savepoints.truncate(place.ok_or_else(|| no_savepoint(name))?);
        Ok(Outcome::Done("RELEASE".to_owned()))
    }

    /// `ROLLBACK TO`: undoes what was done since a savepoint, a failure included; the savepoint stays.
    pub(crate) fn rollback_to(&mut self, name: &str) -> Result<Outcome, Error> {
        let active = match &mut self.transaction {
            Transaction::Active(active) if !active.implicit => active,
            Transaction::Failed(active) => active,
            _ => return Err(outside_of_block("ROLLBACK TO SAVEPOINT")),
        };
        let place = active.savepoints.iter().rposition(|savepoint| savepoint.name == name);
        let place = place.ok_or_else(|| no_savepoint(name))?;
        active.go_back(active.savepoints[place].step)?;
        active.savepoints.truncate(place + 1);
        let savepoint = &active.savepoints[place];
        active.local.truncate(savepoint.local);
        self.info.settings.restore(&savepoint.settings);
        self.transaction = match std::mem::take(&mut self.transaction) {
            Transaction::Failed(active) => Transaction::Active(active),
            other => other,
        };
        Ok(Outcome::Done("ROLLBACK".to_owned()))
    }

    /// The transaction block that is open.
    fn block(&mut self, statement: &str) -> Result<&mut Active, Error> {
        match &mut self.transaction {
            Transaction::Active(active) if !active.implicit => Ok(active),
            _ => Err(outside_of_block(statement)),
        }
    }

    /// `ROLLBACK`.
    pub(crate) fn rollback(&mut self) -> Outcome {
        if self.transaction() == TransactionStatus::Idle {
            self.warn_no_transaction();
        }
        match std::mem::take(&mut self.transaction) {
            Transaction::Idle => {}
            Transaction::Active(active) | Transaction::Failed(active) => {
                self.info.settings.restore(&active.settings);
            }
        }
        Outcome::Done("ROLLBACK".to_owned())
    }

    /// That a transaction which has failed is only rolled back.
    pub(crate) fn check_not_failed(&self) -> Result<(), Error> {
        match self.transaction {
            Transaction::Failed(_) => Err(Error::new(
                SqlState::IN_FAILED_SQL_TRANSACTION,
                "current transaction is aborted, commands ignored until end of transaction block",
            )),
            _ => Ok(()),
        }
    }

    /// That no transaction is open that the client knows of, for what cannot be rolled back. What
    /// other statements of the same text have written is committed by [`Session::end_implicit`].
    pub(crate) fn refuse_in_block(&self, statement: &str) -> Result<(), Error> {
        if self.transaction() == TransactionStatus::Idle {
            return Ok(());
        }
        Err(Error::new(SqlState::ACTIVE_SQL_TRANSACTION, format!("{statement} cannot run inside a transaction block"))
            .with_hint("It takes effect at once and cannot be rolled back. Run it first, or after COMMIT."))
    }

    /// That something may be created or dropped now: outside of a transaction block, or within one
    /// that has read and written nothing yet, since drivers which always open one would else have no
    /// way to. It takes effect at once, which the client is told.
    pub(crate) fn admit_definition(&mut self, statement: &str) -> Result<(), Error> {
        match &self.transaction {
            Transaction::Active(active) if !active.implicit && !active.has_run => {
                let message = format!("{statement} takes effect at once and is not undone by ROLLBACK");
                self.notices.push(Notice::warning(SqlState::ACTIVE_SQL_TRANSACTION, message));
                Ok(())
            }
            _ => self.refuse_in_block(statement),
        }
    }

    /// That writes are allowed.
    pub(crate) fn check_writable(&self, statement: &str) -> Result<(), Error> {
        let is_read_only = match &self.transaction {
            Transaction::Active(active) => active.read_only || self.info.settings.is_on("transaction_read_only"),
            _ => self.info.settings.is_on("default_transaction_read_only"),
        };
        match is_read_only {
            true => Err(Error::new(
                SqlState::READ_ONLY_SQL_TRANSACTION,
                format!("cannot execute {statement} in a read-only transaction"),
            )),
            false => Ok(()),
        }
    }

    /// What the statement at hand sees: the transaction's epoch, or now.
    pub(crate) fn reader(&mut self) -> Arc<Reader> {
        let now = Reader::now(self.engine.catalog(), self.engine.runtime());
        let is_snapshot = self.info.settings.get("transaction_isolation").as_deref() == Some(settings::SNAPSHOT);
        let Transaction::Active(active) = &mut self.transaction else { return Arc::new(now) };
        active.has_run = true;
        let reader = match is_snapshot {
            true => active.reader.get_or_insert_with(|| Arc::new(now)).as_ref().clone(),
            false => now,
        };
        Arc::new(reader.with_writes(&active.writes, active.step))
    }

    /// The epoch that all statements of the open transaction read, if there is one.
    pub(crate) fn transaction_epoch(&self) -> Option<Epoch> {
        match &self.transaction {
            Transaction::Active(active) => active.reader.as_ref().map(|reader| reader.epoch()),
            _ => None,
        }
    }

    /// Whether a statement of the open transaction has read or written: its isolation is settled.
    pub(crate) fn has_run(&self) -> bool {
        matches!(&self.transaction, Transaction::Active(active) if active.has_run)
    }

    /// Whether the transaction's clock stands at what the next statement would set it to; it does from
    /// the first one on.
    pub(crate) fn keeps_time(&mut self) -> bool {
        match &mut self.transaction {
            Transaction::Active(active) => std::mem::replace(&mut active.has_time, true),
            _ => false,
        }
    }

    /// When the open transaction must end, by `transaction_timeout`.
    #[must_use]
    pub fn transaction_deadline(&self) -> Option<Instant> {
        let (Transaction::Active(active) | Transaction::Failed(active)) = &self.transaction else { return None };
        Some(active.began + self.info.settings.duration("transaction_timeout")?)
    }

    /// Keeps writes until the commit, if a transaction is open; says whether one is.
    pub(crate) fn keep(&mut self, reader: &Reader, writes: &[Write]) -> Result<bool, Error> {
        let Transaction::Active(active) = &mut self.transaction else { return Ok(false) };
        active.step += 1;
        for write in writes {
            let oid = write.table.0;
            if !active.writes.contains_key(&oid) {
                let object = reader.catalog.object(oid).ok_or_else(|| Error::internal("a table without an object"))?;
                let rows = PendingRows::new(Arc::clone(&object.columns), &object.primary_key)?;
                if let Entry::Vacant(vacant) = Arc::make_mut(&mut active.writes).entry(oid) {
                    vacant.insert(Arc::new(RwLock::new(rows)));
                }
            }
            let mut rows = active.writes[&oid].write();
            let before = rows.bytes();
            for deleted in &write.deletes {
                rows.delete(deleted, active.step)?;
            }
            for inserted in &write.inserts {
                rows.insert(inserted, active.step)?;
            }
            let after = rows.bytes();
            drop(rows);
            let process_id = self.info.process_id;
            let memory = active.memory.get_or_insert_with(|| {
                self.engine.budget().open(Owner::Transaction, format!("transaction of session {process_id}"))
            });
            match after.checked_sub(before) {
                Some(more) => memory.try_grow(more)?,
                None => memory.shrink(before - after),
            }
        }
        Ok(true)
    }

    /// `SET LOCAL`: the setting goes back when the transaction ends.
    pub(crate) fn remember_local(&mut self, name: &str) {
        let verb = if name.starts_with("transaction_") { "SET TRANSACTION" } else { "SET LOCAL" };
        match &mut self.transaction {
            Transaction::Active(active) if !active.implicit => active.local.push(name.to_owned()),
            _ => self.notices.push(Notice::warning(
                SqlState::NO_ACTIVE_SQL_TRANSACTION,
                format!("{verb} can only be used in transaction blocks"),
            )),
        }
    }

    fn set_local_unchecked(&mut self, name: &str, value: &str) {
        self.info.settings.set_fact(name, value);
        self.remember_local(name);
    }

    fn warn_no_transaction(&mut self) {
        self.notices.push(Notice::warning(SqlState::NO_ACTIVE_SQL_TRANSACTION, "there is no transaction in progress"));
    }

    /// An error inside of a transaction fails it, and the rest of its text is not run.
    pub fn fail_transaction(&mut self) {
        self.forget_batch();
        self.transaction = match std::mem::take(&mut self.transaction) {
            Transaction::Active(active) if active.implicit => {
                self.info.settings.restore(&active.settings);
                Transaction::Idle
            }
            Transaction::Active(mut active) => {
                // Without a savepoint there is nothing to go back to, and nothing to keep for it.
                if active.savepoints.is_empty() {
                    active.writes = Writes::default();
                    active.memory = None;
                    active.reader = None;
                }
                Transaction::Failed(active)
            }
            other => other,
        };
    }
}

fn outside_of_block(statement: &str) -> Error {
    let message = format!("{statement} can only be used in transaction blocks");
    Error::new(SqlState::NO_ACTIVE_SQL_TRANSACTION, message)
}

fn no_savepoint(name: &str) -> Error {
    Error::new(SqlState::INVALID_SAVEPOINT_SPECIFICATION, format!("savepoint \"{name}\" does not exist"))
}

fn bytes_of(writes: &Writes) -> usize {
    writes.values().map(|rows| rows.read().bytes()).sum()
}

/// What a transaction has written, net.
fn pending_writes(writes: &Writes) -> Result<Vec<Write>, Error> {
    let mut net = Vec::new();
    for (oid, rows) in writes.iter() {
        let rows = rows.read();
        let write = Write { table: RelationId(*oid), deletes: rows.deleted(), inserts: rows.inserted(Step::MAX - 1)? };
        if !write.deletes.is_empty() || !write.inserts.is_empty() {
            net.push(write);
        }
    }
    Ok(net)
}

/// A commit that failed, for the client.
pub(crate) fn failed_commit(error: CommitError) -> Error {
    match error {
        CommitError::Conflict => {
            Error::new(SqlState::SERIALIZATION_FAILURE, "could not serialize access due to concurrent update")
                .with_hint("The transaction might succeed if retried.")
        }
        CommitError::Dropped => {
            Error::new(SqlState::UNDEFINED_TABLE, "a table of this transaction was dropped meanwhile")
        }
        CommitError::Closed => Error::shutting_down(),
        CommitError::State(error) => Error::internal(error.to_string()),
    }
}
