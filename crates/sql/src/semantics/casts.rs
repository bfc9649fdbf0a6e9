//! Casts whose meaning in Postgres is more than Arrow's: checked text forms (uuid, jsonb, bytea),
//! lengths, rounding to integers, and Postgres' text of floats and times.

use arrow::datatypes::{DataType, Field};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::expr::{AggregateFunctionParams, Case, Cast};
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Operator, cast};
use datafusion::scalar::ScalarValue;

use super::operators;
use crate::ValueError;
use crate::functions::convert::{Conversion, convert, is_repeated, is_rounded};
use crate::functions::{arrays, numeric};
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
        Expr::ScalarFunction(call) if call.func.name() == "array_has" && !arrays::is_has_element(&call.func) => {
            Ok(Transformed::yes(arrays::has_element(call.args)))
        }
        Expr::Like(like) => match like.pattern.as_ref() {
            Expr::Literal(ScalarValue::Utf8(Some(pattern)), _) if ends_with_escape(pattern) => {
                Err(ValueError::EndsWithEscape.into())
            }
            _ => Ok(Transformed::no(Expr::Like(like))),
        },
        Expr::InList(mut list) => {
            list.list = list.list.into_iter().map(|value| operators::beside(value, &list.expr, schema)).collect();
            Ok(Transformed::yes(Expr::InList(list)))
        }
        Expr::Between(mut between) => {
            for bound in [&mut between.low, &mut between.high] {
                **bound = operators::beside(std::mem::take(bound.as_mut()), &between.expr, schema);
            }
            Ok(Transformed::yes(Expr::Between(between)))
        }
        // Of these DataFusion knows the Arrow type only, which is text.
        Expr::Case(mut case) => {
            if let Some(operand) = &case.expr {
                for (when, _) in &mut case.when_then_expr {
                    **when = operators::beside(std::mem::take(when.as_mut()), operand, schema);
                }
            }
            let results = case.when_then_expr.iter().map(|(_, then)| then).chain(&case.else_expr);
            let conversion = common_conversion(results.map(Box::as_ref), schema);
            Ok(converted(Expr::Case(case), conversion))
        }
        Expr::ScalarFunction(call) if ["coalesce", "nullif", "greatest", "least"].contains(&call.func.name()) => {
            let conversion = common_conversion(call.args.iter(), schema);
            Ok(converted(Expr::ScalarFunction(call), conversion))
        }
        expression @ Expr::ScalarFunction(_) if is_repeated(&expression) => {
            let Expr::ScalarFunction(mut call) = expression else {
                return Err(DataFusionError::Internal("a conversion is a function".to_owned()));
            };
            Ok(Transformed::yes(call.args.swap_remove(0)))
        }
        Expr::AggregateFunction(mut call) if !is_guarded(&call.params) => {
            // Postgres looks at the filter first; what it keeps out must not fail.
            let AggregateFunctionParams { args, filter, .. } = &mut call.params;
            let computed = args.iter_mut().filter(|argument| !matches!(argument, Expr::Column(_) | Expr::Literal(..)));
            for (argument, filter) in computed.zip(filter.iter().cycle()) {
                let value = Box::new(std::mem::take(argument));
                *argument = Expr::Case(Case::new(None, vec![(filter.clone(), value)], None));
            }
            Ok(Transformed::yes(Expr::AggregateFunction(call)))
        }
        Expr::AggregateFunction(call) if call.func.name() == "count" && call.params.args.len() > 1 => {
            let types =
                call.params.args.iter().map(|argument| argument.get_type(schema).map(|found| found.to_string()));
            let types = types.collect::<Result<Vec<_>>>()?.join(", ");
            let message = format!("No function matches the given name and argument types 'count({types})'");
            Err(DataFusionError::Plan(message))
        }
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::Multiply | Operator::Divide), right }) => {
            let types = (left.get_type(schema), right.get_type(schema));
            let function = match &types {
                (Ok(left), Ok(right)) => numeric::operator(left, op, right),
                _ => None,
            };
            Ok(match function {
                Some(function) => Transformed::yes(function.udf().call(vec![*left, *right])),
                None => Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })),
            })
        }
        other => Ok(Transformed::no(other)),
    }
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
        (_, PgType::Date) if is_text => Some(convert(Conversion::Date, operand())),
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
        (_, PgType::Char(Some(length))) => {
            let text = as_text(operand(), from, &source);
            Some(convert(Conversion::Char { length: *length, is_assignment }, text))
        }
        (_, PgType::Text | PgType::Varchar(None) | PgType::Char(None) | PgType::Name | PgType::SystemChar) => {
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
        (PgType::BigInt, PgType::Integer) | (PgType::BigInt | PgType::Integer, PgType::SmallInt) => {
            Some(convert(Conversion::Narrow { is_small: target == PgType::SmallInt }, operand()))
        }
        (PgType::Numeric(_), PgType::Real) => Some(convert(Conversion::Float { is_double: false }, operand())),
        (PgType::Numeric(_), PgType::Double) => Some(convert(Conversion::Float { is_double: true }, operand())),
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
        // Days are added to a date as its number, which an `integer` becomes a date for (`dates`).
        (PgType::Integer, PgType::Date) => None,
        (
            PgType::SmallInt | PgType::Integer | PgType::BigInt | PgType::Real | PgType::Double | PgType::Numeric(_),
            PgType::Date | PgType::Time | PgType::Timestamp | PgType::TimestampTz | PgType::Interval,
        ) => return Err(no_cast(&source, &target)),
        (PgType::Boolean, PgType::Integer)
        | (PgType::Integer, PgType::Boolean)
        | (PgType::SmallInt | PgType::Integer | PgType::BigInt, PgType::Oid) => None,
        (PgType::Boolean, _) if !matches!(operand(), Expr::Literal(ScalarValue::Null, _)) => {
            return Err(no_cast(&source, &target));
        }
        _ => None,
    })
}

/// What makes of text what all of these are, if that is kept as text but is more.
fn common_conversion<'a>(results: impl Iterator<Item = &'a Expr>, schema: &DFSchema) -> Option<Conversion> {
    let mut common = None;
    for result in results {
        let (_, field) = result.to_field(schema).ok()?;
        let conversion = match PgType::from_field(&field)? {
            _ if field.data_type().is_null() => continue,
            PgType::Uuid => Conversion::Uuid,
            PgType::Json => Conversion::Json,
            PgType::Jsonb => Conversion::Jsonb,
            _ => return None,
        };
        if common.is_some_and(|common| common != conversion) {
            return None;
        }
        common = Some(conversion);
    }
    common
}

fn converted(expression: Expr, conversion: Option<Conversion>) -> Transformed<Expr> {
    match conversion {
        Some(conversion) => Transformed::yes(convert(conversion, expression)),
        None => Transformed::no(expression),
    }
}

/// Whether an aggregate's arguments fail on no row that its filter keeps out.
fn is_guarded(call: &AggregateFunctionParams) -> bool {
    let Some(filter) = &call.filter else { return true };
    call.args.iter().all(|argument| {
        let argument = match argument {
            Expr::Cast(cast) => cast.expr.as_ref(),
            argument => argument,
        };
        match argument {
            Expr::Column(_) | Expr::Literal(..) => true,
            Expr::Case(case) => case.when_then_expr.first().is_some_and(|(when, _)| when == filter),
            _ => false,
        }
    })
}

/// Whether a pattern of LIKE ends with a backslash that nothing follows.
fn ends_with_escape(pattern: &str) -> bool {
    pattern.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
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
