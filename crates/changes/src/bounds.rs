//! How large a batch may be, in rows and in bytes, and where to cut what is larger.
//!
//! Arrow's offsets are 32 bits: a text column of more than 2 GiB cannot be formed. Whoever takes,
//! gathers or concatenates rows cuts them by [`Bounds`] first. Sizes come from offsets, so that
//! asking costs little: nothing a row for columns of fixed width.

use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{BinaryViewType, ByteViewType, DataType, StringViewType};

/// Rows in a batch at most, where this code decides on it. Larger ones are cut, so that an
/// operator's working set stays in cache and no step takes long.
pub const BATCH_ROWS_MAX: usize = 65_536;

/// Bytes of a batch's columns at most, where this code decides on it. A single row may be larger,
/// and is a batch alone.
pub const BATCH_BYTES_MAX: usize = 32 << 20;

/// How much may lie together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Rows at most.
    pub rows: usize,
    /// Bytes at most, unless one row alone has more.
    pub bytes: usize,
}

impl Bounds {
    /// What a batch may hold.
    pub const BATCH: Bounds = Bounds { rows: BATCH_ROWS_MAX, bytes: BATCH_BYTES_MAX };

    /// Cuts `rows` rows of `columns` into runs that fit, in their order.
    #[must_use]
    pub fn cut(&self, columns: &[ArrayRef], rows: usize) -> Vec<Range<usize>> {
        let mut runs = Vec::new();
        let mut first = 0;
        while first < rows {
            let most = self.rows.min(rows - first);
            // The longest run that fits, of one row at least.
            let fits = |length: usize| bytes_of(columns, first..first + length) <= self.bytes;
            let length = if fits(most) {
                most
            } else {
                let (mut fitting, mut too_long) = (1, most);
                while too_long - fitting > 1 {
                    let middle = fitting + (too_long - fitting) / 2;
                    if fits(middle) { fitting = middle } else { too_long = middle }
                }
                fitting
            };
            runs.push(first..first + length);
            first += length;
        }
        runs
    }

    /// Cuts the list `rows` of places in `columns`, which are to be taken from there, into runs
    /// that fit. A row may be listed many times, and counts each time.
    #[must_use]
    pub fn cut_taken(&self, columns: &[ArrayRef], rows: &[u32]) -> Vec<Range<usize>> {
        let widest = widest_row(columns);
        if rows.len() <= self.rows && rows.len().saturating_mul(widest) <= self.bytes {
            return if rows.is_empty() { Vec::new() } else { std::iter::once(0..rows.len()).collect() };
        }
        let of_row = |&row: &u32| bytes_of(columns, row as usize..row as usize + 1);
        let mut runs = Vec::new();
        let (mut first, mut bytes) = (0, 0);
        for (place, size) in rows.iter().map(of_row).enumerate() {
            if place > first && (place - first == self.rows || bytes + size > self.bytes) {
                runs.push(first..place);
                (first, bytes) = (place, 0);
            }
            bytes += size;
        }
        runs.push(first..rows.len());
        runs
    }
}

/// Bytes that these rows' values take, without what their buffers hold beside.
#[must_use]
pub fn bytes_of(columns: &[ArrayRef], rows: Range<usize>) -> usize {
    columns.iter().map(|column| bytes_of_column(column, rows.clone())).sum()
}

/// No row of these columns takes more bytes than this, which may be more than any takes.
#[must_use]
pub fn widest_row(columns: &[ArrayRef]) -> usize {
    columns.iter().map(widest_value).sum()
}

fn bytes_of_column(column: &ArrayRef, rows: Range<usize>) -> usize {
    let count = rows.len();
    if count == 0 {
        return 0;
    }
    // Whether or not there are nulls: what is put together from this may have some from elsewhere.
    let nulls = count.div_ceil(8);
    let values = match column.data_type() {
        DataType::Utf8 => spanned(column.as_string::<i32>().value_offsets(), &rows).len() + 4 * count,
        DataType::LargeUtf8 => spanned(column.as_string::<i64>().value_offsets(), &rows).len() + 8 * count,
        DataType::Binary => spanned(column.as_binary::<i32>().value_offsets(), &rows).len() + 4 * count,
        DataType::LargeBinary => spanned(column.as_binary::<i64>().value_offsets(), &rows).len() + 8 * count,
        DataType::Utf8View => bytes_of_views::<StringViewType>(column, rows),
        DataType::BinaryView => bytes_of_views::<BinaryViewType>(column, rows),
        DataType::List(_) => {
            let list = column.as_list::<i32>();
            bytes_of_column(list.values(), spanned(list.value_offsets(), &rows)) + 4 * count
        }
        DataType::LargeList(_) => {
            let list = column.as_list::<i64>();
            bytes_of_column(list.values(), spanned(list.value_offsets(), &rows)) + 8 * count
        }
        DataType::Map(..) => {
            let map = column.as_map();
            let entries = spanned(map.value_offsets(), &rows);
            map.entries().columns().iter().map(|field| bytes_of_column(field, entries.clone())).sum::<usize>()
                + 4 * count
        }
        DataType::FixedSizeList(_, length) => {
            let length = usize::try_from(*length).unwrap_or(0);
            bytes_of_column(column.as_fixed_size_list().values(), rows.start * length..rows.end * length)
        }
        DataType::Struct(_) => {
            column.as_struct().columns().iter().map(|field| bytes_of_column(field, rows.clone())).sum()
        }
        other => match fixed_width(other) {
            Some(width) => width * count,
            // A type that we do not make columns of: as much as Arrow says.
            None => column.slice(rows.start, count).to_data().get_slice_memory_size().unwrap_or(0),
        },
    };
    values + nulls
}

