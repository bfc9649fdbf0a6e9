//! A worker: a thread that builds dataflows and takes them from epoch to epoch as the clock says.
//!
//! All workers get the same commands in the same order. Epochs are taken through the dataflows in
//! [`crate::advance`]. Between commands a worker fills the dataflows that are half built, a portion at a time.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::mem;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::time::Duration;

use changes::Epoch;
use operators::Moment;
use plan::RelationId;
use state::Partition;
use timely::worker::Worker;

use crate::Error;
use crate::adapter::Time;
use crate::agreement::Agreement;
use crate::backfill::Progress;
use crate::build::{self, Feed, Spec};
use crate::checkpoint::{self, Checkpoint, Sink};
use crate::clock::Request;
use crate::dataflow::Dataflow;
use crate::half_built::{HalfBuilt, Replays, Turn};
use crate::relation::Relation;
use crate::time::Wish;

/// How long a worker waits for commands and other workers when it has nothing to fill in.
const IDLE_PAUSE: Duration = Duration::from_micros(200);

/// What the clock asks of every worker.
#[derive(Clone)]
pub(crate) enum Command {
    /// A relation that dataflows will read or write.
    Declare(Relation),
    /// Build a dataflow, and fill it from what its inputs held at `snapshot`.
    Build { spec: Arc<Spec>, snapshot: Epoch, now_us: i64, replays: Arc<Replays>, progress: Arc<Progress> },
    /// Fill a half-built dataflow with what changed since.
    CatchUp { id: RelationId, after: Epoch, upto: Epoch },
    /// Feed a half-built dataflow the last changes at once: it follows the clock after `moment`.
    Join { id: RelationId, after: Epoch, upto: Epoch, moment: Moment },
    /// Close an epoch, in which these tables and sources changed, and the time came for these dataflows.
    Advance { moment: Moment, changed: Arc<HashSet<RelationId>>, woken: Arc<BTreeSet<RelationId>> },
    /// End dataflows and forget relations.
    Drop(Arc<Vec<RelationId>>),
    /// Write what changed in those of these dataflows that follow the clock.
    Checkpoint { sink: Sink, ids: Arc<HashSet<RelationId>> },
    /// Build dataflows that go on with what a checkpoint has of them, and follow the clock after `moment`.
    Restore { specs: Arc<Vec<Arc<Spec>>>, checkpoint: Checkpoint, moment: Moment },
    /// Count what the operators remember.
    Count,
}

/// A worker's answer to a command.
pub(crate) struct Done {
    pub(crate) result: Result<(), Error>,
    /// The views that changed in the epoch that was closed; all workers say the same.
    pub(crate) changed: Vec<RelationId>,
    /// What time its dataflows wait for, where that is another than before.
    pub(crate) wishes: Vec<Wish>,
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
    /// Of all workers.
    pub(crate) agreement: Arc<Agreement>,
}

/// Runs a worker until the clock is gone. It fills half-built dataflows by about `portion_rows` rows
/// at a time.
pub(crate) fn run(worker: &mut Worker, channels: &Channels, portion_rows: usize) {
    let mut driver = Driver::new(worker.index(), portion_rows, Arc::clone(&channels.agreement));
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
        let answer =
            Done { result, changed, wishes: mem::take(&mut driver.wishes), worker: driver.index, cpu: thread_cpu() };
        if channels.done.send(answer).is_err() {
            break;
        }
        driver.tidy();
    }
    let built = driver.dataflows.into_values().chain(driver.half_built.into_values().map(|half| half.dataflow));
    built.for_each(|dataflow| dataflow.end(worker));
}

fn thread_cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// A worker's own memory.
pub(crate) struct Driver {
    pub(crate) index: usize,
    time: Time,
    pub(crate) agreement: Arc<Agreement>,
    portion_rows: usize,
    pub(crate) relations: HashMap<RelationId, Relation>,
    /// Those that follow the clock.
    pub(crate) dataflows: BTreeMap<RelationId, Dataflow>,
    half_built: BTreeMap<RelationId, HalfBuilt>,
    /// By relation, who reads it.
    pub(crate) readers: HashMap<RelationId, Readers>,
    /// Views that may hold rows which nobody reads any more, and below which epoch they hold none.
    pub(crate) untidy: BTreeMap<RelationId, Epoch>,
    /// Dataflows whose memory the budget does not know yet.
    pub(crate) uncounted: BTreeSet<RelationId>,
    /// What the clock does not know yet of what time dataflows wait for.
    pub(crate) wishes: Vec<Wish>,
}

