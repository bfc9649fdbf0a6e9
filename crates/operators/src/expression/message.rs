//! What went wrong with a row, in Postgres' words where it has words for it.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, TimeUnit};
use arrow::error::ArrowError;
use arrow::util::display::array_value_to_string;
use datafusion::error::DataFusionError;
use datafusion::physical_expr::expressions::CastExpr;
use datafusion::physical_plan::PhysicalExpr;

use super::evaluate_one;

/// The message of a `DataFusion` error without the prefixes that say which library it came from,
/// and in Postgres' words if these need not know the expression that failed.
#[must_use]
pub fn error_message(error: &DataFusionError) -> String {
    match error.find_root() {
        DataFusionError::ArrowError(error, _) => arrow_message(error),
        DataFusionError::External(error) => match error.downcast_ref::<ArrowError>() {
            Some(error) => arrow_message(error),
            None => error.to_string(),
        },
        DataFusionError::Execution(message)
        | DataFusionError::Plan(message)
        | DataFusionError::Internal(message)
        | DataFusionError::NotImplemented(message) => first_line(message),
        root => first_line(&root.strip_backtrace()),
    }
}

fn arrow_message(error: &ArrowError) -> String {
    match error {
        ArrowError::DivideByZero => "division by zero".to_owned(),
        ArrowError::ArithmeticOverflow(_) => "value out of range: overflow".to_owned(),
        ArrowError::CastError(message)
        | ArrowError::ParseError(message)
        | ArrowError::ComputeError(message)
        | ArrowError::InvalidArgumentError(message)
        | ArrowError::NotYetImplemented(message) => first_line(message),
        other => first_line(&other.to_string()),
    }
}

fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().to_owned()
}

/// The message for the one row of `row`, on which evaluating `expressions` gave `error`.
pub(super) fn of_row(expressions: &[Arc<dyn PhysicalExpr>], row: &RecordBatch, error: &DataFusionError) -> String {
    // Only Arrow's own errors, and not all of them, read otherwise for who knows what failed.
    match error.find_root() {
        DataFusionError::ArrowError(arrow, _) if !matches!(**arrow, ArrowError::DivideByZero) => {}
        _ => return error_message(error),
    }
    let failing = expressions.iter().find_map(|expression| innermost_failing(expression, row));
    let Some((expression, error)) = failing else {
        return error_message(error);
    };
    if let DataFusionError::ArrowError(arrow, _) = error.find_root()
        && let ArrowError::ArithmeticOverflow(_) = **arrow
        && let Ok(data_type) = expression.data_type(&row.schema())
    {
        return out_of_range(&data_type);
    }
    match expression.downcast_ref::<CastExpr>() {
        Some(cast) => cast_message(cast, row).unwrap_or_else(|| error_message(&error)),
        None => error_message(&error),
    }
}

/// The deepest part of the expression that fails on the row, and how.
fn innermost_failing(
    expression: &Arc<dyn PhysicalExpr>,
    row: &RecordBatch,
) -> Option<(Arc<dyn PhysicalExpr>, DataFusionError)> {
    let error = evaluate_one(expression, row).err()?;
    // A part that fails otherwise is one that the whole does not evaluate, such as a CASE's branch.
    let text = error_message(&error);
    let within = expression.children().into_iter().filter_map(|child| innermost_failing(child, row));
    let same = within.into_iter().find(|(_, inner)| error_message(inner) == text);
    Some(same.unwrap_or_else(|| (expression.clone(), error)))
}

fn cast_message(cast: &CastExpr, row: &RecordBatch) -> Option<String> {
    let value = evaluate_one(cast.expr(), row).ok()?;
    let target = cast.cast_type();
    let name = type_name(target)?;
    if !matches!(value.data_type(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) {
        return Some(out_of_range(target));
    }
    let text = array_value_to_string(&value, 0).ok()?;
    if target.is_integer() && text.trim().parse::<i128>().is_ok() {
        return Some(format!("value \"{text}\" is out of range for type {name}"));
    }
    if target.is_decimal() && text.trim().parse::<f64>().is_ok() {
        return Some(out_of_range(target));
    }
    Some(format!("invalid input syntax for type {name}: \"{text}\""))
}

/// What Postgres says when a result does not fit its type.
pub(crate) fn out_of_range(data_type: &DataType) -> String {
    match data_type {
        data_type if data_type.is_decimal() => "numeric field overflow".to_owned(),
        DataType::Float32 | DataType::Float64 => "value out of range: overflow".to_owned(),
        _ => match type_name(data_type) {
            Some(name) => format!("{name} out of range"),
            None => "value out of range: overflow".to_owned(),
        },
    }
}

/// Postgres' name of a type, as its messages have it.
fn type_name(data_type: &DataType) -> Option<&'static str> {
    Some(match data_type {
        DataType::Boolean => "boolean",
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => "smallint",
        DataType::Int32 | DataType::UInt16 => "integer",
        DataType::Int64 | DataType::UInt32 | DataType::UInt64 => "bigint",
        DataType::Float32 => "real",
        DataType::Float64 => "double precision",
        data_type if data_type.is_decimal() => "numeric",
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text",
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => "bytea",
        DataType::Date32 | DataType::Date64 => "date",
        DataType::Time32(_) | DataType::Time64(TimeUnit::Microsecond | TimeUnit::Nanosecond) => "time",
        DataType::Timestamp(_, None) => "timestamp",
        DataType::Timestamp(_, Some(_)) => "timestamp with time zone",
        DataType::Interval(_) | DataType::Duration(_) => "interval",
        _ => return None,
    })
}
