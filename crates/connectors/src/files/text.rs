//! Reading a text file in pieces of bounded size, from any record on. It does not know what a
//! record is: the format does.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::Step;
use super::position::FilePosition;
use crate::RecordError;
use crate::formats::csv::lines_in;
use crate::formats::{BadRecord, Header, TextFormat, shortened};

/// Bytes read ahead of the records that are decoded.
const AHEAD_BYTES: usize = 1 << 20;

/// Characters of a bad record that are kept.
const PAYLOAD_CHARS_MAX: usize = 1000;

/// An open text file.
pub(crate) struct TextFile {
    file: File,
    path: String,
    schema: SchemaRef,
    format: Box<dyn TextFormat>,
    /// Where the unread part of the buffer stands in the file, and in lines.
    offset: u64,
    line: u64,
    buffer: Vec<u8>,
    /// Where the unread part starts in the buffer.
    start: usize,
    /// Nothing from here on is read.
    limit: Option<u64>,
    record_bytes_max: usize,
    state: State,
    /// Whether the last attempt to read met the end of the file, or the limit.
    at_end: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// What stands before the first record has not been read yet.
    Header,
    Records,
    /// Inside a line that is too long.
    SkippingLine,
    /// The file is not one for these columns; its bytes are passed over.
    Refused,
}

impl TextFile {
    /// Opens the file at `path`, to be read from `from` on and no further than `limit`.
    pub(crate) fn open(
        path: &str,
        schema: SchemaRef,
        format: Box<dyn TextFormat>,
        from: FilePosition,
        limit: Option<u64>,
        record_bytes_max: usize,
    ) -> io::Result<Self> {
        let mut text = Self {
            file: File::open(path)?,
            path: path.to_owned(),
            schema,
            format,
            offset: 0,
            line: 0,
            buffer: Vec::new(),
            start: 0,
            limit,
            record_bytes_max,
            state: State::Header,
            at_end: false,
        };
        if from.offset > 0 {
            text.read_header_again()?;
            text.restart_at(from.offset, from.line)?;
        }
        Ok(text)
    }

    /// What the header says is needed even when its records were read long ago.
    fn read_header_again(&mut self) -> io::Result<()> {
        while self.state == State::Header && !(self.at_end && self.unread().is_empty()) {
            let was_at_end = self.at_end;
            self.fill()?;
            match self.format.header(&self.buffer, was_at_end) {
                Header::Read(..) => self.state = State::Records,
                Header::Refused(_) => self.state = State::Refused,
                Header::Incomplete if was_at_end || self.buffer.len() > self.record_bytes_max => {
                    self.state = State::Refused;
                }
                Header::Incomplete => {}
            }
        }
        Ok(())
    }

    fn restart_at(&mut self, offset: u64, line: u64) -> io::Result<()> {
        self.buffer.clear();
        (self.start, self.offset, self.line, self.at_end) = (0, offset, line, false);
        self.file.seek(SeekFrom::Start(offset)).map(drop)
    }

    /// How far the file has been read.
    pub(crate) fn position(&self) -> FilePosition {
        FilePosition { offset: self.offset, line: self.line, inode: None }
    }

    /// Whether it can be opened again where it has been read to, as if it had never been closed.
    pub(crate) fn can_be_closed(&self) -> bool {
        self.state == State::Records || self.state == State::Refused
    }

    /// How much of the file has been looked at, the start of a record that has no end yet included.
    pub(crate) fn read_to(&self) -> u64 {
        self.offset + self.unread().len() as u64
    }

    /// The metadata of the file that is open, whatever its path means by now.
    pub(crate) fn metadata(&self) -> io::Result<std::fs::Metadata> {
        self.file.metadata()
    }

