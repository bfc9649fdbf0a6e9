//! `min` and `max` over what is kept as bytes: strings as they are, and every other type in
//! Arrow's row format, whose bytes are in the order of the values.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, LargeStringBuilder, StringBuilder, StringViewBuilder, new_null_array};
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, SortField};
use changes::Diffs;
use state::Groups;

use super::accumulator::{Accumulator, Results, damaged, for_each_row, read, read_bytes, write_bytes};
use super::multiset::Multiset;
use crate::Fault;

/// `min` or `max` of arguments of this type.
///
/// # Errors
/// If the type has no order.
pub(super) fn extreme(argument: &DataType, is_maximum: bool, append_only: bool) -> Result<Box<dyn Accumulator>, Fault> {
    let of = Of { format: Format::new(argument)?, is_maximum };
    Ok(if append_only {
        Box::new(Best { of, best: Vec::new(), bytes: 0 })
    } else {
        Box::new(All { of, all: Vec::new(), different: 0, bytes: 0 })
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
        mut change: impl FnMut(usize, &[u8], i64),
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
    best: Vec<Option<Vec<u8>>>,
    /// How long the values are together.
    bytes: usize,
}

impl Accumulator for Best {
    fn resize(&mut self, groups: usize) {
        self.best.resize(groups, None);
    }

    fn update(&mut self, groups: &[u32], argument: Option<&ArrayRef>, diffs: &Diffs) -> Result<(), Fault> {
        let argument = argument.expect("min and max have an argument");
        let (best, bytes, is_maximum) = (self.best.as_mut_slice(), &mut self.bytes, self.of.is_maximum);
        self.of.format.for_each_row(groups, argument, diffs, |group, value, _| match &mut best[group] {
            Some(best) => {
                let is_better = if is_maximum { value > best.as_slice() } else { value < best.as_slice() };
                if is_better {
                    *bytes = *bytes + value.len() - best.len();
                    best.clear();
                    best.extend_from_slice(value);
                }
            }
            none => {
                *bytes += value.len();
                *none = Some(value.to_vec());
            }
        })
    }

    fn output(&self, groups: &[u32]) -> Result<Results, Fault> {
        self.of.format.column(groups.iter().map(|&group| self.best[group as usize].as_deref()))
    }

    fn keep(&mut self, kept: &[u32], _all: &Groups) -> Result<(), Fault> {
        self.best = kept.iter().map(|&group| self.best[group as usize].take()).collect();
        self.bytes = self.best.iter().flatten().map(Vec::len).sum();
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        self.best.capacity() * size_of::<Option<Vec<u8>>>() + self.bytes
    }

    fn save(&self, group: u32, bytes: &mut Vec<u8>) {
        let best = &self.best[group as usize];
        bytes.push(u8::from(best.is_some()));
        if let Some(value) = best {
            write_bytes(value, bytes);
        }
    }

    fn load(&mut self, group: u32, bytes: &mut &[u8]) -> Result<(), Fault> {
        self.best[group as usize] = match read::<1>(bytes)? {
            [0] => None,
            [1] => Some(read_bytes(bytes)?.to_vec()),
            _ => return Err(damaged()),
        };
        let Some(value) = self.best[group as usize].as_deref() else {
            return Ok(());
        };
        self.bytes += value.len();
        self.of.format.check(value)
    }
}

/// All values of each group.
struct All {
    of: Of,
    all: Vec<Multiset<Box<[u8]>>>,
    /// How many different values the groups have together,
    different: usize,
    /// and how long those are.
    bytes: usize,
}

/// Adds a value to a group's, and what that makes more or less to `different` and `bytes`.
fn add(values: &mut Multiset<Box<[u8]>>, value: &[u8], diff: i64, different: &mut usize, bytes: &mut usize) {
    let more = values.add(value, diff, |value| Box::from(value));
    *different = different.strict_add_signed(more);
    *bytes = bytes.strict_add_signed(more * value.len().cast_signed());
}

impl Accumulator for All {
    fn resize(&mut self, groups: usize) {
        self.all.resize(groups, Multiset::default());
    }

    fn update(&mut self, groups: &[u32], argument: Option<&ArrayRef>, diffs: &Diffs) -> Result<(), Fault> {
        let argument = argument.expect("min and max have an argument");
        let (all, different, bytes) = (self.all.as_mut_slice(), &mut self.different, &mut self.bytes);
        self.of.format.for_each_row(groups, argument, diffs, |group, value, diff| {
            add(&mut all[group], value, diff, different, bytes);
        })
    }

    fn output(&self, groups: &[u32]) -> Result<Results, Fault> {
        let extreme = |group: &u32| {
            let values = &self.all[*group as usize];
            if self.of.is_maximum { values.last().map(AsRef::as_ref) } else { values.first().map(AsRef::as_ref) }
        };
        self.of.format.column(groups.iter().map(extreme))
    }

    fn keep(&mut self, kept: &[u32], _all: &Groups) -> Result<(), Fault> {
        self.all = kept.iter().map(|&group| std::mem::take(&mut self.all[group as usize])).collect();
        self.different = self.all.iter().map(Multiset::len).sum();
        self.bytes = self.all.iter().flat_map(Multiset::iter).map(|(value, _)| value.len()).sum();
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        let each = size_of::<(Box<[u8]>, i64)>();
        self.all.capacity() * size_of::<Multiset<Box<[u8]>>>() + self.different * each + self.bytes
    }

    fn save(&self, group: u32, bytes: &mut Vec<u8>) {
        let values = &self.all[group as usize];
        bytes.extend_from_slice(&(values.len() as u64).to_le_bytes());
        for (value, count) in values.iter() {
            write_bytes(value, bytes);
            bytes.extend_from_slice(&count.to_le_bytes());
        }
    }

    fn load(&mut self, group: u32, bytes: &mut &[u8]) -> Result<(), Fault> {
        let length = u64::from_le_bytes(read(bytes)?);
        for _ in 0..length {
            let value = read_bytes(bytes)?;
            self.of.format.check(value)?;
            let count = i64::from_le_bytes(read(bytes)?);
            add(&mut self.all[group as usize], value, count, &mut self.different, &mut self.bytes);
        }
        Ok(())
    }

    fn values(&self) -> usize {
        self.different
    }
}
