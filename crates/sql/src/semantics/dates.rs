//! Arithmetic of dates and timestamps: a date and days is a date, a date and an interval is a
//! timestamp, the difference of timestamps is days and a time.

use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::error::{DataFusionError, Result};
use datafusion::functions::datetime;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Operator, cast};
use datafusion::scalar::ScalarValue;

use crate::functions::time_difference::TIME_DIFFERENCE;
use crate::types::PgType;
use crate::zones;

pub(super) fn rewrite(expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match expression {
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::Plus | Operator::Minus), right }) => {
            let (Ok(left_type), Ok(right_type)) = (left.get_type(schema), right.get_type(schema)) else {
                return Ok(Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })));
            };
            let is_plus = op == Operator::Plus;
            Ok(match (&left_type, &right_type) {
                (DataType::Date32, days) if days.is_integer() => {
                    Transformed::yes(cast(days_of(*left, op, *right), DataType::Date32))
                }
                (days, DataType::Date32) if days.is_integer() && is_plus => {
                    Transformed::yes(cast(days_of(*right, op, *left), DataType::Date32))
                }
                (DataType::Date32, DataType::Date32) if !is_plus => Transformed::yes(days_of(*left, op, *right)),
                (DataType::Date32, DataType::Interval(_)) => {
                    let left = Box::new(cast(*left, PgType::Timestamp.arrow()));
                    Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op, right }))
                }
                (DataType::Interval(_), DataType::Date32) if is_plus => {
                    let right = Box::new(cast(*right, PgType::Timestamp.arrow()));
                    Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op, right }))
                }
                (DataType::Timestamp(_, left_zone), DataType::Timestamp(_, right_zone))
                    if !is_plus && left_zone.is_some() == right_zone.is_some() =>
                {
                    Transformed::yes(TIME_DIFFERENCE.udf().call(vec![*left, *right]))
                }
                _ => Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })),
            })
        }
        Expr::ScalarFunction(call) if call.func.name() == "timezone" => {
            let [zone, moment] = <[Expr; 2]>::try_from(call.args)
                .map_err(|_| DataFusionError::Internal("timezone has two arguments".to_owned()))?;
            let Expr::Literal(ScalarValue::Utf8(Some(zone)), _) = zone else {
                return Err(DataFusionError::NotImplemented("AT TIME ZONE of what is no literal".to_owned()));
            };
            let from = moment.get_type(schema)?;
            let zone = zones::named(&zone).map_or(zone, str::to_owned);
            Ok(Transformed::yes(at_time_zone(moment, &from, &zone)))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// Dates are days, and so can be added to as integers.
fn days_of(left: Expr, operator: Operator, right: Expr) -> Expr {
    let days = |operand| Box::new(cast(operand, DataType::Int32));
    Expr::BinaryExpr(BinaryExpr { left: days(left), op: operator, right: days(right) })
}

/// `AT TIME ZONE`: a moment becomes the time on that zone's clocks, and such a time becomes a moment.
fn at_time_zone(operand: Expr, from: &DataType, zone: &str) -> Expr {
    // An offset counts to the west, as POSIX has it.
    let zone: Arc<str> = match zone.as_bytes().first() {
        Some(b'+') => format!("-{}", &zone[1..]).into(),
        Some(b'-') => format!("+{}", &zone[1..]).into(),
        _ => zone.into(),
    };
    let is_utc = zone.as_ref() == "UTC";
    let in_zone = |operand| cast(operand, DataType::Timestamp(TimeUnit::Microsecond, Some(zone)));
    match from {
        DataType::Timestamp(_, Some(_)) => datetime::to_local_time().call(vec![in_zone(operand)]),
        // In UTC it is a moment already.
        DataType::Timestamp(_, None) if is_utc => in_zone(operand),
        DataType::Timestamp(_, None) => cast(in_zone(operand), PgType::TimestampTz.arrow()),
        // A date or text is midnight or a time there.
        _ => cast(in_zone(cast(operand, PgType::Timestamp.arrow())), PgType::TimestampTz.arrow()),
    }
}
