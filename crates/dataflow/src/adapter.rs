//! A stage as a timely operator: the only place where the two meet.
//!
//! Timely may deliver the epochs of different inputs in any interleaving; a stage sees one epoch at a
//! time, in order. Changes of a later epoch wait until all earlier ones are complete. A stage is activated
//! again as long as there is something to do, and waits while whoever reads it has much before it, so
//! that what lies between the two is bounded.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use changes::{ChangeBatch, Epoch};
use operators::Moment;
use timely::communication::Pull;
use timely::dataflow::channels::Message;
use timely::dataflow::channels::pact::{DistributorPact, Pipeline};
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::InputHandleCore;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::{Scope, Stream};
use timely::progress::frontier::MutableAntichain;
use timely::scheduling::Activator;

use crate::exchange::{ByKey, Changes};
use crate::queue::Backlog;
use crate::stage::{Stage, Turn};

/// How an input's rows are brought to a stage.
pub(crate) enum Route {
    /// From the same worker.
    Local,
    /// To the worker that owns their key.
    Exchange(ByKey),
}

/// What one stage puts out and another one reads.
pub(crate) struct Flow<'scope> {
    pub(crate) changes: Stream<'scope, u64, Changes>,
    backlog: Rc<Backlog>,
}

impl<'scope> Flow<'scope> {
    pub(crate) fn new(changes: Stream<'scope, u64, Changes>) -> Flow<'scope> {
        Flow { changes, backlog: Rc::default() }
    }
}

/// A worker's time, as its stages read it: that of the epoch in progress, in microseconds since 1970.
pub(crate) type Time = Rc<Cell<i64>>;

/// When a stage wants to be told of the end of an epoch, for its worker.
pub(crate) type Deadline = Rc<Cell<Option<i64>>>;

/// Puts `stage` into a dataflow of `scope` behind `inputs`. Its first epoch is `first`.
pub(crate) fn connect<'scope>(
    scope: Scope<'scope, u64>,
    name: &str,
    mut stage: Stage,
    inputs: Vec<(Flow<'scope>, Route)>,
    first: Epoch,
    time: &Time,
) -> (Flow<'scope>, Deadline) {
    let mut builder = OperatorBuilder::new(name.to_owned(), scope);
    let activator = scope.activator_for(builder.operator_info().address);
    let mut pulls: Vec<Box<dyn Input>> = Vec::new();
    let mut backlogs = Vec::new();
    for (input, (flow, route)) in inputs.into_iter().enumerate() {
        stage.count_in(input, Rc::clone(&flow.backlog));
        backlogs.push(flow.backlog);
        pulls.push(match route {
            Route::Local => Box::new(builder.new_input(flow.changes, Pipeline)),
            Route::Exchange(by_key) => Box::new(builder.new_input(flow.changes, DistributorPact(move |_peers| by_key))),
        });
    }
    let (sender, stream) = builder.new_output::<Changes>();
    let flow = Flow::new(stream);
    let deadline = Deadline::default();
    let (next, time, deadline_of_stage) = (Rc::clone(&flow.backlog), Rc::clone(time), Rc::clone(&deadline));
    builder.build(move |mut capabilities| {
        let mut capability = capabilities.pop().expect("one output, one capability");
        capability.downgrade(&first.0);
        let waiting = BTreeMap::from([(first.0, Waiting { capability, changes: Vec::new() })]);
        let (awake, deadline) = (None, deadline_of_stage);
        let mut driver = Driver { stage, waiting, awake, sender, activator, backlogs, next, time, deadline };
        move |frontiers| driver.run(&mut pulls, frontiers)
    });
    (flow, deadline)
}

/// Changes of one epoch that have not been handed over, with their input, and the right to send at that epoch.
struct Waiting {
    capability: Capability<u64>,
    changes: Vec<(usize, ChangeBatch)>,
}

struct Driver {
    stage: Stage,
    waiting: BTreeMap<u64, Waiting>,
    /// The right to send at epochs that bring nothing, while the stage has a deadline.
    awake: Option<Capability<u64>>,
    sender: timely::dataflow::channels::pushers::Output<u64, Changes>,
    activator: Activator,
    /// What waits here, by input.
    backlogs: Vec<Rc<Backlog>>,
    /// What waits for what comes from here.
    next: Rc<Backlog>,
    time: Time,
    deadline: Deadline,
}

impl Driver {
    fn run(&mut self, pulls: &mut [Box<dyn Input>], frontiers: &[MutableAntichain<u64>]) {
        self.receive(pulls);
        self.attend(frontiers);
        // The earliest epoch is in progress as soon as no input can bring an earlier one.
        while let Some(mut entry) = self.waiting.first_entry() {
            let epoch = *entry.key();
            if frontiers.iter().any(|frontier| frontier.less_than(&epoch)) {
                return;
            }
            if self.next.is_full() {
                return self.activator.activate();
            }
            for (input, batch) in entry.get_mut().changes.drain(..) {
                self.backlogs[input].remove(&batch);
                self.stage.take(input, batch);
            }
            let is_closed = frontiers.iter().all(|frontier| !frontier.less_equal(&epoch));
            let turn = self.stage.run(&Moment { epoch: Epoch(epoch), now_us: self.time.get() }, is_closed);
            let changes = self.stage.take_out();
            if !changes.is_empty() {
                self.sender.activate().give(&entry.get().capability, &mut Changes(changes));
            }
            match turn {
                Turn::More => return self.activator.activate(),
                Turn::Waiting => return,
                Turn::Complete => {
                    let Waiting { capability, .. } = entry.remove();
                    self.deadline.set(self.stage.deadline_us());
                    self.awake = self.deadline.get().map(|_| capability.delayed(&(epoch + 1)));
                }
            }
        }
    }

