//! The seam between relational logic and the engine that drives it.

use changes::{Bounds, ChangeBatch, Epoch, RowError, bytes_of};
use state::{CheckpointReader, CheckpointWriter};

/// Which input of an operator: 0, or 0 and 1 for left and right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port(pub usize);

/// The close of an epoch, as an operator may know it. It is the same on all workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The epoch that is complete.
    pub epoch: Epoch,
    /// What time it is in that epoch, in microseconds since 1970 (UTC): what `now()` means in it. It
    /// never goes back from one epoch to the next.
    pub now_us: i64,
}

/// Whether an operator has done all that it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Progress {
    /// It waits for the next call.
    Done,
    /// It has filled [`Output`], and wants [`Operator::resume`].
    More,
}

/// An incremental operator.
///
/// It is handed one epoch at a time, in order: any number of [`Operator::on_changes`] calls, in any
/// order of inputs, then one [`Operator::on_epoch_complete`]. The changes it has put out when that
/// call is done are the exact difference that the epoch makes to its relational result. Within an
/// epoch, changes of the same row may come in any order, a retraction before its insertion included.
///
/// No call works for long: an operator that finds [`Output::is_full`] remembers where it is and
/// returns [`Progress::More`]. Until it is done, [`Operator::resume`] is the only thing that is
/// called, so that nothing changes between the portions of one answer.
pub trait Operator {
    /// Changes of one input, all of `epoch`, which is in progress.
    ///
    /// # Errors
    /// Only what cannot be recovered from; a row that cannot be computed goes to
    /// [`Output::error`].
    fn on_changes(
        &mut self,
        input: Port,
        epoch: Epoch,
        changes: ChangeBatch,
        output: &mut Output,
    ) -> Result<Progress, Fault>;

    /// No more changes of this epoch will come on any input. Called for an epoch that brought the
    /// operator changes, for the first one of its dataflow, also after [`Operator::restore`], and for
    /// the one in which the time has come that it asked for with [`Output::wake_at`].
    ///
    /// # Errors
    /// Only what cannot be recovered from.
    fn on_epoch_complete(&mut self, moment: &Moment, output: &mut Output) -> Result<Progress, Fault>;

    /// Goes on with what the last call left undone. An operator that never leaves anything has
    /// nothing to do here.
    ///
    /// # Errors
    /// Only what cannot be recovered from.
    fn resume(&mut self, output: &mut Output) -> Result<Progress, Fault> {
        let _ = output;
        Ok(Progress::Done)
    }

    /// Whether it keeps anything between calls. One that does not is not told of the end of an epoch.
    fn remembers(&self) -> bool {
        true
    }

    /// Writes what changed since the last call (or ever): called between epochs.
    ///
    /// # Errors
    /// If it cannot be written.
    fn checkpoint(&mut self, writer: &CheckpointWriter<'_>) -> Result<(), Fault> {
        let _ = writer;
        Ok(())
    }

    /// Makes a new operator what the one was that wrote this, or its part of what others were that another number
    /// of workers had.
    ///
    /// # Errors
    /// If it cannot be read, or was not written by such an operator.
    fn restore(&mut self, reader: &CheckpointReader<'_>) -> Result<(), Fault> {
        let _ = reader;
        Ok(())
    }

    /// Rows, groups and values remembered: zero when all input has been deleted again.
    fn state_rows(&self) -> usize {
        0
    }

    /// Bytes that it holds between epochs, counted as it goes: asking costs nothing.
    fn state_bytes(&self) -> usize {
        0
    }
}

/// Where an operator puts what it makes, and how much it may do at once.
#[derive(Debug)]
pub struct Output {
    changes: Vec<ChangeBatch>,
    errors: Vec<RowError>,
    wake_us: Option<i64>,
    /// When it is full.
    bounds: Bounds,
    /// Rows and bytes put out or worked through since it was last taken from.
    spent: Bounds,
}

impl Default for Output {
    fn default() -> Output {
        Output::bounded(Bounds::BATCH)
    }
}

impl Output {
    /// One that is full after this much.
    #[must_use]
    pub fn bounded(bounds: Bounds) -> Output {
        Output { changes: Vec::new(), errors: Vec::new(), wake_us: None, bounds, spent: NOTHING }
    }

    /// Changes for whoever reads this operator, cut where they are more than a batch may hold; an
    /// empty batch is dropped.
    pub fn changes(&mut self, changes: ChangeBatch) {
        self.spend(changes.len(), bytes_of(changes.rows().columns(), 0..changes.len()));
        self.changes.extend(changes.pieces());
    }

    /// A row that could not be computed, or (diff below zero) one that has been taken back.
    pub fn error(&mut self, error: RowError) {
        self.spend(ERROR_ROWS, error.message.len() + error.payload.len());
        self.errors.push(error);
    }

    /// Asks for [`Operator::on_epoch_complete`] in the first epoch that is not before a time, in
    /// microseconds since 1970, also if it brings no changes. Of several wishes the earliest stands; with
    /// its fulfilment the others are forgotten, and to be made again.
    pub fn wake_at(&mut self, time_us: i64) {
        self.wake_us = Some(self.wake_us.map_or(time_us, |earlier| earlier.min(time_us)));
    }

    /// Counts rows that were worked through, and bytes that were looked at, without being put out.
    pub fn spend(&mut self, rows: usize, bytes: usize) {
        self.spent.rows += rows;
        self.spent.bytes += bytes;
    }

    /// Whether it is time to return [`Progress::More`], if there is more.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.spent.rows >= self.bounds.rows || self.spent.bytes >= self.bounds.bytes
    }

    /// Rows and bytes that still fit; never quite nothing, so that every call gets somewhere.
    #[must_use]
    pub fn room(&self) -> Bounds {
        Bounds {
            rows: self.bounds.rows.saturating_sub(self.spent.rows).max(1),
            bytes: self.bounds.bytes.saturating_sub(self.spent.bytes).max(1),
        }
    }

    /// Takes all changes put so far. There is room again.
    pub fn take_changes(&mut self) -> Vec<ChangeBatch> {
        self.spent = NOTHING;
        std::mem::take(&mut self.changes)
    }

    /// Takes the earliest time that was asked for.
    pub fn take_wake(&mut self) -> Option<i64> {
        self.wake_us.take()
    }

    /// Takes all errors put so far.
    pub fn take_errors(&mut self) -> Vec<RowError> {
        std::mem::take(&mut self.errors)
    }
}

/// To find a row that fails costs about as much as to compute this many others.
const ERROR_ROWS: usize = 64;

const NOTHING: Bounds = Bounds { rows: 0, bytes: 0 };

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
