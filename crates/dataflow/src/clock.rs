//! The epoch clock: one thread that takes everything that has arrived, makes an epoch of it, has
//! the workers carry it through all views, and only then shows it to readers.
//!
//! It is the one writer of tables and sources, so transactions are checked and applied one after
//! the other, without locks between them. The next epoch begins as soon as this one is through:
//! one row alone is visible at once, and under load an epoch is what came in the meantime. It waits
//! for workers only, and never for a source, or for a dataflow that is being filled.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender};
use std::time::Duration;

use changes::Epoch;
use futures::channel::oneshot;
use operators::Moment;
use parking_lot::Mutex;
use plan::RelationId;
use state::Budget;
use tokio::sync::watch;

use crate::backfill::{Backfill, Builds};
use crate::build::Spec;
use crate::checkpoint::{self, Checkpoint, Sink};
use crate::commit::Submitted;
use crate::hold::Now;
use crate::relation::Relation;
use crate::sources::Sources;
use crate::time::Timetable;
use crate::transaction::Tables;
use crate::worker::{Command, Done};
use crate::{Error, panics};

pub(crate) type Reply<T> = oneshot::Sender<T>;

/// What others ask of the clock.
pub(crate) enum Request {
    /// A table, or a source nobody reads yet.
    Declare { relation: Relation, reply: Reply<()> },
    /// A view or sink. The answer comes when it holds what its inputs hold.
    Build { spec: Arc<Spec>, reply: Reply<Result<(), Error>> },
    /// A worker has fed a half-built dataflow all it was to feed, and that is through.
    Fed { id: RelationId, result: Result<(), Error> },
    /// Ends views, sinks, tables and sources, built or not.
    Drop { ids: Vec<RelationId>, reply: Reply<()> },
    /// A transaction.
    Commit(Submitted),
    /// Answer when every source that is read and has an end has been read to its end.
    Flush { reply: Reply<Epoch> },
    /// Write a checkpoint of these relations and sinks. The answer is its epoch.
    Checkpoint { sink: Sink, ids: HashSet<RelationId>, reply: Reply<Result<Epoch, Error>> },
    /// Tables and sources as they were, and dataflows that go on with what a checkpoint has of them.
    Restore {
        checkpoint: Checkpoint,
        inputs: Vec<Relation>,
        dataflows: Vec<Arc<Spec>>,
        reply: Reply<Result<(), Error>>,
    },
    /// Count what operators remember.
    Count { reply: SyncSender<()> },
    /// A source has something, or the time has come for something.
    Wake,
    /// Nothing more.
    Stop,
}

/// How the clock talks with others.
pub(crate) struct Channels {
    pub(crate) published: watch::Sender<Epoch>,
    pub(crate) requests: Receiver<Request>,
    /// For those who have something for the clock.
    pub(crate) wake: Sender<Request>,
    pub(crate) workers: Vec<Sender<Command>>,
    pub(crate) done: Receiver<Done>,
    /// By worker.
    pub(crate) cpu: Arc<Mutex<Vec<Duration>>>,
}

/// The clock's own memory.
pub(crate) struct Clock {
    pub(crate) now: Now,
    pub(crate) tables: Tables,
    pub(crate) views: HashMap<RelationId, Relation>,
    /// By dataflow that follows the clock, what it reads.
    pub(crate) reads: HashMap<RelationId, HashSet<RelationId>>,
    pub(crate) backfills: HashMap<RelationId, Backfill>,
    pub(crate) builds: Builds,
    pub(crate) channels: Channels,
    pub(crate) timetable: Timetable,
    sources: Sources,
    flushes: Vec<Reply<Epoch>>,
    /// What was dropped since the last checkpoint.
    dropped: Vec<RelationId>,
}

impl Clock {
    pub(crate) fn new(now: Now, channels: Channels, builds: Builds, timetable: Timetable, budget: Budget) -> Clock {
        Clock {
            now,
            tables: Tables::default(),
            views: HashMap::new(),
            reads: HashMap::new(),
            backfills: HashMap::new(),
            builds,
            timetable,
            sources: Sources::new(budget, channels.wake.clone()),
            channels,
            flushes: Vec::new(),
            dropped: Vec::new(),
        }
    }

