//! `min` and `max` over what is kept as bytes: strings as they are, and every other type in
//! Arrow's row format, whose bytes are in the order of the values.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, LargeStringBuilder, StringBuilder, StringViewBuilder, new_null_array};
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, SortField};
use changes::Diffs;
use state::{CheckpointReader, CheckpointWriter, Groups, Pages, Room};

use super::accumulator::{Accumulator, Results, damaged, for_each_row, read, read_bytes, write_bytes};
use super::multiset::Multiset;
use super::unsaved_values::{UnsavedValues, read_values};
use crate::Fault;

/// `min` or `max` of arguments of this type.
///
/// # Errors
/// If the type has no order.
pub(super) fn extreme(argument: &DataType, is_maximum: bool, append_only: bool) -> Result<Box<dyn Accumulator>, Fault> {
    let of = Of { format: Format::new(argument)?, is_maximum };
    Ok(if append_only {
        Box::new(Best { of, best: Pages::default(), value_bytes: 0 })
    } else {
        Box::new(All { of, all: Pages::default(), values: 0, value_bytes: 0, unsaved: UnsavedValues::default() })
    })
}

/// Which extreme, of what.
struct Of {
    format: Format,
    is_maximum: bool,
}

/// How values are bytes.
enum Format {
    Utf8,
    LargeUtf8,
    Utf8View,
    /// With the bytes of null.
    Rows(RowConverter, Vec<u8>),
}

impl Format {
    fn new(data_type: &DataType) -> Result<Format, Fault> {
        Ok(match data_type {
            DataType::Utf8 => Format::Utf8,
            DataType::LargeUtf8 => Format::LargeUtf8,
            DataType::Utf8View => Format::Utf8View,
            _ => {
                let converter = RowConverter::new(vec![SortField::new(data_type.clone())])?;
                let null = converter.convert_columns(&[new_null_array(data_type, 1)])?;
                let null = null.row(0).as_ref().to_vec();
                Format::Rows(converter, null)
            }
        })
    }

    /// Calls `change` with the group, value and diff of each row whose argument is not null.
    fn for_each_row(
        &self,
        groups: &[u32],
        argument: &ArrayRef,
        diffs: &Diffs,
        mut change: impl FnMut(u32, &[u8], i64),
    ) -> Result<(), Fault> {
        let nulls = argument.logical_nulls();
        let nulls = nulls.as_ref();
        match self {
            Format::Utf8 => {
                let strings = argument.as_string::<i32>();
                for_each_row(groups, nulls, diffs, |group, row, diff| {
                    change(group, strings.value(row).as_bytes(), diff)
                });
            }
            Format::LargeUtf8 => {
                let strings = argument.as_string::<i64>();
                for_each_row(groups, nulls, diffs, |group, row, diff| {
                    change(group, strings.value(row).as_bytes(), diff)
                });
            }
            Format::Utf8View => {
                let strings = argument.as_string_view();
                for_each_row(groups, nulls, diffs, |group, row, diff| {
                    change(group, strings.value(row).as_bytes(), diff)
                });
            }
            Format::Rows(converter, _) => {
                let rows = converter.convert_columns(std::slice::from_ref(argument))?;
                for_each_row(groups, nulls, diffs, |group, row, diff| change(group, rows.row(row).as_ref(), diff));
            }
        }
        Ok(())
    }

    fn column<'a>(&'a self, values: impl Iterator<Item = Option<&'a [u8]>>) -> Result<Results, Fault> {
        let text = |bytes: &'a [u8]| str::from_utf8(bytes).expect("these bytes were a string");
        let column: ArrayRef = match self {
            Format::Utf8 => {
                let mut builder = StringBuilder::new();
                values.for_each(|value| builder.append_option(value.map(text)));
                Arc::new(builder.finish())
            }
            Format::LargeUtf8 => {
                let mut builder = LargeStringBuilder::new();
                values.for_each(|value| builder.append_option(value.map(text)));
                Arc::new(builder.finish())
            }
            Format::Utf8View => {
                let mut builder = StringViewBuilder::new();
                values.for_each(|value| builder.append_option(value.map(text)));
                Arc::new(builder.finish())
            }
            Format::Rows(converter, null) => {
                let parser = converter.parser();
                let rows = values.map(|value| parser.parse(value.unwrap_or(null)));
                converter.convert_rows(rows)?.remove(0)
            }
        };
        Ok(Results { values: column, failed: None })
    }

    /// Refuses saved bytes that are no value of the type, as far as can be seen.
    fn check(&self, bytes: &[u8]) -> Result<(), Fault> {
        match self {
            Format::Rows(..) => Ok(()),
            _ => str::from_utf8(bytes).map(|_| ()).map_err(|_| damaged()),
        }
    }
}

/// The one value that counts of each group, where none ever goes.
struct Best {
    of: Of,
    best: Pages<Option<Vec<u8>>>,
    /// Bytes of all these values together.
    value_bytes: usize,
}

impl Accumulator for Best {
    fn set_room(&mut self, room: Room) {
        self.best.set_room(room);
    }