    /// If the file has become shorter than what was read of it, it is another one: starts anew.
    pub(crate) fn restart_if_truncated(&mut self) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        if length < self.read_to() {
            tracing::info!(
                path = self.path,
                offset = self.offset,
                length,
                "file was truncated, reading it from the start"
            );
            self.restart_at(0, 0)?;
            self.state = State::Header;
        }
        Ok(())
    }

    /// The next rows; none if there are no whole records now. `last` says that the file will not
    /// grow, so that its last line needs no end.
    pub(crate) fn read(&mut self, rows_max: usize, last: bool) -> io::Result<Option<Step>> {
        self.at_end = false;
        loop {
            while !self.at_end && self.unread().len() < AHEAD_BYTES {
                self.fill()?;
            }
            let complete = self.at_end && last;
            let step = match self.state {
                State::Header => self.read_header(complete),
                State::Records => self.read_records(complete, rows_max),
                State::SkippingLine => self.skip_line(),
                State::Refused => {
                    self.advance(self.unread().len(), lines_in(self.unread()));
                    None
                }
            };
            if let Some(step) = step {
                return Ok(Some(step));
            }
            // Neither a record nor the header ends in the bytes at hand.
            let is_stuck = self.state == State::Header || self.state == State::Records;
            if self.at_end && (is_stuck || self.unread().is_empty()) {
                return Ok(None);
            }
            if is_stuck && self.unread().len() > self.record_bytes_max {
                let in_header = self.state == State::Header;
                return Ok(Some(if in_header { self.refuse("the header does not end") } else { self.give_up_line() }));
            }
            if !self.at_end {
                self.fill()?;
            }
        }
    }

    fn read_header(&mut self, complete: bool) -> Option<Step> {
        if self.unread().is_empty() && !complete {
            return None;
        }
        match self.format.header(&self.buffer[self.start..], complete) {
            Header::Incomplete => None,
            Header::Read(bytes, lines) => {
                self.state = State::Records;
                self.advance(bytes, lines);
                // There may be records behind it already: an empty step, so that the caller asks again.
                Some(self.step(Vec::new()))
            }
            Header::Refused(message) => Some(self.refuse(&message)),
        }
    }

    /// Skips the whole file, for as long as it may grow.
    fn refuse(&mut self, message: &str) -> Step {
        self.state = State::Refused;
        tracing::warn!(path = self.path, message, "file skipped");
        let error = self.error(0, 0..self.unread().len(), format!("the whole file is skipped: {message}"));
        self.advance(self.unread().len(), lines_in(self.unread()));
        self.step(vec![error])
    }

    fn read_records(&mut self, complete: bool, rows_max: usize) -> Option<Step> {
        let decoded = self.format.decode(&self.buffer[self.start..], complete, rows_max);
        let error = |bad: BadRecord| self.error(bad.line, bad.bytes, bad.message);
        let errors: Vec<RecordError> = decoded.bad.into_iter().map(error).collect();
        self.advance(decoded.consumed, decoded.lines);
        // Blank lines count too, so that a replay can end behind them.
        (decoded.consumed > 0).then_some(Step { rows: decoded.rows, errors })
    }

    fn skip_line(&mut self) -> Option<Step> {
        let Some(length) = memchr::memchr(b'\n', self.unread()) else {
            self.advance(self.unread().len(), 0);
            return None;
        };
        self.state = State::Records;
        self.advance(length + 1, 1);
        Some(self.step(Vec::new()))
    }

    /// Gives up the line that comes next, since no record ends within the allowed length of it.
    fn give_up_line(&mut self) -> Step {
        let message = format!("longer than {} bytes", self.record_bytes_max);
        let error = self.error(0, 0..self.unread().len().min(PAYLOAD_CHARS_MAX * 4), message);
        self.state = State::SkippingLine;
        self.step(vec![error])
    }

    fn step(&self, errors: Vec<RecordError>) -> Step {
        Step { rows: RecordBatch::new_empty(self.schema.clone()), errors }
    }

    /// The error of a record that starts `lines` lines into the unread bytes.
    fn error(&self, lines: u64, bytes: std::ops::Range<usize>, message: String) -> RecordError {
        let record = &self.unread()[bytes];
        let record = &record[..record.len().min(PAYLOAD_CHARS_MAX * 4)];
        let payload = String::from_utf8_lossy(record);
        RecordError {
            place: format!("{}:{}", self.path, self.line + lines + 1),
            message,
            payload: shortened(payload.trim_end_matches(['\r', '\n']), PAYLOAD_CHARS_MAX),
        }
    }

    fn unread(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    fn advance(&mut self, bytes: usize, lines: u64) {
        self.start += bytes;
        self.offset += bytes as u64;
        self.line += lines;
    }

    fn fill(&mut self) -> io::Result<()> {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        let read_to = self.offset + self.buffer.len() as u64;
        let bytes_max = self.limit.map_or(u64::MAX, |limit| limit.saturating_sub(read_to)).min(AHEAD_BYTES as u64);
        let bytes = (&self.file).take(bytes_max).read_to_end(&mut self.buffer)?;
        self.at_end = bytes == 0;
        Ok(())
    }
}
