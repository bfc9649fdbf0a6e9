//! The one hash of rows' keys, fixed for all time: the exchange routes by it, state is looked up
//! by it, and checkpoints may hold it. Changing it makes stored state unreadable.
//!
//! A key of one integer-like column of up to 64 bits hashes by [`mix`], which is a bijection, so
//! that equal hashes mean equal keys ([`KeyHasher::is_exact`]). A number of more bits hashes by
//! [`mix`] of its 64-bit words, low word first, combined as columns are; a month-day-nano interval
//! is the words of its months and days, and of its nanoseconds. A string or binary column hashes
//! by XXH3-64 with seed 0. Any other type (lists, structs) hashes the bytes of Arrow's row format
//! by XXH3-64, which hold only as long as Arrow keeps that format.
//! Columns combine by `mix(left.rotate_left(23) ^ right)`. Null hashes to [`NULL_HASH`], and
//! `-0.0` as `0.0`, and all NaNs as one.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    ArrowNativeType, ArrowPrimitiveType, DataType, Decimal128Type, Decimal256Type, IntervalDayTimeType,
    IntervalMonthDayNanoType, IntervalUnit,
};
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};
use twox_hash::XxHash3_64;

/// What a null hashes to (an arbitrary odd constant).
pub const NULL_HASH: u64 = 0x9E37_79B9_7F4A_7C15;

