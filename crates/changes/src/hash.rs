//! The one hash of rows' keys, fixed for all time: the exchange routes by it, state is looked up
//! by it, and checkpoints may hold it. Changing it makes stored state unreadable.
//!
//! A key of one integer-like column of up to 64 bits hashes by [`mix`], which is a bijection, so
//! that equal hashes mean equal keys ([`KeyHasher::is_exact`]). A string or binary column hashes
//! by XXH3-64 with seed 0. Any other type hashes the bytes of Arrow's row format by XXH3-64.
//! Columns combine by `mix(left.rotate_left(23) ^ right)`. Null hashes to [`NULL_HASH`], and
//! `-0.0` as `0.0`, and all NaNs as one.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time64MicrosecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
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

/// Which of `partitions` a key of this hash belongs to.
///
/// Uses bits 16 to 48, so that the hash tables of one partition, which look at the lowest and the
/// highest bits, still see all of them vary.
#[inline]
#[must_use]
pub fn partition_of(hash: u64, partitions: usize) -> usize {
    let bits = (hash >> 16) & 0xFFFF_FFFF;
    ((bits * partitions as u64) >> 32) as usize
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
            let fold: fn(u64, u64) -> u64 =
                if index == 0 { |_, hash| hash } else { |left, right| mix(left.rotate_left(23) ^ right) };
            match &self.converters[index] {
                None => hash_column(column, hashes, fold)?,
                Some(converter) => {
                    let encoded = converter.convert_columns(std::slice::from_ref(column))?;
                    for (row, hash) in hashes.iter_mut().enumerate() {
                        let of_row = if column.is_null(row) {
                            NULL_HASH
                        } else {
                            XxHash3_64::oneshot(encoded.row(row).as_ref())
                        };
                        *hash = fold(*hash, of_row);
                    }
                }
            }
        }
        Ok(())
    }
}

fn is_integer_like(data_type: &DataType) -> bool {
    use DataType::{Date32, Int8, Int16, Int32, Int64, Time64, Timestamp, UInt8, UInt16, UInt32, UInt64};
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
            | Time64(TimeUnit::Microsecond)
            | Timestamp(_, _)
    )
}

fn is_hashed_directly(data_type: &DataType) -> bool {
    use DataType::{Binary, Boolean, Float32, Float64, Utf8, Utf8View};
    matches!(data_type, Utf8 | Utf8View | Binary | Boolean | Float32 | Float64)
}

type Fold = fn(u64, u64) -> u64;

#[inline]
fn hash_values(column: &dyn Array, hashes: &mut [u64], fold: impl Fn(u64, u64) -> u64, of: impl Fn(usize) -> u64) {
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

fn hash_integers<T: ArrowPrimitiveType>(
    column: &ArrayRef,
    hashes: &mut [u64],
    fold: Fold,
    bits: impl Fn(T::Native) -> u64,
) {
    let values = column.as_primitive::<T>().values();
    hash_values(column, hashes, fold, |row| mix(bits(values[row])));
}

#[expect(clippy::cast_sign_loss, reason = "the bits are hashed, not the number")]
fn hash_column(column: &ArrayRef, hashes: &mut [u64], fold: Fold) -> Result<(), ArrowError> {
    use DataType as D;
    match column.data_type() {
        D::Int8 => hash_integers::<Int8Type>(column, hashes, fold, |value| value as u64),
        D::Int16 => hash_integers::<Int16Type>(column, hashes, fold, |value| value as u64),
        D::Int32 => hash_integers::<Int32Type>(column, hashes, fold, |value| value as u64),
        D::Int64 => hash_integers::<Int64Type>(column, hashes, fold, |value| value as u64),
        D::UInt8 => hash_integers::<UInt8Type>(column, hashes, fold, u64::from),
        D::UInt16 => hash_integers::<UInt16Type>(column, hashes, fold, u64::from),
        D::UInt32 => hash_integers::<UInt32Type>(column, hashes, fold, u64::from),
        D::UInt64 => hash_integers::<UInt64Type>(column, hashes, fold, |value| value),
        D::Date32 => hash_integers::<Date32Type>(column, hashes, fold, |value| value as u64),
        D::Time64(TimeUnit::Microsecond) => {
            hash_integers::<Time64MicrosecondType>(column, hashes, fold, |value| value as u64);
        }
        D::Timestamp(TimeUnit::Second, _) => {
            hash_integers::<TimestampSecondType>(column, hashes, fold, |value| value as u64);
        }
        D::Timestamp(TimeUnit::Millisecond, _) => {
            hash_integers::<TimestampMillisecondType>(column, hashes, fold, |value| value as u64);
        }
        D::Timestamp(TimeUnit::Microsecond, _) => {
            hash_integers::<TimestampMicrosecondType>(column, hashes, fold, |value| value as u64);
        }
        D::Timestamp(TimeUnit::Nanosecond, _) => {
            hash_integers::<TimestampNanosecondType>(column, hashes, fold, |value| value as u64);
        }
        D::Float32 => hash_integers::<Float32Type>(column, hashes, fold, |value| {
            u64::from(if value.is_nan() { f32::NAN } else { value + 0.0 }.to_bits())
        }),
        D::Float64 => hash_integers::<Float64Type>(column, hashes, fold, |value| {
            if value.is_nan() { f64::NAN } else { value + 0.0 }.to_bits()
        }),
        D::Boolean => {
            let values = column.as_boolean();
            hash_values(column, hashes, fold, |row| mix(u64::from(values.value(row))));
        }
        D::Utf8 => {
            let values = column.as_string::<i32>();
            hash_values(column, hashes, fold, |row| XxHash3_64::oneshot(values.value(row).as_bytes()));
        }
        D::Utf8View => {
            let values = column.as_string_view();
            hash_values(column, hashes, fold, |row| XxHash3_64::oneshot(values.value(row).as_bytes()));
        }
        D::Binary => {
            let values = column.as_binary::<i32>();
            hash_values(column, hashes, fold, |row| XxHash3_64::oneshot(values.value(row)));
        }
        other => return Err(ArrowError::NotYetImplemented(format!("hashing a key of type {other}"))),
    }
    Ok(())
}