    /// Runs until it is told to stop.
    pub(crate) fn run(mut self) {
        while let Some(request) = self.next_request() {
            let mut batch = vec![request];
            batch.extend(self.channels.requests.try_iter());
            let mut commits = Vec::new();
            for request in batch {
                match request {
                    Request::Stop => return self.end(),
                    Request::Commit(commit) => commits.push(commit),
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
        }
        self.end();
    }

    /// Waits for a request, or until a dataflow wants an epoch.
    fn next_request(&mut self) -> Option<Request> {
        match self.timetable.pause() {
            None => self.channels.requests.recv().ok(),
            Some(pause) => match self.channels.requests.recv_timeout(pause) {
                Ok(request) => Some(request),
                Err(RecvTimeoutError::Timeout) => Some(Request::Wake),
                Err(RecvTimeoutError::Disconnected) => None,
            },
        }
    }

    fn answer(&mut self, request: Request) {
        // A reply that nobody waits for any more is no failure, here and below.
        match request {
            Request::Declare { relation, reply } => {
                self.declare(relation);
                let _ = reply.send(());
            }
            Request::Build { spec, reply } => self.build(spec, reply),
            Request::Fed { id, result } => self.fed(id, result),
            Request::Drop { ids, reply } => {
                self.drop(&ids);
                let _ = reply.send(());
            }
            Request::Flush { reply } => self.flushes.push(reply),
            Request::Checkpoint { sink, ids, reply } => _ = reply.send(self.checkpoint(sink, ids)),
            Request::Restore { checkpoint, inputs, dataflows, reply } => {
                let _ = reply.send(self.restore(checkpoint, inputs, &dataflows));
            }
            Request::Count { reply } => {
                self.tell_all_is_well(&Command::Count);
                let _ = reply.send(());
            }
            Request::Commit(_) | Request::Wake | Request::Stop => unreachable!("handled by run"),
        }
    }

    /// Closes an epoch of what sources have and of `commits`, if that is anything at all.
    fn close_epoch(&mut self, commits: Vec<Submitted>) {
        let epoch = self.now.get().next();
        let mut changed = HashSet::new();
        let mut committed = Vec::new();
        for (writes, reply) in commits.into_iter().filter_map(Submitted::begin) {
            match self.tables.check(&writes) {
                Ok(checked) => {
                    self.tables.write(epoch, checked, &mut changed);
                    committed.push(reply);
                }
                Err(error) => _ = reply.send(Err(error)),
            }
        }
        self.sources.take(epoch, &mut self.tables, &mut changed);
        let moment = Moment { epoch, now_us: self.timetable.now_us() };
        let woken = Arc::new(self.timetable.due(moment.now_us));
        if !changed.is_empty() || !woken.is_empty() {
            panics::on_purpose(|| "clock".to_owned());
            let changed = Arc::new(changed);
            let views = self.tell_all_is_well(&Command::Advance { moment, changed: Arc::clone(&changed), woken });
            let relations =
                changed.iter().chain(&views).filter_map(|id| self.relation(*id).cloned()).collect::<Vec<_>>();
            relations.iter().for_each(|relation| relation.closes(epoch));
            self.publish(epoch);
            relations.iter().for_each(|relation| relation.announce(epoch));
        }
        for reply in committed {
            let _ = reply.send(Ok(epoch));
        }
        self.tables.tidy();
    }

    /// A table, source or finished view.
    pub(crate) fn relation(&self, id: RelationId) -> Option<&Relation> {
        self.views.get(&id).or_else(|| self.tables.relation(id))
    }

    fn drop(&mut self, ids: &[RelationId]) {
        for id in ids {
            self.end_build(*id, Err(Error::Dropped));
        }
        self.tell_all_is_well(&Command::Drop(Arc::new(ids.to_vec())));
        self.timetable.forget(ids);
        self.reads.retain(|id, _| !ids.contains(id));
        self.views.retain(|id, _| !ids.contains(id));
        self.read_sources();
        self.tables.forget(ids);
        self.dropped.extend(ids);
    }

    /// Starts sources that somebody reads, and stops those that nobody reads any more.
    pub(crate) fn read_sources(&mut self) {
        let read = self.reads.values().flatten().copied().collect::<HashSet<_>>();
        self.sources.read_only(&read, &self.tables, self.now.get());
    }

    /// Writes a checkpoint of the last closed epoch. What is being built is not in it.
    fn checkpoint(&mut self, sink: Sink, ids: HashSet<RelationId>) -> Result<Epoch, Error> {
        let epoch = self.now.get();
        for id in self.dropped.drain(..) {
            checkpoint::forget(sink.as_ref(), id)?;
        }
        let inputs = self.tables.relations().filter(|relation| ids.contains(&relation.id()));
        let moment = Moment { epoch, now_us: self.timetable.now_us() };
        checkpoint::write_inputs(sink.as_ref(), &moment, self.channels.workers.len(), inputs)?;
        self.tell(&Command::Checkpoint { sink, ids: Arc::new(ids) })?;
        Ok(epoch)
    }

    /// Has tables, sources and dataflows go on from a checkpoint.
    fn restore(&mut self, checkpoint: Checkpoint, inputs: Vec<Relation>, dataflows: &[Arc<Spec>]) -> Result<(), Error> {
        for relation in inputs {
            self.declare(relation);
        }
        let moment = Moment { epoch: self.now.get().next(), now_us: self.timetable.now_us() };
        let specs = Arc::new(dataflows.to_vec());
        self.tell(&Command::Restore { specs, checkpoint, moment })?;
        self.publish(moment.epoch);
        dataflows.iter().for_each(|spec| self.follow(spec));
        self.read_sources();
        Ok(())
    }

    fn declare(&mut self, relation: Relation) {
        self.tell_all_is_well(&Command::Declare(relation.clone()));
        self.tables.declare(relation);
    }

    /// Notes that a dataflow follows the clock from now on.
    pub(crate) fn follow(&mut self, spec: &Spec) {
        if let Some(relation) = spec.relation() {
            self.views.insert(spec.id, relation.clone());
        }
        self.reads.insert(spec.id, spec.reads());
    }

    fn answer_flushes(&mut self) {
        if !self.flushes.is_empty() && self.sources.have_ended(&self.tables) {
            let now = self.now.get();
            self.flushes.drain(..).for_each(|reply| _ = reply.send(now));
        }
    }

    /// Shows an epoch that is through to readers.
    pub(crate) fn publish(&mut self, epoch: Epoch) {
        self.now.set(epoch);
        self.channels.published.send_replace(epoch);
    }

    /// Tells those who wait for changes that none will come.
    fn end(self) {
        self.tables.relations().chain(self.views.values()).for_each(Relation::end);
    }

    /// Has all workers carry out a command, and waits for them. Gives the views that it changed.
    pub(crate) fn tell(&mut self, command: &Command) -> Result<Vec<RelationId>, Error> {
        for worker in &self.channels.workers {
            worker.send(command.clone()).map_err(|_| Error::Closed)?;
        }
        let mut result = Ok(Vec::new());
        for _ in 0..self.channels.workers.len() {
            let Done { result: of_worker, changed, wishes, worker, cpu } =
                self.channels.done.recv().map_err(|_| Error::Closed)?;
            self.timetable.note(worker, wishes);
            self.channels.cpu.lock()[worker] = cpu;
            result = result.and_then(|_| of_worker.map(|()| changed));
        }
        result
    }

    /// As [`Clock::tell`], for commands that cannot fail unless state is broken.
    pub(crate) fn tell_all_is_well(&mut self, command: &Command) -> Vec<RelationId> {
        self.tell(command).unwrap_or_else(|error| {
            tracing::error!(%error, "a worker failed, stopping the process");
            std::process::abort();
        })
    }
}
