//! `connector = 'file'`: JSON lines, CSV or Parquet, from a file, a directory or whatever matches a
//! pattern; once, or following files as they grow and come and go, as `tail -F` does.
//!
//! Without `follow`, files must not change while a source reads them: a position is how many bytes
//! (or rows) of each have been read, and what was read is read again from there.
//!
//! | option | meaning |
//! |---|---|
//! | `path` | a file, a directory (all files in it), or a pattern with `*`, `?`, `[...]`, `**` |
//! | `format` | json, csv or parquet; else by the ENCODE clause, or the path's ending |
//! | `follow` | whether to wait for more, in these files and new ones |
//! | `rate` (`rows.per.second`) | rows a second, at most |
//! | `record.bytes.max` | longer records are bad ones (16 MiB) |
//! | `header` (or `without_header`), `delimiter`, `quote`, `escape`, `null` | how CSV is written |

mod listing;
mod parquet;
mod position;
mod reader;
mod text;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::str::FromStr;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};

use self::listing::Listing;
use self::reader::FilesReader;
use crate::formats::csv::{CsvFormat, Dialect};
use crate::formats::json::JsonFormat;
use crate::formats::typed::can_be_text;
use crate::formats::{TextFormat, infer, type_name};
use crate::settings::{Settings, invalid};
use crate::{Error, Pace, Position, RecordError, Source, SourceReader};

/// Bytes of the first file that its columns are guessed from.
const SAMPLE_BYTES: u64 = 1 << 20;

/// Bytes of a record, unless the options say otherwise.
const RECORD_BYTES_MAX: usize = 16 << 20;

/// No record is longer, whatever the options say: Arrow counts a batch's bytes in 31 bits.
const RECORD_BYTES_LIMIT: usize = 512 << 20;

/// Rows of a file, and records of it that are none.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) rows: RecordBatch,
    pub(crate) errors: Vec<RecordError>,
}

/// Rows from files.
#[derive(Clone, Debug)]
pub struct FileSource {
    listing: Listing,
    schema: SchemaRef,
    encoding: Encoding,
    dialect: Dialect,
    follow: bool,
    rate: Option<f64>,
    record_bytes_max: usize,
}

/// What is in the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Json,
    Csv,
    Parquet,
}

impl FromStr for Encoding {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text.to_ascii_lowercase().as_str() {
            "json" | "jsonl" | "ndjson" => Ok(Self::Json),
            "csv" | "tsv" => Ok(Self::Csv),
            "parquet" => Ok(Self::Parquet),
            _ => Err(()),
        }
    }
}

impl FileSource {
    /// The source with these options; without columns, those of the first file.
    pub(crate) fn new(columns: Option<&SchemaRef>, mut settings: Settings) -> Result<Self, Error> {
        let path =
            settings.text("path").ok_or_else(|| invalid("path", "missing; it is a file, a directory or a pattern"))?;
        let listing = Listing::new(&path.1)?;
        let encoding = settings.value::<Encoding>("format", "json, csv or parquet")?;
        let follow = settings.flag("follow")?.unwrap_or(false);
        let rate = settings.rate(&["rate", "rows.per.second"])?;
        let record_bytes_max = settings.value("record.bytes.max", "a number of bytes")?.unwrap_or(RECORD_BYTES_MAX);
        if record_bytes_max > RECORD_BYTES_LIMIT {
            return Err(invalid("record.bytes.max", format!("at most {RECORD_BYTES_LIMIT}")));
        }
        let encoding = encoding_of(encoding, &settings, &listing)?;
        let dialect = dialect(&mut settings, encoding, listing.path())?;
        settings.finish()?;

        let first = listing.files()?.into_iter().next();
        if first.is_none() && !follow {
            return Err(Error::Input { place: path.1, message: "no such file".into() });
        }
        let schema = match (columns, first) {
            (Some(columns), _) => columns.clone(),
            (None, Some(first)) => columns_of(&first.path, encoding, &dialect)?,
            (None, None) => {
                return Err(Error::Input {
                    place: path.1,
                    message: "no file yet to take the columns from; declare them".into(),
                });
            }
        };
        check_columns(&schema, encoding)?;
        Ok(Self { listing, schema, encoding, dialect, follow, rate, record_bytes_max })
    }

    fn text_format(&self) -> Box<dyn TextFormat> {
        match self.encoding {
            Encoding::Csv => Box::new(CsvFormat::new(self.schema.clone(), self.dialect.clone())),
            Encoding::Json | Encoding::Parquet => Box::new(JsonFormat::new(self.schema.clone())),
        }
    }
}

impl Source for FileSource {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn is_finite(&self) -> bool {
        !self.follow
    }

    fn has_end_now(&self) -> bool {
        true
    }

