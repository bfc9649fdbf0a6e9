//! Columns whose rows are keys: as bytes, or compared with bytes that are keys. For the bytes'
//! layout see [`super::keys`].

use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::NullBuffer;
use arrow::row::Rows;

use super::keys::{Column, Encoded, Kind, LENGTH_BYTES, split};

/// See the module.
pub(super) struct Source<'a> {
    pub(super) columns: Vec<Values<'a>>,
    pub(super) fixed_bytes: usize,
    /// The last column of variable width, which goes without its length.
    pub(super) last: Option<usize>,
}

/// One column.
pub(super) struct Values<'a> {
    pub(super) column: &'a Column,
    pub(super) values: &'a ArrayRef,
    /// If there are some. Arrow's row format has its own.
    pub(super) nulls: Option<NullBuffer>,
    pub(super) rows: Option<Rows>,
}

impl Source<'_> {
    /// Replaces `encoded` by the keys that these rows are.
    pub(super) fn encode(&self, rows: &[usize], encoded: &mut Encoded) {
        let Encoded { bytes, ends } = encoded;
        let listed = || rows.iter().copied();
        ends.clear();
        ends.resize(rows.len(), self.fixed_bytes);
        for (index, column) in self.variable() {
            if Some(index) != self.last {
                ends.iter_mut().for_each(|length| *length += LENGTH_BYTES);
            }
            column.for_each_bytes(listed(), |place, value| ends[place] += value.len());
        }
        let mut end = 0;
        for length in ends.iter_mut() {
            end += *length;
            *length = end;
        }
        bytes.clear();
        bytes.resize(end, 0);
        let start = |place: usize| if place == 0 { 0 } else { ends[place - 1] };
        for (index, column) in self.columns.iter().enumerate() {
            if let Some(nulls) = &column.nulls {
                let null_rows = rows.iter().enumerate().filter(|(_, row)| nulls.is_null(**row));
                null_rows.for_each(|(place, _)| bytes[start(place) + index / 8] |= 1 << (index % 8));
            }
            column.for_each_fixed(listed(), |place, offset, value| {
                let at = start(place) + offset;
                bytes[at..at + value.len()].copy_from_slice(value);
            });
        }
        if self.last.is_none() {
            return;
        }
        let mut cursors = (0..rows.len()).map(|place| start(place) + self.fixed_bytes).collect::<Vec<_>>();
        for (index, column) in self.variable() {
            let length_bytes = if Some(index) == self.last { 0 } else { LENGTH_BYTES };
            // The length of a null is zero, and there.
            cursors.iter_mut().for_each(|cursor| *cursor += length_bytes);
            column.for_each_bytes(listed(), |place, value| {
                let at = cursors[place];
                if length_bytes > 0 {
                    let length = u32::try_from(value.len()).expect("a value is below 4 GiB");
                    bytes[at - LENGTH_BYTES..at].copy_from_slice(&length.to_le_bytes());
                }
                bytes[at..at + value.len()].copy_from_slice(value);
                cursors[place] += value.len();
            });
        }
    }

    /// Replaces `equal` by whether each of the `rows` is the one of `keys` that stands at its place.
    /// What is no key at all is equal to none.
    pub(super) fn compare(&self, rows: Range<usize>, keys: &[&[u8]], equal: &mut Vec<bool>) {
        equal.clear();
        equal.extend(keys.iter().map(|key| key.len() >= self.fixed_bytes));
        for byte in 0..self.columns.len().div_ceil(8) {
            let columns = &self.columns[byte * 8..self.columns.len().min(byte * 8 + 8)];
            let has_nulls = columns.iter().any(|column| column.nulls.is_some());
            for (place, row) in rows.clone().enumerate() {
                let bits = if has_nulls { null_bits(columns, row) } else { 0 };
                equal[place] &= keys[place].get(byte) == Some(&bits);
            }
        }
        for column in &self.columns {
            column.for_each_fixed(rows.clone(), |place, offset, value| {
                equal[place] &= keys[place].get(offset..offset + value.len()) == Some(value);
            });
        }
        if self.last.is_none() {
            return;
        }
        let mut rests = keys.iter().map(|key| key.get(self.fixed_bytes..).unwrap_or(&[])).collect::<Vec<_>>();
        for (index, column) in self.variable() {
            if Some(index) == self.last {
                column.for_each_bytes(rows.clone(), |place, value| equal[place] &= rests[place] == value);
                break;
            }
            let values = rests.iter_mut().map(|rest| split(rest).unwrap_or(&[])).collect::<Vec<_>>();
            column.for_each_bytes(rows.clone(), |place, value| equal[place] &= values[place] == value);
        }
    }

    fn variable(&self) -> impl Iterator<Item = (usize, &Values<'_>)> {
        self.columns.iter().enumerate().filter(|(_, column)| column.is_variable())
    }
}

