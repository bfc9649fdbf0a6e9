//! Any operator as a timely operator: the only place where the two meet.
//!
//! Timely may deliver the epochs of different inputs in any interleaving; an operator sees one
//! epoch at a time, in order. Changes of a later epoch wait until all earlier ones are complete.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use changes::{ChangeBatch, Epoch};
use operators::{Fault, Operator, Output, Port};
use timely::communication::Pull;
use timely::dataflow::Stream;
use timely::dataflow::channels::Message;
use timely::dataflow::channels::pact::{DistributorPact, Pipeline};
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::InputHandleCore;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::progress::frontier::MutableAntichain;

use crate::exchange::{ByKey, Changes};
use crate::statistics::Counters;

/// An operator that the worker can also reach between epochs, for checkpoints.
pub(crate) type SharedOperator = Rc<RefCell<Box<dyn Operator>>>;

/// How an input's rows are brought to the operator.
pub(crate) enum Route {
    /// From the same worker.
    Local,
    /// To the worker that owns their key.
    Exchange(ByKey),
}

/// Changes of one epoch that came before it was its turn, and the right to send at that epoch.
struct Waiting {
    capability: Capability<u64>,
    changes: Vec<(Port, ChangeBatch)>,
}

/// Puts `operator` into the dataflow behind `inputs`. Its first epoch is `first`.
pub(crate) fn connect<'scope>(
    name: &str,
    operator: &SharedOperator,
    inputs: Vec<(Stream<'scope, u64, Changes>, Route)>,
    first: Epoch,
    counters: Arc<Counters>,
) -> Stream<'scope, u64, Changes> {
    let scope = inputs.first().map(|(stream, _)| stream.scope()).expect("every operator has an input");
    let mut builder = OperatorBuilder::new(name.to_owned(), scope);
    let mut pulls: Vec<Box<dyn Input>> = Vec::new();
    for (stream, route) in inputs {
        pulls.push(match route {
            Route::Local => Box::new(builder.new_input(stream, Pipeline)),
            Route::Exchange(by_key) => Box::new(builder.new_input(stream, DistributorPact(move |_peers| by_key))),
        });
    }
    let (output, stream) = builder.new_output::<Changes>();
    let operator = Rc::clone(operator);
    let name = name.to_owned();
    builder.build(move |mut capabilities| {
        let mut capability = capabilities.pop().expect("one output, one capability");
        capability.downgrade(&first.0);
        let mut waiting = BTreeMap::from([(first.0, Waiting { capability, changes: Vec::new() })]);
        let mut driver = Driver { operator, output: Output::default(), sender: output, counters };
        move |frontiers| {
            let closed = |epoch: u64| frontiers.iter().all(|frontier| !frontier.less_equal(&epoch));
            let result = driver.run(&mut pulls, &mut waiting, closed, frontiers);
            if let Err(fault) = result {
                crash(&name, &fault);
            }
        }
    });
    stream
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
}

impl Driver {
    fn run(
        &mut self,
        pulls: &mut [Box<dyn Input>],
        waiting: &mut BTreeMap<u64, Waiting>,
        closed: impl Fn(u64) -> bool,
        frontiers: &[MutableAntichain<u64>],
    ) -> Result<(), Fault> {
        for (port, pull) in pulls.iter_mut().enumerate() {
            pull.drain(&mut |epoch, retain, batches| {
                let of_epoch =
                    waiting.entry(epoch).or_insert_with(|| Waiting { capability: retain(), changes: Vec::new() });
                of_epoch.changes.extend(batches.into_iter().map(|batch| (Port(port), batch)));
            });
        }
        // The earliest epoch is in progress as soon as no input can bring an earlier one.
        while let Some(mut entry) = waiting.first_entry() {
            let epoch = *entry.key();
            if frontiers.iter().any(|frontier| frontier.less_than(&epoch)) {
                return Ok(());
            }
            let of_epoch = entry.get_mut();
            for (port, batch) in std::mem::take(&mut of_epoch.changes) {
                self.counters.taken(batch.len());
                self.operator.borrow_mut().on_changes(port, batch, &mut self.output)?;
                self.send(&of_epoch.capability);
            }
            if !closed(epoch) {
                return Ok(());
            }
            self.operator.borrow_mut().on_epoch_complete(Epoch(epoch), &mut self.output)?;
            self.send(&of_epoch.capability);
            entry.remove();
        }
        Ok(())
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
