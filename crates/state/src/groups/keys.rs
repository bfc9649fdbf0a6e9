//! Keys of several columns as bytes that are equal if and only if the keys are: a bit a column for
//! nulls, the columns of fixed width (zeros for null), then those of variable width, each but the
//! last after its length in 32 bits. Numbers are little-endian. A type that is neither text nor of
//! fixed width is in Arrow's row format.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayData, ArrayRef, BinaryBuilder, BinaryViewBuilder, BooleanArray, LargeBinaryBuilder, LargeStringBuilder,
    StringBuilder, StringViewBuilder, make_array,
};
use arrow::buffer::{BooleanBuffer, MutableBuffer, NullBuffer};
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, SortField};

use super::source::{Source, Values};
use crate::Error;

/// Keys up to so many bytes lie where they are listed.
pub(super) const SHORT_BYTES_MAX: usize = 22;

/// One key's bytes.
#[derive(Debug)]
pub(super) enum Key {
    Short(Short),
    Long(Box<[u8]>),
}

/// The bytes of a key that has few, or of one that has too many: then it is like no other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Short {
    pub(super) length: u8,
    /// Zeros from the length on.
    pub(super) bytes: [u8; SHORT_BYTES_MAX],
}

impl Short {
    /// The length of one that has too many bytes.
    pub(super) const TOO_LONG: u8 = u8::MAX;

    /// Makes room for more bytes; returns whether there is.
    #[inline(always)]
    pub(super) fn skip(&mut self, bytes: usize) -> bool {
        let length = usize::from(self.length).saturating_add(bytes);
        let fits = length <= SHORT_BYTES_MAX;
        self.length = if fits { length as u8 } else { Short::TOO_LONG };
        fits
    }
}

impl Default for Key {
    fn default() -> Key {
        Key::Short(Short::default())
    }
}

impl PartialEq<Short> for Key {
    #[inline(always)]
    fn eq(&self, other: &Short) -> bool {
        matches!(self, Key::Short(short) if short == other)
    }
}

impl Key {
    pub(super) fn new(key: &[u8]) -> Key {
        if key.len() > SHORT_BYTES_MAX {
            return Key::Long(key.into());
        }
        let mut short = Short { length: key.len() as u8, bytes: [0; SHORT_BYTES_MAX] };
        short.bytes[..key.len()].copy_from_slice(key);
        Key::Short(short)
    }

    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Key::Short(short) => &short.bytes[..usize::from(short.length)],
            Key::Long(bytes) => bytes,
        }
    }

    /// Bytes that lie elsewhere.
    pub(super) fn outside(&self) -> usize {
        match self {
            Key::Short(_) => 0,
            Key::Long(bytes) => bytes.len(),
        }
    }
}

/// How keys of some types become bytes and columns again.
#[derive(Debug, Default)]
pub(super) struct Format {
    columns: Vec<Column>,
    /// Bytes of nulls and of what is of fixed width.
    fixed_bytes: usize,
}

#[derive(Debug)]
pub(super) struct Column {
    data_type: DataType,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// At this place.
    Fixed {
        start: usize,
        width: usize,
    },
    Bytes,
    Rows(RowConverter),
}

/// Keys one after the other.
#[derive(Debug, Default)]
pub(super) struct Encoded {
    pub(super) bytes: Vec<u8>,
    /// Where each ends.
    pub(super) ends: Vec<usize>,
}

impl Encoded {
    #[inline]
    pub(super) fn get(&self, row: usize) -> &[u8] {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.bytes[start..self.ends[row]]
    }
}

impl Format {
    /// # Errors
    /// If Arrow's row format has no form for one of the types.
    pub(super) fn new(types: &[DataType]) -> Result<Format, Error> {
        let mut fixed_bytes = types.len().div_ceil(8);
        let column = |data_type: &DataType| -> Result<Column, Error> {
            let kind = if let Some(width) = fixed_width(data_type) {
                fixed_bytes += width;
                Kind::Fixed { start: fixed_bytes - width, width }
            } else if is_bytes(data_type) {
                Kind::Bytes
            } else {
                Kind::Rows(RowConverter::new(vec![SortField::new(data_type.clone())])?)
            };
            Ok(Column { data_type: data_type.clone(), kind })
        };
        let columns = types.iter().map(column).collect::<Result<_, _>>()?;
        Ok(Format { columns, fixed_bytes })
    }

