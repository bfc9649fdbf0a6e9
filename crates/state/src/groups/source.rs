//! Columns whose rows are keys, as the keys' bytes. For their layout see [`super::keys`].

use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::NullBuffer;
use arrow::row::Rows;

use super::keys::{Column, Encoded, Kind, LENGTH_BYTES, SHORT_BYTES_MAX, Short};

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

    /// Replaces `keys` by the keys that these rows are, as far as they are short.
    pub(super) fn encode_short(&self, rows: Range<usize>, keys: &mut Vec<Short>) {
        keys.clear();
        let Some(length) = u8::try_from(self.fixed_bytes).ok().filter(|_| self.fixed_bytes <= SHORT_BYTES_MAX) else {
            keys.resize(rows.len(), Short { length: Short::TOO_LONG, ..Short::default() });
            return;
        };
        keys.resize(rows.len(), Short { length, ..Short::default() });
        for (index, column) in self.columns.iter().enumerate() {
            if let Some(nulls) = &column.nulls {
                let null_rows = rows.clone().enumerate().filter(|(_, row)| nulls.is_null(*row));
                null_rows.for_each(|(place, _)| keys[place].bytes[index / 8] |= 1 << (index % 8));
            }
            column.for_each_fixed(rows.clone(), |place, offset, value| {
                keys[place].bytes[offset..offset + value.len()].copy_from_slice(value);
            });
        }
        for (index, column) in self.variable() {
            if Some(index) != self.last {
                // The length of a null is zero, and there.
                for key in keys.iter_mut() {
                    key.skip(LENGTH_BYTES);
                }
            }
            column.for_each_bytes(rows.clone(), |place, value| {
                let key = &mut keys[place];
                let at = usize::from(key.length);
                if !key.skip(value.len()) {
                    return;
                }
                if Some(index) != self.last {
                    let length = value.len() as u32;
                    key.bytes[at - LENGTH_BYTES..at].copy_from_slice(&length.to_le_bytes());
                }
                copy_short(&mut key.bytes[at..at + value.len()], value);
            });
        }
    }

    fn variable(&self) -> impl Iterator<Item = (usize, &Values<'_>)> {
        self.columns.iter().enumerate().filter(|(_, column)| column.is_variable())
    }
}

/// Copies a few bytes faster than a call would.
#[inline(always)]
fn copy_short(to: &mut [u8], from: &[u8]) {
    fn ends<const N: usize>(to: &mut [u8], from: &[u8]) {
        let last = from.len() - N;
        to[..N].copy_from_slice(&from[..N]);
        to[last..].copy_from_slice(&from[last..]);
    }
    match from.len() {
        8..=16 => ends::<8>(to, from),
        4..8 => ends::<4>(to, from),
        2..4 => ends::<2>(to, from),
        _ => to.copy_from_slice(from),
    }
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
