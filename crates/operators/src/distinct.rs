//! Each different row once: an aggregate over all columns that computes nothing.

use changes::{ChangeBatch, Epoch};
use state::{CheckpointReader, CheckpointWriter};

use crate::{Aggregate, Fault, Moment, Operator, Output, Port, Progress};

/// See [`plan::Distinct`].
pub struct Distinct {
    groups: Aggregate,
}

impl Distinct {
    /// A distinct as the plan has it.
    ///
    /// # Errors
    /// If a column's type has no notion of equality here.
    pub fn new(plan: &plan::Distinct) -> Result<Distinct, Fault> {
        let schema = plan.input.schema().clone();
        let keys = (0..schema.fields().len()).collect();
        let all = plan::Aggregate { input: plan.input.clone(), keys, calls: Vec::new(), schema };
        // Rows without columns are all equal, and there is none unless one came.
        Ok(Distinct { groups: Aggregate::new(&all, false)? })
    }
}

impl Operator for Distinct {
    fn on_changes(
        &mut self,
        input: Port,
        epoch: Epoch,
        changes: ChangeBatch,
        output: &mut Output,
    ) -> Result<Progress, Fault> {
        self.groups.on_changes(input, epoch, changes, output)
    }

    fn on_epoch_complete(&mut self, moment: &Moment, output: &mut Output) -> Result<Progress, Fault> {
        self.groups.on_epoch_complete(moment, output)
    }

    fn resume(&mut self, output: &mut Output) -> Result<Progress, Fault> {
        self.groups.resume(output)
    }

    fn checkpoint(&mut self, writer: &CheckpointWriter<'_>) -> Result<(), Fault> {
        self.groups.checkpoint(writer)
    }

    fn restore(&mut self, reader: &CheckpointReader<'_>) -> Result<(), Fault> {
        self.groups.restore(reader)
    }

    fn state_rows(&self) -> usize {
        self.groups.state_rows()
    }

    fn state_bytes(&self) -> usize {
        self.groups.state_bytes()
    }
}
