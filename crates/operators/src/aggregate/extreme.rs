//! `min` and `max` over numbers, and over all that is kept as a number: dates, times, decimals.
//!
//! Where rows only come, one value a group is enough. Where they go, all values are remembered,
//! in order. Floats order as Postgres has it: NaN is above everything.

use arrow::array::{Array, ArrayData, ArrayRef, make_array};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer};
use arrow::datatypes::{ArrowNativeType, DataType, i256};
use changes::Diffs;
use state::{CheckpointReader, CheckpointWriter, Groups, Pages, Room};

use super::accumulator::{Accumulator, Results, damaged, for_each_row, read};
use super::extreme_bytes;
use super::multiset::Multiset;
use super::unsaved_values::{UnsavedValues, read_values};
use crate::Fault;

/// `min` or `max` of arguments of this type.
///
/// # Errors
/// If the type has no order.
pub(super) fn extreme(argument: &DataType, is_maximum: bool, append_only: bool) -> Result<Box<dyn Accumulator>, Fault> {
    use DataType as D;
    let of = Of { data_type: argument.clone(), is_maximum };
    Ok(match argument {
        D::Int8 => of.accumulator::<i8>(append_only),
        D::Int16 => of.accumulator::<i16>(append_only),
        D::Int32 | D::Date32 | D::Time32(_) | D::Decimal32(..) => of.accumulator::<i32>(append_only),
        D::Int64 | D::Date64 | D::Time64(_) | D::Timestamp(..) | D::Duration(_) | D::Decimal64(..) => {
            of.accumulator::<i64>(append_only)
        }
        D::UInt8 => of.accumulator::<u8>(append_only),
        D::UInt16 => of.accumulator::<u16>(append_only),
        D::UInt32 => of.accumulator::<u32>(append_only),
        D::UInt64 => of.accumulator::<u64>(append_only),
        D::Decimal128(..) => of.accumulator::<i128>(append_only),
        D::Decimal256(..) => of.accumulator::<i256>(append_only),
        D::Float32 => of.accumulator::<f32>(append_only),
        D::Float64 => of.accumulator::<f64>(append_only),
        _ => extreme_bytes::extreme(argument, is_maximum, append_only)?,
    })
}

/// A number as Arrow holds it, and a key by which such numbers are in order.
trait Number: ArrowNativeType {
    type Key: Ord + Copy;
    fn key(self) -> Self::Key;
    fn of_key(key: Self::Key) -> Self;
    fn write(self, bytes: &mut Vec<u8>);
    fn read(bytes: &mut &[u8]) -> Result<Self, Fault>;
}

macro_rules! number {
    ($native:ty, $key:ty, $to_key:expr, $of_key:expr) => {
        impl Number for $native {
            type Key = $key;
            #[inline(always)]
            fn key(self) -> $key {
                $to_key(self)
            }
            #[inline(always)]
            fn of_key(key: $key) -> $native {
                $of_key(key)
            }
            fn write(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }
            fn read(bytes: &mut &[u8]) -> Result<$native, Fault> {
                Ok(<$native>::from_le_bytes(read(bytes)?))
            }
        }
    };
    ($($integer:ty),+) => {
        $(number!($integer, $integer, |integer| integer, |integer| integer);)+
    };
}

number!(i8, i16, i32, i64, i128, i256, u8, u16, u32, u64);
// The bits of a float, all but the sign flipped where that is set, sort as integers.
number!(f32, i32, |float: f32| flip32(canonical32(float).to_bits().cast_signed()), |key: i32| f32::from_bits(
    flip32(key).cast_unsigned()
));
number!(f64, i64, |float: f64| flip64(canonical64(float).to_bits().cast_signed()), |key: i64| f64::from_bits(
    flip64(key).cast_unsigned()
));

fn flip32(bits: i32) -> i32 {
    bits ^ ((bits >> 31) & i32::MAX)
}

fn flip64(bits: i64) -> i64 {
    bits ^ ((bits >> 63) & i64::MAX)
}

fn canonical32(float: f32) -> f32 {
    if float.is_nan() { f32::NAN } else { float }
}

fn canonical64(float: f64) -> f64 {
    if float.is_nan() { f64::NAN } else { float }
}

/// Which extreme, of what.
struct Of {
    data_type: DataType,
    is_maximum: bool,
}

impl Of {
    fn accumulator<N: Number>(self, append_only: bool) -> Box<dyn Accumulator> {
        if append_only {
            Box::new(Best::<N> { of: self, best: Pages::default() })
        } else {
            Box::new(All::<N> { of: self, all: Pages::default(), values: 0, unsaved: UnsavedValues::default() })
        }
    }

    /// A column of this type, of values that may be missing.
    fn column<N: Number>(&self, values: impl Iterator<Item = Option<N>>) -> Result<Results, Fault> {
        let mut natives = Vec::with_capacity(values.size_hint().0);
        let mut is_valid = Vec::with_capacity(values.size_hint().0);
        for value in values {
            natives.push(value.unwrap_or_default());
            is_valid.push(value.is_some());
        }
        let data = ArrayData::builder(self.data_type.clone())
            .len(natives.len())
            .add_buffer(Buffer::from_vec(natives))
            .nulls(Some(NullBuffer::new(BooleanBuffer::from(is_valid))).filter(|nulls| nulls.null_count() > 0))
            .build()?;
        Ok(Results { values: make_array(data), failed: None })
    }
}

