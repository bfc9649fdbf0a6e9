//! A worker: a thread that builds dataflows and takes them from epoch to epoch as the clock says.
//!
//! All workers get the same commands in the same order. A dataflow is stepped only in epochs in
//! which something that it reads has changed, after everything that it reads.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use arrow::array::RecordBatch;
use changes::{BATCH_ROWS_MAX, ChangeBatch, Epoch};
use parking_lot::Mutex;
use plan::RelationId;
use state::{Delta, Saved};
use timely::worker::Worker;

use crate::build::{self, Built, Feed, Spec};
use crate::relation::{Relation, Replay};
use crate::{Error, exchange::Changes};

/// What the clock asks of every worker.
#[derive(Clone)]
pub(crate) enum Command {
    /// A relation that dataflows will read or write.
    Declare(Relation),
    /// Build a dataflow whose first epoch is `epoch`, over what is there before it.
    Build { spec: Arc<Spec>, epoch: Epoch, replays: Arc<Replays> },
    /// Close `epoch`, in which these tables and sources changed.
    Advance { epoch: Epoch, changed: Arc<HashSet<RelationId>> },
    /// End dataflows and forget relations.
    Drop(Arc<Vec<RelationId>>),
    /// Save all operators, throw them away, and build them again from what was saved.
    Rebuild { epoch: Epoch },
}

/// Sources that are read again for a new dataflow, each as often as its plan reads it. They are
/// shared by the workers: each takes what is next.
pub(crate) type Replays = HashMap<RelationId, Vec<Mutex<Replay>>>;

/// A worker's answer to a command.
pub(crate) struct Done {
    pub(crate) result: Result<(), Error>,
    pub(crate) worker: usize,
    /// CPU time that the worker's thread has used so far.
    pub(crate) cpu: Duration,
}

/// Runs a worker until the clock is gone.
pub(crate) fn run(worker: &mut Worker, commands: &Receiver<Command>, done: &Sender<Done>) {
    let mut driver = Driver { relations: HashMap::new(), dataflows: Vec::new() };
    while let Ok(command) = commands.recv() {
        let result = driver.follow(worker, command);
        let answer = Done { result, worker: worker.index(), cpu: thread_cpu() };
        if done.send(answer).is_err() {
            break;
        }
    }
    for dataflow in driver.dataflows.drain(..) {
        worker.drop_dataflow(dataflow.built.index);
    }
}

fn thread_cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

struct Driver {
    relations: HashMap<RelationId, Relation>,
    /// In the order of their creation: what a dataflow reads comes before it.
    dataflows: Vec<Dataflow>,
}

struct Dataflow {
    spec: Arc<Spec>,
    built: Built,
    reads: HashSet<RelationId>,
    saved: Vec<Saved>,
}

impl Driver {
    fn follow(&mut self, worker: &mut Worker, command: Command) -> Result<(), Error> {
        match command {
            Command::Declare(relation) => {
                self.relations.insert(relation.id(), relation);
                Ok(())
            }
            Command::Build { spec, epoch, replays } => self.build(worker, &spec, epoch, &replays),
            Command::Advance { epoch, changed } => self.advance(worker, epoch, &changed),
            Command::Drop(ids) => {
                self.drop(worker, &ids);
                Ok(())
            }
            Command::Rebuild { epoch } => self.rebuild(worker, epoch),
        }
    }

    fn build(&mut self, worker: &mut Worker, spec: &Arc<Spec>, epoch: Epoch, replays: &Replays) -> Result<(), Error> {
        let built = build::build(worker, spec, epoch)?;
        let reads = spec.plan.gets().iter().map(|get| get.relation).collect();
        let mut dataflow = Dataflow { spec: Arc::clone(spec), built, reads, saved: Vec::new() };
        let before = Epoch(epoch.0 - 1);
        let mut result = Ok(());
        let mut reads_of: HashMap<RelationId, usize> = HashMap::new();
        for (feed, handle) in &mut dataflow.built.inputs {
            let replay = match feed {
                Feed::Relation { id, .. } => {
                    let earlier = reads_of.entry(*id).or_default();
                    *earlier += 1;
                    replays.get(id).and_then(|replays| replays.get(*earlier - 1))
                }
                Feed::Constant(_) => None,
            };
            for rows in self.snapshot(worker.index(), feed, before, replay) {
                match rows {
                    Ok(rows) => send(handle, ChangeBatch::inserts(rows)),
                    // The other workers wait for this one: the epoch closes all the same.
                    Err(error) => {
                        result = Err(error);
                        break;
                    }
                }
                // What has been sent goes through before more is sent: a snapshot may be large.
                worker.step();
            }
        }
        dataflow.close(worker, epoch);
        dataflow.count_state(worker.index());
        self.dataflows.push(dataflow);
        result
    }

