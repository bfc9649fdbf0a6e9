//! Keeps a relation's rows where others can read them. Puts nothing out: whoever reads the
//! relation attaches to its rows.

use changes::{ChangeBatch, Epoch, concat};
use state::{Delta, Saved, SharedRows};

use crate::apply::{apply, unknown_row};
use crate::{Fault, Operator, Output, Port};

/// Writes into shared rows, an epoch at a time, so that readers see it whole or not at all.
pub struct Materialize {
    rows: SharedRows,
    /// This epoch's changes.
    changes: Vec<ChangeBatch>,
}

impl Materialize {
    /// Into `rows`.
    #[must_use]
    pub fn new(rows: SharedRows) -> Materialize {
        Materialize { rows, changes: Vec::new() }
    }
}

impl Operator for Materialize {
    fn on_changes(&mut self, _input: Port, changes: ChangeBatch, _output: &mut Output) -> Result<(), Fault> {
        if !changes.is_empty() {
            self.changes.push(changes);
        }
        Ok(())
    }

    fn on_epoch_complete(&mut self, epoch: Epoch, _output: &mut Output) -> Result<(), Fault> {
        let changes = std::mem::take(&mut self.changes);
        let Some(first) = changes.first() else {
            return Ok(());
        };
        let mut rows = self.rows.write();
        // Insertions alone depend on nothing and need not be copied together.
        if changes.iter().all(|batch| batch.diffs().is_inserts()) {
            for batch in &changes {
                rows.insert(epoch, batch.rows())?;
            }
            return Ok(());
        }
        let changes = concat(&first.schema(), &changes)?;
        match apply(&mut rows, epoch, &changes)? {
            Some(missing) => Err(unknown_row("materialize", &missing)),
            None => Ok(()),
        }
    }

    fn checkpoint(&mut self, delta: &mut Delta) -> Result<(), Fault> {
        Ok(self.rows.write().checkpoint(delta)?)
    }

    fn restore(&mut self, saved: &Saved) -> Result<(), Fault> {
        Ok(self.rows.write().restore(saved)?)
    }

    fn state_rows(&self) -> usize {
        self.rows.read().len()
    }
}
