//! Stopping a statement from outside: the client's wish, or its `statement_timeout`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;
use tokio::sync::watch;
use tokio::time::Instant;

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
    pub(crate) fn begin(&self, timeout: Option<Duration>) -> Cancelled {
        Cancelled { requests: self.0.subscribe(), deadline: timeout.map(|timeout| Instant::now() + timeout) }
    }
}

/// One statement's view of its cancellation.
#[derive(Clone, Debug)]
pub(crate) struct Cancelled {
    requests: watch::Receiver<u64>,
    deadline: Option<Instant>,
}

impl Cancelled {
    /// Ends when the statement must: not while it commits, since nobody would know whether it did.
    pub(crate) async fn wait_unless(&mut self, committing: &AtomicBool) -> Error {
        loop {
            let error = self.wait().await;
            if !committing.load(Ordering::Relaxed) {
                return error;
            }
            self.deadline = None;
        }
    }

    /// Ends when the statement must.
    async fn wait(&mut self) -> Error {
        let requests = &mut self.requests;
        let requested = async {
            // Without a session nobody can cancel any more.
            if requests.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        match self.deadline {
            None => requested.await,
            Some(deadline) => tokio::select! {
                () = requested => {}
                () = tokio::time::sleep_until(deadline) => {
                    return Error::new(SqlState::QUERY_CANCELED, "canceling statement due to statement timeout");
                }
            },
        }
        Error::cancelled()
    }

    /// `rows`, until they end or must.
    pub(crate) fn guard(self, rows: SendableRecordBatchStream) -> SendableRecordBatchStream {
        let schema = rows.schema();
        let guarded = futures::stream::unfold(Some((rows, self)), |state| async move {
            let (mut rows, mut cancelled) = state?;
            let next = tokio::select! {
                biased;
                error = cancelled.wait() => return Some((Err(error.into()), None)),
                next = rows.next() => next,
            };
            next.map(|batch| (batch, Some((rows, cancelled))))
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, guarded))
    }
}
