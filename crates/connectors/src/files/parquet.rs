//! Reading a Parquet file, row group by row group, from any row on.

use std::fs::File;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, new_null_array};
use arrow::compute::can_cast_types;
use arrow::datatypes::{Field, Schema, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::ParquetMetaData;

use super::Step;
use super::position::FilePosition;
use crate::RecordError;
use crate::formats::typed::typed_rows;
use crate::formats::{normal_type, type_name};
use crate::reader::BATCH_BYTES_MAX;

/// Rows that are decoded at once, if they are small.
const BATCH_ROWS: usize = 8192;

/// An open Parquet file.
pub(crate) struct ParquetFile {
    path: String,
    schema: SchemaRef,
    /// Rows that are decoded at once.
    batch_rows: usize,
    /// The column of the projected file for each column of the schema.
    layout: Vec<Option<usize>>,
    reader: ParquetRecordBatchReader,
    /// Rows that were decoded and not handed out.
    pending: Option<RecordBatch>,
    /// Rows read.
    offset: u64,
    /// Rows to read in all.
    end: u64,
}

impl ParquetFile {
    /// Opens the file at `path`, to be read from row `from` on and no further than `limit`.
    ///
    /// # Errors
    /// With what is wrong with the file as a whole.
    pub(crate) fn open(path: &str, schema: SchemaRef, from: FilePosition, limit: Option<u64>) -> Result<Self, String> {
        let builder = builder(path)?;
        let batch_rows = (BATCH_BYTES_MAX / row_bytes(builder.metadata())).clamp(1, BATCH_ROWS);
        Self::of_builder(path, schema, builder, batch_rows, from, limit)
    }

    fn of_builder(
        path: &str,
        schema: SchemaRef,
        builder: ParquetRecordBatchReaderBuilder<File>,
        batch_rows: usize,
        from: FilePosition,
        limit: Option<u64>,
    ) -> Result<Self, String> {
        let rows = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
        let end = limit.unwrap_or(rows).min(rows);
        let offset = from.offset.min(end);

        let file_schema = builder.schema().clone();
        let found: Vec<Option<usize>> =
            schema.fields().iter().map(|field| file_column(&file_schema, field)).collect::<Result<_, String>>()?;
        let mut wanted: Vec<usize> = found.iter().flatten().copied().collect();
        wanted.sort_unstable();
        wanted.dedup();
        let layout = found.iter().map(|column| column.and_then(|column| wanted.binary_search(&column).ok())).collect();
        let mask = ProjectionMask::roots(builder.parquet_schema(), wanted);
        let reader = builder
            .with_projection(mask)
            .with_batch_size(batch_rows)
            .with_offset(offset as usize)
            .with_limit((end - offset) as usize)
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { path: path.to_owned(), schema, batch_rows, layout, reader, pending: None, offset, end })
    }

    /// How far the file has been read.
    pub(crate) fn position(&self) -> FilePosition {
        FilePosition { offset: self.offset, ..FilePosition::default() }
    }

    /// The next rows; none at the end.
    pub(crate) fn read(&mut self, rows_max: usize) -> Option<Step> {
        if self.offset >= self.end {
            return None;
        }
        let batch = match self.pending.take().map(Ok).or_else(|| self.reader.next()) {
            Some(Ok(batch)) => batch,
            // The values of a dictionary are larger when they are written out than the file knows.
            Some(Err(_)) if self.batch_rows > 1 && self.read_fewer().is_ok() => return self.read(rows_max),
            Some(Err(error)) => return Some(self.give_up(&error.to_string())),
            None => return Some(self.give_up("fewer rows than its footer says")),
        };
        let rows = batch.num_rows().min(rows_max.max(1));
        if rows < batch.num_rows() {
            self.pending = Some(batch.slice(rows, batch.num_rows() - rows));
        }
        let step = self.step(&batch.slice(0, rows));
        self.offset += rows as u64;
        Some(step)
    }

    /// Starts anew from here with fewer rows at once.
    fn read_fewer(&mut self) -> Result<(), String> {
        let from = FilePosition { offset: self.offset, ..FilePosition::default() };
        let batch_rows = self.batch_rows.div_ceil(16);
        let batch_rows = if batch_rows == self.batch_rows { 1 } else { batch_rows };
        let schema = self.schema.clone();
        *self = Self::of_builder(&self.path, schema, builder(&self.path)?, batch_rows, from, Some(self.end))?;
        Ok(())
    }

    fn step(&self, batch: &RecordBatch) -> Step {
        let columns: Vec<ArrayRef> = self
            .layout
            .iter()
            .zip(self.schema.fields())
            .map(|(column, field)| match column {
                Some(column) => batch.column(*column).clone(),
                None => new_null_array(field.data_type(), batch.num_rows()),
            })
            .collect();
        let (rows, bad) = typed_rows(&self.schema, &columns, batch.num_rows());
        let error = |(row, message): (usize, String)| RecordError {
            place: format!("{}:{}", self.path, self.offset + row as u64 + 1),
            message,
            payload: String::new(),
        };
        Step { rows, errors: bad.into_iter().map(error).collect() }
    }

    /// Passes over the rest of a file that turns out to be damaged.
    fn give_up(&mut self, message: &str) -> Step {
        let error = RecordError {
            place: format!("{}:{}", self.path, self.offset + 1),
            message: format!("the rest of the file is skipped: {message}"),
            payload: String::new(),
        };
        tracing::warn!(path = self.path, row = self.offset, message, "rest of file skipped");
        self.offset = self.end;
        Step { rows: RecordBatch::new_empty(self.schema.clone()), errors: vec![error] }
    }
}

/// The bytes of a row, in the row group where that is most.
fn row_bytes(metadata: &ParquetMetaData) -> usize {
    let groups = metadata.row_groups().iter();
    let bytes = groups.map(|group| group.total_byte_size().max(0) / group.num_rows().max(1));
    usize::try_from(bytes.max().unwrap_or(0)).unwrap_or(usize::MAX).max(1)
}

fn builder(path: &str) -> Result<ParquetRecordBatchReaderBuilder<File>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| error.to_string())
}

/// The column that `field` is read from; none if the file has no such column and needs none.
fn file_column(file_schema: &Schema, field: &Field) -> Result<Option<usize>, String> {
    let Ok(column) = file_schema.index_of(field.name()) else {
        if field.is_nullable() {
            return Ok(None);
        }
        return Err(format!("it has no column \"{}\", which is NOT NULL", field.name()));
    };
    let given = file_schema.field(column).data_type();
    if normal_type(given).is_none() || !can_cast_types(given, field.data_type()) {
        let (name, wanted) = (field.name(), type_name(field));
        return Err(format!("its column \"{name}\" is {given}, which cannot be made {wanted}"));
    }
    Ok(Some(column))
}

/// The columns of the file at `path`, in the types that they get here.
pub(crate) fn columns(path: &str) -> Result<SchemaRef, String> {
    let builder = builder(path)?;
    let mut fields = Vec::new();
    for field in builder.schema().fields() {
        let Some(data_type) = normal_type(field.data_type()) else {
            let (name, data_type) = (field.name(), field.data_type());
            return Err(format!("column \"{name}\" of type {data_type} is not supported; declare the columns to read"));
        };
        fields.push(Field::new(field.name(), data_type, field.is_nullable()));
    }
    Ok(Arc::new(Schema::new(fields)))
}
