//! The numbers that totals are kept in: 128 bits for what is exact, a float for floats.

use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Array, Float32Array, Float64Array, Int64Array};
use arrow::datatypes::{ArrowNativeType, ArrowPrimitiveType, DataType, Decimal128Type, Float64Type, i256};
use arrow::error::ArrowError;
use datafusion::error::Result;
use plan::decimal;

use crate::functions::numeric::overflow;

const FLOAT_OVERFLOW: &str = "value out of range: overflow";

/// What becomes of totals.
#[derive(Clone, Debug)]
pub(super) struct Finish {
    /// What the arguments are cast to.
    pub(super) addend: DataType,
    pub(super) result: DataType,
    pub(super) is_average: bool,
}

/// A number that can be added up.
pub(super) trait Addend: ArrowNativeType {
    /// Its Arrow type.
    type Arrow: ArrowPrimitiveType<Native = Self>;
    /// What is equal if the numbers are.
    type Key: Copy + Debug + Eq + Hash + Send + Sync;

    /// The sum, or an error if there is none.
    fn plus(self, other: Self) -> Result<Self, ArrowError>;
    /// The difference, or an error if there is none.
    fn minus(self, other: Self) -> Result<Self, ArrowError>;
    /// See [`Addend::Key`].
    fn key(self) -> Self::Key;
    /// The number of a key.
    fn of_key(key: Self::Key) -> Self;
    /// The results of some groups' totals and counts; null where nothing was counted.
    fn results(finish: &Finish, totals: &[Self], counts: &[i64]) -> Result<ArrayRef, ArrowError>;
}

impl Addend for i128 {
    type Arrow = Decimal128Type;
    type Key = i128;

    fn plus(self, other: Self) -> Result<Self, ArrowError> {
        self.checked_add(other).ok_or_else(overflow)
    }

    fn minus(self, other: Self) -> Result<Self, ArrowError> {
        self.checked_sub(other).ok_or_else(overflow)
    }

    fn key(self) -> i128 {
        self
    }

    fn of_key(key: i128) -> i128 {
        key
    }

    fn results(finish: &Finish, totals: &[i128], counts: &[i64]) -> Result<ArrayRef, ArrowError> {
        let rows = totals.iter().zip(counts);
        if finish.result == DataType::Int64 {
            let narrow = |&total: &i128| {
                i64::try_from(total).map_err(|_| ArrowError::ArithmeticOverflow("bigint out of range".to_owned()))
            };
            let values = rows.map(|(total, &count)| if count == 0 { Ok(None) } else { narrow(total).map(Some) });
            return Ok(Arc::new(values.collect::<Result<Int64Array, _>>()?));
        }
        let (DataType::Decimal128(_, from), DataType::Decimal128(precision, to)) = (&finish.addend, &finish.result)
        else {
            return Err(ArrowError::ComputeError(format!("a sum as {}", finish.result)));
        };
        let factor = decimal::power_of_ten(u32::from(to.abs_diff(*from))).ok_or_else(overflow)?;
        let limit = 10_i128.checked_pow(u32::from(*precision)).ok_or_else(overflow)?;
        let value = |total: i128, count: i64| {
            let total = if finish.is_average {
                decimal::mean(i256::from_i128(total), factor, count)?.to_i128()?
            } else {
                total
            };
            (-limit < total && total < limit).then_some(total)
        };
        let values = rows.map(
            |(&total, &count)| {
                if count == 0 { Ok(None) } else { value(total, count).map(Some).ok_or_else(overflow) }
            },
        );
        let values = values.collect::<Result<Decimal128Array, _>>()?;
        Ok(Arc::new(values.with_data_type(finish.result.clone())))
    }
}

impl Addend for f64 {
    type Arrow = Float64Type;
    type Key = u64;

    fn plus(self, other: Self) -> Result<Self, ArrowError> {
        finite(self + other, self, other)
    }

    fn minus(self, other: Self) -> Result<Self, ArrowError> {
        finite(self - other, self, other)
    }

    /// All zeros are equal, and all NaNs.
    fn key(self) -> u64 {
        if self.is_nan() { f64::NAN.to_bits() } else { (self + 0.0).to_bits() }
    }

    fn of_key(key: u64) -> f64 {
        f64::from_bits(key)
    }

    fn results(finish: &Finish, totals: &[f64], counts: &[i64]) -> Result<ArrayRef, ArrowError> {
        let value = |(&total, &count): (&f64, &i64)| {
            let total = if finish.is_average { total / count as f64 } else { total };
            (count != 0).then_some(total)
        };
        let values = totals.iter().zip(counts).map(value);
        Ok(match finish.result {
            DataType::Float32 => {
                let values = values.map(|value| value.map(narrow).transpose());
                Arc::new(values.collect::<Result<Float32Array, _>>()?)
            }
            _ => Arc::new(values.collect::<Float64Array>()),
        })
    }
}

fn narrow(total: f64) -> Result<f32, ArrowError> {
    let narrow = total as f32;
    if narrow.is_infinite() && total.is_finite() {
        return Err(ArrowError::ArithmeticOverflow(FLOAT_OVERFLOW.to_owned()));
    }
    Ok(narrow)
}

fn finite(result: f64, left: f64, right: f64) -> Result<f64, ArrowError> {
    if result.is_infinite() && left.is_finite() && right.is_finite() {
        return Err(ArrowError::ArithmeticOverflow(FLOAT_OVERFLOW.to_owned()));
    }
    Ok(result)
}
