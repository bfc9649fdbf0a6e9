//! The threads on which results are computed.
//!
//! DataFusion may compute for long without giving way. On threads of its own it cannot hold up other sessions,
//! nor the notice that its own client has left or cancelled.

use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use futures::StreamExt;
use tokio::runtime::{Builder, Runtime};

/// Batches that wait for a client to read.
const BATCHES_AHEAD: usize = 2;
/// Planned expressions recurse.
const STACK_BYTES: usize = 8 * 1024 * 1024;

/// A pool of threads for results.
pub(crate) struct QueryPool {
    /// Some until the pool is dropped.
    runtime: Option<Runtime>,
}

impl QueryPool {
    /// Starts the threads: some more than there are CPUs, since the system shares those among them.
    pub(crate) fn start() -> std::io::Result<Self> {
        let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let runtime = Builder::new_multi_thread()
            .worker_threads(2 * cpus)
            .thread_stack_size(STACK_BYTES)
            .thread_name("query")
            .enable_all()
            .build()?;
        Ok(Self { runtime: Some(runtime) })
    }

    /// The same rows, computed here. Dropping the stream ends the computation as soon as it gives way.
    pub(crate) fn run(&self, mut rows: SendableRecordBatchStream) -> SendableRecordBatchStream {
        let Some(runtime) = &self.runtime else { return rows };
        let mut computed = RecordBatchReceiverStream::builder(rows.schema(), BATCHES_AHEAD);
        let sender = computed.tx();
        let compute = async move {
            while let Some(batch) = rows.next().await {
                // Without a receiver nobody waits for the rest.
                if sender.send(batch).await.is_err() {
                    break;
                }
            }
            Ok(())
        };
        computed.spawn_on(compute, runtime.handle());
        computed.build()
    }
}

impl Drop for QueryPool {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Waiting is not allowed where sessions run, and nobody is left to get the results.
            runtime.shutdown_background();
        }
    }
}
