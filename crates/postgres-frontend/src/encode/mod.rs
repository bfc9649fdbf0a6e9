//! Rows of Arrow columns as Postgres' `DataRow` messages, in text and binary format.
//!
//! A batch's columns are brought to one Arrow type for each kind of value first ([`canonical`](mod@canonical)), so that the
//! writers have few cases. Writers go straight into the output buffer.

mod binary;
mod canonical;
mod datetime;
mod float;
mod numeric;
mod text;
mod values;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::{BufMut, BytesMut};

use self::canonical::canonical;
use self::values::Values;
use crate::error::Error;
use crate::types::WireType;

pub(crate) use datetime::{POSTGRES_EPOCH_DAYS, POSTGRES_EPOCH_MICROS, Zone};
pub(crate) use numeric::digits_from_base_10000;

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Binary,
}

/// The types and formats of a result's columns.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) schema: SchemaRef,
    pub(crate) types: Vec<WireType>,
    pub(crate) formats: Vec<Format>,
    pub(crate) zone: Zone,
}

impl Layout {
    /// `formats` are a `Bind`'s codes: none means text, one is for all columns.
    pub(crate) fn new(schema: SchemaRef, formats: &[u16], zone: Zone) -> Result<Self, Error> {
        let types = schema
            .fields()
            .iter()
            .map(|field| {
                WireType::of(field).ok_or_else(|| {
                    Error::unsupported(format_args!("column \"{}\" of type {}", field.name(), field.data_type()))
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let formats = column_formats(formats, types.len())?;
        Ok(Self { schema, types, formats, zone })
    }

    /// Makes the rows of one batch ready to be written.
    pub(crate) fn encoder(&self, batch: &RecordBatch) -> Result<RowEncoder, Error> {
        if batch.num_columns() != self.types.len() {
            return Err(Error::request("0A000", "cached plan must not change result type"));
        }
        let columns = (0..self.types.len())
            .map(|index| {
                let array = canonical(batch.column(index), self.schema.field(index).data_type())?;
                Values::new(array, &self.types[index])
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(RowEncoder { columns, formats: self.formats.clone(), zone: self.zone.clone() })
    }
}

/// A format for each of `count` values out of a message's format codes.
pub(crate) fn column_formats(codes: &[u16], count: usize) -> Result<Vec<Format>, Error> {
    if codes.len() > 1 && codes.len() != count {
        let message = format!("bind message has {} formats but there are {count} values", codes.len());
        return Err(Error::request("08P01", message));
    }
    (0..count)
        .map(|index| match codes.get(index).or(codes.first()) {
            None | Some(0) => Ok(Format::Text),
            Some(1) => Ok(Format::Binary),
            Some(code) => Err(Error::request("08P01", format!("unsupported format code: {code}"))),
        })
        .collect()
}

/// A batch's columns, ready to be written row by row.
pub(crate) struct RowEncoder {
    columns: Vec<Values>,
    formats: Vec<Format>,
    zone: Zone,
}

impl RowEncoder {
    /// Appends one `DataRow` message. On an error the output is as before.
    pub(crate) fn write_row(&self, row: usize, output: &mut BytesMut) -> Result<(), Error> {
        let start = output.len();
        let written = self.write_fields(row, output);
        if written.is_err() {
            output.truncate(start);
        }
        written
    }

    fn write_fields(&self, row: usize, output: &mut BytesMut) -> Result<(), Error> {
        output.put_u8(b'D');
        let frame = output.len();
        output.put_i32(0);
        output.put_u16(u16::try_from(self.columns.len()).map_err(|_| Error::unsupported("a result this wide"))?);
        for (values, format) in self.columns.iter().zip(&self.formats) {
            if values.is_null(row) {
                output.put_i32(-1);
                continue;
            }
            let field = output.len();
            output.put_i32(0);
            match format {
                Format::Text => text::write(values, row, &self.zone, output)?,
                Format::Binary => binary::write(values, row, output)?,
            }
            patch_length(output, field, field + 4)?;
        }
        patch_length(output, frame, frame)
    }
}

impl RowEncoder {
    /// Appends one row of `COPY ... TO STDOUT` in text format, as a `CopyData` message.
    pub(crate) fn write_copy_row(&self, row: usize, output: &mut BytesMut) -> Result<(), Error> {
        let start = output.len();
        output.put_u8(b'd');
        output.put_i32(0);
        let mut field = BytesMut::new();
        for (index, values) in self.columns.iter().enumerate() {
            if index > 0 {
                output.put_u8(b'\t');
            }
            if values.is_null(row) {
                output.put_slice(b"\\N");
                continue;
            }
            field.clear();
            if let Err(error) = text::write(values, row, &self.zone, &mut field) {
                output.truncate(start);
                return Err(error);
            }
            text::escape_for_copy(&field, output);
        }
        output.put_u8(b'\n');
        patch_length(output, start + 1, start + 1)
    }
}

/// Writes the number of bytes since `start` into the four bytes at `at`.
fn patch_length(output: &mut BytesMut, at: usize, start: usize) -> Result<(), Error> {
    let length = i32::try_from(output.len() - start)
        .map_err(|_| Error::request("54000", "a value or row is longer than a message can be"))?;
    output[at..at + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

#[cfg(test)]
mod tests;
