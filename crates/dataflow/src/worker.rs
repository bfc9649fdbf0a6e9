//! A worker: a thread that builds dataflows and takes them from epoch to epoch as the clock says.
//!
//! All workers get the same commands in the same order. A dataflow is stepped only in epochs in
//! which something that it reads has changed. An epoch goes level by level: all dataflows whose inputs
//! are settled are fed and closed, many together, and what they changed says who is next. Between commands
//! a worker fills the dataflows that are half built, a portion at a time.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::time::Duration;

use changes::{BATCH_ROWS_MAX, ChangeBatch, Epoch};
use plan::RelationId;
use state::Partition;
use timely::worker::Worker;

use crate::backfill::Progress;
use crate::build::{self, Built, Feed, Spec, Target};
use crate::checkpoint::{self, Checkpoint, Sink};
use crate::clock::Request;
use crate::half_built::{HalfBuilt, Replays, Turn};
use crate::relation::Relation;
use crate::{Error, exchange::Changes, panics};

/// How long a worker waits for commands and other workers when it has nothing to fill in.
const IDLE_PAUSE: Duration = Duration::from_micros(200);

/// Dataflows of a level that are fed and closed together: enough that workers seldom wait for one
/// another, and no more than a core's caches hold.
const GROUP_DATAFLOWS: usize = 16;

/// What the clock asks of every worker.
#[derive(Clone)]
pub(crate) enum Command {
    /// A relation that dataflows will read or write.
    Declare(Relation),
    /// Build a dataflow, and fill it from what its inputs held at `snapshot`.
    Build { spec: Arc<Spec>, snapshot: Epoch, replays: Arc<Replays>, progress: Arc<Progress> },
    /// Fill a half-built dataflow with what changed since.
    CatchUp { id: RelationId, after: Epoch, upto: Epoch },
    /// Feed a half-built dataflow the last changes at once: it follows the clock after `epoch`.
    Join { id: RelationId, after: Epoch, upto: Epoch, epoch: Epoch },
    /// Close `epoch`, in which these tables and sources changed.
    Advance { epoch: Epoch, changed: Arc<HashSet<RelationId>> },
    /// End dataflows and forget relations.
    Drop(Arc<Vec<RelationId>>),
    /// Write what changed in those of these dataflows that follow the clock.
    Checkpoint { sink: Sink, ids: Arc<HashSet<RelationId>> },
    /// Build dataflows that go on with what a checkpoint has of them, and follow the clock after `epoch`.
    Restore { specs: Arc<Vec<Arc<Spec>>>, checkpoint: Checkpoint, epoch: Epoch },
    /// Count what the operators remember.
    Count,
}

/// A worker's answer to a command.
pub(crate) struct Done {
    pub(crate) result: Result<(), Error>,
    /// The views that changed in the epoch that was closed; all workers say the same.
    pub(crate) changed: Vec<RelationId>,
    pub(crate) worker: usize,
    /// CPU time that the worker's thread has used so far.
    pub(crate) cpu: Duration,
}

/// How a worker talks with the clock.
pub(crate) struct Channels {
    pub(crate) commands: Receiver<Command>,
    pub(crate) done: Sender<Done>,
    /// For what nobody waits for.
    pub(crate) clock: Sender<Request>,
}

/// Runs a worker until the clock is gone. It fills half-built dataflows by about `portion_rows` rows
/// at a time.
pub(crate) fn run(worker: &mut Worker, channels: &Channels, portion_rows: usize) {
    let mut driver = Driver::new(worker.index(), portion_rows);
    loop {
        let command = if driver.half_built.is_empty() {
            channels.commands.recv().map_err(|_| TryRecvError::Disconnected)
        } else {
            driver.fill(worker, &channels.clock);
            channels.commands.try_recv()
        };
        let command = match command {
            Ok(command) => command,
            Err(TryRecvError::Empty) => continue,
            Err(TryRecvError::Disconnected) => break,
        };
        let (result, changed) = match driver.follow(worker, command) {
            Ok(changed) => (Ok(()), changed),
            Err(error) => (Err(error), Vec::new()),
        };
        let answer = Done { result, changed, worker: driver.index, cpu: thread_cpu() };
        if channels.done.send(answer).is_err() {
            break;
        }
        driver.tidy();
    }
    let built = driver.dataflows.into_values().chain(driver.half_built.into_values().map(|half| half.dataflow));
    built.for_each(|dataflow| worker.drop_dataflow(dataflow.built.index));
}

fn thread_cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

