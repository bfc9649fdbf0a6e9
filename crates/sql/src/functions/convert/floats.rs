//! The float nearest to a decimal.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float32Array, Float64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type};
use datafusion::error::Result;

/// Whole numbers and powers of ten up to these are floats exactly, so that their quotient is
/// rounded once.
const EXACT_MAX: u128 = 1 << 53;
const EXACT_SCALE_MAX: i8 = 22;

/// Decimals as `double precision`.
pub(super) fn floats_of(array: &ArrayRef) -> Result<ArrayRef> {
    let (decimals, scale) = decimals(array)?;
    let floats: Float64Array = decimals.as_primitive::<Decimal128Type>().unary(|value| {
        if value.unsigned_abs() <= EXACT_MAX && (0..=EXACT_SCALE_MAX).contains(&scale) {
            value as f64 / 10_f64.powi(i32::from(scale))
        } else {
            text(value, scale).parse().unwrap_or(f64::NAN)
        }
    });
    Ok(Arc::new(floats))
}

/// Decimals as `real`.
pub(super) fn reals_of(array: &ArrayRef) -> Result<ArrayRef> {
    let (decimals, scale) = decimals(array)?;
    let decimals = decimals.as_primitive::<Decimal128Type>();
    let reals: Float32Array = decimals.unary(|value| text(value, scale).parse().unwrap_or(f32::NAN));
    Ok(Arc::new(reals))
}

/// A number that Rust reads as the nearest float.
fn text(value: i128, scale: i8) -> String {
    format!("{value}e{}", -i16::from(scale))
}

fn decimals(array: &ArrayRef) -> Result<(ArrayRef, i8)> {
    let scale = match array.data_type() {
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale) => *scale,
        _ => 0,
    };
    Ok((cast(array, &DataType::Decimal128(38, scale))?, scale))
}
