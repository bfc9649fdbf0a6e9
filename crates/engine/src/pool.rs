//! The threads that run ad-hoc queries, so that a long one stops neither the workers nor the sessions.
//!
//! A query's rows come from there through a short queue: a slow client holds its own query back.
//! What nobody waits for any more is stopped when it next gives way, which every operator does
//! after a batch: DataFusion sees to that for scans, and here it is seen to for joins, of which one
//! row can become millions.

use std::future::Future;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::StreamExt;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::{Error, SqlState};

/// Batches that a query may be ahead of its client.
const BATCHES_AHEAD: usize = 2;

/// Planning deeply nested expressions recurses.
const STACK_BYTES: usize = 8 * 1024 * 1024;

/// The threads that run ad-hoc queries.
#[derive(Debug)]
pub(crate) struct Pool {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl Pool {
    /// Starts the threads.
    pub(crate) fn start(threads: usize) -> Result<Pool, Error> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads.max(1))
            .thread_name("freshet-query")
            .thread_stack_size(STACK_BYTES)
            .enable_time()
            .build()
            .map_err(|error| Error::new(SqlState::INSUFFICIENT_RESOURCES, format!("cannot start threads: {error}")))?;
        Ok(Pool { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    /// Does what comes before running, so that whoever waits for it can stop waiting.
    pub(crate) async fn plan<T: Send + 'static>(
        &self,
        work: impl Future<Output = std::result::Result<T, Error>> + Send + 'static,
    ) -> std::result::Result<T, Error> {
        let mut running = Running(self.handle.spawn(work));
        let done = (&mut running.0).await;
        done.map_err(|error| Error::internal(format!("the query was not planned: {error}")))?
    }

    /// Starts a plan; its rows come as they are asked for. Dropping the stream stops it.
    pub(crate) fn run(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let schema = plan.schema();
        let plan = giving_way(plan)?;
        let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
        let task = self.handle.spawn(async move {
            let mut rows = match execute_stream(plan, context) {
                Ok(rows) => rows,
                Err(error) => {
                    // Whoever asked may be gone.
                    let _ = sender.send(Err(error)).await;
                    return;
                }
            };
            while let Some(batch) = rows.next().await {
                if sender.send(batch).await.is_err() {
                    return;
                }
            }
        });
        Ok(rows_of(schema, receiver, Running(task)))
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // Without waiting for queries, which may not be done in async code.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A query on the pool; dropping it stops the query.
struct Running<T>(JoinHandle<T>);

impl<T> Drop for Running<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn rows_of(
    schema: SchemaRef,
    receiver: mpsc::Receiver<Result<arrow::array::RecordBatch>>,
    running: Running<()>,
) -> SendableRecordBatchStream {
    let rows = futures::stream::unfold(Some((receiver, running)), |state| async move {
        let (mut receiver, mut running) = state?;
        if let Some(batch) = receiver.recv().await {
            return Some((batch, Some((receiver, running))));
        }
        // The end, unless the query did not get there.
        match (&mut running.0).await {
            Ok(()) => None,
            Err(error) => {
                tracing::error!(%error, "a query did not come to its end");
                let error = Error::internal(format!("the query did not come to its end: {error}"));
                Some((Err(DataFusionError::from(error)), None))
            }
        }
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, rows))
}

/// The plan, with all joins giving way to other queries after each batch.
fn giving_way(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let wrapped = plan.transform_up(|node| {
        let is_join = node.name().ends_with("JoinExec") || node.name() == "UnnestExec";
        Ok(match is_join {
            true => Transformed::yes(Arc::new(CooperativeExec::new(node)) as Arc<dyn ExecutionPlan>),
            false => Transformed::no(node),
        })
    })?;
    Ok(wrapped.data)
}