/// The one value that counts of each group, where none ever goes.
struct Best<N: Number> {
    of: Of,
    best: Pages<Option<N::Key>>,
}

impl<N: Number> Accumulator for Best<N> {
    fn set_room(&mut self, room: Room) {
        self.best.set_room(room);
    }

    fn update(&mut self, groups: &[u32], argument: Option<&ArrayRef>, diffs: &Diffs) -> Result<(), Fault> {
        let argument = argument.expect("min and max have an argument").to_data();
        let values = argument.buffer::<N>(0);
        let best = &mut self.best;
        // Written in any case, so that no processor has to guess.
        if self.of.is_maximum {
            for_each_row(groups, argument.nulls(), diffs, |group, row, _| {
                let (best, key) = (&mut best[group], values[row].key());
                *best = Some(best.filter(|best| *best >= key).unwrap_or(key));
            });
        } else {
            for_each_row(groups, argument.nulls(), diffs, |group, row, _| {
                let (best, key) = (&mut best[group], values[row].key());
                *best = Some(best.filter(|best| *best <= key).unwrap_or(key));
            });
        }
        Ok(())
    }

    fn output(&self, _function: usize, groups: &[u32]) -> Result<Results, Fault> {
        self.of.column(groups.iter().map(|&group| self.best[group].map(N::of_key)))
    }

    fn clear(&mut self, group: u32) {
        self.best[group] = None;
    }

    fn save(&self, group: u32, bytes: &mut Vec<u8>) {
        let best = self.best[group];
        bytes.push(u8::from(best.is_some()));
        if let Some(key) = best {
            N::of_key(key).write(bytes);
        }
    }

    fn load(&mut self, group: u32, bytes: &mut &[u8]) -> Result<(), Fault> {
        self.best[group] = match read::<1>(bytes)? {
            [0] => None,
            [1] => Some(N::read(bytes)?.key()),
            _ => return Err(damaged()),
        };
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        self.best.bytes()
    }
}

/// All values of each group.
struct All<N: Number> {
    of: Of,
    all: Pages<Multiset<N::Key>>,
    /// How many values are in all groups together.
    values: usize,
    unsaved: UnsavedValues<N::Key>,
}

impl<N: Number> Accumulator for All<N> {
    fn set_room(&mut self, room: Room) {
        self.all.set_room(room);
    }

    fn update(&mut self, groups: &[u32], argument: Option<&ArrayRef>, diffs: &Diffs) -> Result<(), Fault> {
        let argument = argument.expect("min and max have an argument").to_data();
        let values = argument.buffer::<N>(0);
        let (all, count, unsaved) = (&mut self.all, &mut self.values, &mut self.unsaved);
        for_each_row(groups, argument.nulls(), diffs, |group, row, diff| {
            let key = values[row].key();
            let grown = all[group].add(&key, diff, |key| *key);
            *count = count.wrapping_add_signed(grown);
            unsaved.touch(group, || key);
        });
        Ok(())
    }

    fn output(&self, _function: usize, groups: &[u32]) -> Result<Results, Fault> {
        let extreme = |group: &u32| {
            let values = &self.all[*group];
            let key = if self.of.is_maximum { values.last() } else { values.first() };
            key.map(|&key| N::of_key(key))
        };
        self.of.column(groups.iter().map(extreme))
    }

    fn clear(&mut self, group: u32) {
        self.values -= std::mem::take(&mut self.all[group]).len();
    }

    fn settle(&mut self, _touched: &[u32], groups: &Groups) -> Result<(), Fault> {
        self.unsaved.settle(&self.all, groups, write::<N>)
    }

    /// Values are written one by one, apart from their groups.
    fn save(&self, _group: u32, _bytes: &mut Vec<u8>) {}

    fn load(&mut self, _group: u32, _bytes: &mut &[u8]) -> Result<(), Fault> {
        Ok(())
    }

    fn checkpoint(&mut self, groups: &Groups, writer: &CheckpointWriter<'_>) -> Result<(), Fault> {
        self.unsaved.checkpoint(&self.all, groups, writer, write::<N>)
    }

    fn restore(&mut self, groups: &mut Groups, reader: &CheckpointReader<'_>) -> Result<(), Fault> {
        self.unsaved.restored(reader.is_continued());
        read_values(groups, reader, |groups, values, counts| {
            for ((&group, mut value), &count) in groups.iter().zip(values.iter().copied()).zip(counts) {
                let key = N::read(&mut value)?.key();
                let grown = self.all[group].add(&key, count, |key| *key);
                self.values = self.values.wrapping_add_signed(grown);
            }
            Ok(())
        })
    }

    fn values(&self) -> usize {
        self.values
    }

    fn state_bytes(&self) -> usize {
        self.all.bytes() + self.values * size_of::<(N::Key, i64)>() + self.unsaved.bytes()
    }
}

fn write<N: Number>(key: &N::Key, bytes: &mut Vec<u8>) {
    N::of_key(*key).write(bytes);
}
