//! The epoch clock: one thread that takes everything that has arrived, makes an epoch of it, has
//! the workers carry it through all views, and only then shows it to readers.
//!
//! It is the one writer of tables and sources, so transactions are checked and applied one after
//! the other, without locks between them. The next epoch begins as soon as this one is through:
//! one row alone is visible at once, and under load an epoch is what came in the meantime.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use arrow::array::ArrayRef;
use arrow::row::{RowConverter, SortField};
use changes::{ChangeBatch, Epoch, KeyHasher, partition_of};
use futures::channel::oneshot;
use parking_lot::Mutex;
use plan::RelationId;
use state::Identity;

use crate::build::Spec;
use crate::memory::Observer;
use crate::relation::{Now, Relation};
use crate::runtime::Write;
use crate::source::Pump;
use crate::worker::{Command, Done, Replays};
use crate::{CommitError, Error};

type Reply<T> = oneshot::Sender<T>;

/// A transaction, and who waits for it.
struct Commit {
    writes: Vec<Write>,
    reply: Reply<Result<Epoch, CommitError>>,
}

/// What others ask of the clock.
pub(crate) enum Request {
    /// A table, or a source nobody reads yet.
    Declare { relation: Relation, reply: Reply<()> },
    /// A view or sink; `relation` is where a view's rows go.
    Build { spec: Arc<Spec>, relation: Option<Relation>, reply: Reply<Result<(), Error>> },
    /// Ends views, sinks, tables and sources.
    Drop { ids: Vec<RelationId>, reply: Reply<()> },
    /// A transaction.
    Commit { writes: Vec<Write>, reply: Reply<Result<Epoch, CommitError>> },
    /// Answer when every source that is read and has an end has been read to its end.
    Flush { reply: Reply<Epoch> },
    /// Save and rebuild all operators.
    Rebuild { reply: Reply<Result<(), Error>> },
    /// A source has something.
    Wake,
    /// Nothing more.
    Stop,
}

/// The clock's own memory.
pub(crate) struct Clock {
    pub(crate) now: Now,
    pub(crate) published: tokio::sync::watch::Sender<Epoch>,
    pub(crate) requests: Receiver<Request>,
    /// For sources, to wake the clock.
    pub(crate) wake: Sender<Request>,
    pub(crate) workers: Vec<Sender<Command>>,
    pub(crate) done: Receiver<Done>,
    pub(crate) cpu: Arc<Mutex<Vec<Duration>>>,
    pub(crate) memory: Observer,
    tables: HashMap<RelationId, Base>,
    pumps: HashMap<RelationId, Pump>,
    /// By dataflow, what it reads.
    reads: HashMap<RelationId, HashSet<RelationId>>,
    flushes: Vec<Reply<Epoch>>,
}

/// A table or source, which the clock writes.
struct Base {
    relation: Relation,
    /// By what a row's partition is chosen: its key, or all of it.
    columns: Vec<usize>,
    hasher: Option<KeyHasher>,
    /// Where a source's next rows go.
    next_partition: usize,
}

/// Whether no two rows have the same key.
fn are_distinct(keys: &[ArrayRef]) -> Result<bool, state::Error> {
    let fields = keys.iter().map(|key| SortField::new(key.data_type().clone())).collect();
    let rows = RowConverter::new(fields)?.convert_columns(keys)?;
    let mut seen = HashSet::with_capacity(rows.num_rows());
    Ok(rows.iter().all(|row| seen.insert(row)))
}

/// How a table's rows are found again.
pub(crate) fn identity_of(key: Option<&[usize]>) -> Identity {
    key.map_or(Identity::Row, |key| Identity::Key(key.to_vec()))
}

impl Clock {
    pub(crate) fn new(
        now: Now,
        published: tokio::sync::watch::Sender<Epoch>,
        requests: Receiver<Request>,
        wake: Sender<Request>,
        workers: Vec<Sender<Command>>,
        done: Receiver<Done>,
        cpu: Arc<Mutex<Vec<Duration>>>,
        memory: Observer,
    ) -> Clock {
        Clock {
            now,
            published,
            requests,
            wake,
            workers,
            done,
            cpu,
            memory,
            tables: HashMap::new(),
            pumps: HashMap::new(),
            reads: HashMap::new(),
            flushes: Vec::new(),
        }
    }

