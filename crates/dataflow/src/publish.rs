//! The end of a view's dataflow: its rows, where others read them, and in which epochs they changed.

use changes::{ChangeBatch, Epoch};
use operators::{Fault, Materialize, Operator, Output, Port};
use state::{Delta, Saved};

use crate::relation::Relation;

/// Materializes one worker's part of a relation.
pub(crate) struct Publish {
    rows: Materialize,
    relation: Relation,
    /// Whether changes have come in the epoch in progress.
    has_changed: bool,
}

impl Publish {
    /// Into the partition of this worker.
    pub(crate) fn new(relation: &Relation, worker: usize) -> Publish {
        let rows = Materialize::new(relation.partition(worker).clone());
        Publish { rows, relation: relation.clone(), has_changed: false }
    }
}

impl Operator for Publish {
    fn on_changes(&mut self, input: Port, changes: ChangeBatch, output: &mut Output) -> Result<(), Fault> {
        self.has_changed |= !changes.is_empty();
        self.rows.on_changes(input, changes, output)
    }

    fn on_epoch_complete(&mut self, epoch: Epoch, output: &mut Output) -> Result<(), Fault> {
        if std::mem::take(&mut self.has_changed) {
            self.relation.mark_changed(epoch);
        }
        self.rows.on_epoch_complete(epoch, output)
    }

    fn checkpoint(&mut self, delta: &mut Delta) -> Result<(), Fault> {
        self.rows.checkpoint(delta)
    }

    fn restore(&mut self, saved: &Saved) -> Result<(), Fault> {
        self.rows.restore(saved)
    }

    fn state_rows(&self) -> usize {
        self.rows.state_rows()
    }
}