struct Driver {
    index: usize,
    portion_rows: usize,
    relations: HashMap<RelationId, Relation>,
    /// Those that follow the clock.
    dataflows: BTreeMap<RelationId, Dataflow>,
    half_built: BTreeMap<RelationId, HalfBuilt>,
    /// By relation, who reads it.
    readers: HashMap<RelationId, Readers>,
    /// Views that may hold rows which nobody reads any more, and below which epoch they hold none.
    untidy: BTreeMap<RelationId, Epoch>,
    /// Dataflows whose memory the budget does not know yet.
    uncounted: BTreeSet<RelationId>,
}

/// The dataflows that read a relation.
#[derive(Default)]
struct Readers {
    dataflows: BTreeSet<RelationId>,
    /// All columns that one of them wants, in ascending order.
    columns: Vec<usize>,
}

/// A dataflow as its worker drives it.
pub(crate) struct Dataflow {
    spec: Arc<Spec>,
    pub(crate) built: Built,
    reads: HashSet<RelationId>,
    /// One more than the highest of those that it reads; tables and sources are 0.
    level: usize,
}

impl Driver {
    fn new(index: usize, portion_rows: usize) -> Driver {
        Driver {
            index,
            portion_rows,
            relations: HashMap::new(),
            dataflows: BTreeMap::new(),
            half_built: BTreeMap::new(),
            readers: HashMap::new(),
            untidy: BTreeMap::new(),
            uncounted: BTreeSet::new(),
        }
    }

    /// Carries out a command. Says which views it changed.
    fn follow(&mut self, worker: &mut Worker, command: Command) -> Result<Vec<RelationId>, Error> {
        match command {
            Command::Declare(relation) => _ = self.relations.insert(relation.id(), relation),
            Command::Build { spec, snapshot, replays, progress } => {
                let half_built = HalfBuilt::new(worker, &spec, snapshot, &replays, &self.relations, &progress)?;
                self.half_built.insert(spec.id, half_built);
            }
            Command::CatchUp { id, after, upto } => {
                let half_built = self.half_built.get_mut(&id).expect("the clock knows what is half built");
                half_built.catch_up(self.index, &self.relations, after, upto);
            }
            Command::Join { id, after, upto, epoch } => self.join(worker, id, after, upto, epoch),
            Command::Advance { epoch, changed } => return Ok(self.advance(worker, epoch, &changed)),
            Command::Drop(ids) => self.drop(worker, &ids),
            Command::Checkpoint { sink, ids } => self.checkpoint(worker, &sink, &ids)?,
            Command::Restore { specs, checkpoint, epoch } => {
                specs.iter().try_for_each(|spec| self.restore(worker, spec, &checkpoint, epoch))?;
            }
            Command::Count => self.dataflows.values().for_each(|dataflow| dataflow.count_state(self.index)),
        }
        Ok(Vec::new())
    }

    /// Gives each half-built dataflow its turn.
    fn fill(&mut self, worker: &mut Worker, clock: &Sender<Request>) {
        let mut is_busy = false;
        for (id, half_built) in &mut self.half_built {
            let result = match half_built.turn(self.index, self.portion_rows) {
                Ok(Turn::Busy) => {
                    is_busy = true;
                    continue;
                }
                Ok(Turn::Idle) => continue,
                Ok(Turn::Done) => Ok(()),
                Err(error) => {
                    half_built.give_up();
                    Err(error)
                }
            };
            // Without a clock there are soon no commands either.
            let _ = clock.send(Request::Fed { id: *id, result });
        }
        if is_busy {
            worker.step();
        } else {
            worker.step_or_park(Some(IDLE_PAUSE));
        }
    }

    fn join(&mut self, worker: &mut Worker, id: RelationId, after: Epoch, upto: Epoch, epoch: Epoch) {
        let mut half_built = self.half_built.remove(&id).expect("the clock knows what is half built");
        half_built.catch_up(self.index, &self.relations, after, upto);
        let dataflow = half_built.join(worker, epoch);
        self.follow_clock(id, dataflow);
    }

    /// Adds a dataflow that is through with all epochs so far.
    fn follow_clock(&mut self, id: RelationId, mut dataflow: Dataflow) {
        let level_of = |id: &RelationId| self.dataflows.get(id).map_or(0, |dataflow| dataflow.level);
        dataflow.level = 1 + dataflow.reads.iter().map(level_of).max().unwrap_or(0);
        for (feed, _) in &dataflow.built.inputs {
            if let Feed::Relation { id: read, columns } = feed {
                self.readers.entry(*read).or_default().add(id, columns);
            }
        }
        self.untidy.insert(id, Epoch::ZERO);
        self.uncounted.insert(id);
        self.dataflows.insert(id, dataflow);
    }