    /// Runs until it is told to stop.
    pub(crate) fn run(mut self) {
        while let Ok(request) = self.requests.recv() {
            let mut batch = vec![request];
            batch.extend(self.requests.try_iter());
            let mut commits = Vec::new();
            for request in batch {
                match request {
                    Request::Stop => return,
                    Request::Commit { writes, reply } => commits.push(Commit { writes, reply }),
                    Request::Wake => {}
                    other => {
                        // What was written before is in an epoch before.
                        self.close_epoch(std::mem::take(&mut commits));
                        self.answer(other);
                    }
                }
            }
            self.close_epoch(commits);
            self.answer_flushes();
            self.memory.look();
        }
    }

    fn answer(&mut self, request: Request) {
        // A reply that nobody waits for any more is no failure, here and below.
        match request {
            Request::Declare { relation, reply } => {
                self.declare(relation);
                let _ = reply.send(());
            }
            Request::Build { spec, relation, reply } => {
                let _ = reply.send(self.build(&spec, relation));
            }
            Request::Drop { ids, reply } => {
                self.drop(&ids);
                let _ = reply.send(());
            }
            Request::Flush { reply } => self.flushes.push(reply),
            Request::Rebuild { reply } => {
                let epoch = self.now.get().next();
                let result = self.tell(&Command::Rebuild { epoch });
                self.publish(epoch);
                let _ = reply.send(result);
            }
            Request::Commit { .. } | Request::Wake | Request::Stop => unreachable!("handled by run"),
        }
    }

    fn declare(&mut self, relation: Relation) {
        let schema = relation.schema();
        let columns = relation.key().map_or_else(|| (0..schema.fields().len()).collect(), <[usize]>::to_vec);
        let types = columns.iter().map(|&column| schema.field(column).data_type().clone()).collect();
        let hasher = if relation.is_source() { None } else { KeyHasher::new(types).ok() };
        self.tell_all_is_well(&Command::Declare(relation.clone()));
        self.tables.insert(relation.id(), Base { relation, columns, hasher, next_partition: 0 });
    }

    /// Closes an epoch of what sources have and of `commits`, if that is anything at all.
    fn close_epoch(&mut self, commits: Vec<Commit>) {
        let epoch = self.now.get().next();
        let mut changed = HashSet::new();
        let mut committed = Vec::new();
        for Commit { writes, reply } in commits {
            match self.apply(epoch, &writes) {
                Ok(()) => {
                    changed.extend(writes.iter().map(|write| write.table));
                    committed.push(reply);
                }
                Err(error) => {
                    let _ = reply.send(Err(error));
                }
            }
        }
        self.take_from_sources(epoch, &mut changed);
        if !changed.is_empty() {
            self.tell_all_is_well(&Command::Advance { epoch, changed: Arc::new(changed.clone()) });
            self.publish(epoch);
            self.collect(&changed);
        }
        for reply in committed {
            let _ = reply.send(Ok(epoch));
        }
    }

