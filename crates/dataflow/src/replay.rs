//! A source that is read again, for whoever comes later.

use arrow::array::RecordBatch;
use connectors::{Pace, Position, Read, Source, SourceReader};

use crate::Error;

/// Rows that a source is asked for at once.
pub(crate) const READ_ROWS: usize = 16_384;

/// A source being read again, up to where it had been read.
pub(crate) struct Replay {
    reader: Box<dyn SourceReader>,
    until: Position,
    has_ended: bool,
}

impl Replay {
    pub(crate) fn open(source: &dyn Source, until: Position) -> Result<Replay, Error> {
        let reader = source.open(None, Some(&until), Pace::Replay)?;
        Ok(Replay { reader, until, has_ended: false })
    }
}

impl Iterator for Replay {
    type Item = Result<RecordBatch, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.has_ended {
            match self.reader.read(READ_ROWS) {
                Ok(Read::Rows { rows, position, .. }) => {
                    self.has_ended = position == self.until;
                    if rows.num_rows() > 0 {
                        return Some(Ok(rows));
                    }
                }
                // It has been read once, so it will come, however long the connector takes.
                Ok(Read::Idle(pause)) => std::thread::sleep(pause),
                Ok(Read::End) => self.has_ended = true,
                Err(error) => {
                    self.has_ended = true;
                    return Some(Err(error.into()));
                }
            }
        }
        None
    }
}