    /// Takes an epoch through all dataflows that it concerns, level by level. Says which views it changed.
    fn advance(&mut self, worker: &mut Worker, epoch: Epoch, changed: &HashSet<RelationId>) -> Vec<RelationId> {
        panics::on_purpose(|| format!("worker {}", self.index));
        let mut due: BTreeMap<usize, BTreeSet<RelationId>> = BTreeMap::new();
        for id in changed {
            self.readers_due(*id, &mut due);
        }
        let mut changes = ChangesOfEpoch::new(epoch);
        let mut changed = Vec::new();
        while let Some((_, level)) = due.pop_first() {
            let level = level.into_iter().collect::<Vec<_>>();
            for group in level.chunks(GROUP_DATAFLOWS) {
                group.iter().for_each(|id| self.feed(*id, epoch, &mut changes));
                self.settle(worker, group, epoch);
            }
            for id in level {
                if self.relations.get(&id).is_some_and(|relation| relation.changed_at() == epoch) {
                    self.readers_due(id, &mut due);
                    self.untidy.entry(id).or_insert(Epoch::ZERO);
                    changed.push(id);
                }
                self.uncounted.insert(id);
            }
        }
        changed
    }

    /// Feeds a dataflow what its inputs changed in an epoch, and closes it.
    fn feed(&mut self, id: RelationId, epoch: Epoch, changes: &mut ChangesOfEpoch) {
        let dataflow = self.dataflows.get_mut(&id).expect("who reads is there");
        for (feed, handle) in &mut dataflow.built.inputs {
            handle.advance_to(epoch.0);
            let Feed::Relation { id, columns } = feed else {
                continue;
            };
            if let Some(relation) = self.relations.get(id).filter(|relation| relation.changed_at() == epoch) {
                changes.feed(relation, self.index, &self.readers[id].columns, columns, handle);
            }
        }
        dataflow.advance_to(epoch.next().0);
    }

    /// Adds the dataflows that read `id` to those that are due, by their level.
    fn readers_due(&self, id: RelationId, due: &mut BTreeMap<usize, BTreeSet<RelationId>>) {
        for reader in self.readers.get(&id).into_iter().flat_map(|readers| &readers.dataflows) {
            due.entry(self.dataflows[reader].level).or_default().insert(*reader);
        }
    }

    /// Steps until an epoch went through these dataflows, on all workers.
    fn settle(&self, worker: &mut Worker, dataflows: &[RelationId], epoch: Epoch) {
        let next = epoch.next().0;
        let mut open = dataflows.iter().map(|id| &self.dataflows[id].built.probe).collect::<Vec<_>>();
        worker.step_or_park_while(None, || {
            while open.last().is_some_and(|probe| !probe.less_than(&next)) {
                open.pop();
            }
            !open.is_empty()
        });
    }

    /// Forgets what nobody reads any more of views that changed since they were last collected whole,
    /// and tells the budget. The clock does not wait for it.
    fn tidy(&mut self) {
        for id in std::mem::take(&mut self.uncounted) {
            if let Some(dataflow) = self.dataflows.get(&id) {
                dataflow.account(self.index);
            }
        }
        let Driver { index, relations, untidy, .. } = self;
        untidy.retain(|id, collected| {
            let Some(relation) = relations.get(id) else {
                return false;
            };
            let horizon = relation.horizon();
            if horizon <= *collected {
                return true;
            }
            *collected = horizon;
            let rows = relation.partition(*index);
            rows.write().collect(horizon).expect("living rows of a chunk form a chunk");
            relation.account(*index);
            horizon < relation.changed_at()
        });
    }

    fn drop(&mut self, worker: &mut Worker, ids: &[RelationId]) {
        for id in ids {
            let half_built = self.half_built.remove(id).map(|half_built| half_built.dataflow);
            for dataflow in half_built.into_iter().chain(self.dataflows.remove(id)) {
                worker.drop_dataflow(dataflow.built.index);
                for read in &dataflow.reads {
                    self.stop_reading(*read, *id);
                }
            }
            self.relations.remove(id);
            self.readers.remove(id);
            self.untidy.remove(id);
        }
    }

    fn stop_reading(&mut self, read: RelationId, reader: RelationId) {
        let Some(readers) = self.readers.get_mut(&read).filter(|readers| readers.dataflows.contains(&reader)) else {
            return;
        };
        let mut left = Readers::default();
        for id in readers.dataflows.iter().filter(|id| **id != reader) {
            let columns = self.dataflows.get(id).into_iter().flat_map(|dataflow| dataflow.columns_of(read));
            left.add(*id, &columns.collect::<Vec<_>>());
        }
        *readers = left;
    }

    fn checkpoint(&self, worker: &Worker, sink: &Sink, ids: &HashSet<RelationId>) -> Result<(), Error> {
        let partition = Partition { index: worker.index(), count: worker.peers() };
        let mut dataflows = self.dataflows.values().filter(|dataflow| ids.contains(&dataflow.spec.id));
        dataflows.try_for_each(|Dataflow { spec, built, .. }| {
            checkpoint::write_dataflow(sink.as_ref(), spec, built, partition)
        })
    }