fn null_bits(columns: &[Values<'_>], row: usize) -> u8 {
    let is_null = |column: &Values<'_>| column.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
    columns.iter().enumerate().map(|(index, column)| u8::from(is_null(column)) << index).sum()
}

impl Values<'_> {
    pub(super) fn is_variable(&self) -> bool {
        !matches!(self.column.kind, Kind::Fixed { .. })
    }

    /// Calls `call` with the place among `rows`, the place in the key and the value of each row that
    /// is not null, if this is a column of fixed width.
    #[inline(always)]
    fn for_each_fixed(&self, rows: impl Iterator<Item = usize>, mut call: impl FnMut(usize, usize, &[u8])) {
        let Kind::Fixed { start, width } = self.column.kind else {
            return;
        };
        if let Some(values) = self.values.as_boolean_opt() {
            return self.each(rows, |place, row| call(place, start, &[u8::from(values.value(row))]));
        }
        let data = self.values.to_data();
        let bytes = &data.buffers()[0].as_slice()[data.offset() * width..];
        // The compiler is to know how long a value is.
        match width {
            4 => self.each(rows, |place, row| call(place, start, fixed::<4>(bytes, row))),
            8 => self.each(rows, |place, row| call(place, start, fixed::<8>(bytes, row))),
            16 => self.each(rows, |place, row| call(place, start, fixed::<16>(bytes, row))),
            _ => self.each(rows, |place, row| call(place, start, &bytes[row * width..(row + 1) * width])),
        }
    }

    /// The same for a column of variable width.
    #[inline(always)]
    fn for_each_bytes(&self, rows: impl Iterator<Item = usize>, mut call: impl FnMut(usize, &[u8])) {
        if let Some(row_format) = &self.rows {
            self.each(rows, |place, row| call(place, row_format.row(row).as_ref()));
        } else if let Some(values) = self.values.as_string_opt::<i32>() {
            self.each(rows, |place, row| call(place, values.value(row).as_bytes()));
        } else if let Some(values) = self.values.as_string_opt::<i64>() {
            self.each(rows, |place, row| call(place, values.value(row).as_bytes()));
        } else if let Some(values) = self.values.as_string_view_opt() {
            self.each(rows, |place, row| call(place, values.value(row).as_bytes()));
        } else if let Some(values) = self.values.as_binary_opt::<i32>() {
            self.each(rows, |place, row| call(place, values.value(row)));
        } else if let Some(values) = self.values.as_binary_opt::<i64>() {
            self.each(rows, |place, row| call(place, values.value(row)));
        } else {
            let values = self.values.as_binary_view();
            self.each(rows, |place, row| call(place, values.value(row)));
        }
    }

    #[inline(always)]
    fn each(&self, rows: impl Iterator<Item = usize>, mut call: impl FnMut(usize, usize)) {
        match &self.nulls {
            None => rows.enumerate().for_each(|(place, row)| call(place, row)),
            Some(nulls) => {
                rows.enumerate().filter(|(_, row)| nulls.is_valid(*row)).for_each(|(place, row)| call(place, row));
            }
        }
    }
}

#[inline(always)]
fn fixed<const WIDTH: usize>(bytes: &[u8], row: usize) -> &[u8; WIDTH] {
    bytes[row * WIDTH..].first_chunk().expect("as many values as rows")
}
