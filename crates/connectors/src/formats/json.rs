//! JSON lines: an object on each line, whose members are columns by name; others are ignored.
//!
//! arrow-json decodes many lines at once, and says of all of them that one is bad. So a batch without bad lines
//! costs nothing more. In another one, each line is looked at by itself before the rest is decoded at once; what
//! only arrow-json minds is found by halving.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::json::ReaderBuilder;
use arrow::json::reader::Decoder;

use super::jsonb::{compound_members, with_values_as_text};
use super::typed::typed_rows;
use super::{BYTE_ORDER_MARK, BadRecord, Decoded, Header, TextFormat, TextType, text_type};

/// Lines decoded at once.
const LINES_MAX: usize = 8192;

/// The format, with the columns to read.
pub(crate) struct JsonFormat {
    schema: SchemaRef,
    /// The same columns as text, but for lists.
    text_schema: SchemaRef,
    /// Columns that hold JSON.
    json_columns: Vec<String>,
    /// For whole batches, kept since it is costly to make.
    decoder: Option<Decoder>,
}

/// A line that is not blank.
#[derive(Clone, Debug)]
struct Line {
    number: u64,
    bytes: Range<usize>,
    /// Which of the batch's lines it is.
    place: usize,
}

impl JsonFormat {
    /// A format for records with these columns.
    pub(crate) fn new(schema: SchemaRef) -> Self {
        let as_text = |field: &Arc<Field>| match field.data_type() {
            // Lists are left to arrow-json, and so are what types it takes in them.
            DataType::List(_) => field.as_ref().clone().with_nullable(true),
            _ => Field::new(field.name(), DataType::Utf8, true),
        };
        let text_schema = Arc::new(Schema::new(schema.fields().iter().map(as_text).collect::<Vec<Field>>()));
        let is_json = |field: &&Arc<Field>| {
            *field.data_type() == DataType::Utf8 && matches!(text_type(field), TextType::Json | TextType::Jsonb)
        };
        let json_columns = schema.fields().iter().filter(is_json).map(|field| field.name().clone()).collect();
        Self { schema, text_schema, json_columns, decoder: None }
    }

    fn decoder(&self, lines_max: usize) -> Result<Decoder, ArrowError> {
        ReaderBuilder::new(self.text_schema.clone())
            .with_batch_size(lines_max)
            .with_coerce_primitive(true)
            .build_decoder()
    }

    /// The rows of `lines`, if each of them is one.
    fn decode_all(&mut self, bytes: &[u8], lines: &[Line]) -> Result<RecordBatch, String> {
        let [first, .., last] = lines else {
            return match lines {
                [line] => self.decode_one(&bytes[line.bytes.clone()]),
                _ => Ok(RecordBatch::new_empty(self.text_schema.clone())),
            };
        };
        // A decoder that has met an error is of no more use, so it is put back only after success.
        let mut decoder = match self.decoder.take() {
            Some(decoder) => decoder,
            None => self.decoder(LINES_MAX).map_err(|error| error.to_string())?,
        };
        let rows = decode_with(&mut decoder, &bytes[first.bytes.start..last.bytes.end])?;
        if rows.num_rows() != lines.len() {
            return Err(format!("{} objects on {} lines", rows.num_rows(), lines.len()));
        }
        self.decoder = Some(decoder);
        Ok(rows)
    }

    fn decode_one(&self, line: &[u8]) -> Result<RecordBatch, String> {
        std::str::from_utf8(line).map_err(|error| format!("invalid UTF-8: {error}"))?;
        let mut decoder = self.decoder(2).map_err(|error| error.to_string())?;
        let rows = decode_with(&mut decoder, line)?;
        if rows.num_rows() != 1 {
            return Err("more than one value on a line".into());
        }
        Ok(rows)
    }

    /// Sorts `lines` into rows and bad records.
    fn sort(&mut self, bytes: &[u8], lines: &[Line], into: &mut Sorted) {
        match self.decode_all(bytes, lines) {
            Ok(rows) => return into.add_rows(rows, lines),
            Err(message) if lines.len() == 1 => return into.bad.push((lines[0].place, message)),
            Err(_) => {}
        }
        let mut plausible = Vec::with_capacity(lines.len());
        // Together, for they need not follow each other any more.
        let mut together = Vec::with_capacity(bytes.len());
        for line in lines {
            let record = &bytes[line.bytes.clone()];
            match self.fault(record) {
                Some(message) => into.bad.push((line.place, message)),
                None => {
                    let start = together.len();
                    together.extend_from_slice(record);
                    plausible.push(Line { bytes: start..together.len(), ..line.clone() });
                    together.push(b'\n');
                }
            }
        }
        self.halve(&together, &plausible, into);
    }

    /// What is plainly wrong with a line, for less than it costs to decode it.
    fn fault(&self, line: &[u8]) -> Option<String> {
        if let Err(error) = std::str::from_utf8(line) {
            return Some(format!("invalid UTF-8: {error}"));
        }
        if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(line) {
            let message = error.to_string();
            return Some(match message.starts_with("trailing characters") {
                true => "more than one value on a line".to_owned(),
                false if error.is_eof() => "unexpected end of the line".to_owned(),
                false => message,
            });
        }
        if line.trim_ascii_start().first() != Some(&b'{') {
            return Some("expected an object".to_owned());
        }
        let compound = compound_members(line);
        let is_single = |name: &String| {
            let field = self.text_schema.field_with_name(name);
            field.is_ok_and(|field| *field.data_type() == DataType::Utf8)
        };
        let name = compound.into_iter().find(is_single)?;
        Some(format!("whilst decoding field '{name}': expected a single value"))
    }

