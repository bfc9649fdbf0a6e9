//! How a dataflow comes to be while everything else goes on.
//!
//! All workers build it, and hold what it reads as it is then. Between other commands they fill it from
//! that snapshot, a portion at a time ([`crate::half_built`]); the clock is told when all of it is through.
//! Then the workers fill in what changed meanwhile, again and again, until that is little. That little
//! goes in at once, while the clock waits: from then on the dataflow follows the clock like all others.
//!
//! Its own epochs until then may be more than the clock's; the clock leaps over them when it joins.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use changes::Epoch;
use operators::Moment;
use parking_lot::Mutex;
use plan::RelationId;

use crate::build::{Spec, Target};
use crate::clock::{Clock, Reply};
use crate::half_built::Replays;
use crate::hold::Hold;
use crate::relation::Relation;
use crate::worker::Command;
use crate::{Error, source};

/// Changed rows that may have come while the last ones were filled in, for a dataflow to join.
const JOIN_ROWS_MAX: u64 = 8_192;
/// After so many rounds a dataflow joins in any case: changes come faster than it takes them, so they
/// must come to wait for it, as they wait for the others.
const ROUNDS_MAX: usize = 16;

/// What is being built, for those who watch.
pub(crate) type Builds = Arc<Mutex<BTreeMap<RelationId, Arc<Progress>>>>;

/// Relations, and what keeps them readable.
type Inputs = Vec<(Relation, Hold)>;

/// How far a dataflow has been filled; the workers write it.
#[derive(Debug)]
pub(crate) struct Progress {
    /// The latest of the dataflow's own epochs in which a worker has fed something.
    latest: AtomicU64,
    rows: AtomicU64,
    rows_known: Option<u64>,
    started: SystemTime,
}

/// A view or sink that is being built.
#[derive(Clone, Debug)]
pub struct BuildProgress {
    /// Which one.
    pub id: RelationId,
    /// Rows of its inputs that it has taken in.
    pub rows_done: u64,
    /// Rows that its inputs had when it was begun; none if a source is among them.
    pub rows_known: Option<u64>,
    /// When it was begun.
    pub started_at: SystemTime,
}

impl Progress {
    fn new(snapshot: Epoch, rows_known: Option<u64>) -> Progress {
        let latest = AtomicU64::new(snapshot.0);
        Progress { latest, rows: AtomicU64::new(0), rows_known, started: SystemTime::now() }
    }

    /// Rows have been fed in one of the dataflow's own epochs.
    pub(crate) fn fed(&self, rows: usize, time: u64) {
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
        self.latest.fetch_max(time, Ordering::AcqRel);
    }

    pub(crate) fn latest(&self) -> u64 {
        self.latest.load(Ordering::Acquire)
    }

    pub(crate) fn read(&self, id: RelationId) -> BuildProgress {
        let rows_done = self.rows.load(Ordering::Relaxed);
        BuildProgress { id, rows_done, rows_known: self.rows_known, started_at: self.started }
    }
}

/// A dataflow on its way, as the clock knows it.
pub(crate) struct Backfill {
    spec: Arc<Spec>,
    progress: Arc<Progress>,
    /// What it reads; all of it after `upto` is still there.
    inputs: Inputs,
    /// The workers fill in everything up to here.
    upto: Epoch,
    /// Workers that are not through yet.
    waiting: usize,
    rounds: usize,
    /// Rows that had been fed before this round.
    rows_before: u64,
    reply: Reply<Result<(), Error>>,
}

impl Clock {
    /// Begins to build; the answer comes when the dataflow follows the clock.
    pub(crate) fn build(&mut self, spec: Arc<Spec>, reply: Reply<Result<(), Error>>) {
        let id = spec.id;
        match self.begin(&spec) {
            Ok((progress, inputs)) => {
                let (upto, waiting) = (self.now.get(), self.channels.workers.len());
                self.builds.lock().insert(id, Arc::clone(&progress));
                let backfill = Backfill { spec, progress, inputs, upto, waiting, rounds: 0, rows_before: 0, reply };
                self.backfills.insert(id, backfill);
            }
            Err(error) => {
                self.tell_all_is_well(&Command::Drop(Arc::new(vec![id])));
                let _ = reply.send(Err(error));
            }
        }
    }

