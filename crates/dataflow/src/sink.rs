//! The end of a dataflow that nobody reads: it counts changes and drops them.

use std::sync::Arc;

use changes::{ChangeBatch, Epoch};
use operators::{Fault, Moment, Operator, Output, Port, Progress};

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
    fn on_changes(
        &mut self,
        _input: Port,
        _epoch: Epoch,
        changes: ChangeBatch,
        _output: &mut Output,
    ) -> Result<Progress, Fault> {
        self.counters.sent(changes.len() as u64);
        Ok(Progress::Done)
    }

    fn on_epoch_complete(&mut self, _moment: &Moment, _output: &mut Output) -> Result<Progress, Fault> {
        Ok(Progress::Done)
    }
}
