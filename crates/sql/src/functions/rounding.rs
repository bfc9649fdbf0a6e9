//! `round`, `trunc`, `ceil` and `floor`: a `numeric` stays exact and has as many decimals as asked
//! for, a float is rounded to even.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Decimal128Array, Float64Array};
use arrow::compute::cast;
use arrow::compute::kernels::arity::try_binary;
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type, i256};
use arrow::error::ArrowError;
use datafusion::error::Result;
use datafusion::scalar::ScalarValue;
use plan::decimal::quotient;

use super::numeric::overflow;
use super::plain::{PlainFunction, Types, Values};
use crate::types::PRECISION_MAX;

/// Which whole number a number becomes.
#[derive(Clone, Copy, PartialEq)]
enum Towards {
    Nearest,
    Zero,
    Above,
    Below,
}

pub(super) const ALL: [PlainFunction; 4] = [
    PlainFunction {
        name: "round",
        aliases: &[],
        coerce: number_and_places,
        result,
        values: |values| rounded(values, Towards::Nearest),
    },
    PlainFunction {
        name: "trunc",
        aliases: &[],
        coerce: number_and_places,
        result,
        values: |values| rounded(values, Towards::Zero),
    },
    PlainFunction {
        name: "ceil",
        aliases: &["ceiling"],
        coerce: number,
        result,
        values: |values| rounded(values, Towards::Above),
    },
    PlainFunction {
        name: "floor",
        aliases: &[],
        coerce: number,
        result,
        values: |values| rounded(values, Towards::Below),
    },
];

/// A `numeric` as it is; any other number is a float, as Postgres prefers.
fn number(arguments: &[DataType]) -> Option<Vec<DataType>> {
    match arguments {
        [DataType::Decimal128(precision, scale)] => Some(vec![DataType::Decimal128(*precision, *scale)]),
        [DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) | DataType::Decimal256(_, scale)] => {
            Some(vec![DataType::Decimal128(PRECISION_MAX, *scale)])
        }
        [argument] if argument.is_numeric() || matches!(argument, DataType::Null | DataType::Utf8) => {
            Some(vec![DataType::Float64])
        }
        _ => None,
    }
}

/// The same, or a `numeric` and how many decimals to keep.
fn number_and_places(arguments: &[DataType]) -> Option<Vec<DataType>> {
    let [argument, places] = arguments else { return number(arguments) };
    if !places.is_integer() && *places != DataType::Null {
        return None;
    }
    let argument = match argument {
        DataType::Null => DataType::Decimal128(PRECISION_MAX, 0),
        argument if argument.is_integer() => DataType::Decimal128(20, 0),
        DataType::Decimal128(..) => argument.clone(),
        // Not of floats, which have no decimals that one could count.
        _ => return None,
    };
    Some(vec![argument, places.clone()])
}

fn result(types: &Types<'_>) -> Result<DataType> {
    let Some(DataType::Decimal128(precision, scale)) = types.arguments.first() else { return Ok(DataType::Float64) };
    let places = match types.literals.get(1) {
        None => 0,
        Some(Some(ScalarValue::Int32(Some(places)))) => i64::from(*places),
        Some(Some(ScalarValue::Int64(Some(places)))) => *places,
        // As many as there are, if only the row says how many are wanted.
        Some(_) => i64::from(*scale),
    };
    let kept = i8::try_from(places.clamp(0, i64::from(PRECISION_MAX))).unwrap_or(*scale);
    // One more digit before the point: 9.9 becomes 10.
    let whole = precision.saturating_sub(scale.unsigned_abs()).saturating_add(1);
    Ok(DataType::Decimal128(whole.saturating_add(kept.unsigned_abs()).min(PRECISION_MAX), kept))
}

fn rounded(values: &Values<'_>, towards: Towards) -> Result<ArrayRef> {
    let numbers = values.array(0)?;
    let (DataType::Decimal128(_, from), DataType::Decimal128(precision, to)) = (numbers.data_type(), values.result)
    else {
        let numbers: Float64Array = numbers.as_primitive::<Float64Type>().unary(match towards {
            Towards::Nearest => f64::round_ties_even,
            Towards::Zero => f64::trunc,
            Towards::Above => f64::ceil,
            Towards::Below => f64::floor,
        });
        return Ok(Arc::new(numbers));
    };
    let whole = |number: i128, places: i64| decimal(number, i64::from(*from), i64::from(*to), places, towards);
    let numbers = numbers.as_primitive::<Decimal128Type>();
    let result: Decimal128Array = match values.arguments.get(1) {
        None => numbers.try_unary(|number| whole(number, 0))?,
        Some(_) => {
            let places = cast(&values.array(1)?, &DataType::Int64)?;
            try_binary(numbers, places.as_primitive::<Int64Type>(), whole)?
        }
    };
    let result = result.with_data_type(values.result.clone());
    result.validate_decimal_precision(*precision)?;
    Ok(Arc::new(result))
}

/// A number of scale `from` with all but `places` decimals cut off, as one of scale `to`.
fn decimal(number: i128, from: i64, to: i64, places: i64, towards: Towards) -> Result<i128, ArrowError> {
    let power = |exponent: i64| {
        let exponent = u32::try_from(exponent).map_err(|_| overflow())?;
        10_i128.checked_pow(exponent).ok_or_else(overflow)
    };
    let places = places.min(from);
    if from - places > i64::from(PRECISION_MAX) {
        // Far smaller than the first digit to keep.
        return Ok(0);
    }
    let unit = power(from - places)?;
    let units = match towards {
        Towards::Nearest => quotient(i256::from_i128(number), i256::from_i128(unit))
            .and_then(|units| units.to_i128())
            .ok_or_else(overflow)?,
        Towards::Zero => number / unit,
        Towards::Below => number.div_euclid(unit),
        Towards::Above => -(-number).div_euclid(unit),
    };
    // Units of ten to the power of -places become units of ten to the power of -to.
    if to >= places {
        units.checked_mul(power(to - places)?).ok_or_else(overflow)
    } else {
        Ok(units / power(places - to)?)
    }
}