    fn restore(
        &mut self,
        worker: &mut Worker,
        spec: &Arc<Spec>,
        checkpoint: &Checkpoint,
        epoch: Epoch,
    ) -> Result<(), Error> {
        let partition = Partition { index: worker.index(), count: worker.peers() };
        let built = build::build(worker, spec, epoch)?;
        checkpoint.read_dataflow(spec, &built, partition)?;
        let mut dataflow = Dataflow::new(Arc::clone(spec), built);
        dataflow.advance_to(epoch.next().0);
        if let Some(relation) = spec.relation() {
            self.relations.insert(spec.id, relation.clone());
        }
        self.follow_clock(spec.id, dataflow);
        self.settle(worker, &[spec.id], epoch);
        Ok(())
    }
}

impl Readers {
    fn add(&mut self, dataflow: RelationId, columns: &[usize]) {
        self.dataflows.insert(dataflow);
        self.columns.extend(columns);
        self.columns.sort_unstable();
        self.columns.dedup();
    }
}

impl Dataflow {
    pub(crate) fn new(spec: Arc<Spec>, built: Built) -> Dataflow {
        Dataflow { reads: spec.reads(), spec, built, level: 0 }
    }

    /// Nothing more comes before `time`.
    pub(crate) fn advance_to(&mut self, time: u64) {
        self.built.inputs.iter_mut().for_each(|(_, handle)| handle.advance_to(time));
    }

    /// Forgets what a view's rows were before `horizon`, on this worker.
    pub(crate) fn collect(&self, worker: usize, horizon: Epoch) -> Result<(), Error> {
        if let Target::Relation(relation) = &self.spec.target {
            relation.partition(worker).write().collect(horizon)?;
            relation.account(worker);
        }
        Ok(())
    }

    /// Tells the budget what it holds on this worker.
    fn account(&self, worker: usize) {
        if let Target::Relation(relation) = &self.spec.target {
            relation.account(worker);
        }
        // The last operator is the target, whose rows are the relation's own.
        let operators = self.built.operators.split_last().map_or(&[][..], |(_, before)| before);
        let bytes = operators.iter().map(|operator| operator.borrow().state_bytes()).sum();
        self.spec.memory.set(worker, bytes);
    }

    fn columns_of(&self, read: RelationId) -> impl Iterator<Item = usize> {
        let feeds = self.built.inputs.iter().filter_map(move |(feed, _)| match feed {
            Feed::Relation { id, columns } if *id == read => Some(columns),
            _ => None,
        });
        feeds.flatten().copied()
    }

    fn count_state(&self, worker: usize) {
        let operators = self.built.operators.split_last().map_or(&[][..], |(_, before)| before);
        let rows = operators.iter().map(|operator| operator.borrow().state_rows()).sum();
        self.spec.counters.set_state_rows(worker, rows);
    }
}

/// What one epoch changed, read once for all who read it.
struct ChangesOfEpoch {
    epoch: Epoch,
    by_relation: HashMap<RelationId, Vec<ChangeBatch>>,
}

impl ChangesOfEpoch {
    fn new(epoch: Epoch) -> ChangesOfEpoch {
        ChangesOfEpoch { epoch, by_relation: HashMap::new() }
    }

    /// Sends the columns `wanted` of this worker's part of a relation's changes, of which all readers
    /// together want `columns`.
    fn feed(
        &mut self,
        relation: &Relation,
        worker: usize,
        columns: &[usize],
        wanted: &[usize],
        handle: &mut build::Handle,
    ) {
        let before = Epoch(self.epoch.0 - 1);
        let changes = self.by_relation.entry(relation.id()).or_insert_with(|| {
            let changes = relation.partition(worker).changes(before, self.epoch, columns);
            changes.expect("what is in memory can be read")
        });
        if changes.is_empty() {
            return;
        }
        let place = |column: &usize| columns.binary_search(column).expect("a reader's columns are among all");
        let places = wanted.iter().map(place).collect::<Vec<_>>();
        for batch in changes {
            send(handle, batch.project(&places).expect("the columns are there"));
        }
    }
}

/// Sends a batch into a dataflow, in parts of a size that operators are made for.
pub(crate) fn send(handle: &mut build::Handle, batch: ChangeBatch) {
    let mut offset = 0;
    while offset < batch.len() {
        let length = BATCH_ROWS_MAX.min(batch.len() - offset);
        handle.send_batch(&mut Changes::from(batch.slice(offset, length)));
        offset += length;
    }
}