    fn update(&mut self, groups: &[u32], argument: Option<&ArrayRef>, diffs: &Diffs) -> Result<(), Fault> {
        let argument = argument.expect("min and max have an argument");
        let (best, is_maximum) = (&mut self.best, self.of.is_maximum);
        let value_bytes = &mut self.value_bytes;
        self.of.format.for_each_row(groups, argument, diffs, |group, value, _| match &mut best[group] {
            Some(best) => {
                let is_better = if is_maximum { value > best.as_slice() } else { value < best.as_slice() };
                if is_better {
                    *value_bytes = *value_bytes - best.len() + value.len();
                    best.clear();
                    best.extend_from_slice(value);
                }
            }
            none => {
                *value_bytes += value.len();
                *none = Some(value.to_vec());
            }
        })
    }

    fn output(&self, _function: usize, groups: &[u32]) -> Result<Results, Fault> {
        self.of.format.column(groups.iter().map(|&group| self.best[group].as_deref()))
    }

    fn clear(&mut self, group: u32) {
        self.value_bytes -= self.best[group].take().map_or(0, |value| value.len());
    }

    fn result_bytes(&self, group: u32) -> Option<usize> {
        Some(self.best[group].as_ref().map_or(0, Vec::len))
    }

    fn save(&self, group: u32, bytes: &mut Vec<u8>) {
        let best = &self.best[group];
        bytes.push(u8::from(best.is_some()));
        if let Some(value) = best {
            write_bytes(value, bytes);
        }
    }

    fn load(&mut self, group: u32, bytes: &mut &[u8]) -> Result<(), Fault> {
        self.best[group] = match read::<1>(bytes)? {
            [0] => None,
            [1] => Some(read_bytes(bytes)?.to_vec()),
            _ => return Err(damaged()),
        };
        let Some(value) = self.best[group].as_deref() else {
            return Ok(());
        };
        self.value_bytes += value.len();
        self.of.format.check(value)
    }

    fn state_bytes(&self) -> usize {
        self.best.bytes() + self.value_bytes
    }
}

/// All values of each group.
struct All {
    of: Of,
    all: Pages<Multiset<Box<[u8]>>>,
    /// How many values are in all groups together, and how many bytes they are.
    values: usize,
    value_bytes: usize,
    unsaved: UnsavedValues<Box<[u8]>>,
}

impl All {
    fn extreme(&self, group: u32) -> Option<&[u8]> {
        let values = &self.all[group];
        if self.of.is_maximum { values.last().map(AsRef::as_ref) } else { values.first().map(AsRef::as_ref) }
    }
}

impl Accumulator for All {
    fn set_room(&mut self, room: Room) {
        self.all.set_room(room);
    }

    fn update(&mut self, groups: &[u32], argument: Option<&ArrayRef>, diffs: &Diffs) -> Result<(), Fault> {
        let argument = argument.expect("min and max have an argument");
        let (all, values, value_bytes) = (&mut self.all, &mut self.values, &mut self.value_bytes);
        let unsaved = &mut self.unsaved;
        self.of.format.for_each_row(groups, argument, diffs, |group, value, diff| {
            let grown = all[group].add(value, diff, |value| Box::from(value));
            *values = values.wrapping_add_signed(grown);
            *value_bytes = value_bytes.wrapping_add_signed(grown * value.len() as isize);
            unsaved.touch(group, || Box::from(value));
        })
    }

    fn output(&self, _function: usize, groups: &[u32]) -> Result<Results, Fault> {
        self.of.format.column(groups.iter().map(|&group| self.extreme(group)))
    }

    fn clear(&mut self, group: u32) {
        let values = std::mem::take(&mut self.all[group]);
        self.values -= values.len();
        self.value_bytes -= values.iter().map(|(value, _)| value.len()).sum::<usize>();
    }

    fn result_bytes(&self, group: u32) -> Option<usize> {
        Some(self.extreme(group).map_or(0, <[u8]>::len))
    }

    fn settle(&mut self, _touched: &[u32], groups: &Groups) -> Result<(), Fault> {
        self.unsaved.settle(&self.all, groups, |value, bytes| bytes.extend_from_slice(value))
    }

    /// Values are written one by one, apart from their groups.
    fn save(&self, _group: u32, _bytes: &mut Vec<u8>) {}

    fn load(&mut self, _group: u32, _bytes: &mut &[u8]) -> Result<(), Fault> {
        Ok(())
    }

    fn checkpoint(&mut self, groups: &Groups, writer: &CheckpointWriter<'_>) -> Result<(), Fault> {
        self.unsaved.checkpoint(&self.all, groups, writer, |value, bytes| bytes.extend_from_slice(value))
    }

    fn restore(&mut self, groups: &mut Groups, reader: &CheckpointReader<'_>) -> Result<(), Fault> {
        self.unsaved.restored(reader.is_continued());
        read_values(groups, reader, |groups, values, counts| {
            for ((&group, &value), &count) in groups.iter().zip(values).zip(counts) {
                self.of.format.check(value)?;
                let grown = self.all[group].add(value, count, |value| Box::from(value));
                self.values = self.values.wrapping_add_signed(grown);
                self.value_bytes = self.value_bytes.wrapping_add_signed(grown * value.len() as isize);
            }
            Ok(())
        })
    }

    fn values(&self) -> usize {
        self.values
    }

    fn state_bytes(&self) -> usize {
        self.all.bytes() + self.values * size_of::<(Box<[u8]>, i64)>() + self.value_bytes + self.unsaved.bytes()
    }
}