    fn begin(&mut self, spec: &Arc<Spec>) -> Result<(Arc<Progress>, Inputs), Error> {
        let snapshot = self.now.get();
        let mut replays = Replays::new();
        let mut rows_known = Some(0);
        let mut inputs = Vec::new();
        for get in spec.plan.gets() {
            let relation = self.relation(get.relation).ok_or(Error::Dropped)?;
            inputs.push((relation.clone(), relation.hold()));
            let Some(source) = relation.source() else {
                rows_known = rows_known.map(|rows: u64| rows + relation.len() as u64);
                continue;
            };
            rows_known = None;
            if let Some(until) = relation.position_at(snapshot) {
                let replay =
                    source::replay(Arc::clone(source), until).map_err(|error| Error::Start(error.to_string()))?;
                replays.entry(get.relation).or_default().push(Mutex::new(replay));
            }
        }
        if let Target::Relation(relation, _) = &spec.target {
            self.tell_all_is_well(&Command::Declare(relation.clone()));
        }
        let progress = Arc::new(Progress::new(snapshot, rows_known));
        let (spec, replays) = (Arc::clone(spec), Arc::new(replays));
        let now_us = self.timetable.now_us();
        self.tell(&Command::Build { spec, snapshot, now_us, replays, progress: Arc::clone(&progress) })?;
        Ok((progress, inputs))
    }

    /// A worker is through with what it was to feed, or cannot feed it.
    pub(crate) fn fed(&mut self, id: RelationId, result: Result<(), Error>) {
        let Some(backfill) = self.backfills.get_mut(&id) else {
            // It was dropped meanwhile.
            return;
        };
        if let Err(error) = result {
            self.end_build(id, Err(error));
            self.tell_all_is_well(&Command::Drop(Arc::new(vec![id])));
            return;
        }
        backfill.waiting -= 1;
        if backfill.waiting == 0 {
            let now = self.now.get();
            match backfill.next_round(now, self.channels.workers.len()) {
                Some(after) => _ = self.tell_all_is_well(&Command::CatchUp { id, after, upto: now }),
                None => self.join(id),
            }
        }
    }

    /// Feeds a dataflow the last changes, and has it follow the clock.
    fn join(&mut self, id: RelationId) {
        let backfill = &self.backfills[&id];
        let now = self.now.get();
        let epoch = now.max(Epoch(backfill.progress.latest() + 1));
        let (spec, after) = (Arc::clone(&backfill.spec), backfill.upto);
        let moment = Moment { epoch, now_us: self.timetable.now_us() };
        self.tell_all_is_well(&Command::Join { id, after, upto: now, moment });
        self.publish(epoch);
        self.follow(&spec);
        self.read_sources();
        self.end_build(id, Ok(()));
    }

    /// Forgets that something is being built, if it is, and answers whoever waits for it.
    pub(crate) fn end_build(&mut self, id: RelationId, result: Result<(), Error>) {
        if let Some(backfill) = self.backfills.remove(&id) {
            self.builds.lock().remove(&id);
            // Who has stopped waiting has asked for its end as well.
            let _ = backfill.reply.send(result);
        }
    }
}

impl Backfill {
    /// Begins another round, in which the workers feed what changed after the epoch that is given; none
    /// if little or nothing has.
    fn next_round(&mut self, now: Epoch, workers: usize) -> Option<Epoch> {
        let after = self.upto;
        let rows = self.progress.read(self.spec.id).rows_done;
        let rows_of_round = rows - std::mem::replace(&mut self.rows_before, rows);
        self.rounds += 1;
        let is_little = self.rounds > 1 && rows_of_round <= JOIN_ROWS_MAX;
        let is_unchanged = self.inputs.iter().all(|(relation, _)| relation.next_change(after).is_none());
        if is_little || is_unchanged || self.rounds > ROUNDS_MAX {
            return None;
        }
        self.inputs.iter_mut().for_each(|(_, hold)| hold.advance_to(after));
        self.upto = now;
        self.waiting = workers;
        Some(after)
    }
}
