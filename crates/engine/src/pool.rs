//! The threads on which statements are read, bound, planned and run, so that a long one stops neither
//! the workers nor the sessions.
//!
//! Whoever waits for a work can stop waiting at any time. The work then ends when it next gives way,
//! which every operator does after a batch: DataFusion sees to that for scans, and here it is seen
//! to for joins, of which one row can become millions. What never gives way (a constant that is
//! folded, a regular expression) is left behind with its thread. When works find all threads taken
//! that way, a further crew of threads starts, so that the others' statements go on; there are
//! [`CREWS_MAX`] at most, and one that is not the newest ends with its last work.

use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::StreamExt;
use parking_lot::Mutex;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use crate::memory::{Held, StatementMemory};
use crate::{Error, SqlState};

/// Batches that a query may be ahead of its client.
const BATCHES_AHEAD: usize = 2;

/// Planning deeply nested expressions recurses.
const STACK_BYTES: usize = 8 * 1024 * 1024;

/// How long a work may wait for a thread before others are started.
const PATIENCE: Duration = Duration::from_millis(50);

/// How many crews there may be at once, those with threads that were left behind included.
const CREWS_MAX: usize = 32;

/// The threads of all statements.
#[derive(Debug)]
pub(crate) struct Pool {
    threads: usize,
    crews: Mutex<Crews>,
}

#[derive(Debug)]
struct Crews {
    newest: Arc<Crew>,
    former: Vec<Weak<Crew>>,
}

/// Some threads that share their works.
#[derive(Debug)]
struct Crew(Option<Runtime>);

impl Crew {
    fn start(threads: usize) -> std::result::Result<Arc<Crew>, Error> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads.max(1))
            .thread_name("freshet-query")
            .thread_stack_size(STACK_BYTES)
            .enable_time()
            .build()
            .map_err(|error| Error::new(SqlState::INSUFFICIENT_RESOURCES, format!("cannot start threads: {error}")))?;
        Ok(Arc::new(Crew(Some(runtime))))
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        self.0.as_ref().expect("it is there until it is dropped").spawn(work).abort_handle()
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        // Without waiting for works, which may not be done in async code.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A work on the pool; dropping it stops the work.
struct Running<T> {
    tries: Vec<AbortHandle>,
    done: oneshot::Receiver<T>,
}

impl<T> Drop for Running<T> {
    fn drop(&mut self) {
        self.tries.iter().for_each(AbortHandle::abort);
    }
}

impl Pool {
    /// Starts the first threads.
    pub(crate) fn start(threads: usize) -> std::result::Result<Pool, Error> {
        let crews = Crews { newest: Crew::start(threads)?, former: vec![] };
        Ok(Pool { threads, crews: Mutex::new(crews) })
    }

    /// Does what comes before a statement's rows, or all of one that has none.
    ///
    /// # Errors
    /// The work's own.
    pub(crate) async fn plan<T: Send + 'static>(
        &self,
        work: impl Future<Output = std::result::Result<T, Error>> + Send + 'static,
    ) -> std::result::Result<T, Error> {
        let mut running = self.begin(work).await?;
        (&mut running.done).await.map_err(|_| Error::internal("the statement did not come to its end"))?
    }

    /// Starts a plan; its rows come as they are asked for. Dropping the stream stops it. What waits for
    /// the client counts with `memory`.
    ///
    /// # Errors
    /// If there are no threads.
    pub(crate) async fn run(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        context: Arc<TaskContext>,
        memory: Arc<StatementMemory>,
    ) -> std::result::Result<SendableRecordBatchStream, Error> {
        let schema = plan.schema();
        let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
        let running = self.begin(async move {
            let mut rows = match rows(plan, context) {
                Ok(rows) => rows,
                Err(error) => {
                    // Whoever asked may be gone.
                    let _ = sender.send(Err(error)).await;
                    return;
                }
            };
            while let Some(batch) = rows.next().await {
                let held = batch.and_then(|batch| {
                    let held = memory.hold(batch.get_array_memory_size())?;
                    Ok((batch, held))
                });
                let is_error = held.is_err();
                if sender.send(held).await.is_err() || is_error {
                    return;
                }
            }
        });
        Ok(rows_of(schema, receiver, running.await?))
    }

    /// Hands a work to a thread, and waits until one has taken it.
    async fn begin<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> std::result::Result<Running<T>, Error> {
        let work = Arc::new(Mutex::new(Some(work)));
        let (begun, mut has_begun) = mpsc::channel::<()>(1);
        let (finished, done) = oneshot::channel();
        let finished = Arc::new(Mutex::new(Some(finished)));
        let mut running = Running { tries: vec![], done };
        let mut crew = self.newest();
        loop {
            let taken = (Arc::clone(&work), Arc::clone(&finished));
            let (begun, held) = (begun.clone(), Arc::clone(&crew));
            running.tries.push(crew.spawn(async move {
                let _crew = held;
                let taken = (taken.0.lock().take(), taken.1.lock().take());
                // Another crew may have been faster.
                let (Some(work), Some(finished)) = taken else { return };
                // There is room for one, and it is sent once.
                let _ = begun.try_send(());
                let done = work.await;
                // Whoever asked may be gone.
                let _ = finished.send(done);
            }));
            while tokio::time::timeout(PATIENCE, has_begun.recv()).await.is_err() {
                let other = self.after(&crew)?;
                if !Arc::ptr_eq(&other, &crew) {
                    crew = other;
                    break;
                }
            }
            if work.lock().is_none() {
                return Ok(running);
            }
        }
    }

    fn newest(&self) -> Arc<Crew> {
        Arc::clone(&self.crews.lock().newest)
    }

    /// A crew that is newer than `busy`, or `busy` itself if there can be no more.
    fn after(&self, busy: &Arc<Crew>) -> std::result::Result<Arc<Crew>, Error> {
        let mut crews = self.crews.lock();
        crews.former.retain(|crew| crew.strong_count() > 0);
        if Arc::ptr_eq(&crews.newest, busy) && crews.former.len() + 1 < CREWS_MAX {
            tracing::info!(crews = crews.former.len() + 2, "statements wait for threads: starting more");
            let newest = Crew::start(self.threads)?;
            let former = std::mem::replace(&mut crews.newest, newest);
            crews.former.push(Arc::downgrade(&former));
        }
        Ok(Arc::clone(&crews.newest))
    }
}

/// The rows of a plan, for a work that is on the pool already.
pub(crate) fn rows(plan: Arc<dyn ExecutionPlan>, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
    execute_stream(giving_way(plan)?, context)
}

fn rows_of(
    schema: SchemaRef,
    receiver: mpsc::Receiver<Result<(RecordBatch, Held)>>,
    running: Running<()>,
) -> SendableRecordBatchStream {
    let rows = futures::stream::unfold(Some((receiver, running)), |state| async move {
        let (mut receiver, mut running) = state?;
        if let Some(batch) = receiver.recv().await {
            let batch = batch.map(|(batch, held)| {
                drop(held);
                batch
            });
            return Some((batch, Some((receiver, running))));
        }
        // The end, unless the query did not get there.
        match (&mut running.done).await {
            Ok(()) => None,
            Err(_) => {
                let error = Error::internal("the query did not come to its end");
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
