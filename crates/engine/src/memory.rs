//! The memory of one statement: what its sorts, joins and groups hold, and the rows that it collects.
//!
//! All of it is one account with the engine's budget. A statement that would pass its share, or for
//! which nothing is left, fails alone with 53200.

use std::fmt;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::{MemoryLimit, MemoryPool, MemoryReservation};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::TryStreamExt;
use state::{Account, Budget, Exhausted, Owner};

use crate::{Error, SqlState};

/// What one statement holds.
#[derive(Debug)]
pub(crate) struct StatementMemory(Account);

impl StatementMemory {
    /// Nothing yet. `name`: what a person knows the statement by.
    pub(crate) fn open(budget: &Budget, name: impl Into<String>) -> StatementMemory {
        StatementMemory(budget.open(Owner::Statement, name))
    }

    /// Takes so many bytes more, until the statement ends.
    ///
    /// # Errors
    /// 53200.
    pub(crate) fn take(&self, bytes: usize) -> std::result::Result<(), Error> {
        Ok(self.0.try_grow(bytes)?)
    }

    /// Takes so many bytes more, until what it gives is dropped.
    ///
    /// # Errors
    /// 53200.
    pub(crate) fn hold(self: &Arc<Self>, bytes: usize) -> std::result::Result<Held, Error> {
        self.take(bytes)?;
        Ok(Held { memory: Arc::clone(self), bytes })
    }
}

/// The rows of a statement that its client has been given and is not through with.
#[derive(Debug)]
pub(crate) struct ResultMemory {
    account: Account,
    /// Rows that are at hand already count as the statement's.
    _statement: Arc<StatementMemory>,
}

impl ResultMemory {
    /// Nothing yet. `name`: what a person knows the statement by.
    pub(crate) fn open(statement: Arc<StatementMemory>, name: impl Into<String>) -> ResultMemory {
        let account = statement.0.budget().open(Owner::Result, name);
        ResultMemory { account, _statement: statement }
    }

    /// The client is through with what it was given last, and is given so many bytes more.
    ///
    /// # Errors
    /// 53200.
    pub(crate) fn give(&self, bytes: usize) -> std::result::Result<(), Error> {
        self.account.set(0);
        Ok(self.account.try_grow(bytes)?)
    }

    /// `rows` of what has been written, which are told whatever they take: each batch counts until the next is
    /// asked for.
    pub(crate) fn count(self, rows: SendableRecordBatchStream) -> SendableRecordBatchStream {
        let schema = rows.schema();
        let counted =
            rows.inspect_ok(move |batch| self.account.set(changes::bytes_of(batch.columns(), 0..batch.num_rows())));
        Box::pin(RecordBatchStreamAdapter::new(schema, counted))
    }
}

/// A part of a statement's memory, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    memory: Arc<StatementMemory>,
    bytes: usize,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.memory.0.shrink(self.bytes);
    }
}

impl fmt::Display for StatementMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl MemoryPool for StatementMemory {
    fn name(&self) -> &str {
        "statement"
    }

    fn grow(&self, _reservation: &MemoryReservation, additional: usize) {
        self.0.grow(additional);
    }

    fn shrink(&self, _reservation: &MemoryReservation, shrink: usize) {
        self.0.shrink(shrink);
    }

    fn try_grow(&self, _reservation: &MemoryReservation, additional: usize) -> Result<()> {
        // DataFusion knows by this variant that it may spill.
        self.0.try_grow(additional).map_err(|error| DataFusionError::ResourcesExhausted(error.to_string()))
    }

    fn reserved(&self) -> usize {
        self.0.bytes()
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.0.budget().statement_limit())
    }
}

impl From<Exhausted> for Error {
    fn from(error: Exhausted) -> Error {
        Error::new(SqlState::OUT_OF_MEMORY, "out of memory")
            .with_detail(error.to_string())
            .with_hint("The server's --memory limits what statements may use.")
    }
}