    /// Applies a transaction to its tables, or nothing of it.
    fn apply(&mut self, epoch: Epoch, writes: &[Write]) -> Result<(), CommitError> {
        let mut done: Vec<(RelationId, ChangeBatch)> = Vec::new();
        let mut result = Ok(());
        'writes: for write in writes {
            let Some(base) = self.tables.get_mut(&write.table) else {
                result = Err(CommitError::Dropped);
                break;
            };
            let deletes = write.deletes.iter().map(|rows| ChangeBatch::deletes(rows.clone()));
            let inserts = write.inserts.iter().map(|rows| ChangeBatch::inserts(rows.clone()));
            for batch in deletes.chain(inserts) {
                match base.apply(epoch, &batch, &mut |part| done.push((write.table, part))) {
                    Ok(()) => {}
                    Err(error) => {
                        result = Err(error);
                        break 'writes;
                    }
                }
            }
        }
        if result.is_err() {
            // Undone within the same epoch, it was never there for anybody.
            for (table, batch) in done.into_iter().rev() {
                let base = self.tables.get_mut(&table).expect("it was written a moment ago");
                base.undo(epoch, &batch)?;
            }
        }
        result
    }

    fn take_from_sources(&mut self, epoch: Epoch, changed: &mut HashSet<RelationId>) {
        let mut has_more = false;
        for (id, pump) in &mut self.pumps {
            let Some(taken) = pump.take() else {
                continue;
            };
            let base = self.tables.get_mut(id).expect("a pump's source is declared");
            base.relation.reached(epoch, taken.position);
            has_more = true;
            for rows in taken.rows {
                changed.insert(*id);
                let partition = base.relation.partition(base.next_partition);
                base.next_partition = (base.next_partition + 1) % base.relation.partitions();
                let appended = partition.write().insert(epoch, &rows);
                // A connector's rows are of its own schema.
                appended.expect("a source's rows fit the source");
            }
        }
        if has_more {
            // There may be more than one epoch took.
            let _ = self.wake.send(Request::Wake);
        }
    }

    /// Forgets what nobody reads any more in the tables and sources that changed.
    fn collect(&mut self, changed: &HashSet<RelationId>) {
        for id in changed {
            let Some(Base { relation, .. }) = self.tables.get(id) else {
                continue;
            };
            let horizon = relation.horizon();
            for partition in 0..relation.partitions() {
                let mut rows = relation.partition(partition).write();
                if relation.is_source() {
                    rows.forget(horizon);
                } else {
                    rows.collect(horizon).expect("living rows of a chunk form a chunk");
                }
                drop(rows);
                relation.account(partition);
            }
        }
    }

    fn build(&mut self, spec: &Arc<Spec>, relation: Option<Relation>) -> Result<(), Error> {
        let reads = spec.plan.gets().iter().map(|get| get.relation).collect::<HashSet<_>>();
        let now = self.now.get();
        let mut replays = Replays::new();
        for get in spec.plan.gets() {
            let Some(base) = self.tables.get(&get.relation).filter(|base| base.relation.is_source()) else {
                continue;
            };
            if let Some(replay) = base.relation.replay(now)? {
                replays.entry(get.relation).or_default().push(Mutex::new(replay));
            }
        }
        if let Some(relation) = relation {
            self.tell_all_is_well(&Command::Declare(relation));
        }
        let epoch = now.next();
        let command = Command::Build { spec: Arc::clone(spec), epoch, replays: Arc::new(replays) };
        if let Err(error) = self.tell(&command) {
            self.tell_all_is_well(&Command::Drop(Arc::new(vec![spec.id])));
            return Err(error);
        }
        self.publish(epoch);
        self.reads.insert(spec.id, reads);
        self.start_sources();
        Ok(())
    }

    /// Starts sources that somebody reads, and stops those that nobody reads any more.
    fn start_sources(&mut self) {
        let read = self.reads.values().flatten().copied().collect::<HashSet<_>>();
        self.pumps.retain(|id, _| read.contains(id));
        for id in read {
            let Some(base) = self.tables.get(&id).filter(|_| !self.pumps.contains_key(&id)) else {
                continue;
            };
            let Some(source) = base.relation.source() else {
                continue;
            };
            let from = base.relation.position_at(self.now.get());
            let counters = Arc::clone(base.relation.counters());
            match Pump::start(source, from.as_ref(), counters, self.wake.clone()) {
                Ok(pump) => {
                    self.pumps.insert(id, pump);
                }
                Err(error) => tracing::error!(%error, relation = %id, "source cannot be opened"),
            }
        }
    }

    fn drop(&mut self, ids: &[RelationId]) {
        self.tell_all_is_well(&Command::Drop(Arc::new(ids.to_vec())));
        self.reads.retain(|id, _| !ids.contains(id));
        self.start_sources();
        self.tables.retain(|id, _| !ids.contains(id));
    }

    fn answer_flushes(&mut self) {
        let is_reading = |(id, pump): (&RelationId, &Pump)| {
            !pump.has_ended && self.tables[id].relation.source().is_some_and(|source| source.is_finite())
        };
        if !self.flushes.is_empty() && !self.pumps.iter().any(is_reading) {
            let now = self.now.get();
            self.flushes.drain(..).for_each(|reply| _ = reply.send(now));
        }
    }

    /// Shows an epoch that is through to readers.
    fn publish(&mut self, epoch: Epoch) {
        self.now.set(epoch);
        self.published.send_replace(epoch);
    }

    /// Has all workers carry out a command, and waits for them.
    fn tell(&mut self, command: &Command) -> Result<(), Error> {
        for worker in &self.workers {
            worker.send(command.clone()).map_err(|_| Error::Closed)?;
        }
        let mut result = Ok(());
        for _ in 0..self.workers.len() {
            let Done { result: of_worker, worker, cpu } = self.done.recv().map_err(|_| Error::Closed)?;
            self.cpu.lock()[worker] = cpu;
            result = result.and(of_worker);
        }
        result
    }

    /// As [`Clock::tell`], for commands that cannot fail unless state is broken.
    fn tell_all_is_well(&mut self, command: &Command) {
        if let Err(error) = self.tell(command) {
            tracing::error!(%error, "a worker failed, stopping the process");
            std::process::abort();
        }
    }
}

