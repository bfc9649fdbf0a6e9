//! What can go wrong when a dataflow is asked for. What goes wrong inside one is a `Fault`, and
//! stops the process: a wrong answer is worse than none.

/// A request that could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A plan that the operators refuse.
    #[error(transparent)]
    Operator(#[from] operators::Fault),
    /// Rows that do not fit their relation.
    #[error(transparent)]
    State(#[from] state::Error),
    /// A source that cannot be opened or read.
    #[error(transparent)]
    Source(#[from] connectors::Error),
    /// Arrow refused.
    #[error(transparent)]
    Arrow(#[from] arrow::error::ArrowError),
    /// The worker threads could not be started.
    #[error("cannot start the workers: {0}")]
    Start(String),
    /// The relation has no key to find rows by.
    #[error("relation {0} has no key")]
    NoKey(plan::RelationId),
    /// A connector broke while it was read again for a new dataflow.
    #[error("the source {0}")]
    Panicked(String),
    /// What was being built was dropped before it was done.
    #[error("it was dropped while it was built")]
    Dropped,
    /// The server is shutting down.
    #[error("the server is shutting down")]
    Closed,
}

/// A transaction that could not be committed. Nothing of it was written.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// A row to delete is gone, or a key to insert is there: somebody else wrote since the rows
    /// were read.
    #[error("a row was changed by another transaction")]
    Conflict,
    /// The table does not exist any more.
    #[error("the table was dropped")]
    Dropped,
    /// Rows that do not fit the table.
    #[error(transparent)]
    State(#[from] state::Error),
    /// The server is shutting down.
    #[error("the server is shutting down")]
    Closed,
}