    fn halve(&mut self, bytes: &[u8], lines: &[Line], into: &mut Sorted) {
        match self.decode_all(bytes, lines) {
            Ok(rows) => into.add_rows(rows, lines),
            Err(message) if lines.len() == 1 => into.bad.push((lines[0].place, message)),
            Err(_) => {
                let (first, second) = lines.split_at(lines.len() / 2);
                self.halve(bytes, first, into);
                self.halve(bytes, second, into);
            }
        }
    }

    /// The same lines with JSON columns as text.
    fn with_json_as_text(&self, bytes: &[u8], lines: &[Line]) -> (Vec<u8>, Vec<Line>) {
        let mut changed = Vec::with_capacity(bytes.len() * 2);
        let changed_lines = lines
            .iter()
            .map(|line| {
                let start = changed.len();
                let old = &bytes[line.bytes.clone()];
                match with_values_as_text(old, &self.json_columns) {
                    Some(new) => changed.extend_from_slice(&new),
                    None => changed.extend_from_slice(old),
                }
                changed.push(b'\n');
                Line { bytes: start..changed.len() - 1, ..line.clone() }
            })
            .collect();
        (changed, changed_lines)
    }
}

#[derive(Default)]
struct Sorted {
    rows: Vec<RecordBatch>,
    /// Which line each row is.
    good: Vec<usize>,
    bad: Vec<(usize, String)>,
}

impl Sorted {
    fn add_rows(&mut self, rows: RecordBatch, lines: &[Line]) {
        self.good.extend(lines.iter().map(|line| line.place));
        self.rows.push(rows);
    }
}

impl TextFormat for JsonFormat {
    fn header(&mut self, bytes: &[u8], complete: bool) -> Header {
        if bytes.starts_with(BYTE_ORDER_MARK) {
            return Header::Read(BYTE_ORDER_MARK.len(), 0);
        }
        if !complete && bytes.len() < BYTE_ORDER_MARK.len() && BYTE_ORDER_MARK.starts_with(bytes) {
            return Header::Incomplete;
        }
        Header::Read(0, 0)
    }

    fn decode(&mut self, bytes: &[u8], complete: bool, records_max: usize) -> Decoded {
        let (lines, consumed, line_count) = split(bytes, complete, records_max.min(LINES_MAX));
        let mut sorted = Sorted::default();
        if self.json_columns.is_empty() {
            self.sort(bytes, &lines, &mut sorted);
        } else {
            let (changed, changed_lines) = self.with_json_as_text(bytes, &lines);
            self.sort(&changed, &changed_lines, &mut sorted);
        }
        let text = match sorted.rows.as_slice() {
            [rows] => rows.clone(),
            parts => concat_batches(&self.text_schema, parts).expect("all parts have the same columns"),
        };
        let columns: Vec<ArrayRef> = text.columns().to_vec();
        let (rows, bad_rows) = typed_rows(&self.schema, &columns, text.num_rows());

        let mut bad = sorted.bad;
        bad.extend(bad_rows.into_iter().map(|(row, message)| (sorted.good[row], message)));
        bad.sort_by_key(|(line, _)| *line);
        let bad = bad
            .into_iter()
            .map(|(line, message)| BadRecord { line: lines[line].number, bytes: lines[line].bytes.clone(), message })
            .collect();
        Decoded { rows, bad, consumed, lines: line_count }
    }
}

/// The lines that are not blank; how many bytes and lines they and the blank ones make.
fn split(bytes: &[u8], complete: bool, lines_max: usize) -> (Vec<Line>, usize, u64) {
    let mut lines = Vec::new();
    let mut start = 0;
    let mut number = 0;
    while start < bytes.len() && lines.len() < lines_max {
        let (end, next) = match memchr::memchr(b'\n', &bytes[start..]) {
            Some(length) => (start + length, start + length + 1),
            None if complete => (bytes.len(), bytes.len()),
            None => break,
        };
        if !bytes[start..end].trim_ascii().is_empty() {
            lines.push(Line { number, bytes: start..end, place: lines.len() });
        }
        number += 1;
        start = next;
    }
    (lines, start, number)
}

fn decode_with(decoder: &mut Decoder, bytes: &[u8]) -> Result<RecordBatch, String> {
    let message = |error: ArrowError| {
        let message = error.to_string();
        let message = message.trim_start_matches("Json error: ").trim_start_matches("External error: ");
        // Columns are read as text first, whatever their type.
        message.replace("expected string got", "expected a single value, got")
    };
    let used = decoder.decode(bytes).map_err(message)?;
    if decoder.has_partial_record() {
        return Err("unexpected end of the line".into());
    }
    let rows = decoder.flush().map_err(message)?.ok_or("no object on the line")?;
    if !bytes[used..].trim_ascii().is_empty() {
        return Err("more than one value on a line".into());
    }
    Ok(rows)
}
