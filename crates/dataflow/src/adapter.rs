//! Any operator as a timely operator: the only place where the two meet.
//!
//! Timely may deliver the epochs of different inputs in any interleaving; an operator sees one
//! epoch at a time, in order. Changes of a later epoch wait until all earlier ones are complete.
//!
//! An operator works for one turn, then others get theirs: it is activated again as long as there
//! is something to do. It waits while whoever reads it has much before it, so that what lies
//! between the two is bounded.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use changes::{BATCH_ROWS_MAX, Bounds, ChangeBatch, Epoch, bytes_of};
use operators::{Fault, Moment, Operator, Output, Port, Progress};
use timely::communication::Pull;
use timely::dataflow::Stream;
use timely::dataflow::channels::Message;
use timely::dataflow::channels::pact::{DistributorPact, Pipeline};
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::InputHandleCore;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::progress::frontier::MutableAntichain;
use timely::scheduling::Activator;

use crate::exchange::{ByKey, Changes};
use crate::panics;
use crate::statistics::Counters;

/// Batches smaller than this are put together up to it, for every batch has a cost of its own.
const COALESCED: Bounds = Bounds { rows: 8192, bytes: 1 << 20 };
/// What may wait for an operator while those before it go on.
const BACKLOG: Bounds = Bounds { rows: 4 * Bounds::BATCH.rows, bytes: 4 * Bounds::BATCH.bytes };

/// An operator that the worker can also reach between epochs, for checkpoints.
pub(crate) type SharedOperator = Rc<RefCell<Box<dyn Operator>>>;

/// How an input's rows are brought to the operator.
pub(crate) enum Route {
    /// From the same worker.
    Local,
    /// To the worker that owns their key.
    Exchange(ByKey),
}

/// What one operator puts out and another one reads.
pub(crate) struct Flow<'scope> {
    pub(crate) changes: Stream<'scope, u64, Changes>,
    backlog: Rc<Backlog>,
}

impl<'scope> Flow<'scope> {
    pub(crate) fn new(changes: Stream<'scope, u64, Changes>) -> Flow<'scope> {
        Flow { changes, backlog: Rc::default() }
    }
}

/// How much waits, on this worker, for the operator that reads a flow.
#[derive(Default)]
struct Backlog {
    rows: Cell<usize>,
    bytes: Cell<usize>,
}

impl Backlog {
    fn add(&self, batch: &ChangeBatch) {
        self.rows.set(self.rows.get() + batch.len());
        self.bytes.set(self.bytes.get() + bytes_in(batch));
    }

    fn remove(&self, batch: &ChangeBatch) {
        self.rows.set(self.rows.get() - batch.len());
        self.bytes.set(self.bytes.get() - bytes_in(batch));
    }

    fn is_full(&self) -> bool {
        self.rows.get() >= BACKLOG.rows || self.bytes.get() >= BACKLOG.bytes
    }
}

fn bytes_in(batch: &ChangeBatch) -> usize {
    bytes_of(batch.rows().columns(), 0..batch.len())
}

/// Changes of one epoch that have not been handed over, by input, and the right to send at that epoch.
struct Waiting {
    capability: Capability<u64>,
    changes: Vec<VecDeque<ChangeBatch>>,
}

/// Puts `operator` into the dataflow behind `inputs`. Its first epoch is `first`.
pub(crate) fn connect<'scope>(
    name: &str,
    operator: &SharedOperator,
    inputs: Vec<(Flow<'scope>, Route)>,
    first: Epoch,
    counters: Arc<Counters>,
) -> Flow<'scope> {
    let scope = inputs.first().map(|(flow, _)| flow.changes.scope()).expect("every operator has an input");
    let mut builder = OperatorBuilder::new(name.to_owned(), scope);
    let activator = scope.activator_for(builder.operator_info().address);
    let mut pulls: Vec<Box<dyn Input>> = Vec::new();
    let mut backlogs = Vec::new();
    for (flow, route) in inputs {
        backlogs.push(flow.backlog);
        pulls.push(match route {
            Route::Local => Box::new(builder.new_input(flow.changes, Pipeline)),
            Route::Exchange(by_key) => Box::new(builder.new_input(flow.changes, DistributorPact(move |_peers| by_key))),
        });
    }
    let (sender, stream) = builder.new_output::<Changes>();
    let flow = Flow::new(stream);
    let (operator, next) = (Rc::clone(operator), Rc::clone(&flow.backlog));
    let name = name.to_owned();
    builder.build(move |mut capabilities| {
        let mut capability = capabilities.pop().expect("one output, one capability");
        capability.downgrade(&first.0);
        let place = Rc::<str>::from(format!("{name} of {}", counters.name()));
        let changes = vec![VecDeque::new(); backlogs.len()];
        let mut waiting = BTreeMap::from([(first.0, Waiting { capability, changes })]);
        let step = Step::Changes;
        let mut driver =
            Driver { operator, output: Output::default(), sender, counters, activator, backlogs, next, step };
        move |frontiers| {
            panics::enter(&place);
            let closed = |epoch: u64| frontiers.iter().all(|frontier| !frontier.less_equal(&epoch));
            let result = driver.run(&mut pulls, &mut waiting, closed, frontiers);
            if let Err(fault) = result {
                crash(&name, &fault);
            }
        }
    });
    flow
}

