//! Keeps a relation's rows where others can read them. Puts nothing out: whoever reads the
//! relation attaches to its rows.
//!
//! Changes are written as they come. Nobody sees them before the epoch in which they were made is
//! published, so that readers see it whole or not at all.

use std::collections::VecDeque;

use changes::{ChangeBatch, Epoch};
use state::{CheckpointReader, CheckpointWriter, SharedRows};

use crate::apply::{apply, unknown_row};
use crate::{Fault, Moment, Operator, Output, Port, Progress};

/// Writes into shared rows, a batch at a time.
pub struct Materialize {
    rows: SharedRows,
    /// Deletions of this epoch for which there was no row yet.
    deferred: VecDeque<ChangeBatch>,
    /// The epoch that is complete but for these.
    closing: Option<Epoch>,
}

impl Materialize {
    /// Into `rows`.
    #[must_use]
    pub fn new(rows: SharedRows) -> Materialize {
        Materialize { rows, deferred: VecDeque::new(), closing: None }
    }
}

impl Operator for Materialize {
    fn on_changes(
        &mut self,
        _input: Port,
        epoch: Epoch,
        changes: ChangeBatch,
        output: &mut Output,
    ) -> Result<Progress, Fault> {
        output.spend(changes.len(), 0);
        self.deferred.extend(apply(&mut self.rows.write(), epoch, &changes)?);
        Ok(Progress::Done)
    }

    fn on_epoch_complete(&mut self, moment: &Moment, output: &mut Output) -> Result<Progress, Fault> {
        self.closing = Some(moment.epoch);
        self.resume(output)
    }

    fn resume(&mut self, output: &mut Output) -> Result<Progress, Fault> {
        let Some(epoch) = self.closing else {
            return Ok(Progress::Done);
        };
        // What had not come yet when it went must have come by now.
        while let Some(deferred) = self.deferred.pop_front() {
            output.spend(deferred.len(), 0);
            if let Some(missing) = apply(&mut self.rows.write(), epoch, &deferred)?.into_iter().next() {
                return Err(unknown_row("materialize", &missing));
            }
            if output.is_full() {
                return Ok(Progress::More);
            }
        }
        self.closing = None;
        Ok(Progress::Done)
    }

    fn checkpoint(&mut self, writer: &CheckpointWriter<'_>) -> Result<(), Fault> {
        Ok(self.rows.write().checkpoint(writer)?)
    }

    fn restore(&mut self, reader: &CheckpointReader<'_>) -> Result<(), Fault> {
        Ok(self.rows.write().restore(reader)?)
    }

    fn state_rows(&self) -> usize {
        self.rows.read().len()
    }
}
