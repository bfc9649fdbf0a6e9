//! Reading a source for one query: all that it has at the moment, from its start. That is how a
//! source is read which no view reads; one that a view reads shows what the view has seen of it.

use std::sync::Arc;

use arrow::array::RecordBatch;
use connectors::{Pace, Read, Source, SourceReader};

use crate::Error;

/// Rows that a source is asked for at once.
const READ_ROWS: usize = 16_384;

/// The rows of a source; it is opened when the first are asked for.
pub(super) struct SourceRows {
    name: String,
    source: Arc<dyn Source>,
    columns: Vec<usize>,
    reader: Option<Box<dyn SourceReader>>,
    /// Records that could not be read.
    bad: usize,
}

impl SourceRows {
    /// The columns `columns` of all rows.
    pub(super) fn new(name: &str, source: &Arc<dyn Source>, columns: Vec<usize>) -> SourceRows {
        SourceRows { name: name.to_owned(), source: Arc::clone(source), columns, reader: None, bad: 0 }
    }

    fn read(&mut self) -> Result<Option<RecordBatch>, Error> {
        loop {
            let reader = match &mut self.reader {
                Some(reader) => reader,
                closed => closed.insert(self.source.open(None, None, Pace::Replay)?),
            };
            match reader.read(READ_ROWS)? {
                Read::Rows { rows, errors, .. } => {
                    if let (0, Some(error)) = (self.bad, errors.first()) {
                        let (place, message) = (&error.place, &error.message);
                        tracing::warn!(source = self.name, place, message, "record skipped, and perhaps others");
                    }
                    self.bad += errors.len();
                    if rows.num_rows() > 0 {
                        return Ok(Some(rows.project(&self.columns)?));
                    }
                }
                // What may come later is not there now.
                Read::Idle(_) | Read::End => return Ok(None),
            }
        }
    }
}

impl Iterator for SourceRows {
    type Item = Result<RecordBatch, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}
