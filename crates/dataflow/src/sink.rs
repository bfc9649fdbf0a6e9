//! The end of a dataflow that nobody reads: it counts changes and drops them.

use std::sync::Arc;

use changes::{ChangeBatch, Epoch};
use operators::{Fault, Operator, Output, Port};

use crate::statistics::Counters;

/// `connector = 'blackhole'`.
pub(crate) struct Blackhole {
    counters: Arc<Counters>,
}

impl Blackhole {
    pub(crate) fn new(counters: Arc<Counters>) -> Blackhole {
        Blackhole { counters }
    }
}

impl Operator for Blackhole {
    fn on_changes(&mut self, _input: Port, changes: ChangeBatch, _output: &mut Output) -> Result<(), Fault> {
        self.counters.sent(changes.len() as u64);
        Ok(())
    }

    fn on_epoch_complete(&mut self, _epoch: Epoch, _output: &mut Output) -> Result<(), Fault> {
        Ok(())
    }
}