    fn receive(&mut self, pulls: &mut [Box<dyn Input>]) {
        let Driver { waiting, backlogs, .. } = self;
        for (input, pull) in pulls.iter_mut().enumerate() {
            pull.drain(&mut |epoch, retain, batches| {
                let of_epoch =
                    waiting.entry(epoch).or_insert_with(|| Waiting { capability: retain(), changes: Vec::new() });
                for batch in batches {
                    backlogs[input].add(&batch);
                    of_epoch.changes.push((input, batch));
                }
            });
        }
    }

    /// Has the last epoch that is closed gone through too, if it brings nothing but a deadline may have come.
    fn attend(&mut self, frontiers: &[MutableAntichain<u64>]) {
        let frontier = frontiers.iter().filter_map(|frontier| frontier.frontier().first().copied()).min();
        let Some((awake, frontier)) = self.awake.as_mut().zip(frontier) else {
            // Without inputs there are no epochs.
            self.awake = None;
            return;
        };
        if frontier > *awake.time() {
            let capability = awake.delayed(&(frontier - 1));
            self.waiting.entry(frontier - 1).or_insert(Waiting { capability, changes: Vec::new() });
            awake.downgrade(&frontier);
        }
    }
}

/// How to keep the right to send at an epoch of which something has come.
type Retain<'a> = &'a dyn Fn() -> Capability<u64>;

/// An input of any route.
trait Input {
    /// Hands over everything that has come, with its epoch.
    fn drain(&mut self, take: &mut dyn FnMut(u64, Retain<'_>, Vec<ChangeBatch>));
}

impl<P: Pull<Message<u64, Changes>>> Input for InputHandleCore<u64, Changes, P> {
    fn drain(&mut self, take: &mut dyn FnMut(u64, Retain<'_>, Vec<ChangeBatch>)) {
        self.for_each(|capability, changes| {
            take(*capability.time(), &|| capability.retain(0), std::mem::take(&mut changes.0));
        });
    }
}
