//! Keeps a relation's rows where others can read them. Puts nothing out: whoever reads the
//! relation attaches to its rows.

use changes::{ChangeBatch, Epoch};
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
        if self.changes.is_empty() {
            return Ok(());
        }
        let mut rows = self.rows.write();
        let mut missing = Vec::new();
        for changes in self.changes.drain(..) {
            missing.extend(apply(&mut rows, epoch, &changes)?);
        }
        // What had not come yet when it went must have come by now.
        for deferred in missing {
            if let Some(missing) = apply(&mut rows, epoch, &deferred)? {
                return Err(unknown_row("materialize", &missing));
            }
        }
        Ok(())
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