/// The finaliser of MurmurHash3 (Appleby, public domain): a bijection over `u64` that spreads
/// every input bit over all output bits.
#[inline]
#[must_use]
pub fn mix(key: u64) -> u64 {
    let key = (key ^ (key >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    let key = (key ^ (key >> 33)).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    key ^ (key >> 33)
}

/// Into how many parts keys are divided: what can be owned by one worker, grown, written and moved
/// alone.
pub const VIRTUAL_NODES: usize = 256;

/// The virtual node that a key of this hash belongs to: bits 40 to 48, so that the hash tables of
/// one node, which look at the lowest and the highest bits, still see all of them vary.
#[inline]
#[must_use]
pub fn virtual_node(hash: u64) -> u8 {
    (hash >> 40) as u8
}

/// Which of `partitions` a key of this hash belongs to: the one that owns its virtual node. Each
/// owns a contiguous range of them; of more than [`VIRTUAL_NODES`] partitions some own none.
#[inline]
#[must_use]
pub fn partition_of(hash: u64, partitions: usize) -> usize {
    usize::from(virtual_node(hash)) * partitions / VIRTUAL_NODES
}

/// Hashes the key columns of batches, all of the same types.
#[derive(Debug)]
pub struct KeyHasher {
    types: Vec<DataType>,
    /// For each column whose type has no direct hash: its row format.
    converters: Vec<Option<RowConverter>>,
}

impl KeyHasher {
    /// For key columns of these types.
    ///
    /// # Errors
    /// If Arrow's row format has no form for one of the types.
    pub fn new(types: Vec<DataType>) -> Result<KeyHasher, ArrowError> {
        let converter = |data_type: &DataType| -> Result<Option<RowConverter>, ArrowError> {
            if is_integer_like(data_type) || is_hashed_directly(data_type) {
                return Ok(None);
            }
            RowConverter::new(vec![SortField::new(data_type.clone())]).map(Some)
        };
        let converters = types.iter().map(converter).collect::<Result<_, _>>()?;
        Ok(KeyHasher { types, converters })
    }

    /// Whether equal hashes mean equal keys, null apart: a single integer-like column.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        matches!(self.types.as_slice(), [one] if is_integer_like(one))
    }

    /// The hash of each row's key, in place of what `hashes` held.
    ///
    /// # Errors
    /// If the columns are not of the types that were promised.
    pub fn hash(&self, columns: &[ArrayRef], rows: usize, hashes: &mut Vec<u64>) -> Result<(), ArrowError> {
        hashes.clear();
        hashes.resize(rows, 0);
        for (index, column) in columns.iter().enumerate() {
            if index == 0 {
                self.fold::<true>(index, column, hashes)?
            } else {
                self.fold::<false>(index, column, hashes)?
            }
        }
        Ok(())
    }

    /// Combines the hashes of the columns before with those of this one.
    fn fold<const IS_FIRST: bool>(
        &self,
        index: usize,
        column: &ArrayRef,
        hashes: &mut [u64],
    ) -> Result<(), ArrowError> {
        let Some(converter) = &self.converters[index] else {
            return hash_column::<IS_FIRST>(column, hashes);
        };
        let encoded = converter.convert_columns(std::slice::from_ref(column))?;
        hash_values::<IS_FIRST>(column, hashes, |row| XxHash3_64::oneshot(encoded.row(row).as_ref()));
        Ok(())
    }
}

/// A type whose values are different in their (up to 64) bits if they are different.
fn is_integer_like(data_type: &DataType) -> bool {
    use DataType::{
        Date32, Date64, Decimal32, Decimal64, Duration, Int8, Int16, Int32, Int64, Interval, Time32, Time64, Timestamp,
        UInt8, UInt16, UInt32, UInt64,
    };
    matches!(
        data_type,
        Int8 | Int16
            | Int32
            | Int64
            | UInt8
            | UInt16
            | UInt32
            | UInt64
            | Date32
            | Date64
            | Time32(_)
            | Time64(_)
            | Timestamp(_, _)
            | Duration(_)
            | Interval(IntervalUnit::YearMonth | IntervalUnit::DayTime)
            | Decimal32(_, _)
            | Decimal64(_, _)
    )
}

fn is_hashed_directly(data_type: &DataType) -> bool {
    use DataType::{
        Binary, Boolean, Decimal128, Decimal256, FixedSizeBinary, Float32, Float64, Interval, LargeBinary, LargeUtf8,
        Utf8, Utf8View,
    };
    matches!(
        data_type,
        Utf8 | LargeUtf8
            | Utf8View
            | Binary
            | LargeBinary
            | FixedSizeBinary(_)
            | Boolean
            | Float32
            | Float64
            | Decimal128(_, _)
            | Decimal256(_, _)
            | Interval(IntervalUnit::MonthDayNano)
    )
}

#[inline(always)]
fn combine(left: u64, right: u64) -> u64 {
    mix(left.rotate_left(23) ^ right)
}

#[inline(always)]
fn hash_values<const IS_FIRST: bool>(column: &dyn Array, hashes: &mut [u64], of: impl Fn(usize) -> u64) {
    let fold = |before: u64, hash: u64| if IS_FIRST { hash } else { combine(before, hash) };
    // Of a union or a run-length encoded column the nulls are in its children.
    match column.logical_nulls().filter(|nulls| nulls.null_count() > 0) {
        None => {
            for (row, hash) in hashes.iter_mut().enumerate() {
                *hash = fold(*hash, of(row));
            }
        }
        Some(nulls) => {
            for (row, hash) in hashes.iter_mut().enumerate() {
                *hash = fold(*hash, if nulls.is_null(row) { NULL_HASH } else { of(row) });
            }
        }
    }
}

/// The hash of a number that is these words of 64 bits.
#[inline(always)]
fn of_words<const N: usize>(words: [u64; N]) -> u64 {
    words.into_iter().map(mix).reduce(combine).expect("a number has at least one word")
}

fn hash_words<const IS_FIRST: bool, const N: usize, T: ArrowPrimitiveType>(
    column: &ArrayRef,
    hashes: &mut [u64],
    words: impl Fn(T::Native) -> [u64; N],
) {
    let values = column.as_primitive::<T>().values();
    hash_values::<IS_FIRST>(column, hashes, |row| of_words(words(values[row])));
}

/// By the width of the native value, whatever it means.
fn hash_integers<const IS_FIRST: bool, N: ArrowNativeType>(
    column: &ArrayRef,
    hashes: &mut [u64],
    bits: impl Fn(N) -> u64,
) {
    let data = column.to_data();
    let values = data.buffer::<N>(0);
    hash_values::<IS_FIRST>(column, hashes, |row| mix(bits(values[row])));
}

#[expect(clippy::cast_sign_loss, reason = "the bits are hashed, not the number")]
fn hash_column<const IS_FIRST: bool>(column: &ArrayRef, hashes: &mut [u64]) -> Result<(), ArrowError> {
    use DataType as D;
    match column.data_type() {
        D::Int8 => hash_integers::<IS_FIRST, i8>(column, hashes, |value| value as u64),
        D::Int16 => hash_integers::<IS_FIRST, i16>(column, hashes, |value| value as u64),
        D::Int32 | D::Date32 | D::Time32(_) | D::Interval(IntervalUnit::YearMonth) | D::Decimal32(_, _) => {
            hash_integers::<IS_FIRST, i32>(column, hashes, |value| value as u64);
        }
        D::Int64 | D::Date64 | D::Time64(_) | D::Timestamp(_, _) | D::Duration(_) | D::Decimal64(_, _) => {
            hash_integers::<IS_FIRST, i64>(column, hashes, |value| value as u64);
        }
        D::UInt8 => hash_integers::<IS_FIRST, u8>(column, hashes, u64::from),
        D::UInt16 => hash_integers::<IS_FIRST, u16>(column, hashes, u64::from),
        D::UInt32 => hash_integers::<IS_FIRST, u32>(column, hashes, u64::from),
        D::UInt64 => hash_integers::<IS_FIRST, u64>(column, hashes, |value| value),
        D::Interval(IntervalUnit::DayTime) => {
            hash_words::<IS_FIRST, 1, IntervalDayTimeType>(column, hashes, |value| {
                [pair(value.days, value.milliseconds)]
            });
        }
        D::Interval(IntervalUnit::MonthDayNano) => {
            hash_words::<IS_FIRST, 2, IntervalMonthDayNanoType>(column, hashes, |value| {
                [pair(value.months, value.days), value.nanoseconds as u64]
            });
        }
        D::Decimal128(_, _) => {
            hash_words::<IS_FIRST, 2, Decimal128Type>(column, hashes, |value| [value as u64, (value >> 64) as u64]);
        }
        D::Decimal256(_, _) => {
            hash_words::<IS_FIRST, 4, Decimal256Type>(column, hashes, |value| {
                let (low, high) = value.to_parts();
                [low as u64, (low >> 64) as u64, high as u64, (high >> 64) as u64]
            });
        }
        D::Float32 => hash_integers::<IS_FIRST, f32>(column, hashes, |value| {
            u64::from(if value.is_nan() { f32::NAN } else { value + 0.0 }.to_bits())
        }),
        D::Float64 => hash_integers::<IS_FIRST, f64>(column, hashes, |value| {
            if value.is_nan() { f64::NAN } else { value + 0.0 }.to_bits()
        }),
        D::Boolean => {
            let values = column.as_boolean();
            hash_values::<IS_FIRST>(column, hashes, |row| mix(u64::from(values.value(row))));
        }
        D::Utf8 => {
            let values = column.as_string::<i32>();
            hash_values::<IS_FIRST>(column, hashes, |row| XxHash3_64::oneshot(values.value(row).as_bytes()));
        }
        D::LargeUtf8 => {
            let values = column.as_string::<i64>();
            hash_values::<IS_FIRST>(column, hashes, |row| XxHash3_64::oneshot(values.value(row).as_bytes()));
        }
        D::Utf8View => {
            let values = column.as_string_view();
            hash_values::<IS_FIRST>(column, hashes, |row| XxHash3_64::oneshot(values.value(row).as_bytes()));
        }
        D::Binary => {
            let values = column.as_binary::<i32>();
            hash_values::<IS_FIRST>(column, hashes, |row| XxHash3_64::oneshot(values.value(row)));
        }
        D::LargeBinary => {
            let values = column.as_binary::<i64>();
            hash_values::<IS_FIRST>(column, hashes, |row| XxHash3_64::oneshot(values.value(row)));
        }
        // Such as a UUID.
        D::FixedSizeBinary(16) => {
            let values = column.as_fixed_size_binary();
            hash_values::<IS_FIRST>(column, hashes, |row| {
                let (low, high) = values.value(row).split_at(8);
                let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("half of 16 bytes"));
                of_words([word(low), word(high)])
            });
        }
        D::FixedSizeBinary(_) => {
            let values = column.as_fixed_size_binary();
            hash_values::<IS_FIRST>(column, hashes, |row| XxHash3_64::oneshot(values.value(row)));
        }
        other => return Err(ArrowError::NotYetImplemented(format!("hashing a key of type {other}"))),
    }
    Ok(())
}

/// Two numbers as one word, the first in its upper half.
#[expect(clippy::cast_sign_loss, reason = "the bits are hashed, not the numbers")]
fn pair(upper: i32, lower: i32) -> u64 {
    u64::from(upper as u32) << 32 | u64::from(lower as u32)
}

#[cfg(test)]
mod tests;
