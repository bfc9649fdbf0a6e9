//! Operators while the text is bound: jsonb's, and what an untyped literal beside a typed operand is.

use arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr, RawFieldAccessExpr};
use datafusion::logical_expr::{Expr, ExprSchemable, GetFieldAccess, lit, when};
use datafusion::scalar::ScalarValue;
use sqlparser::ast::BinaryOperator;

use crate::functions::plain::PlainFunction;
use crate::functions::{interval_times, json};
use crate::types::PgType;

/// Binds Postgres' operators.
#[derive(Debug)]
pub struct OperatorPlanner;

impl ExprPlanner for OperatorPlanner {
    fn plan_binary_op(&self, expression: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let function = match expression.op {
            BinaryOperator::Arrow | BinaryOperator::HashArrow => Some(json::jsonb_get()),
            BinaryOperator::LongArrow | BinaryOperator::HashLongArrow => {
                Some(datafusion_functions_json::udfs::json_as_text_udf())
            }
            BinaryOperator::Question => Some(datafusion_functions_json::udfs::json_contains_udf()),
            _ => None,
        };
        if let Some(function) = function {
            return Ok(PlannerResult::Planned(function.call(vec![expression.left, expression.right])));
        }
        let RawBinaryExpr { op, left, right } = expression;
        if matches!(op, BinaryOperator::Multiply | BinaryOperator::Divide) {
            let is_interval = |operand: &Expr| matches!(operand.get_type(schema), Ok(DataType::Interval(_)));
            let times = interval_times::TIMES;
            match (&op, is_interval(&left), is_interval(&right)) {
                (BinaryOperator::Multiply, true, false) => return planned(times, left, right),
                (BinaryOperator::Multiply, false, true) => return planned(times, right, left),
                (BinaryOperator::Divide, true, false) => return planned(interval_times::DIVIDED_BY, left, right),
                _ => {}
            }
        }
        let (left, right) = typed_pair(left, right, schema);
        Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }))
    }

    /// Elements count from 1: DataFusion's negative subscripts count from the end, and Postgres' are of nothing.
    fn plan_field_access(&self, access: RawFieldAccessExpr, _: &DFSchema) -> Result<PlannerResult<RawFieldAccessExpr>> {
        let RawFieldAccessExpr { field_access, expr } = access;
        let field_access = match field_access {
            GetFieldAccess::ListIndex { key }
                if !matches!(key.as_ref(), Expr::Literal(ScalarValue::Int64(Some(1..)), _)) =>
            {
                let is_positive = key.as_ref().clone().gt_eq(lit(1_i64));
                GetFieldAccess::ListIndex { key: Box::new(when(is_positive, *key).end()?) }
            }
            field_access => field_access,
        };
        Ok(PlannerResult::Original(RawFieldAccessExpr { field_access, expr }))
    }
}

fn planned(function: PlainFunction, left: Expr, right: Expr) -> Result<PlannerResult<RawBinaryExpr>> {
    Ok(PlannerResult::Planned(function.udf().call(vec![left, right])))
}

/// Two operands, each with the type that it has beside the other: DataFusion reads an integer as a
/// `bigint`, which Postgres does not while it fits an `integer`; and text beside a uuid is a uuid.
///
/// Types are only asked for where a literal is beside something: an operand may be a long chain.
/// One may not have a type, as a parameter; then there is nothing to go by.
pub(super) fn typed_pair(left: Expr, right: Expr, schema: &DFSchema) -> (Expr, Expr) {
    match (integer(&left), integer(&right)) {
        (Some(left), Some(right)) => (left, right),
        (Some(integer), None) if is_narrow(&right, schema) => (integer, right),
        (None, Some(integer)) if is_narrow(&left, schema) => (left, integer),
        _ => {
            let left = beside(left, &right, schema);
            let right = beside(right, &left, schema);
            (left, right)
        }
    }
}

fn is_narrow(expression: &Expr, schema: &DFSchema) -> bool {
    matches!(expression.get_type(schema), Ok(DataType::Int8 | DataType::Int16 | DataType::Int32))
}

/// A `bigint` literal that fits an `integer`, as that.
fn integer(operand: &Expr) -> Option<Expr> {
    match operand {
        Expr::Literal(ScalarValue::Int64(Some(value)), None) => {
            let value = i32::try_from(*value).ok()?;
            Some(Expr::Literal(ScalarValue::Int32(Some(value)), None))
        }
        _ => None,
    }
}

/// Text as what it must be beside a uuid, jsonb, bytea, an interval, an array or character(n).
pub(super) fn beside(operand: Expr, other: &Expr, schema: &DFSchema) -> Expr {
    let Expr::Literal(ScalarValue::Utf8(Some(text)), None) = &operand else { return operand };
    let Ok((_, field)) = other.to_field(schema) else { return operand };
    match PgType::from_field(&field) {
        Some(PgType::Uuid | PgType::Jsonb | PgType::Bytea | PgType::Interval | PgType::Array(_)) => {
            Expr::Cast(Cast::new_from_field(Box::new(operand), field))
        }
        // Spaces at the end don't count there, and are not kept.
        Some(PgType::Char(_)) => Expr::Literal(ScalarValue::from(text.trim_end_matches(' ')), None),
        _ => operand,
    }
}
