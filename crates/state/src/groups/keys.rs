//! Keys of several columns as bytes that are equal if and only if the keys are: a bit a column for
//! nulls, the columns of fixed width (zeros for null), then those of variable width, each but the
//! last after its length in 32 bits. Numbers are little-endian. A type that is neither text nor of
//! fixed width is in Arrow's row format.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayData, ArrayRef, AsArray, BinaryBuilder, BinaryViewBuilder, BooleanArray, LargeBinaryBuilder,
    LargeStringBuilder, StringBuilder, StringViewBuilder, make_array,
};
use arrow::buffer::{BooleanBuffer, MutableBuffer, NullBuffer};
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, Rows, SortField};

use crate::Error;

/// Keys up to so many bytes lie where they are listed.
const SHORT_BYTES_MAX: usize = 22;

/// One key's bytes.
#[derive(Debug)]
pub(super) enum Key {
    Short { length: u8, bytes: [u8; SHORT_BYTES_MAX] },
    Long(Box<[u8]>),
}

impl Default for Key {
    fn default() -> Key {
        Key::Short { length: 0, bytes: [0; SHORT_BYTES_MAX] }
    }
}

impl Key {
    pub(super) fn new(key: &[u8]) -> Key {
        if key.len() > SHORT_BYTES_MAX {
            return Key::Long(key.into());
        }
        let mut bytes = [0; SHORT_BYTES_MAX];
        bytes[..key.len()].copy_from_slice(key);
        Key::Short { length: key.len() as u8, bytes }
    }

    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Key::Short { length, bytes } => &bytes[..usize::from(*length)],
            Key::Long(bytes) => bytes,
        }
    }

    /// Bytes that lie elsewhere.
    pub(super) fn outside(&self) -> usize {
        match self {
            Key::Short { .. } => 0,
            Key::Long(bytes) => bytes.len(),
        }
    }
}

/// How keys of some types become bytes and columns again.
#[derive(Debug)]
pub(super) struct Format {
    columns: Vec<Column>,
    /// Bytes of nulls and of what is of fixed width.
    fixed_bytes: usize,
}

#[derive(Debug)]
struct Column {
    data_type: DataType,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
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
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
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