impl Base {
    /// Applies a batch, each row in its partition; tells of the parts that are done.
    fn apply(
        &mut self,
        epoch: Epoch,
        batch: &ChangeBatch,
        done: &mut dyn FnMut(ChangeBatch),
    ) -> Result<(), CommitError> {
        for (partition, part) in self.split(batch)? {
            let mut rows = self.relation.partition(partition).write();
            if part.diffs().is_inserts() {
                if let Some(key) = self.relation.key() {
                    let keys = key.iter().map(|&column| part.column(column).clone()).collect::<Vec<_>>();
                    let is_taken = rows.find(&keys, part.len())?.iter().any(Option::is_some);
                    if is_taken || !are_distinct(&keys)? {
                        return Err(CommitError::Conflict);
                    }
                }
                rows.insert(epoch, part.rows())?;
                done(part);
                continue;
            }
            let missing = rows.delete(epoch, part.rows())?;
            if missing.is_empty() {
                done(part);
                continue;
            }
            let found = (0..part.len() as u32).filter(|row| !missing.contains(row)).collect::<Vec<_>>();
            done(part.take(&found).map_err(state::Error::from)?);
            return Err(CommitError::Conflict);
        }
        Ok(())
    }

    fn undo(&mut self, epoch: Epoch, batch: &ChangeBatch) -> Result<(), CommitError> {
        for (partition, part) in self.split(batch)? {
            let mut rows = self.relation.partition(partition).write();
            if part.diffs().is_inserts() {
                let missing = rows.delete(epoch, part.rows())?;
                assert!(missing.is_empty(), "what was written in this epoch is there to be undone");
            } else {
                rows.insert(epoch, part.rows())?;
            }
        }
        Ok(())
    }

    fn split(&self, batch: &ChangeBatch) -> Result<Vec<(usize, ChangeBatch)>, CommitError> {
        let partitions = self.relation.partitions();
        let Some(hasher) = self.hasher.as_ref().filter(|_| partitions > 1) else {
            return Ok(vec![(0, batch.clone())]);
        };
        let keys = self.columns.iter().map(|&column| batch.column(column).clone()).collect::<Vec<_>>();
        let mut hashes = Vec::new();
        hasher.hash(&keys, batch.len(), &mut hashes).map_err(state::Error::from)?;
        let mut rows = vec![Vec::new(); partitions];
        for (row, &hash) in hashes.iter().enumerate() {
            rows[partition_of(hash, partitions)].push(row as u32);
        }
        let parts = rows.into_iter().enumerate().filter(|(_, rows)| !rows.is_empty());
        let part =
            |(partition, rows): (usize, Vec<u32>)| Ok((partition, batch.take(&rows).map_err(state::Error::from)?));
        parts.map(part).collect()
    }
}
