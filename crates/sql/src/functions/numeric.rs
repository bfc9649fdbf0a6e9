//! `numeric / numeric`, and products whose scale would leave no room for digits before the point.
//!
//! A type has one scale, where Postgres chooses one for each value: a quotient has 16 decimals, or
//! as many as its operands.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array};
use arrow::compute::kernels::arity::try_binary;
use arrow::datatypes::{DataType, Decimal128Type, i256};
use arrow::error::ArrowError;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::Operator;
use plan::decimal::{MEAN_SCALE, power_of_ten, quotient};

use super::plain::{PlainFunction, Types, Values};
use crate::types::PRECISION_MAX;

/// The largest scale of a product, unless an operand has a larger one.
const PRODUCT_SCALE_MAX: i8 = 20;

/// The function that stands for an operator, if not the operator itself. A `numeric` is at least one operand,
/// the other one is that or a whole number.
pub(crate) fn operator(left: &DataType, operator: Operator, right: &DataType) -> Option<PlainFunction> {
    let is_numeric = matches!(left, DataType::Decimal128(..)) || matches!(right, DataType::Decimal128(..));
    let (left, right) = (scale_of(left)?, scale_of(right)?);
    match operator {
        Operator::Divide if is_numeric => Some(DIVIDED_BY),
        Operator::Multiply if is_numeric && left.saturating_add(right) > product_scale(left, right) => Some(TIMES),
        _ => None,
    }
}

const DIVIDED_BY: PlainFunction = PlainFunction {
    name: "divided_by",
    aliases: &[],
    coerce,
    result: |types| result(types, |left, right| left.max(right).max(MEAN_SCALE)),
    values: |values| binary(values, divided),
};

const TIMES: PlainFunction = PlainFunction {
    name: "times",
    aliases: &[],
    coerce,
    result: |types| result(types, product_scale),
    values: |values| binary(values, times),
};

/// As many decimals as a product of these has at most.
fn product_scale(left: i8, right: i8) -> i8 {
    left.max(right).max(PRODUCT_SCALE_MAX)
}

fn coerce(types: &[DataType]) -> Option<Vec<DataType>> {
    let numeric = |data_type: &DataType| match data_type {
        DataType::Decimal128(precision, scale) => Some(DataType::Decimal128(*precision, *scale)),
        data_type => scale_of(data_type).map(|scale| DataType::Decimal128(20, scale)),
    };
    types.iter().map(numeric).collect()
}

fn result(types: &Types<'_>, scale: fn(i8, i8) -> i8) -> Result<DataType> {
    match types.arguments {
        [left, right] => match (scale_of(left), scale_of(right)) {
            (Some(left), Some(right)) => Ok(DataType::Decimal128(PRECISION_MAX, scale(left, right))),
            _ => Err(DataFusionError::Internal("an operand is no numeric".to_owned())),
        },
        _ => Err(DataFusionError::Internal("an operator has two operands".to_owned())),
    }
}

/// The scale of a `numeric` or a whole number.
fn scale_of(data_type: &DataType) -> Option<i8> {
    match data_type {
        DataType::Decimal128(_, scale) => Some(*scale),
        data_type if data_type.is_integer() => Some(0),
        _ => None,
    }
}

/// Scales: of the operands and of the result.
struct Scales {
    left: u32,
    right: u32,
    result: u32,
}

fn divided(left: i128, right: i128, scales: &Scales) -> Result<i128, ArrowError> {
    if right == 0 {
        return Err(ArrowError::DivideByZero);
    }
    let power = power_of_ten((scales.result + scales.right).saturating_sub(scales.left));
    let dividend = power.and_then(|power| i256::from_i128(left).checked_mul(power));
    dividend.and_then(|dividend| quotient(dividend, i256::from_i128(right))?.to_i128()).ok_or_else(overflow)
}

fn times(left: i128, right: i128, scales: &Scales) -> Result<i128, ArrowError> {
    let product = i256::from_i128(left).checked_mul(i256::from_i128(right));
    let unit = power_of_ten((scales.left + scales.right).saturating_sub(scales.result));
    product.zip(unit).and_then(|(product, unit)| quotient(product, unit)?.to_i128()).ok_or_else(overflow)
}

fn binary(values: &Values<'_>, operator: impl Fn(i128, i128, &Scales) -> Result<i128, ArrowError>) -> Result<ArrayRef> {
    let (left, right) = (values.array(0)?, values.array(1)?);
    let scale = |data_type: &DataType| u32::from(scale_of(data_type).unwrap_or(0).unsigned_abs());
    let scales =
        Scales { left: scale(left.data_type()), right: scale(right.data_type()), result: scale(values.result) };
    let (left, right) = (left.as_primitive::<Decimal128Type>(), right.as_primitive::<Decimal128Type>());
    let result: Decimal128Array = try_binary(left, right, |left, right| operator(left, right, &scales))?;
    let result = result.with_data_type(values.result.clone());
    result.validate_decimal_precision(PRECISION_MAX).map_err(|_| overflow())?;
    Ok(Arc::new(result))
}

/// A result with more digits than a `numeric` has.
pub(super) fn overflow() -> ArrowError {
    ArrowError::ArithmeticOverflow("numeric field overflow".to_owned())
}
