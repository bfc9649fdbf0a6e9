//! Stopping a statement from outside: the client's wish, or its `statement_timeout`.
//!
//! A statement that waits for its commit takes it back. When it is too late for that, the statement goes on,
//! and its answer is what came of the commit.

use std::sync::Arc;
use std::time::Instant;

use dataflow::{Commit, CommitError, Withdrawal};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;
use tokio::sync::watch;

use crate::memory::ResultMemory;
use crate::{Error, SqlState};

/// Cancels what a session is running. A clone cancels the same session.
#[derive(Clone, Debug)]
pub struct Canceller(Arc<watch::Sender<u64>>);

impl Default for Canceller {
    fn default() -> Self {
        Canceller(Arc::new(watch::Sender::new(0)))
    }
}

impl Canceller {
    /// Cancels the statement that is running now, if there is one.
    pub fn cancel(&self) {
        self.0.send_modify(|count| *count += 1);
    }

    /// For a statement that starts now: what was cancelled before does not concern it.
    pub(crate) fn begin(&self, deadlines: Deadlines) -> Cancelled {
        Cancelled { requests: self.0.subscribe(), deadlines }
    }
}

/// How far a statement is with its commit. A clone is of the same statement.
#[derive(Clone, Debug, Default)]
pub(crate) struct Committing(Arc<watch::Sender<Stage>>);

#[derive(Debug, Default)]
enum Stage {
    /// It has written nothing that it could not take back.
    #[default]
    Nothing,
    /// It waits for the clock.
    Waiting(Withdrawal),
    /// It has written.
    Written,
}

impl Committing {
    /// For a statement that begins.
    pub(crate) fn begin(&self) {
        self.0.send_replace(Stage::Nothing);
    }

    /// Waits for a commit.
    pub(crate) async fn written(&self, commit: Commit) -> Result<(), CommitError> {
        self.0.send_replace(Stage::Waiting(commit.withdrawal()));
        let written = commit.await;
        self.0.send_replace(if written.is_ok() { Stage::Written } else { Stage::Nothing });
        written.map(|_| ())
    }

    /// Whether the statement waits for the clock.
    #[cfg(test)]
    pub(crate) fn is_waiting(&self) -> bool {
        matches!(*self.0.borrow(), Stage::Waiting(_))
    }

    /// Whether the statement has written.
    pub(crate) fn has_written(&self) -> bool {
        matches!(*self.0.borrow(), Stage::Written)
    }

    /// Returns when the statement may be left: at once, unless the clock has begun with its commit. What has
    /// written waits for nothing more, so that it has answered before this is looked at again.
    async fn stop(&self) {
        if let Stage::Waiting(withdrawal) = &*self.0.borrow()
            && withdrawal.withdraw()
        {
            return;
        }
        // The sender is held here, so that waiting cannot fail.
        let _ = self.0.subscribe().wait_for(|stage| !matches!(stage, Stage::Waiting(_))).await;
    }
}

/// When a statement must have ended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Deadlines {
    /// By `statement_timeout`.
    pub(crate) statement: Option<Instant>,
    /// By `transaction_timeout`.
    pub(crate) transaction: Option<Instant>,
}

/// One statement's view of its cancellation.
#[derive(Clone, Debug)]
pub(crate) struct Cancelled {
    requests: watch::Receiver<u64>,
    deadlines: Deadlines,
}

impl Cancelled {
    /// Ends when the statement must, with nothing written of what it commits.
    pub(crate) async fn wait_unless(&mut self, committing: &Committing) -> Error {
        let error = self.wait().await;
        committing.stop().await;
        error
    }

    /// Ends when the statement must.
    pub(crate) async fn wait(&mut self) -> Error {
        let requests = &mut self.requests;
        let requested = async {
            // Without a session nobody can cancel any more.
            if requests.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = requested => Error::cancelled(),
            () = at(self.deadlines.statement) => {
                Error::new(SqlState::QUERY_CANCELED, "canceling statement due to statement timeout")
            }
            () = at(self.deadlines.transaction) => {
                Error::new(SqlState::TRANSACTION_TIMEOUT, "terminating connection due to transaction timeout")
            }
        }
    }

    /// `rows`, until they end or must. Each batch counts with `memory` until the next is asked for.
    pub(crate) fn guard(self, rows: SendableRecordBatchStream, memory: ResultMemory) -> SendableRecordBatchStream {
        let schema = rows.schema();
        let guarded = futures::stream::unfold(Some((rows, self, memory)), |state| async move {
            let (mut rows, mut cancelled, memory) = state?;
            let next = tokio::select! {
                biased;
                error = cancelled.wait() => return Some((Err(error.into()), None)),
                next = rows.next() => next?,
            };
            let given = next.and_then(|batch| {
                memory.give(changes::bytes_of(batch.columns(), 0..batch.num_rows()))?;
                Ok(batch)
            });
            Some(match given {
                Ok(batch) => (Ok(batch), Some((rows, cancelled, memory))),
                Err(error) => (Err(error), None),
            })
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, guarded))
    }
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