fn bytes_of_views<T: ByteViewType>(column: &ArrayRef, rows: Range<usize>) -> usize {
    const INLINE_BYTES_MAX: u32 = 12;
    let views = &column.as_byte_view::<T>().views()[rows];
    // A view's lowest 32 bits are its length; short ones lie in the view.
    let outside = views.iter().map(|&view| view as u32).filter(|&length| length > INLINE_BYTES_MAX);
    16 * views.len() + outside.map(|length| length as usize).sum::<usize>()
}

fn widest_value(column: &ArrayRef) -> usize {
    let rows = column.len();
    let width = match column.data_type() {
        DataType::Utf8 => widest_span(column.as_string::<i32>().value_offsets()) + 4,
        DataType::Binary => widest_span(column.as_binary::<i32>().value_offsets()) + 4,
        DataType::Struct(_) => widest_row(column.as_struct().columns()),
        other => match fixed_width(other) {
            Some(width) => width,
            None => (0..rows).map(|row| bytes_of_column(column, row..row + 1)).max().unwrap_or(0),
        },
    };
    width + 1
}

/// The part of a list's or text's values that the rows' values make up.
fn spanned<O: Copy + TryInto<usize>>(offsets: &[O], rows: &Range<usize>) -> Range<usize> {
    let offset = |row: usize| offsets[row].try_into().unwrap_or(0);
    offset(rows.start)..offset(rows.end)
}

fn widest_span(offsets: &[i32]) -> usize {
    offsets.windows(2).map(|ends| ends[1] - ends[0]).max().and_then(|widest| usize::try_from(widest).ok()).unwrap_or(0)
}

fn fixed_width(data_type: &DataType) -> Option<usize> {
    match data_type {
        // Less than a byte, which is little enough to count as one.
        DataType::Null | DataType::Boolean => Some(1),
        DataType::FixedSizeBinary(width) => usize::try_from(*width).ok(),
        other => other.primitive_width(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, ListArray, StringArray, StringViewArray, StructArray};
    use arrow::datatypes::Int32Type;

    use super::*;

    fn texts(lengths: &[usize]) -> ArrayRef {
        Arc::new(lengths.iter().map(|&length| Some("x".repeat(length))).collect::<StringArray>())
    }

    #[test]
    fn runs_hold_as_many_rows_as_fit() {
        let bounds = Bounds { rows: 3, bytes: 100 };
        let columns = [texts(&[10, 10, 10, 10, 80, 10, 500, 1, 1])];
        assert_eq!(bounds.cut(&columns, 9), [0..3, 3..5, 5..6, 6..7, 7..9]);
        assert_eq!(bounds.cut(&[], 7), [0..3, 3..6, 6..7]);
        assert!(bounds.cut(&columns, 0).is_empty());
        // Offsets of a slice do not begin at zero.
        let slice = [columns[0].slice(4, 5)];
        assert_eq!(bounds.cut(&slice, 5), [0..2, 2..3, 3..5]);
    }

    #[test]
    fn a_row_that_is_taken_often_counts_each_time() {
        let bounds = Bounds { rows: 100, bytes: 100 };
        let columns = [texts(&[45, 1])];
        assert_eq!(bounds.cut_taken(&columns, &[0, 0, 0, 1, 1, 1, 0]), [0..2, 2..6, 6..7]);
        assert!(bounds.cut_taken(&columns, &[]).is_empty());
        assert_eq!(bounds.cut_taken(&columns, &[1; 250]).len(), 250_usize.div_ceil(16));
    }

    #[test]
    fn the_widest_row_is_no_narrower_than_any() {
        let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1); 9]), None, Some(vec![])]);
        let view = StringViewArray::from(vec!["short", "a text that does not lie in its view", ""]);
        let fields = StructArray::try_from(vec![("t", texts(&[1, 70, 3]))]).expect("one column");
        let columns: [ArrayRef; 5] = [
            Arc::new(list),
            Arc::new(view),
            Arc::new(fields),
            Arc::new(Int64Array::from(vec![Some(1), None, Some(3)])),
            texts(&[5, 0, 1000]),
        ];
        for column in columns {
            let column = [column];
            let each = (0..3).map(|row| bytes_of(&column, row..row + 1)).collect::<Vec<_>>();
            assert!(each.iter().all(|&bytes| bytes <= widest_row(&column)), "{each:?} of {}", column[0].data_type());
            assert!(bytes_of(&column, 0..3) <= each.iter().sum());
        }
    }
}
