//! The one hash of rows' keys, fixed for all time: the exchange routes by it, state is looked up
//! by it, and checkpoints may hold it. Changing it makes stored state unreadable.
//!
//! A key of one integer-like column of up to 64 bits hashes by [`mix`], which is a bijection, so
//! that equal hashes mean equal keys ([`KeyHasher::is_exact`]). Wider numbers hash word by word. A
//! string or binary column hashes by XXH3-64 with seed 0. Only what is nested (or a dictionary)
//! hashes the bytes of Arrow's row format by XXH3-64, which Arrow does not promise to keep.
//! Columns combine by `mix(left.rotate_left(23) ^ right)`. Null hashes to [`NULL_HASH`], and
//! `-0.0` as `0.0`, and all NaNs as one.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType, DurationSecondType, Float16Type,
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNanoType, IntervalUnit,
    Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
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

/// How many virtual nodes there are, and so how many partitions there can be.
pub const VIRTUAL_NODES: usize = 256;

/// The virtual node of a key of this hash: the unit in which keyed state lies apart.
///
/// Uses bits 40 to 48, so that the hash tables of one virtual node, which look at the lowest and
/// the highest bits, still see all of them vary.
#[inline]
#[must_use]
pub fn virtual_node(hash: u64) -> u8 {
    (hash >> 40) as u8
}

/// Which of `partitions` a key of this hash belongs to: the owner of its virtual node, each of them
/// owning a range. This is the one place that says who owns what.
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
            let converter = self.converters[index].as_ref();
            if index == 0 {
                hash_column::<true>(column, converter, hashes)?;
            } else {
                hash_column::<false>(column, converter, hashes)?;
            }
        }
        Ok(())
    }
}

fn is_integer_like(data_type: &DataType) -> bool {
    use DataType as D;
    match data_type {
        D::Int8 | D::Int16 | D::Int32 | D::Int64 | D::UInt8 | D::UInt16 | D::UInt32 | D::UInt64 => true,
        D::Date32 | D::Date64 | D::Timestamp(..) | D::Duration(_) | D::Decimal32(..) | D::Decimal64(..) => true,
        D::Time32(unit) => matches!(unit, TimeUnit::Second | TimeUnit::Millisecond),
        D::Time64(unit) => matches!(unit, TimeUnit::Microsecond | TimeUnit::Nanosecond),
        _ => false,
    }
}

fn is_hashed_directly(data_type: &DataType) -> bool {
    use DataType as D;
    match data_type {
        D::Utf8 | D::LargeUtf8 | D::Utf8View | D::Binary | D::LargeBinary | D::BinaryView => true,
        D::FixedSizeBinary(_) | D::Boolean | D::Float16 | D::Float32 | D::Float64 => true,
        D::Decimal128(..) | D::Decimal256(..) | D::Interval(IntervalUnit::MonthDayNano) => true,
        _ => false,
    }
}

/// Replaces each hash, or for a column after the first, mixes the value's into it.
#[inline]
fn hash_values<const IS_FIRST: bool>(column: &dyn Array, hashes: &mut [u64], of: impl Fn(usize) -> u64) {
    let fold = |left: u64, right: u64| if IS_FIRST { right } else { mix(left.rotate_left(23) ^ right) };
    if column.null_count() == 0 {
        for (row, hash) in hashes.iter_mut().enumerate() {
            *hash = fold(*hash, of(row));
        }
    } else {
        for (row, hash) in hashes.iter_mut().enumerate() {
            *hash = fold(*hash, if column.is_null(row) { NULL_HASH } else { of(row) });
        }
    }
}

fn hash_numbers<const IS_FIRST: bool, T: ArrowPrimitiveType>(
    column: &ArrayRef,
    hashes: &mut [u64],
    of: impl Fn(T::Native) -> u64,
) {
    let values = column.as_primitive::<T>().values();
    hash_values::<IS_FIRST>(column, hashes, |row| of(values[row]));
}

/// The hash of a number of several words.
#[inline]
fn mix_words<const N: usize>(words: [u64; N]) -> u64 {
    words.into_iter().fold(0, |hash, word| mix(hash.rotate_left(23) ^ word))
}

fn wide(value: i128) -> [u64; 2] {
    let bits = value.cast_unsigned();
    [bits as u64, (bits >> 64) as u64]
}

