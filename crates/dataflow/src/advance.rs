//! How a worker takes an epoch through the dataflows that it concerns, level by level.
//!
//! What needs no other worker is done at once: a view that one worker can fill alone is through, and of
//! the others it is known whether anything reaches their exchanges. Those that something reaches, on any
//! worker, are closed and stepped by timely, many together; to all others nothing happens, and timely's
//! time of them stays where it is. What changed says who is next.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use changes::{BATCH_ROWS_MAX, ChangeBatch, Epoch};
use plan::RelationId;
use timely::worker::Worker;

use crate::build::Feed;
use crate::panics;
use crate::relation::Relation;
use crate::worker::{Driver, Readers};

/// Dataflows of a level that timely steps together: enough that workers seldom wait for one another,
/// and no more than a core's caches hold.
const GROUP_DATAFLOWS: usize = 16;

/// Rows that wait at exchanges at most before timely steps.
const WAITING_ROWS_MAX: usize = BATCH_ROWS_MAX;

impl Driver {
    /// Takes an epoch through all dataflows that it concerns: those that read what `changed`, and those
    /// whose time has come. Says which views it changed.
    pub(crate) fn advance(
        &mut self,
        worker: &mut Worker,
        epoch: Epoch,
        changed: &HashSet<RelationId>,
        woken: &BTreeSet<RelationId>,
    ) -> Vec<RelationId> {
        panics::on_purpose(|| format!("worker {}", self.index));
        let mut due = Due::default();
        changed.iter().for_each(|id| self.readers_due(*id, &mut due));
        woken.iter().for_each(|id| self.is_due(*id, &mut due));
        let mut changes = ChangesOfEpoch::new(epoch);
        let mut changed = Vec::new();
        while let Some((_, level)) = due.pop_first() {
            self.take_through(worker, &level, woken, &mut changes);
            for id in level {
                if self.relations.get(&id).is_some_and(|relation| relation.changed_at() == epoch) {
                    self.readers_due(id, &mut due);
                    self.untidy.entry(id).or_insert(Epoch::ZERO);
                    changed.push(id);
                }
            }
        }
        changed
    }

    /// Takes the epoch through the dataflows of a level.
    fn take_through(
        &mut self,
        worker: &mut Worker,
        level: &BTreeSet<RelationId>,
        woken: &BTreeSet<RelationId>,
        changes: &mut ChangesOfEpoch,
    ) {
        let epoch = changes.epoch;
        let mut waiting_rows = 0;
        let mut reached = BTreeSet::new();
        let mut later = BTreeSet::new();
        for id in level {
            let has_back = self.dataflows[id].built.back.is_some();
            if has_back && waiting_rows >= WAITING_ROWS_MAX {
                later.insert(*id);
                continue;
            }
            let rows = self.feed(worker, *id, changes);
            waiting_rows += rows;
            if has_back && (rows > 0 || woken.contains(id)) {
                reached.insert(*id);
            }
        }
        // Of those that are fed later nobody knows yet.
        reached.extend(&later);
        let reached = self.agreement.union(reached).into_iter().collect::<Vec<_>>();
        for group in reached.chunks(GROUP_DATAFLOWS) {
            for id in group {
                if later.contains(id) {
                    self.feed(worker, *id, changes);
                }
                let dataflow = self.dataflows.get_mut(id).expect("all workers have the same");
                dataflow.close(epoch.next().0);
            }
            self.settle(worker, group, epoch);
            for id in group {
                self.dataflows[id].spec.counters.stepped();
                self.uncounted.insert(*id);
                self.note_wish(*id);
            }
        }
    }

    /// Feeds a dataflow what its inputs changed in an epoch, and has it do what it can do alone. Says how
    /// many rows wait for others.
    fn feed(&mut self, worker: &mut Worker, id: RelationId, changes: &mut ChangesOfEpoch) -> usize {
        let dataflow = self.dataflows.get_mut(&id).expect("who reads is there");
        for input in 0..dataflow.built.inputs.len() {
            let Feed::Relation { id, columns } = &dataflow.built.inputs[input].feed else {
                continue;
            };
            let relation = self.relations.get(id).filter(|relation| relation.changed_at() == changes.epoch);
            if let Some(relation) = relation {
                let batches = changes.of(relation, self.index, &self.readers[id], columns);
                batches.iter().for_each(|batch| dataflow.take(input, batch));
            }
        }
        while !dataflow.work(changes.epoch) {
            // Of much, what is behind exchanges takes some before more comes.
            worker.step();
        }
        let rows_sent = dataflow.rows_sent();
        if dataflow.take_changed() {
            self.uncounted.insert(id);
            self.note_wish(id);
        }
        rows_sent
    }

    /// Steps until an epoch went through these dataflows, on all workers.
    pub(crate) fn settle(&self, worker: &mut Worker, dataflows: &[RelationId], epoch: Epoch) {
        let mut open = dataflows.iter().map(|id| &self.dataflows[id]).collect::<Vec<_>>();
        worker.step_or_park_while(None, || {
            while open.last().is_some_and(|dataflow| dataflow.is_through(epoch.next().0)) {
                open.pop();
            }
            !open.is_empty()
        });
    }

    /// Adds the dataflows that read `id` to those that are due.
    fn readers_due(&self, id: RelationId, due: &mut Due) {
        for reader in self.readers.get(&id).into_iter().flat_map(|readers| &readers.dataflows) {
            self.is_due(*reader, due);
        }
    }

    fn is_due(&self, id: RelationId, due: &mut Due) {
        if let Some(dataflow) = self.dataflows.get(&id) {
            due.entry(dataflow.level).or_default().insert(id);
        }
    }
}

/// The dataflows that an epoch still has to go through, by level.
type Due = BTreeMap<usize, BTreeSet<RelationId>>;

/// What one epoch changed, read once for all who read it.
struct ChangesOfEpoch {
    epoch: Epoch,
    by_relation: HashMap<RelationId, Vec<ChangeBatch>>,
}

impl ChangesOfEpoch {
    fn new(epoch: Epoch) -> ChangesOfEpoch {
        ChangesOfEpoch { epoch, by_relation: HashMap::new() }
    }

    /// The columns `wanted` of a worker's part of a relation's changes, which has these `readers`.
    fn of(&mut self, relation: &Relation, worker: usize, readers: &Readers, wanted: &[usize]) -> Vec<ChangeBatch> {
        let before = Epoch(self.epoch.0 - 1);
        let changes = self.by_relation.entry(relation.id()).or_insert_with(|| {
            let changes = relation.partition(worker).changes(before, self.epoch, &readers.columns);
            changes.collect::<Result<_, _>>().expect("what is in memory can be read")
        });
        if changes.is_empty() {
            return Vec::new();
        }
        let place = |column: &usize| readers.columns.binary_search(column).expect("a reader's columns are among all");
        let places = wanted.iter().map(place).collect::<Vec<_>>();
        changes.iter().map(|batch| batch.project(&places).expect("the columns are there")).collect()
    }
}