    /// Columns of these types whose rows are to be encoded or compared.
    ///
    /// # Errors
    /// If Arrow cannot encode a column.
    pub(super) fn source<'a>(&'a self, columns: &'a [ArrayRef]) -> Result<Source<'a>, Error> {
        let column = |(column, values): (&'a Column, &'a ArrayRef)| -> Result<Values<'a>, Error> {
            let (nulls, rows) = match &column.kind {
                Kind::Rows(converter) => (None, Some(converter.convert_columns(std::slice::from_ref(values))?)),
                Kind::Fixed { .. } | Kind::Bytes => (values.logical_nulls(), None),
            };
            Ok(Values { column, values, nulls: nulls.filter(|nulls| nulls.null_count() > 0), rows })
        };
        let columns = self.columns.iter().zip(columns).map(column).collect::<Result<Vec<_>, _>>()?;
        let last = columns.iter().rposition(Values::is_variable);
        Ok(Source { columns, fixed_bytes: self.fixed_bytes, last })
    }

    /// The columns that were encoded so.
    ///
    /// # Errors
    /// If they were not, as far as can be seen.
    pub(super) fn decode(&self, keys: &[&[u8]]) -> Result<Vec<ArrayRef>, Error> {
        if keys.iter().any(|key| key.len() < self.fixed_bytes) {
            return Err(damaged());
        }
        let mut rests = keys.iter().map(|key| &key[self.fixed_bytes..]).collect::<Vec<_>>();
        let last = self.columns.iter().rposition(|column| !matches!(column.kind, Kind::Fixed { .. }));
        let mut decoded = Vec::with_capacity(self.columns.len());
        for (index, column) in self.columns.iter().enumerate() {
            let is_null = |row: usize| keys[row][index / 8] >> (index % 8) & 1 == 1;
            decoded.push(match &column.kind {
                Kind::Fixed { start, width } => {
                    decode_fixed(&column.data_type, keys.iter().map(|key| &key[*start..start + width]), is_null)?
                }
                kind => {
                    let values = rests.iter_mut().map(|rest| if Some(index) == last { Ok(*rest) } else { split(rest) });
                    let values = values.collect::<Result<Vec<_>, _>>()?;
                    match kind {
                        Kind::Rows(converter) => {
                            let parser = converter.parser();
                            converter.convert_rows(values.iter().map(|value| parser.parse(value)))?.remove(0)
                        }
                        _ => decode_bytes(&column.data_type, &values, is_null)?,
                    }
                }
            });
        }
        Ok(decoded)
    }
}

/// Bytes of a length before a value.
pub(super) const LENGTH_BYTES: usize = size_of::<u32>();

/// Takes a value and its length from the front.
fn split<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Error> {
    let (length, after) = rest.split_first_chunk::<LENGTH_BYTES>().ok_or_else(damaged)?;
    let (value, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or_else(damaged)?;
    *rest = after;
    Ok(value)
}

fn damaged() -> Error {
    Error::Damaged("a group's key".to_owned())
}

fn fixed_width(data_type: &DataType) -> Option<usize> {
    match data_type {
        DataType::Boolean => Some(1),
        DataType::FixedSizeBinary(width) => usize::try_from(*width).ok(),
        other => other.primitive_width(),
    }
}

fn is_bytes(data_type: &DataType) -> bool {
    use DataType::{Binary, BinaryView, LargeBinary, LargeUtf8, Utf8, Utf8View};
    matches!(data_type, Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView)
}

fn decode_fixed<'a>(
    data_type: &DataType,
    values: impl ExactSizeIterator<Item = &'a [u8]>,
    is_null: impl Fn(usize) -> bool,
) -> Result<ArrayRef, Error> {
    let rows = values.len();
    let nulls = NullBuffer::new(BooleanBuffer::collect_bool(rows, |row| !is_null(row)));
    let nulls = Some(nulls).filter(|nulls| nulls.null_count() > 0);
    if *data_type == DataType::Boolean {
        return Ok(Arc::new(BooleanArray::new(values.map(|value| value[0] != 0).collect(), nulls)));
    }
    let mut bytes = MutableBuffer::new(rows * fixed_width(data_type).unwrap_or(0));
    values.for_each(|value| bytes.extend_from_slice(value));
    let data = ArrayData::builder(data_type.clone()).len(rows).add_buffer(bytes.into()).nulls(nulls).build()?;
    Ok(make_array(data))
}

fn decode_bytes(data_type: &DataType, values: &[&[u8]], is_null: impl Fn(usize) -> bool) -> Result<ArrayRef, Error> {
    let bytes = values.iter().map(|value| value.len()).sum();
    let present = || values.iter().enumerate().map(|(row, value)| (!is_null(row)).then_some(*value));
    macro_rules! build {
        ($builder:expr, $value:expr) => {{
            let mut builder = $builder;
            for value in present() {
                builder.append_option(value.map($value).transpose()?);
            }
            Arc::new(builder.finish())
        }};
    }
    let text = |value| str::from_utf8(value).map_err(|_| damaged());
    let binary = Ok::<&[u8], Error>;
    Ok(match data_type {
        DataType::Utf8 => build!(StringBuilder::with_capacity(values.len(), bytes), text),
        DataType::LargeUtf8 => build!(LargeStringBuilder::with_capacity(values.len(), bytes), text),
        DataType::Utf8View => build!(StringViewBuilder::with_capacity(values.len()), text),
        DataType::Binary => build!(BinaryBuilder::with_capacity(values.len(), bytes), binary),
        DataType::LargeBinary => build!(LargeBinaryBuilder::with_capacity(values.len(), bytes), binary),
        _ => build!(BinaryViewBuilder::with_capacity(values.len()), binary),
    })
}