    /// Replaces `encoded` by the keys that `rows` rows of these columns are.
    ///
    /// # Errors
    /// If Arrow cannot encode a column.
    pub(super) fn encode(&self, columns: &[ArrayRef], rows: usize, encoded: &mut Encoded) -> Result<(), Error> {
        let Encoded { bytes, ends } = encoded;
        ends.clear();
        ends.resize(rows, self.fixed_bytes);
        let row_formats = self.columns.iter().zip(columns).map(|(column, values)| match &column.kind {
            Kind::Rows(converter) => converter.convert_columns(std::slice::from_ref(values)).map(Some),
            Kind::Fixed { .. } | Kind::Bytes => Ok(None),
        });
        let row_formats = row_formats.collect::<Result<Vec<_>, _>>()?;
        let variable = || (0..columns.len()).filter(|&column| !matches!(self.columns[column].kind, Kind::Fixed { .. }));
        let last = variable().next_back();
        for column in variable() {
            if Some(column) != last {
                ends.iter_mut().for_each(|length| *length += LENGTH_BYTES);
            }
            for_each_value(&columns[column], row_formats[column].as_ref(), |row, value| ends[row] += value.len());
        }
        let mut end = 0;
        for length in ends.iter_mut() {
            end += *length;
            *length = end;
        }
        bytes.clear();
        bytes.resize(end, 0);
        let start = |row: usize| if row == 0 { 0 } else { ends[row - 1] };
        for (index, (column, values)) in self.columns.iter().zip(columns).enumerate() {
            let nulls = values.logical_nulls().filter(|nulls| nulls.null_count() > 0);
            if let Some(nulls) = nulls.as_ref().filter(|_| !matches!(column.kind, Kind::Rows(_))) {
                (0..rows)
                    .filter(|&row| nulls.is_null(row))
                    .for_each(|row| bytes[start(row) + index / 8] |= 1 << (index % 8));
            }
            let Kind::Fixed { start: offset, width } = column.kind else {
                continue;
            };
            copy_fixed(values, width, nulls.as_ref(), |row, value| {
                let place = start(row) + offset;
                bytes[place..place + value.len()].copy_from_slice(value);
            });
        }
        let Some(last) = last else {
            return Ok(());
        };
        let mut cursors = (0..rows).map(|row| start(row) + self.fixed_bytes).collect::<Vec<_>>();
        for column in variable() {
            for_each_value(&columns[column], row_formats[column].as_ref(), |row, value| {
                let mut place = cursors[row];
                if column != last {
                    let length = u32::try_from(value.len()).expect("a value is below 4 GiB");
                    bytes[place..place + LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
                    place += LENGTH_BYTES;
                }
                bytes[place..place + value.len()].copy_from_slice(value);
                cursors[row] = place + value.len();
            });
            if column != last {
                self.skip_nulls(column, &columns[column], &mut cursors);
            }
        }
        Ok(())
    }

    /// A null's length, which is zero, is there too.
    fn skip_nulls(&self, column: usize, values: &ArrayRef, cursors: &mut [usize]) {
        if matches!(self.columns[column].kind, Kind::Rows(_)) {
            return;
        }
        if let Some(nulls) = values.logical_nulls() {
            cursors
                .iter_mut()
                .enumerate()
                .filter(|(row, _)| nulls.is_null(*row))
                .for_each(|(_, at)| *at += LENGTH_BYTES);
        }
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
const LENGTH_BYTES: usize = size_of::<u32>();

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

/// Calls `put` with each value that is not null.
#[inline(always)]
fn copy_fixed(values: &ArrayRef, width: usize, nulls: Option<&NullBuffer>, mut put: impl FnMut(usize, &[u8])) {
    let data = values.to_data();
    if let Some(values) = values.as_boolean_opt() {
        return each(values.len(), nulls, |row| put(row, &[u8::from(values.value(row))]));
    }
    let bytes = &data.buffers()[0].as_slice()[data.offset() * width..];
    // The compiler is to know how long a value is.
    match width {
        4 => each(values.len(), nulls, |row| put(row, bytes[row * 4..].first_chunk::<4>().expect("a value"))),
        8 => each(values.len(), nulls, |row| put(row, bytes[row * 8..].first_chunk::<8>().expect("a value"))),
        16 => each(values.len(), nulls, |row| put(row, bytes[row * 16..].first_chunk::<16>().expect("a value"))),
        _ => each(values.len(), nulls, |row| put(row, &bytes[row * width..(row + 1) * width])),
    }
}

#[inline(always)]
fn each(rows: usize, nulls: Option<&NullBuffer>, mut call: impl FnMut(usize)) {
    match nulls {
        None => (0..rows).for_each(call),
        Some(nulls) => nulls.valid_indices().for_each(|row| call(row)),
    }
}

/// Calls `call` with each value of a column of variable width that is not null.
#[inline(always)]
fn for_each_value(values: &ArrayRef, row_format: Option<&Rows>, mut call: impl FnMut(usize, &[u8])) {
    let rows = values.len();
    if let Some(row_format) = row_format {
        return (0..rows).for_each(|row| call(row, row_format.row(row).as_ref()));
    }
    let nulls = values.nulls().filter(|nulls| nulls.null_count() > 0);
    if let Some(values) = values.as_string_opt::<i32>() {
        each(rows, nulls, |row| call(row, values.value(row).as_bytes()));
    } else if let Some(values) = values.as_string_opt::<i64>() {
        each(rows, nulls, |row| call(row, values.value(row).as_bytes()));
    } else if let Some(values) = values.as_string_view_opt() {
        each(rows, nulls, |row| call(row, values.value(row).as_bytes()));
    } else if let Some(values) = values.as_binary_opt::<i32>() {
        each(rows, nulls, |row| call(row, values.value(row)));
    } else if let Some(values) = values.as_binary_opt::<i64>() {
        each(rows, nulls, |row| call(row, values.value(row)));
    } else {
        let values = values.as_binary_view();
        each(rows, nulls, |row| call(row, values.value(row)));
    }
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