#[expect(clippy::cast_sign_loss, reason = "the bits are hashed, not the number")]
fn hash_column<const IS_FIRST: bool>(
    column: &ArrayRef,
    converter: Option<&RowConverter>,
    hashes: &mut [u64],
) -> Result<(), ArrowError> {
    use DataType as D;
    macro_rules! integers {
        ($type:ty) => {
            hash_numbers::<IS_FIRST, $type>(column, hashes, |value| mix(value as u64))
        };
    }
    macro_rules! bytes {
        ($values:expr) => {{
            let values = $values;
            hash_values::<IS_FIRST>(column, hashes, |row| XxHash3_64::oneshot(values.value(row).as_ref()));
        }};
    }
    match column.data_type() {
        D::Int8 => integers!(Int8Type),
        D::Int16 => integers!(Int16Type),
        D::Int32 => integers!(Int32Type),
        D::Int64 => integers!(Int64Type),
        D::UInt8 => integers!(UInt8Type),
        D::UInt16 => integers!(UInt16Type),
        D::UInt32 => integers!(UInt32Type),
        D::UInt64 => hash_numbers::<IS_FIRST, UInt64Type>(column, hashes, mix),
        D::Date32 => integers!(Date32Type),
        D::Date64 => integers!(Date64Type),
        D::Time32(TimeUnit::Second) => integers!(Time32SecondType),
        D::Time32(TimeUnit::Millisecond) => integers!(Time32MillisecondType),
        D::Time64(TimeUnit::Microsecond) => integers!(Time64MicrosecondType),
        D::Time64(TimeUnit::Nanosecond) => integers!(Time64NanosecondType),
        D::Timestamp(TimeUnit::Second, _) => integers!(TimestampSecondType),
        D::Timestamp(TimeUnit::Millisecond, _) => integers!(TimestampMillisecondType),
        D::Timestamp(TimeUnit::Microsecond, _) => integers!(TimestampMicrosecondType),
        D::Timestamp(TimeUnit::Nanosecond, _) => integers!(TimestampNanosecondType),
        D::Duration(TimeUnit::Second) => integers!(DurationSecondType),
        D::Duration(TimeUnit::Millisecond) => integers!(DurationMillisecondType),
        D::Duration(TimeUnit::Microsecond) => integers!(DurationMicrosecondType),
        D::Duration(TimeUnit::Nanosecond) => integers!(DurationNanosecondType),
        D::Decimal32(..) => integers!(Decimal32Type),
        D::Decimal64(..) => integers!(Decimal64Type),
        D::Decimal128(..) => {
            hash_numbers::<IS_FIRST, Decimal128Type>(column, hashes, |value| mix_words(wide(value)));
        }
        D::Decimal256(..) => hash_numbers::<IS_FIRST, Decimal256Type>(column, hashes, |value| {
            let (low, high) = value.to_parts();
            let ([first, second], [third, fourth]) = (wide(low.cast_signed()), wide(high));
            mix_words([first, second, third, fourth])
        }),
        D::Interval(IntervalUnit::MonthDayNano) => {
            hash_numbers::<IS_FIRST, IntervalMonthDayNanoType>(column, hashes, |value| {
                mix_words([value.months as u64, value.days as u64, value.nanoseconds as u64])
            });
        }
        D::Float16 => hash_numbers::<IS_FIRST, Float16Type>(column, hashes, |value| {
            let value = f32::from(value);
            mix(u64::from(if value.is_nan() { f32::NAN } else { value + 0.0 }.to_bits()))
        }),
        D::Float32 => hash_numbers::<IS_FIRST, Float32Type>(column, hashes, |value| {
            mix(u64::from(if value.is_nan() { f32::NAN } else { value + 0.0 }.to_bits()))
        }),
        D::Float64 => hash_numbers::<IS_FIRST, Float64Type>(column, hashes, |value| {
            mix(if value.is_nan() { f64::NAN } else { value + 0.0 }.to_bits())
        }),
        D::Boolean => {
            let values = column.as_boolean();
            hash_values::<IS_FIRST>(column, hashes, |row| mix(u64::from(values.value(row))));
        }
        D::Utf8 => bytes!(column.as_string::<i32>()),
        D::LargeUtf8 => bytes!(column.as_string::<i64>()),
        D::Utf8View => bytes!(column.as_string_view()),
        D::Binary => bytes!(column.as_binary::<i32>()),
        D::LargeBinary => bytes!(column.as_binary::<i64>()),
        D::BinaryView => bytes!(column.as_binary_view()),
        D::FixedSizeBinary(_) => bytes!(column.as_fixed_size_binary()),
        other => {
            let Some(converter) = converter else {
                return Err(ArrowError::NotYetImplemented(format!("hashing a key of type {other}")));
            };
            let encoded = converter.convert_columns(std::slice::from_ref(column))?;
            hash_values::<IS_FIRST>(column, hashes, |row| XxHash3_64::oneshot(encoded.row(row).as_ref()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_ranges_of_virtual_nodes() {
        for partitions in [1, 2, 3, 7, 256] {
            let owners = (0..256u64).map(|node| partition_of(node << 40 | 0xFF << 48, partitions)).collect::<Vec<_>>();
            assert!(owners.is_sorted());
            assert_eq!((owners[0], owners[255]), (0, partitions - 1));
        }
        assert_eq!(virtual_node(0x1234_5678_9ABC_DEF0), 0x56);
    }
}
