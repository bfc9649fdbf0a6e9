//! Operators that hand changes to one another on one worker: a part of a dataflow that needs no exchange.
//!
//! It takes one epoch at a time, and works for one turn, then others get theirs. Whoever is last among
//! those that have a whole batch before them works first, so that what lies between two operators is
//! bounded; whoever is first works when nobody has, so that batches are whole where they can be. An
//! operator that an epoch brings nothing to is not called, and one that remembers nothing not at the epoch's end. Knows nothing of timely, and not where
//! changes come from and go to.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use changes::{BATCH_ROWS_MAX, ChangeBatch};
use operators::{Fault, Moment, Operator, Output, Port, Progress};

use crate::panics;
use crate::queue::{Backlog, Queue};
use crate::statistics::Counters;

/// An operator that the worker can also reach between epochs, for checkpoints.
pub(crate) type SharedOperator = Rc<RefCell<Box<dyn Operator>>>;

/// A tree of operators; without any, changes pass through.
pub(crate) struct Stage {
    /// Each after those that it reads.
    places: Vec<Place>,
    /// By input of the stage, who takes it.
    inputs: Vec<(usize, Port)>,
    counters: Arc<Counters>,
    output: Output,
    /// What has come out at the end.
    out: Vec<ChangeBatch>,
    /// Whether an operator that remembers anything has been called since the last account.
    is_changed: bool,
}

/// An operator in a stage.
struct Place {
    name: &'static str,
    /// What it is called when it panics.
    label: Rc<str>,
    operator: SharedOperator,
    /// See [`Operator::remembers`].
    remembers: bool,
    /// By port.
    queues: Vec<Queue>,
    /// Who takes what it puts out, if that is in the stage.
    reader: Option<(usize, Port)>,
    step: Step,
    /// Whether it is to be told of the end of the epoch: the first one, or one with changes.
    is_touched: bool,
    /// Whether it has nothing more to do in the epoch in hand.
    is_complete: bool,
    /// When it wants to be told of the end of an epoch, in microseconds since 1970.
    deadline_us: Option<i64>,
}

/// What to do with the epoch in hand.
#[derive(Clone, Copy, PartialEq)]
enum Step {
    /// Hand over what has come, and complete the epoch when nothing more can come.
    Changes,
    /// Let the operator go on with changes that it has.
    Resume,
    /// Let the operator go on completing the epoch.
    Complete,
}

/// What became of a turn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Turn {
    /// There is more to do.
    More,
    /// All that has come is worked through.
    Waiting,
    /// The epoch is complete. The next call is for a later one.
    Complete,
}

impl Stage {
    /// One without operators.
    pub(crate) fn wire(counters: &Arc<Counters>) -> Stage {
        let (places, inputs, out) = (Vec::new(), Vec::new(), Vec::new());
        Stage { places, inputs, counters: Arc::clone(counters), output: Output::default(), out, is_changed: true }
    }

    /// `operator` behind others, one for each of its ports; their inputs, in this order, are those of the whole.
    pub(crate) fn behind(
        parts: Vec<Stage>,
        name: &'static str,
        operator: &SharedOperator,
        counters: &Arc<Counters>,
    ) -> Stage {
        let mut stage = Stage::wire(counters);
        let ports = parts.len();
        let last = parts.iter().map(|part| part.places.len()).sum();
        for (port, part) in parts.into_iter().enumerate() {
            let offset = stage.places.len();
            if part.places.is_empty() {
                stage.inputs.push((last, Port(port)));
            }
            stage.inputs.extend(part.inputs.into_iter().map(|(place, port)| (place + offset, port)));
            let last_of_part = part.places.len().saturating_sub(1);
            for (index, mut place) in part.places.into_iter().enumerate() {
                place.reader = match place.reader {
                    Some((reader, port)) => Some((reader + offset, port)),
                    None => (index == last_of_part).then_some((last, Port(port))),
                };
                stage.places.push(place);
            }
        }
        let remembers = operator.borrow().remembers();
        stage.places.push(Place {
            name,
            label: Rc::from(format!("{name} of {}", counters.name())),
            operator: Rc::clone(operator),
            remembers,
            queues: std::iter::repeat_with(Queue::default).take(ports).collect(),
            reader: None,
            step: Step::Changes,
            is_touched: remembers,
            is_complete: false,
            deadline_us: None,
        });
        stage
    }

    /// Counts what waits at an input of a stage that has operators in `backlog` from now on.
    pub(crate) fn count_in(&mut self, input: usize, backlog: Rc<Backlog>) {
        let (place, port) = self.inputs[input];
        self.places[place].queues[port.0] = Queue::counted_in(backlog);
    }