    /// This worker's share of what an input starts from.
    fn snapshot<'a>(
        &self,
        worker: usize,
        feed: &'a Feed,
        at: Epoch,
        replay: Option<&'a Mutex<Replay>>,
    ) -> Box<dyn Iterator<Item = Result<RecordBatch, Error>> + 'a> {
        match feed {
            Feed::Constant(batch) if worker == 0 => Box::new(std::iter::once(Ok(batch.rows().clone()))),
            Feed::Constant(_) => Box::new(std::iter::empty()),
            Feed::Relation { id, columns } => match replay {
                Some(replay) => Box::new(std::iter::from_fn(move || {
                    let rows = replay.lock().next()?;
                    Some(rows.and_then(|rows| Ok(rows.project(columns)?)))
                })),
                None => match &self.relations.get(id) {
                    // Nothing has been read of a source without a replay.
                    Some(relation) if relation.is_source() => Box::new(std::iter::empty()),
                    Some(relation) => relation.scan(worker, at, columns),
                    None => Box::new(std::iter::empty()),
                },
            },
        }
    }

    fn advance(&mut self, worker: &mut Worker, epoch: Epoch, changed: &HashSet<RelationId>) -> Result<(), Error> {
        let mut changed = changed.clone();
        let before = Epoch(epoch.0 - 1);
        for dataflow in &mut self.dataflows {
            if dataflow.reads.is_disjoint(&changed) {
                continue;
            }
            for (feed, handle) in &mut dataflow.built.inputs {
                handle.advance_to(epoch.0);
                let Feed::Relation { id, columns } = feed else {
                    continue;
                };
                let Some(relation) = self.relations.get(id).filter(|_| changed.contains(id)) else {
                    continue;
                };
                for batch in relation.partition(worker.index()).changes(before, epoch, columns)? {
                    send(handle, batch);
                }
            }
            if let Some(relation) = self.relations.get(&dataflow.spec.id) {
                let horizon = relation.horizon();
                relation.partition(worker.index()).write().collect(horizon)?;
            }
            dataflow.close(worker, epoch);
            if let Some(relation) = self.relations.get(&dataflow.spec.id) {
                relation.account(worker.index());
            }
            dataflow.count_state(worker.index());
            changed.insert(dataflow.spec.id);
        }
        Ok(())
    }

    fn drop(&mut self, worker: &mut Worker, ids: &[RelationId]) {
        self.dataflows.retain_mut(|dataflow| {
            let is_dropped = ids.contains(&dataflow.spec.id);
            if is_dropped {
                worker.drop_dataflow(dataflow.built.index);
            }
            !is_dropped
        });
        self.relations.retain(|id, _| !ids.contains(id));
    }

    fn rebuild(&mut self, worker: &mut Worker, epoch: Epoch) -> Result<(), Error> {
        for dataflow in &mut self.dataflows {
            let operators = &dataflow.built.operators;
            dataflow.saved.resize_with(operators.len(), Saved::default);
            for (operator, saved) in operators.iter().zip(&mut dataflow.saved) {
                let mut delta = Delta::default();
                operator.borrow_mut().checkpoint(&mut delta)?;
                saved.apply(delta);
            }
            worker.drop_dataflow(dataflow.built.index);
            dataflow.built = build::build(worker, &dataflow.spec, epoch)?;
            for (operator, saved) in dataflow.built.operators.iter().zip(&dataflow.saved) {
                operator.borrow_mut().restore(saved)?;
            }
            dataflow.close(worker, epoch);
        }
        Ok(())
    }
}

impl Dataflow {
    /// Nothing more comes in `epoch`: steps until all of it went through, on all workers.
    fn close(&mut self, worker: &mut Worker, epoch: Epoch) {
        let next = epoch.next().0;
        for (_, handle) in &mut self.built.inputs {
            handle.advance_to(next);
        }
        let probe = &self.built.probe;
        worker.step_or_park_while(None, || probe.less_than(&next));
    }

    fn count_state(&self, worker: usize) {
        // The last operator is the target, whose rows are the relation's own.
        let operators = self.built.operators.split_last().map_or(&[][..], |(_, before)| before);
        let rows = operators.iter().map(|operator| operator.borrow().state_rows()).sum();
        self.spec.counters.set_state_rows(worker, rows);
    }
}

fn send(handle: &mut build::Handle, batch: ChangeBatch) {
    let mut offset = 0;
    while offset < batch.len() {
        let length = BATCH_ROWS_MAX.min(batch.len() - offset);
        handle.send_batch(&mut Changes::from(batch.slice(offset, length)));
        offset += length;
    }
}
