//! The seam between relational logic and the engine that drives it.

use changes::{ChangeBatch, Epoch, RowError};
use state::{Delta, Saved};

/// Which input of an operator: 0, or 0 and 1 for left and right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port(pub usize);

/// An incremental operator.
///
/// It is handed one epoch at a time, in order: any number of [`Operator::on_changes`] calls, in any
/// order of inputs, then one [`Operator::on_epoch_complete`]. The changes it has put out when that
/// call returns are the exact difference that the epoch makes to its relational result. Within an
/// epoch, changes of the same row may come in any order, a retraction before its insertion included.
pub trait Operator {
    /// Changes of one input, all of the epoch in progress.
    ///
    /// # Errors
    /// Only what cannot be recovered from; a row that cannot be computed goes to
    /// [`Output::error`].
    fn on_changes(&mut self, input: Port, changes: ChangeBatch, output: &mut Output) -> Result<(), Fault>;

    /// No more changes of this epoch will come on any input. Also called for the first epoch of a
    /// dataflow when no change came at all.
    ///
    /// # Errors
    /// Only what cannot be recovered from.
    fn on_epoch_complete(&mut self, epoch: Epoch, output: &mut Output) -> Result<(), Fault>;

    /// Writes what changed since the last call (or ever): called between epochs.
    ///
    /// # Errors
    /// If state cannot be encoded.
    fn checkpoint(&mut self, delta: &mut Delta) -> Result<(), Fault> {
        let _ = delta;
        Ok(())
    }

    /// Makes a new operator what the one was that wrote all the deltas that `saved` holds.
    ///
    /// # Errors
    /// If `saved` was not written by such an operator.
    fn restore(&mut self, saved: &Saved) -> Result<(), Fault> {
        let _ = saved;
        Ok(())
    }

    /// Rows, groups and values remembered: zero when all input has been deleted again.
    fn state_rows(&self) -> usize {
        0
    }

    /// Bytes remembered, as far as they are counted; cheap to ask.
    fn state_bytes(&self) -> usize {
        0
    }
}

/// Where an operator puts what it makes.
#[derive(Debug, Default)]
pub struct Output {
    changes: Vec<ChangeBatch>,
    errors: Vec<RowError>,
}

impl Output {
    /// Changes for whoever reads this operator; an empty batch is dropped.
    pub fn changes(&mut self, changes: ChangeBatch) {
        if !changes.is_empty() {
            self.changes.push(changes);
        }
    }

    /// A row that could not be computed, or (diff below zero) one that has been taken back.
    pub fn error(&mut self, error: RowError) {
        self.errors.push(error);
    }

    /// Takes all changes put so far.
    pub fn take_changes(&mut self) -> Vec<ChangeBatch> {
        std::mem::take(&mut self.changes)
    }

    /// Takes all errors put so far.
    pub fn take_errors(&mut self) -> Vec<RowError> {
        std::mem::take(&mut self.errors)
    }
}

/// Something that must never happen and cannot be recovered from: state that contradicts its
/// input, or memory that Arrow cannot form. The process stops rather than give wrong answers.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A retraction of something that is not there.
    #[error("{operator}: {count} retractions of rows that are not there, such as {example}")]
    UnknownRow {
        /// Which operator.
        operator: &'static str,
        /// How many.
        count: usize,
        /// One of them, as text.
        example: String,
    },
    /// Arrow refused what must be well-formed.
    #[error(transparent)]
    Arrow(#[from] arrow::error::ArrowError),
    /// `DataFusion` refused to build or run an expression for a reason that is not a row's.
    #[error(transparent)]
    DataFusion(#[from] datafusion::error::DataFusionError),
    /// State refused.
    #[error(transparent)]
    State(#[from] state::Error),
}