    /// Takes changes of the epoch in hand.
    pub(crate) fn take(&mut self, input: usize, batch: ChangeBatch) {
        match self.inputs.get(input) {
            Some(&(place, port)) => self.places[place].queues[port.0].push(batch),
            None => self.out.push(batch),
        }
    }

    /// Works for a turn on the epoch of `moment`, and ends the epoch if it `is_closed`: if nothing more comes.
    pub(crate) fn run(&mut self, moment: &Moment, is_closed: bool) -> Turn {
        let mut rows = 0;
        while let Some(index) = self.next(is_closed) {
            if rows >= BATCH_ROWS_MAX {
                return Turn::More;
            }
            match self.work(index, moment) {
                Ok(worked) => rows += worked,
                Err(fault) => crash(self.places[index].name, &fault),
            }
        }
        if !is_closed {
            return Turn::Waiting;
        }
        self.places.iter_mut().for_each(|place| place.is_complete = false);
        Turn::Complete
    }

    /// Takes what has come out at the end since the last time.
    pub(crate) fn take_out(&mut self) -> Vec<ChangeBatch> {
        std::mem::take(&mut self.out)
    }

    /// Whether what its operators remember may have changed since this was last asked.
    pub(crate) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.is_changed)
    }

    /// When the first of its operators wants to be told of the end of an epoch.
    pub(crate) fn deadline_us(&self) -> Option<i64> {
        self.places.iter().filter_map(|place| place.deadline_us).min()
    }

    /// Who works next.
    fn next(&self, is_closed: bool) -> Option<usize> {
        let is_urgent = |place: &Place| place.step != Step::Changes || place.queues.iter().any(Queue::has_whole_batch);
        // Those before the first that is not complete are, so nothing more comes to it.
        let is_ready =
            |place: &Place| is_closed && !place.is_complete || place.queues.iter().any(|queue| !queue.is_empty());
        self.places.iter().rposition(is_urgent).or_else(|| self.places.iter().position(is_ready))
    }

    /// Calls an operator once. Says for how many rows' work that was.
    fn work(&mut self, index: usize, moment: &Moment) -> Result<usize, Fault> {
        let Stage { places, output, counters, is_changed, .. } = self;
        let place = &mut places[index];
        let mut rows = 0;
        let (progress, step) = match place.step {
            Step::Changes => match place.next_changes()? {
                Some((port, batch)) => {
                    panics::enter(&place.label);
                    rows = batch.len();
                    counters.taken(rows);
                    place.is_touched = place.remembers;
                    *is_changed |= place.remembers;
                    (place.operator.borrow_mut().on_changes(port, moment.epoch, batch, output)?, Step::Resume)
                }
                None if place.is_due(moment) => {
                    panics::enter(&place.label);
                    place.is_touched = false;
                    *is_changed = true;
                    place.deadline_us = place.deadline_us.filter(|deadline_us| *deadline_us > moment.now_us);
                    (place.operator.borrow_mut().on_epoch_complete(moment, output)?, Step::Complete)
                }
                None => (Progress::Done, Step::Complete),
            },
            step => {
                panics::enter(&place.label);
                (place.operator.borrow_mut().resume(output)?, step)
            }
        };
        place.is_complete = progress == Progress::Done && step == Step::Complete;
        place.step = if progress == Progress::More { step } else { Step::Changes };
        if let Some(time_us) = output.take_wake() {
            place.deadline_us = Some(place.deadline_us.map_or(time_us, |earlier| earlier.min(time_us)));
        }
        output.take_errors().iter().for_each(|error| counters.error(error));
        let changes = output.take_changes();
        match place.reader {
            Some((reader, port)) => {
                let queue = &mut places[reader].queues[port.0];
                changes.into_iter().for_each(|batch| queue.push(batch));
            }
            None => self.out.extend(changes),
        }
        // Who has more lets others have their turn first.
        Ok(if progress == Progress::More { BATCH_ROWS_MAX } else { rows })
    }
}

impl Place {
    fn next_changes(&mut self) -> Result<Option<(Port, ChangeBatch)>, Fault> {
        for (port, queue) in self.queues.iter_mut().enumerate() {
            if let Some(batch) = queue.pop()? {
                return Ok(Some((Port(port), batch)));
            }
        }
        Ok(None)
    }

    fn is_due(&self, moment: &Moment) -> bool {
        self.is_touched || self.deadline_us.is_some_and(|deadline_us| deadline_us <= moment.now_us)
    }
}

/// A fault means that state and input contradict each other: no answer is better than a wrong one.
fn crash(operator: &str, fault: &Fault) -> ! {
    tracing::error!(operator, %fault, "operator failed, stopping the process");
    std::process::abort();
}
