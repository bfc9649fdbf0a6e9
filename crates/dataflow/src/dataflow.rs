//! A dataflow as its worker drives it: what it reads, the stages that the worker runs itself, and timely's part.

use std::collections::HashSet;
use std::mem;
use std::sync::Arc;

use changes::{BATCH_ROWS_MAX, ChangeBatch, Epoch};
use operators::Moment;
use plan::RelationId;
use timely::worker::Worker;

use crate::Error;
use crate::adapter::Time;
use crate::build::{Built, Feed, Front, Spec, Target};
use crate::exchange::Changes;
use crate::stage::Turn;

/// See the top of the file.
pub(crate) struct Dataflow {
    pub(crate) spec: Arc<Spec>,
    pub(crate) built: Built,
    pub(crate) reads: HashSet<RelationId>,
    /// One more than the highest of those that it reads; tables and sources are 0.
    pub(crate) level: usize,
    time: Time,
    /// As last asked for.
    deadline_us: Option<i64>,
    /// Rows that timely's part was given in the epoch in hand.
    rows_sent: usize,
}

impl Dataflow {
    pub(crate) fn new(spec: Arc<Spec>, built: Built, time: &Time) -> Dataflow {
        let (reads, time) = (spec.reads(), Time::clone(time));
        Dataflow { reads, spec, built, level: 0, time, deadline_us: None, rows_sent: 0 }
    }

    /// Takes changes of the epoch in hand, in parts of a size that operators are made for.
    pub(crate) fn take(&mut self, input: usize, batch: &ChangeBatch) {
        let input = &self.built.inputs[input];
        let mut offset = 0;
        while offset < batch.len() {
            let length = BATCH_ROWS_MAX.min(batch.len() - offset);
            self.built.fronts[input.front].stage.take(input.port, batch.slice(offset, length));
            offset += length;
        }
    }

    /// Works for a turn on what `epoch` brought, as far as that needs no other worker. Whether that is done.
    pub(crate) fn work(&mut self, epoch: Epoch) -> bool {
        let moment = Moment { epoch, now_us: self.time.get() };
        let mut is_done = true;
        for front in &mut self.built.fronts {
            let (turn, rows) = front.work(&moment);
            self.rows_sent += rows;
            is_done &= turn == Turn::Complete;
        }
        is_done
    }

    /// How many rows of the epoch in hand timely's part was given.
    pub(crate) fn rows_sent(&self) -> usize {
        self.rows_sent
    }

    /// Whether the stages that the worker runs may remember something else than when this was last asked.
    pub(crate) fn take_changed(&mut self) -> bool {
        let mut is_changed = false;
        for front in &mut self.built.fronts {
            is_changed |= front.stage.take_changed();
        }
        is_changed
    }

    /// Tells timely's part that nothing more comes before `time`.
    pub(crate) fn close(&mut self, time: u64) {
        self.rows_sent = 0;
        self.built.fronts.iter_mut().filter_map(|front| front.next.as_mut()).for_each(|next| next.advance_to(time));
    }

    /// Nothing more comes before `time`: does what is to be done before it, on this worker.
    pub(crate) fn advance_to(&mut self, time: u64) {
        while !self.work(Epoch(time - 1)) {}
        self.close(time);
    }

    /// Whether timely's part is through with all before `time`, on all workers.
    pub(crate) fn is_through(&self, time: u64) -> bool {
        self.built.back.as_ref().is_none_or(|back| !back.probe.less_than(&time))
    }

    /// When it wants to be told of the end of an epoch, on this worker, if that is not what it was.
    pub(crate) fn new_deadline_us(&mut self) -> Option<Option<i64>> {
        let fronts = self.built.fronts.iter().filter_map(|front| front.stage.deadline_us());
        let back = self.built.back.iter().flat_map(|back| &back.deadlines).filter_map(|deadline| deadline.get());
        let deadline_us = fronts.chain(back).min();
        (mem::replace(&mut self.deadline_us, deadline_us) != deadline_us).then_some(deadline_us)
    }

    /// Ends timely's part.
    pub(crate) fn end(&self, worker: &mut Worker) {
        if let Some(back) = &self.built.back {
            worker.drop_dataflow(back.index);
        }
    }

    /// Forgets what a view's rows were before `horizon`, on this worker.
    pub(crate) fn collect(&self, worker: usize, horizon: Epoch) -> Result<(), Error> {
        if let Target::Relation(relation, _) = &self.spec.target {
            relation.partition(worker).write().collect(horizon)?;
            relation.account(worker);
        }
        Ok(())
    }

    /// Tells the budget what it holds on this worker.
    pub(crate) fn account(&self, worker: usize) {
        if let Target::Relation(relation, _) = &self.spec.target {
            relation.account(worker);
        }
        // The last operator is the target, whose rows are the relation's own.
        let operators = self.built.operators.split_last().map_or(&[][..], |(_, before)| before);
        let bytes = operators.iter().map(|operator| operator.borrow().state_bytes()).sum();
        self.spec.memory.set(worker, bytes);
    }

    pub(crate) fn columns_of(&self, read: RelationId) -> impl Iterator<Item = usize> {
        let feeds = self.built.inputs.iter().filter_map(move |input| match &input.feed {
            Feed::Relation { id, columns } if *id == read => Some(columns),
            _ => None,
        });
        feeds.flatten().copied()
    }

    pub(crate) fn count_state(&self, worker: usize) {
        let operators = self.built.operators.split_last().map_or(&[][..], |(_, before)| before);
        let rows = operators.iter().map(|operator| operator.borrow().state_rows()).sum();
        self.spec.counters.set_state_rows(worker, rows);
    }
}

impl Front {
    /// Works for a turn, and ends the epoch if it can. Says how many rows went on.
    fn work(&mut self, moment: &Moment) -> (Turn, usize) {
        let turn = self.stage.run(moment, true);
        let out = self.stage.take_out();
        let rows = out.iter().map(ChangeBatch::len).sum();
        if let Some(next) = self.next.as_mut().filter(|_| rows > 0) {
            if *next.time() < moment.epoch.0 {
                next.advance_to(moment.epoch.0);
            }
            out.into_iter().for_each(|batch| next.send_batch(&mut Changes::from(batch)));
        }
        (turn, rows)
    }
}
