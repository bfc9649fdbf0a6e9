//! Casts whose meaning in Postgres is more than Arrow's: checked text forms (uuid, jsonb, bytea),
//! lengths, rounding to integers, and Postgres' text of floats and times.

use arrow::datatypes::{DataType, Field};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Operator, cast};
use datafusion::scalar::ScalarValue;

use super::operators;
use crate::functions::convert::{Conversion, convert, is_rounded};
use crate::types::PgType;

pub(super) fn rewrite(expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match expression {
        Expr::Cast(Cast { expr, field }) => {
            // A parameter's type may not be known yet; then a later analysis comes by again.
            let Ok((_, from)) = expr.to_field(schema) else {
                return Ok(Transformed::no(Expr::Cast(Cast { expr, field })));
            };
            if matches!(expr.as_ref(), Expr::Placeholder(_)) {
                return Ok(Transformed::no(Expr::Cast(Cast { expr, field })));
            }
            match explicit(&expr, &from, &field, false)? {
                Some(expression) => Ok(Transformed::yes(expression)),
                None => Ok(Transformed::no(Expr::Cast(Cast { expr, field }))),
            }
        }
        Expr::ScalarFunction(call) if call.func.name() == "mod" && call.args.len() == 2 => {
            let mut operands = call.args.into_iter();
            let (Some(left), Some(right)) = (operands.next(), operands.next()) else {
                return Err(DataFusionError::Internal("mod has two arguments".to_owned()));
            };
            let (left, right) = operators::typed_pair(left, right, schema);
            let expression = BinaryExpr::new(Box::new(left), Operator::Modulo, Box::new(right));
            Ok(Transformed::yes(Expr::BinaryExpr(expression)))
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Divide, right }) => {
            let expression = |left| Expr::BinaryExpr(BinaryExpr { left, op: Operator::Divide, right: right.clone() });
            if is_coarse_division(&left, &right, schema) {
                let left = cast(*left, DataType::Decimal128(38, DIVISION_SCALE));
                return Ok(Transformed::yes(expression(Box::new(left))));
            }
            Ok(Transformed::no(expression(left)))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// The scale of a numerator, to which DataFusion adds four: Postgres gives 16 digits or more.
const DIVISION_SCALE: i8 = 12;

/// Whether the quotient of two numerics would have fewer digits than Postgres gives, and there is
/// room for more.
fn is_coarse_division(left: &Expr, right: &Expr, schema: &DFSchema) -> bool {
    let (Ok(left), Ok(right)) = (left.get_type(schema), right.get_type(schema)) else { return false };
    let scale_of = |data_type: &DataType| match data_type {
        DataType::Decimal128(_, scale) => Some(*scale),
        data_type if data_type.is_integer() => Some(0),
        _ => None,
    };
    let (Some(left_scale), Some(right_scale)) = (scale_of(&left), scale_of(&right)) else { return false };
    let is_numeric = !left.is_integer() || !right.is_integer();
    is_numeric && left_scale < DIVISION_SCALE && right_scale <= 6
}

/// The value as a column of type `to` stores it: an assignment cast, which refuses text that is too long.
pub fn assign(expression: Expr, from: &Field, to: &Field) -> Result<Expr> {
    let converted = explicit(&expression, from, to, true)?;
    // What was converted may still be of another width, as text of a `LargeUtf8` column.
    let (expression, data_type) = match converted {
        Some(expression) => (expression, None),
        None => (expression, Some(from.data_type())),
    };
    Ok(if data_type == Some(to.data_type()) { expression } else { cast(expression, to.data_type().clone()) })
}

/// The cast as an expression of ours, or none where Arrow's does.
fn explicit(operand_of: &Expr, from: &Field, to: &Field, is_assignment: bool) -> Result<Option<Expr>> {
    let Some(target) = PgType::from_field(to) else { return Ok(None) };
    let Some(source) = PgType::from_field(from) else { return Ok(None) };
    let operand = || operand_of.clone();
    let is_text = is_textual(&source);
    Ok(match (&source, &target) {
        _ if source == target && from.data_type() == to.data_type() => Some(operand()),
        (_, PgType::Uuid) if is_text => Some(convert(Conversion::Uuid, operand())),
        (PgType::Json, PgType::Jsonb) => Some(convert(Conversion::Jsonb, operand())),
        (PgType::Jsonb, PgType::Json) => Some(convert(Conversion::Json, operand())),
        (_, PgType::Jsonb) if is_text => Some(convert(Conversion::Jsonb, operand())),
        (_, PgType::Json) if is_text => Some(convert(Conversion::Json, operand())),
        (_, PgType::Uuid | PgType::Json | PgType::Jsonb) => return Err(no_cast(&source, &target)),
        (_, PgType::Interval) if is_text => Some(convert(Conversion::Interval, operand())),
        (_, PgType::Timestamp) if is_text => Some(convert(Conversion::Timestamp { zoned: false }, operand())),
        (_, PgType::TimestampTz) if is_text => Some(convert(Conversion::Timestamp { zoned: true }, operand())),
        (_, PgType::Array(element)) if is_text => {
            let texts = convert(Conversion::Elements, operand());
            Some(if element.arrow() == DataType::Utf8 { texts } else { cast(texts, to.data_type().clone()) })
        }
        (_, PgType::Bytea) if is_text => Some(convert(Conversion::Bytea, operand())),
        (_, PgType::Varchar(Some(length))) => {
            let text = as_text(operand(), from, &source);
            Some(convert(Conversion::Varchar { length: *length, is_assignment }, text))
        }
        (_, PgType::Char(length)) => {
            let text = as_text(operand(), from, &source);
            Some(convert(Conversion::Char { length: *length, is_assignment }, text))
        }
        (_, PgType::Text | PgType::Varchar(None) | PgType::Name | PgType::SystemChar) => {
            Some(as_text(operand(), from, &source))
        }
        (PgType::Real | PgType::Double, PgType::SmallInt | PgType::Integer | PgType::BigInt)
            if is_rounded(operand_of) =>
        {
            None
        }
        (PgType::Real | PgType::Double, PgType::SmallInt | PgType::Integer | PgType::BigInt) => {
            Some(cast(convert(Conversion::RoundToEven, operand()), target.arrow()))
        }
        (PgType::Numeric(_), PgType::SmallInt | PgType::Integer | PgType::BigInt) => match from.data_type() {
            DataType::Decimal128(precision, scale) if *scale > 0 => {
                // Arrow cuts digits off when it makes an integer, and rounds when it changes a scale.
                let digits = precision.saturating_sub(scale.unsigned_abs()).saturating_add(1).min(38);
                Some(cast(cast(operand(), DataType::Decimal128(digits, 0)), target.arrow()))
            }
            _ => None,
        },
        (PgType::Numeric(_), PgType::Numeric(None)) if !is_assignment => Some(operand()),
        (PgType::SmallInt | PgType::Integer | PgType::BigInt, PgType::Numeric(None)) if !is_assignment => {
            Some(cast(operand(), DataType::Decimal128(20, 0)))
        }
        (PgType::Boolean, PgType::Integer)
        | (PgType::Integer, PgType::Boolean)
        | (PgType::SmallInt | PgType::Integer | PgType::BigInt, PgType::Oid) => None,
        (PgType::Boolean, _) if !matches!(operand(), Expr::Literal(ScalarValue::Null, _)) => {
            return Err(no_cast(&source, &target));
        }
        _ => None,
    })
}

fn is_textual(source: &PgType) -> bool {
    matches!(source, PgType::Text | PgType::Varchar(_) | PgType::Char(_) | PgType::Name)
}

/// A value's text as Postgres writes it.
fn as_text(operand: Expr, from: &Field, source: &PgType) -> Expr {
    match source {
        PgType::Real
        | PgType::Double
        | PgType::Timestamp
        | PgType::TimestampTz
        | PgType::Interval
        | PgType::Bytea
        | PgType::Array(_) => convert(Conversion::Text, operand),
        // Its text is what is stored; only the note that it is more than text goes.
        PgType::Uuid | PgType::Json | PgType::Jsonb => convert(Conversion::Text, operand),
        _ if *from.data_type() == DataType::Utf8 => operand,
        _ => cast(operand, DataType::Utf8),
    }
}

fn no_cast(source: &PgType, target: &PgType) -> DataFusionError {
    DataFusionError::Plan(format!("cannot cast type {source} to {target}"))
}
