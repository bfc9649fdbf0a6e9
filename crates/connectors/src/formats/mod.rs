//! Bytes to records to rows: JSON lines and CSV. A format knows neither files nor positions: it is
//! handed bytes, and says what it made of them and how many it used.

pub(crate) mod csv;
pub(crate) mod infer;
pub(crate) mod json;
mod jsonb;
mod names;
pub(crate) mod typed;

#[cfg(test)]
mod tests;

use std::ops::Range;

use arrow::array::RecordBatch;

pub(crate) use names::{TextType, normal_type, text_type, type_name};

/// A text format, reading one file.
pub(crate) trait TextFormat: Send {
    /// Reads what stands before the first record. `complete` says that no bytes will follow these.
    fn header(&mut self, bytes: &[u8], complete: bool) -> Header;

    /// Makes rows of whole records, at most `records_max`, from the start of `bytes`. `complete`
    /// says that no bytes will follow these, so that a last record may lack its end of line.
    fn decode(&mut self, bytes: &[u8], complete: bool, records_max: usize) -> Decoded;
}

/// What stands before the first record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Header {
    /// More bytes are needed.
    Incomplete,
    /// So many bytes and lines.
    Read(usize, u64),
    /// The file cannot be read with these columns.
    Refused(String),
}

/// What was made of some bytes.
#[derive(Debug)]
pub(crate) struct Decoded {
    /// The rows of the good records.
    pub(crate) rows: RecordBatch,
    /// The bad ones, in order.
    pub(crate) bad: Vec<BadRecord>,
    /// Bytes used: whole records only.
    pub(crate) consumed: usize,
    /// Lines used.
    pub(crate) lines: u64,
}

/// A record that is no row.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadRecord {
    /// Its first line, where the first of the bytes is line 0.
    pub(crate) line: u64,
    /// Where it stands in the bytes.
    pub(crate) bytes: Range<usize>,
    /// What is wrong with it.
    pub(crate) message: String,
}

/// What some editors put before the text of a UTF-8 file.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The start of `text`, short enough to be shown.
pub(crate) fn shortened(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
