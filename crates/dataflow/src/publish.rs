//! The end of a view's dataflow: its rows, where others read them, and in which epochs they changed.

use changes::{ChangeBatch, Epoch};
use operators::{Fault, Materialize, Moment, Operator, Output, Port, Progress};
use state::{CheckpointReader, CheckpointWriter};

use crate::relation::Relation;

/// Materializes one worker's part of a relation.
pub(crate) struct Publish {
    rows: Materialize,
    relation: Relation,
}

impl Publish {
    /// Into the partition of this worker.
    pub(crate) fn new(relation: &Relation, worker: usize) -> Publish {
        let rows = Materialize::new(relation.partition(worker).clone());
        Publish { rows, relation: relation.clone() }
    }

    /// As [`Publish::new`], for whoever takes any operator.
    pub(crate) fn boxed(relation: &Relation, worker: usize) -> Box<dyn Operator> {
        Box::new(Publish::new(relation, worker))
    }
}

impl Operator for Publish {
    fn on_changes(
        &mut self,
        input: Port,
        epoch: Epoch,
        changes: ChangeBatch,
        output: &mut Output,
    ) -> Result<Progress, Fault> {
        if !changes.is_empty() {
            self.relation.mark_changed(epoch);
        }
        self.rows.on_changes(input, epoch, changes, output)
    }

    fn on_epoch_complete(&mut self, moment: &Moment, output: &mut Output) -> Result<Progress, Fault> {
        self.rows.on_epoch_complete(moment, output)
    }

    fn resume(&mut self, output: &mut Output) -> Result<Progress, Fault> {
        self.rows.resume(output)
    }

    fn checkpoint(&mut self, writer: &CheckpointWriter<'_>) -> Result<(), Fault> {
        self.rows.checkpoint(writer)
    }

    fn restore(&mut self, reader: &CheckpointReader<'_>) -> Result<(), Fault> {
        self.rows.restore(reader)
    }

    fn state_rows(&self) -> usize {
        self.rows.state_rows()
    }
}
