//! Transactions: one epoch for all reads, one epoch for all writes.
//!
//! Reads see the epoch at which the transaction first read, with its own writes on top. Writes are
//! kept by the session until `COMMIT`, which writes them together, or fails with 40001 if somebody
//! else changed the same rows meanwhile: nobody waits for a lock. A materialized view shows them after
//! the commit. What creates or drops things takes effect at once and for everybody, so it is refused
//! inside a transaction that has read or written. There are no savepoints.
//!
//! Several statements in one text are one transaction too, as in Postgres, unless they say `BEGIN`
//! and `COMMIT` themselves. One that creates or drops things, when it has been checked, commits what
//! came before it, and a new transaction begins: what it has done stays if a later one fails.

use std::sync::Arc;

use arrow::array::RecordBatch;
use changes::Epoch;
use dataflow::{CommitError, Write};
use plan::RelationId;

use crate::read::{PendingRows, Reader};
use crate::session::Session;
use crate::settings::Remembered;
use crate::{Error, Notice, Outcome, SqlState};

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
    /// It has failed; what is left is to give back its settings.
    Failed(Remembered),
}

/// An open transaction.
#[derive(Debug)]
pub(crate) struct Active {
    /// Whether it is only that of several statements in one text, which the client knows nothing of.
    implicit: bool,
    /// What it sees; none before its first read.
    reader: Option<Arc<Reader>>,
    read_only: bool,
    /// The settings before it began.
    settings: Remembered,
    /// What `SET LOCAL` has set.
    local: Vec<String>,
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

impl Session {
    /// `BEGIN`, or `START TRANSACTION`, as `sql` has it.
    pub(crate) fn begin(&mut self, read_only: bool, sql: &str) -> Outcome {
        self.begin_implicit();
        match &mut self.transaction {
            Transaction::Active(active) if active.implicit => {
                active.implicit = false;
                active.read_only = read_only || self.info.settings.is_on("default_transaction_read_only");
                if active.read_only {
                    self.set_local_unchecked("transaction_read_only", "on");
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
            let settings = self.info.settings.remember();
            let active = Active { implicit: true, reader: None, read_only: false, settings, local: vec![] };
            self.transaction = Transaction::Active(active);
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
            Transaction::Active(Active { implicit: true, reader: Some(reader), .. }) => !reader.writes().is_empty(),
            _ => false,
        }
    }

    /// `COMMIT`. Of a failed transaction, it rolls back.
    pub(crate) async fn commit(&mut self) -> Result<Outcome, Error> {
        if let Transaction::Failed(settings) = &self.transaction {
            self.info.settings.restore(settings);
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
        let Transaction::Active(active) = std::mem::take(&mut self.transaction) else { return Ok(()) };
        for name in &active.local {
            self.info.settings.restore_one(name, &active.settings);
        }
        let writes = match &active.reader {
            Some(reader) => pending_writes(reader)?,
            None => vec![],
        };
        if !writes.is_empty() {
            let committed = self.write(writes).await;
            committed.map_err(|error| {
                self.info.settings.restore(&active.settings);
                failed_commit(error)
            })?;
        }
        Ok(())
    }

    /// `ROLLBACK`.
    pub(crate) fn rollback(&mut self) -> Outcome {
        if self.transaction() == TransactionStatus::Idle {
            self.warn_no_transaction();
        }
        match std::mem::take(&mut self.transaction) {
            Transaction::Idle => {}
            Transaction::Active(Active { settings, .. }) | Transaction::Failed(settings) => {
                self.info.settings.restore(&settings);
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
            Transaction::Active(active) if !active.implicit && active.reader.is_none() => {
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
        let now = || Arc::new(Reader::now(self.engine.catalog(), self.engine.runtime()));
        match &mut self.transaction {
            Transaction::Active(active) => Arc::clone(active.reader.get_or_insert_with(now)),
            _ => now(),
        }
    }

    /// The epoch that the open transaction reads, if it has read.
    pub(crate) fn transaction_epoch(&self) -> Option<Epoch> {
        match &self.transaction {
            Transaction::Active(active) => active.reader.as_ref().map(|reader| reader.epoch()),
            _ => None,
        }
    }

    /// Keeps writes until the commit, if a transaction is open; says whether one is.
    pub(crate) fn keep(&mut self, writes: &[Write]) -> Result<bool, Error> {
        let Transaction::Active(Active { reader: Some(reader), .. }) = &mut self.transaction else { return Ok(false) };
        let reader = Arc::make_mut(reader);
        for write in writes {
            let oid = write.table.0;
            let object = reader.catalog.object(oid).ok_or_else(|| Error::internal("a table without an object"))?;
            let columns = Arc::clone(&object.columns);
            let tables = reader.writes_mut();
            let pending = match tables.entry(oid) {
                std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::btree_map::Entry::Vacant(entry) => entry.insert(PendingRows::new(columns)?),
            };
            pending.delete(&write.deletes)?;
            pending.insert(&write.inserts)?;
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
            Transaction::Active(active) => Transaction::Failed(active.settings),
            other => other,
        };
    }
}

/// What a transaction has written, net.
fn pending_writes(reader: &Reader) -> Result<Vec<Write>, Error> {
    let mut writes = Vec::new();
    for (oid, pending) in reader.writes() {
        let some = |batch: RecordBatch| if batch.num_rows() == 0 { vec![] } else { vec![batch] };
        let write =
            Write { table: RelationId(*oid), deletes: some(pending.deleted()?), inserts: some(pending.inserted()?) };
        if !write.deletes.is_empty() || !write.inserts.is_empty() {
            writes.push(write);
        }
    }
    Ok(writes)
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
