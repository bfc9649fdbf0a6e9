//! What the layers above call: a handle on the clock and its workers.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use changes::Epoch;
use connectors::Source;
use futures::channel::oneshot;
use operators::Moment;
use parking_lot::Mutex;
use plan::RelationId;
use state::{Budget, CheckpointSink, Holds, Identity, Owner, Rows, SharedRows};
use tokio::sync::watch;

use crate::agreement::Agreement;
use crate::backfill::Builds;
use crate::checkpoint::Checkpoint;
use crate::clock::{self, Clock, Request};
use crate::commit::Commit;
use crate::hold::{Hold, Now};
use crate::memory::Shares;
use crate::relation::{Parts, Relation};
use crate::statistics::{Counters, Statistics};
use crate::time::{TimeOfDay, Timetable};
use crate::transaction::identity_of;
use crate::{Error, panics, worker};

mod views;

pub use views::Build;

/// Rows of a snapshot that a worker takes in at once for a new dataflow, unless told otherwise: some
/// milliseconds' work, for which a commit may have to wait.
pub const PORTION_ROWS: usize = 4_096;

/// How much machine to use.
#[derive(Clone, Debug)]
pub struct Config {
    /// Worker threads; each owns a part of every key space.
    pub workers: usize,
    /// With whom relations, operators and sources account for their memory.
    pub budget: Budget,
    /// Rows of a snapshot that a worker takes in at once for a new dataflow: [`PORTION_ROWS`], or
    /// few where a test wants many portions.
    pub portion_rows: usize,
    /// What time it is.
    pub time_of_day: Arc<dyn TimeOfDay>,
}

/// One table's part in a transaction. Deletions come before insertions.
#[derive(Clone, Debug)]
pub struct Write {
    /// The table.
    pub table: RelationId,
    /// Whole rows as they are now.
    pub deletes: Vec<RecordBatch>,
    /// Whole rows.
    pub inserts: Vec<RecordBatch>,
}

