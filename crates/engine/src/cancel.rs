//! Stopping a statement from outside: the client's wish, or its `statement_timeout`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

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
    /// Ends when the statement must: not while it commits, since nobody would know whether it did.
    pub(crate) async fn wait_unless(&mut self, committing: &AtomicBool) -> Error {
        loop {
            let error = self.wait().await;
            if !committing.load(Ordering::Relaxed) {
                return error;
            }
            self.deadlines = Deadlines::default();
        }
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
