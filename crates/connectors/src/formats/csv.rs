//! CSV as RFC 4180 and Postgres' COPY have it: quoted fields may hold delimiters, quotes and ends of
//! lines; a field that is the null text, and not quoted, is null. Blank lines are no records.
//!
//! Records are split here and not by arrow-csv, which tells neither a quoted empty field from a
//! null one nor good records from bad ones. A record with a wrong number of fields may be a stray
//! quote that swallowed its neighbours, so only its first line is given up.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, StringBuilder};
use arrow::datatypes::SchemaRef;

use super::typed::typed_rows;
use super::{BYTE_ORDER_MARK, BadRecord, Decoded, Header, TextFormat};

/// How the fields of a file are written.
#[derive(Clone, Debug)]
pub(crate) struct Dialect {
    /// Whether the first record names the columns.
    pub(crate) header: bool,
    pub(crate) delimiter: u8,
    pub(crate) quote: u8,
    /// What makes a quote within quotes plain text; the quote itself, as a rule.
    pub(crate) escape: u8,
    /// What an absent value is written as.
    pub(crate) null: String,
}

impl Default for Dialect {
    fn default() -> Self {
        Self { header: true, delimiter: b',', quote: b'"', escape: b'"', null: String::new() }
    }
}

/// A field within its record.
#[derive(Clone, Debug, PartialEq, Eq)]
struct FieldSpan {
    /// Without its quotes.
    bytes: Range<usize>,
    quoted: bool,
    escaped: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Record {
    /// Ends here, its end of line included.
    Whole(usize),
    /// Ends here too, but is not CSV.
    Malformed(usize, &'static str),
    /// More bytes are needed.
    Incomplete,
}

impl Dialect {
    /// The record that starts at `start`; its fields go to `fields`.
    fn record(&self, bytes: &[u8], start: usize, complete: bool, fields: &mut Vec<FieldSpan>) -> Record {
        fields.clear();
        let mut malformed = None;
        let mut at = start;
        loop {
            let quoted = bytes.get(at) == Some(&self.quote);
            let mut escaped = false;
            let mut field = at..at;
            if quoted {
                let Some(closing) = self.closing_quote(bytes, at + 1, &mut escaped) else {
                    if !complete {
                        return Record::Incomplete;
                    }
                    return Record::Malformed(bytes.len(), "a quoted field is not closed");
                };
                field = at + 1..closing;
                at = closing + 1;
            }
            let found = memchr::memchr2(self.delimiter, b'\n', &bytes[at..]).map(|length| at + length);
            let end = match found {
                Some(end) => end,
                None if complete => bytes.len(),
                None => return Record::Incomplete,
            };
            let ends_record = bytes.get(end) != Some(&self.delimiter);
            let text_end = if ends_record && end > at && bytes[end - 1] == b'\r' { end - 1 } else { end };
            if !quoted {
                field = at..text_end;
            } else if text_end > at {
                malformed = Some("text after a closing quote");
            }
            fields.push(FieldSpan { bytes: field, quoted, escaped });
            at = (end + 1).min(bytes.len());
            if ends_record {
                return malformed.map_or(Record::Whole(at), |message| Record::Malformed(at, message));
            }
            if at == bytes.len() && !complete {
                return Record::Incomplete;
            }
        }
    }

    fn closing_quote(&self, bytes: &[u8], start: usize, escaped: &mut bool) -> Option<usize> {
        let mut at = start;
        loop {
            at += memchr::memchr2(self.quote, self.escape, bytes.get(at..)?)?;
            let is_escape = if self.escape == self.quote {
                bytes.get(at + 1) == Some(&self.quote)
            } else {
                bytes[at] == self.escape
            };
            if !is_escape {
                return Some(at);
            }
            *escaped = true;
            at += 2;
        }
    }

    /// The text of a field; none if it is null. The record must be UTF-8.
    fn text<'a>(&self, bytes: &'a [u8], field: &FieldSpan, scratch: &'a mut String) -> Option<&'a str> {
        let text = std::str::from_utf8(&bytes[field.bytes.clone()]).expect("the record was found to be UTF-8");
        if !field.quoted {
            return (text != self.null).then_some(text);
        }
        if !field.escaped {
            return Some(text);
        }
        scratch.clear();
        let mut chars = text.chars();
        while let Some(char) = chars.next() {
            let plain = if char == char::from(self.escape) { chars.next() } else { Some(char) };
            scratch.extend(plain);
        }
        Some(scratch)
    }

    /// The first records of a file, for guessing what is in it; bad ones are left out.
    pub(crate) fn sample(&self, bytes: &[u8], complete: bool, records_max: usize) -> Vec<Vec<Option<String>>> {
        let mut records = Vec::new();
        let mut fields = Vec::new();
        let mut scratch = String::new();
        let mut at = if bytes.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        while at < bytes.len() && records.len() < records_max {
            let end = match self.record(bytes, at, complete, &mut fields) {
                Record::Incomplete => break,
                Record::Malformed(end, _) => end,
                Record::Whole(end) => {
                    if std::str::from_utf8(&bytes[at..end]).is_ok() && !is_blank(&fields) {
                        let text = |field| self.text(bytes, field, &mut scratch).map(str::to_owned);
                        records.push(fields.iter().map(text).collect());
                    }
                    end
                }
            };
            at = end;
        }
        records
    }
}

fn is_blank(fields: &[FieldSpan]) -> bool {
    matches!(fields, [field] if field.bytes.is_empty() && !field.quoted)
}

/// The format, with the columns to read.
pub(crate) struct CsvFormat {
    schema: SchemaRef,
    dialect: Dialect,
    /// The field of each column; none for a column that the file does not have.
    layout: Vec<Option<usize>>,
    field_count: usize,
}

impl CsvFormat {
    /// A format for records with these columns: by name where there is a header, else in order.
    pub(crate) fn new(schema: SchemaRef, dialect: Dialect) -> Self {
        let field_count = schema.fields().len();
        Self { schema, dialect, layout: (0..field_count).map(Some).collect(), field_count }
    }

    fn find_columns(&mut self, names: &[String]) -> Result<(), String> {
        let mut layout = Vec::new();
        for field in self.schema.fields() {
            let exact = names.iter().position(|name| name == field.name());
            let found = exact.or_else(|| names.iter().position(|name| name.eq_ignore_ascii_case(field.name())));
            if found.is_none() && !field.is_nullable() {
                return Err(format!(
                    "the header has no column \"{}\", which is NOT NULL; it has {}",
                    field.name(),
                    names.join(", ")
                ));
            }
            layout.push(found);
        }
        self.layout = layout;
        self.field_count = names.len();
        Ok(())
    }

    /// What is wrong with a record, before its values are looked at.
    fn fault(&self, record: &[u8], fields: &[FieldSpan]) -> Option<String> {
        if fields.len() != self.field_count {
            return Some(format!("expected {} fields, found {}", self.field_count, fields.len()));
        }
        std::str::from_utf8(record).err().map(|error| format!("invalid UTF-8: {error}"))
    }
}

impl TextFormat for CsvFormat {
    fn header(&mut self, bytes: &[u8], complete: bool) -> Header {
        if !complete && bytes.len() < BYTE_ORDER_MARK.len() && BYTE_ORDER_MARK.starts_with(bytes) {
            return Header::Incomplete;
        }
        let start = if bytes.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        if !self.dialect.header || start == bytes.len() {
            return Header::Read(start, 0);
        }
        let mut fields = Vec::new();
        let end = match self.dialect.record(bytes, start, complete, &mut fields) {
            Record::Incomplete => return Header::Incomplete,
            Record::Malformed(_, message) => return Header::Refused(format!("the header is malformed: {message}")),
            Record::Whole(end) => end,
        };
        if let Err(error) = std::str::from_utf8(&bytes[start..end]) {
            return Header::Refused(format!("the header is not UTF-8: {error}"));
        }
        let mut scratch = String::new();
        let name = |field| self.dialect.text(bytes, field, &mut scratch).unwrap_or_default().trim().to_owned();
        let names: Vec<String> = fields.iter().map(name).collect();
        match self.find_columns(&names) {
            Ok(()) => Header::Read(end, lines_in(&bytes[..end])),
            Err(message) => Header::Refused(message),
        }
    }

    fn decode(&mut self, bytes: &[u8], complete: bool, records_max: usize) -> Decoded {
        let mut columns: Vec<StringBuilder> = self.layout.iter().map(|_| StringBuilder::new()).collect();
        // Line and bytes of each record that became a row of text.
        let mut records: Vec<(u64, Range<usize>)> = Vec::new();
        let mut bad: Vec<BadRecord> = Vec::new();
        let mut fields = Vec::new();
        let mut scratch = String::new();
        let (mut at, mut line) = (0, 0);
        while at < bytes.len() && records.len() + bad.len() < records_max {
            let (end, fault) = match self.dialect.record(bytes, at, complete, &mut fields) {
                Record::Incomplete => break,
                Record::Malformed(end, message) => (end, Some(message.to_owned())),
                Record::Whole(end) if is_blank(&fields) => (end, None),
                Record::Whole(end) => (end, self.fault(&bytes[at..end], &fields)),
            };
            let end = if fault.is_some() { first_line_end(bytes, at) } else { end };
            if let Some(message) = fault {
                bad.push(BadRecord { line, bytes: at..end, message });
            } else if !is_blank(&fields) {
                for (column, field) in columns.iter_mut().zip(&self.layout) {
                    column
                        .append_option(field.and_then(|field| self.dialect.text(bytes, &fields[field], &mut scratch)));
                }
                records.push((line, at..end));
            }
            line += lines_in(&bytes[at..end]);
            at = end;
        }
        let columns: Vec<ArrayRef> =
            columns.into_iter().map(|mut column| Arc::new(column.finish()) as ArrayRef).collect();
        let (rows, bad_rows) = typed_rows(&self.schema, &columns, records.len());
        bad.extend(bad_rows.into_iter().map(|(row, message)| {
            let (line, bytes) = records[row].clone();
            BadRecord { line, bytes, message }
        }));
        bad.sort_by_key(|record| record.bytes.start);
        Decoded { rows, bad, consumed: at, lines: line }
    }
}

fn first_line_end(bytes: &[u8], start: usize) -> usize {
    memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |length| start + length + 1)
}

/// How many lines end in `bytes`.
pub(crate) fn lines_in(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}