    fn open(
        &self,
        from: Option<&Position>,
        until: Option<&Position>,
        pace: Pace,
    ) -> Result<Box<dyn SourceReader>, Error> {
        let from = from.map(position::from_position).transpose()?.unwrap_or_default();
        let until = until.map(position::from_position).transpose()?;
        Ok(Box::new(FilesReader::new(self.clone(), from, until, pace)?))
    }
}

/// The encoding by the `format` option, the ENCODE clause, or the path's ending.
fn encoding_of(option: Option<Encoding>, settings: &Settings, listing: &Listing) -> Result<Encoding, Error> {
    let clause = match settings.encode() {
        Some(name) => {
            let unknown = || Error::Unsupported(format!("ENCODE {name} for files; it is JSON, CSV or PARQUET"));
            Some(name.parse::<Encoding>().map_err(|()| unknown())?)
        }
        None => None,
    };
    match (option, clause) {
        (Some(option), Some(clause)) if option != clause => Err(invalid("format", "not what the ENCODE clause says")),
        (Some(encoding), _) | (_, Some(encoding)) => Ok(encoding),
        (None, None) => {
            let by_ending = |path: &str| Path::new(path).extension()?.to_str()?.parse().ok();
            let first = listing.files()?.into_iter().next();
            by_ending(listing.path())
                .or_else(|| by_ending(&first?.path))
                .ok_or_else(|| invalid("format", "missing, and the path does not say; it is json, csv or parquet"))
        }
    }
}

fn dialect(settings: &mut Settings, encoding: Encoding, path: &str) -> Result<Dialect, Error> {
    let mut dialect = Dialect::default();
    if path.ends_with(".tsv") {
        dialect.delimiter = b'\t';
    }
    let mut given = None;
    if let Some(header) = settings.flag("header")? {
        dialect.header = header;
        given = Some("header");
    }
    if let Some(headless) = settings.flag("without_header")? {
        if given.is_some() {
            return Err(invalid("without_header", "another way to say \"header\", which is given too"));
        }
        dialect.header = !headless;
        given = Some("without_header");
    }
    for (name, byte) in [("delimiter", &mut dialect.delimiter), ("quote", &mut dialect.quote)] {
        if let Some(value) = single_byte(settings, name)? {
            *byte = value;
            given = Some(name);
        }
    }
    dialect.escape = dialect.quote;
    if let Some(value) = single_byte(settings, "escape")? {
        dialect.escape = value;
        given = Some("escape");
    }
    if let Some((_, null)) = settings.text("null") {
        dialect.null = null;
        given = Some("null");
    }
    match given {
        Some(name) if encoding != Encoding::Csv => Err(invalid(name, "only CSV files have it")),
        _ if dialect.delimiter == dialect.quote => Err(invalid("quote", "the same as the delimiter")),
        _ if dialect.delimiter == dialect.escape => Err(invalid("escape", "the same as the delimiter")),
        _ => Ok(dialect),
    }
}

fn single_byte(settings: &mut Settings, name: &str) -> Result<Option<u8>, Error> {
    let Some((key, text)) = settings.text(name) else { return Ok(None) };
    match text.as_bytes() {
        _ if text == "\\t" || text.eq_ignore_ascii_case("tab") => Ok(Some(b'\t')),
        [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r' | 0) => Ok(Some(*byte)),
        _ => Err(invalid(&key, format!("expected a single ASCII character, not \"{text}\""))),
    }
}

fn columns_of(path: &str, encoding: Encoding, dialect: &Dialect) -> Result<SchemaRef, Error> {
    let failed = |message: String| Error::Input { place: path.to_owned(), message };
    if encoding == Encoding::Parquet {
        return parquet::columns(path).map_err(failed);
    }
    let mut sample = Vec::new();
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    file.take(SAMPLE_BYTES).read_to_end(&mut sample).map_err(|error| failed(error.to_string()))?;
    let complete = (sample.len() as u64) < SAMPLE_BYTES;
    let columns = match encoding {
        Encoding::Csv => infer::csv_columns(&sample, complete, dialect),
        Encoding::Json | Encoding::Parquet => infer::json_columns(&sample, complete),
    };
    columns.map_err(failed)
}

fn check_columns(schema: &SchemaRef, encoding: Encoding) -> Result<(), Error> {
    for field in schema.fields() {
        let is_possible = match (encoding, field.data_type()) {
            (Encoding::Parquet, _) => true,
            (Encoding::Json, DataType::List(_)) => true,
            (_, data_type) => can_be_text(data_type),
        };
        if !is_possible {
            let (name, data_type) = (field.name(), type_name(field));
            return Err(Error::Unsupported(format!("column \"{name}\" of type {data_type} in {encoding:?} files")));
        }
    }
    Ok(())
}