/// A fault means that state and input contradict each other: no answer is better than a wrong one.
fn crash(operator: &str, fault: &Fault) -> ! {
    tracing::error!(operator, %fault, "operator failed, stopping the process");
    std::process::abort();
}

struct Driver {
    operator: SharedOperator,
    output: Output,
    sender: timely::dataflow::channels::pushers::Output<u64, Changes>,
    counters: Arc<Counters>,
    activator: Activator,
    /// What waits here, by input.
    backlogs: Vec<Rc<Backlog>>,
    /// What waits for what comes from here.
    next: Rc<Backlog>,
    /// What to do with the earliest epoch.
    step: Step,
}

#[derive(Clone, Copy, PartialEq)]
enum Step {
    /// Hand over what has come, and complete the epoch when nothing more can come.
    Changes,
    /// Let the operator go on with changes that it has.
    Resume,
    /// Let the operator go on completing the epoch.
    Complete,
}

impl Driver {
    fn run(
        &mut self,
        pulls: &mut [Box<dyn Input>],
        waiting: &mut BTreeMap<u64, Waiting>,
        closed: impl Fn(u64) -> bool,
        frontiers: &[MutableAntichain<u64>],
    ) -> Result<(), Fault> {
        let ports = pulls.len();
        for (port, pull) in pulls.iter_mut().enumerate() {
            pull.drain(&mut |epoch, retain, batches| {
                let changes = || vec![VecDeque::new(); ports];
                let of_epoch =
                    waiting.entry(epoch).or_insert_with(|| Waiting { capability: retain(), changes: changes() });
                for batch in batches.into_iter().filter(|batch| !batch.is_empty()) {
                    self.backlogs[port].add(&batch);
                    of_epoch.changes[port].push_back(batch);
                }
            });
        }
        // Rows that this turn has worked through.
        let mut rows = 0;
        // The earliest epoch is in progress as soon as no input can bring an earlier one.
        while let Some(mut entry) = waiting.first_entry() {
            let epoch = *entry.key();
            if frontiers.iter().any(|frontier| frontier.less_than(&epoch)) {
                return Ok(());
            }
            if rows >= BATCH_ROWS_MAX || self.next.is_full() {
                self.activator.activate();
                return Ok(());
            }
            let of_epoch = entry.get_mut();
            let (progress, step) = match self.step {
                Step::Changes => match self.next_changes(&mut of_epoch.changes)? {
                    Some((port, batch)) => {
                        rows += batch.len();
                        self.counters.taken(batch.len());
                        let mut operator = self.operator.borrow_mut();
                        (operator.on_changes(port, Epoch(epoch), batch, &mut self.output)?, Step::Resume)
                    }
                    None if !closed(epoch) => return Ok(()),
                    None => {
                        let moment = Moment { epoch: Epoch(epoch) };
                        let mut operator = self.operator.borrow_mut();
                        (operator.on_epoch_complete(&moment, &mut self.output)?, Step::Complete)
                    }
                },
                step => (self.operator.borrow_mut().resume(&mut self.output)?, step),
            };
            if progress == Progress::More {
                rows = BATCH_ROWS_MAX;
            }
            self.send(&of_epoch.capability);
            if progress == Progress::Done && step == Step::Complete {
                entry.remove();
            }
            self.step = if progress == Progress::More { step } else { Step::Changes };
        }
        Ok(())
    }

    /// Takes the next changes of any input, small batches put together.
    fn next_changes(&self, waiting: &mut [VecDeque<ChangeBatch>]) -> Result<Option<(Port, ChangeBatch)>, Fault> {
        let Some((port, batches)) = waiting.iter_mut().enumerate().find(|(_, batches)| !batches.is_empty()) else {
            return Ok(None);
        };
        let (mut taken, mut rows, mut bytes) = (Vec::new(), 0, 0);
        while let Some(batch) = batches.front() {
            rows += batch.len();
            bytes += bytes_in(batch);
            if !taken.is_empty() && (rows > COALESCED.rows || bytes > COALESCED.bytes) {
                break;
            }
            self.backlogs[port].remove(batch);
            taken.extend(batches.pop_front());
        }
        let mut together = match taken.as_slice() {
            [one] => vec![one.clone()],
            several => changes::concat(&several[0].schema(), several)?,
        };
        let batch = together.pop().expect("what is less than a batch is one batch");
        Ok(Some((Port(port), batch)))
    }

    fn send(&mut self, capability: &Capability<u64>) {
        for error in self.output.take_errors() {
            self.counters.error(&error);
        }
        let changes = self.output.take_changes();
        if !changes.is_empty() {
            self.sender.activate().give(capability, &mut Changes(changes));
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
