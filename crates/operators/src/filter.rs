//! Keeps the rows for which a predicate is true. Remembers nothing.

use changes::{ChangeBatch, Epoch};

use crate::condition::Condition;
use crate::{Fault, Moment, Operator, Output, Port, Progress};

/// See [`plan::Filter`].
pub struct Filter {
    condition: Condition,
    /// What is left of the batch in hand.
    rest: Option<ChangeBatch>,
}

impl Filter {
    /// A filter as the plan has it.
    ///
    /// # Errors
    /// If the predicate is not boolean.
    pub fn new(plan: &plan::Filter) -> Result<Filter, Fault> {
        Ok(Filter { condition: Condition::new(&plan.predicate, plan.input.schema())?, rest: None })
    }
}

impl Operator for Filter {
    fn on_changes(
        &mut self,
        _input: Port,
        _epoch: Epoch,
        changes: ChangeBatch,
        output: &mut Output,
    ) -> Result<Progress, Fault> {
        self.rest = Some(changes);
        self.resume(output)
    }

    fn remembers(&self) -> bool {
        false
    }

    fn on_epoch_complete(&mut self, _moment: &Moment, _output: &mut Output) -> Result<Progress, Fault> {
        Ok(Progress::Done)
    }

    fn resume(&mut self, output: &mut Output) -> Result<Progress, Fault> {
        while let Some(mut changes) = self.rest.take() {
            if output.is_full() {
                self.rest = Some(changes);
                return Ok(Progress::More);
            }
            let portion = output.room().rows;
            if portion < changes.len() {
                self.rest = Some(changes.slice(portion, changes.len() - portion));
                changes = changes.slice(0, portion);
            }
            let chosen = self.condition.choose(&changes, output)?;
            output.spend(changes.len() - chosen.true_count(), 0);
            output.changes(changes.filter(&chosen)?);
        }
        Ok(Progress::Done)
    }
}