/// The running dataflows. A clone is another handle on the same ones.
#[derive(Clone, Debug)]
pub struct Runtime(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    workers: usize,
    budget: Budget,
    now: Now,
    published: watch::Receiver<Epoch>,
    holds: Holds,
    requests: Sender<Request>,
    cpu: Arc<Mutex<Vec<Duration>>>,
    builds: Builds,
    counted: Mutex<Vec<Counted>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// A relation or sink that counts; a sink has no rows of its own.
#[derive(Debug)]
struct Counted {
    id: RelationId,
    counters: Arc<Counters>,
    relation: Option<Relation>,
}

impl Runtime {
    /// Starts the workers and the clock.
    ///
    /// # Errors
    /// If threads cannot be had.
    pub fn start(config: &Config) -> Result<Runtime, Error> {
        Runtime::launch(config, Moment { epoch: Epoch::ZERO, now_us: 0 })
    }

    /// As [`Runtime::start`], in the epoch of a checkpoint and not earlier than it: see [`crate::Restoring`].
    ///
    /// # Errors
    /// As [`Runtime::start`].
    pub fn start_from(config: &Config, checkpoint: &Checkpoint) -> Result<Runtime, Error> {
        Runtime::launch(config, checkpoint.moment())
    }

    fn launch(config: &Config, last: Moment) -> Result<Runtime, Error> {
        panics::remember_locations();
        let workers = config.workers.max(1);
        let (commands, receivers): (Vec<_>, Vec<_>) = (0..workers).map(|_| channel()).unzip();
        let (done, all_done) = channel();
        let (requests, received) = channel();
        let (publish, published) = watch::channel(last.epoch);
        let now = Now::new(last.epoch);
        let cpu = Arc::new(Mutex::new(vec![Duration::ZERO; workers]));
        let agreement = Arc::new(Agreement::new(workers));
        let channels = |commands| {
            let (done, clock, agreement) = (done.clone(), requests.clone(), Arc::clone(&agreement));
            worker::Channels { commands, done, clock, agreement }
        };
        let timely_thread = start_workers(receivers.into_iter().map(channels).collect(), config.portion_rows)?;
        let channels = clock::Channels {
            published: publish,
            requests: received,
            wake: requests.clone(),
            workers: commands,
            done: all_done,
            cpu: Arc::clone(&cpu),
        };
        let builds = Builds::default();
        let timetable = Timetable::new(Arc::clone(&config.time_of_day), last.now_us);
        let clock = Clock::new(now.clone(), channels, Arc::clone(&builds), timetable, config.budget.clone());
        let run = move || panics::or_abort("clock", || clock.run());
        let clock = std::thread::Builder::new().name("freshet-clock".into()).spawn(run);
        let clock = clock.map_err(|error| Error::Start(error.to_string()))?;
        Ok(Runtime(Arc::new(Inner {
            workers,
            budget: config.budget.clone(),
            now,
            published,
            holds: Holds::default(),
            requests,
            cpu,
            builds,
            counted: Mutex::default(),
            threads: Mutex::new(vec![clock, timely_thread]),
        })))
    }

    /// Who holds how much memory.
    #[must_use]
    pub fn budget(&self) -> &Budget {
        &self.0.budget
    }

    /// The last closed epoch: what readers see.
    #[must_use]
    pub fn now(&self) -> Epoch {
        self.0.now.get()
    }

    /// Is told of every epoch that closes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Epoch> {
        self.0.published.clone()
    }

    /// Keeps all relations readable as they are now, until the hold is dropped.
    #[must_use]
    pub fn hold(&self) -> Hold {
        Hold::new(self.0.holds.clone(), &self.0.now)
    }

    /// A table, empty. With `key`, columns that are not null and unique together.
    ///
    /// # Errors
    /// If a column's type cannot be a key, or the server is shutting down.
    pub async fn create_table(
        &self,
        id: RelationId,
        name: &str,
        schema: SchemaRef,
        key: Option<Vec<usize>>,
    ) -> Result<Relation, Error> {
        let relation = self.table(id, name, schema, key)?;
        self.declare(&relation).await?;
        Ok(relation)
    }

    /// A table that nobody knows yet.
    pub(crate) fn table(
        &self,
        id: RelationId,
        name: &str,
        schema: SchemaRef,
        key: Option<Vec<usize>>,
    ) -> Result<Relation, Error> {
        self.relation(id, name, schema, identity_of(key.as_deref()), key, None)
    }

    /// A source. It is read from when the first view does.
    ///
    /// # Errors
    /// If the server is shutting down.
    pub async fn create_source(&self, id: RelationId, name: &str, source: Arc<dyn Source>) -> Result<Relation, Error> {
        let relation = self.source(id, name, source)?;
        self.declare(&relation).await?;
        Ok(relation)
    }

    /// A source that nobody knows yet.
    pub(crate) fn source(&self, id: RelationId, name: &str, source: Arc<dyn Source>) -> Result<Relation, Error> {
        self.relation(id, name, source.schema(), Identity::AppendOnly, None, Some(source))
    }

    /// Ends dataflows, and forgets relations. What reads them must be among them.
    ///
    /// # Errors
    /// If the server is shutting down.
    pub async fn drop_relations(&self, ids: Vec<RelationId>) -> Result<(), Error> {
        self.forget(&ids);
        self.ask(|reply| Request::Drop { ids, reply }).await
    }

    /// As [`Runtime::drop_relations`], for what nobody uses any more: does not wait.
    pub fn discard(&self, ids: Vec<RelationId>) {
        self.forget(&ids);
        let (reply, _) = oneshot::channel();
        // Without a clock there is nothing left to end.
        let _ = self.0.requests.send(Request::Drop { ids, reply });
    }

    /// Writes all of it in one epoch, or nothing. The epoch is closed, and so visible in all views, when the
    /// [`Commit`] ends. It fails if a row to delete is gone or a key to insert is there.
    pub fn commit(&self, writes: Vec<Write>) -> Commit {
        let (commit, submitted) = Commit::new(writes);
        // Without a clock, the commit learns that from its reply, which is gone.
        let _ = self.0.requests.send(Request::Commit(submitted));
        commit
    }

    /// Waits until every source that has an end, and that somebody reads, has been read to its
    /// end, and all views show it.
    ///
    /// # Errors
    /// If the server is shutting down.
    pub async fn flush(&self) -> Result<Epoch, Error> {
        self.ask(|reply| Request::Flush { reply }).await
    }

    /// Writes what changed in these relations and sinks since the last checkpoint, or all if there was none.
    /// Returns the epoch of the cut.
    ///
    /// # Errors
    /// If it could not be written. What is written then is not a checkpoint, and must be begun anew.
    pub async fn checkpoint(&self, sink: Arc<dyn CheckpointSink>, ids: HashSet<RelationId>) -> Result<Epoch, Error> {
        self.ask(|reply| Request::Checkpoint { sink, ids, reply }).await?
    }

    /// What has been counted so far, and what operators remember now: waits for the epoch in progress.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let (reply, counted) = sync_channel(1);
        if self.0.requests.send(Request::Count { reply }).is_ok() {
            // A clock that has stopped meanwhile has left the last count.
            let _ = counted.recv();
        }
        let read = |Counted { id, counters, relation }: &Counted| {
            counters.read(*id, relation.as_ref().map_or(0, Relation::len))
        };
        Statistics {
            worker_cpu: self.0.cpu.lock().iter().sum(),
            relations: self.0.counted.lock().iter().map(read).collect(),
        }
    }

    /// Stops all threads and waits for them. Requests after it are refused.
    pub fn shutdown(&self) {
        // The clock may be gone already.
        let _ = self.0.requests.send(Request::Stop);
        for thread in self.0.threads.lock().drain(..) {
            let _ = thread.join();
        }
    }

    fn relation(
        &self,
        id: RelationId,
        name: &str,
        schema: SchemaRef,
        identity: Identity,
        key: Option<Vec<usize>>,
        source: Option<Arc<dyn Source>>,
    ) -> Result<Relation, Error> {
        let partition = |_| Ok(SharedRows::new(Rows::new(Arc::clone(&schema), identity.clone())?));
        let partitions = (0..self.0.workers).map(partition).collect::<Result<_, state::Error>>()?;
        let counters = Arc::new(Counters::new(name, self.0.workers));
        let relation = Relation::new(Parts {
            id,
            schema,
            key,
            partitions,
            counters: Arc::clone(&counters),
            memory: Shares::new(self.0.budget.open(Owner::Rows, name), self.0.workers),
            now: self.0.now.clone(),
            holds_of_all: self.0.holds.clone(),
            source,
        });
        self.0.counted.lock().push(Counted { id, counters, relation: Some(relation.clone()) });
        Ok(relation)
    }

    async fn declare(&self, relation: &Relation) -> Result<(), Error> {
        self.ask(|reply| Request::Declare { relation: relation.clone(), reply }).await
    }

    fn forget(&self, ids: &[RelationId]) {
        self.0.counted.lock().retain(|counted| !ids.contains(&counted.id));
    }

    pub(crate) async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        self.0.requests.send(request(reply)).map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Nobody can ask for anything any more; the threads end by themselves.
        let _ = self.requests.send(Request::Stop);
    }
}

/// Starts timely's workers, and a thread that waits for them.
fn start_workers(channels: Vec<worker::Channels>, portion_rows: usize) -> Result<JoinHandle<()>, Error> {
    let workers = channels.len();
    let config = if workers == 1 { timely::Config::thread() } else { timely::Config::process(workers) };
    let channels = Mutex::new(channels.into_iter().map(Some).collect::<Vec<_>>());
    let guards = timely::execute(config, move |timely_worker| {
        let index = timely_worker.index();
        panics::or_abort(&format!("worker {index}"), || {
            let channels = channels.lock()[index].take().expect("each worker runs once");
            worker::run(timely_worker, &channels, portion_rows);
        });
    });
    let guards = guards.map_err(Error::Start)?;
    let wait = move || {
        for error in guards.join().into_iter().filter_map(Result::err) {
            tracing::error!(error, "a worker ended before its time");
        }
    };
    std::thread::Builder::new()
        .name("freshet-workers".into())
        .spawn(wait)
        .map_err(|error| Error::Start(error.to_string()))
}