/// The dataflows that read a relation.
#[derive(Default)]
pub(crate) struct Readers {
    pub(crate) dataflows: BTreeSet<RelationId>,
    /// All columns that one of them wants, in ascending order.
    pub(crate) columns: Vec<usize>,
}

impl Driver {
    fn new(index: usize, portion_rows: usize, agreement: Arc<Agreement>) -> Driver {
        Driver {
            index,
            time: Time::default(),
            agreement,
            portion_rows,
            relations: HashMap::new(),
            dataflows: BTreeMap::new(),
            half_built: BTreeMap::new(),
            readers: HashMap::new(),
            untidy: BTreeMap::new(),
            uncounted: BTreeSet::new(),
            wishes: Vec::new(),
        }
    }

    /// Carries out a command. Says which views it changed.
    fn follow(&mut self, worker: &mut Worker, command: Command) -> Result<Vec<RelationId>, Error> {
        match command {
            Command::Declare(relation) => _ = self.relations.insert(relation.id(), relation),
            Command::Build { spec, snapshot, now_us, replays, progress } => {
                self.time.set(now_us);
                let half_built =
                    HalfBuilt::new(worker, &spec, snapshot, &replays, &self.relations, &progress, &self.time)?;
                self.half_built.insert(spec.id, half_built);
            }
            Command::CatchUp { id, after, upto } => {
                let half_built = self.half_built.get_mut(&id).expect("the clock knows what is half built");
                half_built.catch_up(self.index, &self.relations, after, upto);
            }
            Command::Join { id, after, upto, moment } => {
                self.time.set(moment.now_us);
                self.join(worker, id, after, upto, moment.epoch);
            }
            Command::Advance { moment, changed, woken } => {
                self.time.set(moment.now_us);
                return Ok(self.advance(worker, moment.epoch, &changed, &woken));
            }
            Command::Drop(ids) => self.drop(worker, &ids),
            Command::Checkpoint { sink, ids } => self.checkpoint(worker, &sink, &ids)?,
            Command::Restore { specs, checkpoint, moment } => {
                self.time.set(moment.now_us);
                specs.iter().try_for_each(|spec| self.restore(worker, spec, &checkpoint, &moment))?;
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
        for input in &dataflow.built.inputs {
            if let Feed::Relation { id: read, columns } = &input.feed {
                self.readers.entry(*read).or_default().add(id, columns);
            }
        }
        self.untidy.insert(id, Epoch::ZERO);
        self.uncounted.insert(id);
        self.dataflows.insert(id, dataflow);
        self.note_wish(id);
    }

    /// Forgets what nobody reads any more of views that changed since they were last collected whole,
    /// and tells the budget. The clock does not wait for it.
    fn tidy(&mut self) {
        for id in mem::take(&mut self.uncounted) {
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

    /// Has the clock know what time a dataflow waits for.
    pub(crate) fn note_wish(&mut self, id: RelationId) {
        if let Some(deadline_us) = self.dataflows.get_mut(&id).and_then(Dataflow::new_deadline_us) {
            self.wishes.push((id, deadline_us));
        }
    }

    fn drop(&mut self, worker: &mut Worker, ids: &[RelationId]) {
        for id in ids {
            let half_built = self.half_built.remove(id).map(|half_built| half_built.dataflow);
            for dataflow in half_built.into_iter().chain(self.dataflows.remove(id)) {
                dataflow.end(worker);
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
        moment: &Moment,
    ) -> Result<(), Error> {
        let partition = Partition { index: worker.index(), count: worker.peers() };
        let built = build::build(worker, spec, moment.epoch, &self.time)?;
        checkpoint.read_dataflow(spec, &built, partition)?;
        let mut dataflow = Dataflow::new(Arc::clone(spec), built, &self.time);
        dataflow.advance_to(moment.epoch.next().0);
        if let Some(relation) = spec.relation() {
            self.relations.insert(spec.id, relation.clone());
        }
        self.follow_clock(spec.id, dataflow);
        self.settle(worker, &[spec.id], moment.epoch);
        self.note_wish(spec.id);
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
