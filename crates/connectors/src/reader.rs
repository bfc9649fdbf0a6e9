//! Reading an opened source, a batch at a time.

use std::time::Duration;

use arrow::array::RecordBatch;

use crate::{Error, Position};

/// About how many bytes of rows are handed out at once, however few rows that are.
pub(crate) const BATCH_BYTES_MAX: usize = 32 << 20;

/// Whether a reader keeps to the source's rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// As the source's options say (`rate`): for live input.
    Live,
    /// As fast as it can: for catching up.
    Replay,
}

/// An opened source. It is used by one thread.
pub trait SourceReader: Send {
    /// The next rows, at most about `rows_max`. Does not wait for input: when there is none now,
    /// it says so at once.
    ///
    /// # Errors
    /// If the input is gone for good. A bad record is no error here, but an entry in
    /// [`Read::Rows`]'s `errors`.
    fn read(&mut self, rows_max: usize) -> Result<Read, Error>;
}

/// What a reader had.
#[derive(Debug)]
pub enum Read {
    /// Rows, and records that could not be made into rows.
    Rows {
        /// The rows; may be empty when all records were bad.
        rows: RecordBatch,
        /// The bad records among them, which are skipped.
        errors: Vec<RecordError>,
        /// How far these rows reach.
        position: Position,
        /// Whether the rows must be the last ones of their epoch from this source (a replay in
        /// epochs of a given size).
        ends_epoch: bool,
    },
    /// Nothing now; worth asking again after this long.
    Idle(Duration),
    /// Nothing ever again.
    End,
}

/// A record that could not be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordError {
    /// Where it stands: file and line, or event number.
    pub place: String,
    /// Why it could not be decoded.
    pub message: String,
    /// The record itself, cut to a sane length.
    pub payload: String,
}
