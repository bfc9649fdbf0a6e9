//! Operators while the text is bound: jsonb's, and what an untyped literal beside a typed operand is.

use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ExprSchemable};
use datafusion::scalar::ScalarValue;
use sqlparser::ast::BinaryOperator;

use crate::functions::json;
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
        let (left, right) = typed_pair(left, right, schema);
        Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }))
    }
}

/// Two operands, each with the type that it has beside the other.
pub(super) fn typed_pair(left: Expr, right: Expr, schema: &DFSchema) -> (Expr, Expr) {
    if let (Some(left), Some(right)) = (integer(&left), integer(&right)) {
        return (left, right);
    }
    // An operand may not have a type, as a parameter; then there is nothing to go by.
    let types = (field_of(&left, schema), field_of(&right, schema));
    (beside(left, types.1.as_ref()), beside(right, types.0.as_ref()))
}

fn field_of(expression: &Expr, schema: &DFSchema) -> Option<FieldRef> {
    expression.to_field(schema).ok().map(|(_, field)| field)
}

/// A literal beside an operand of some type: DataFusion reads an integer as a `bigint`, which
/// Postgres does not while it fits an `integer`; and text beside a uuid is a uuid.
fn beside(operand: Expr, other: Option<&FieldRef>) -> Expr {
    let Some(other) = other else { return operand };
    match &operand {
        Expr::Literal(ScalarValue::Int64(_), _) => match (integer(&operand), other.data_type()) {
            (Some(integer), DataType::Int8 | DataType::Int16 | DataType::Int32) => integer,
            _ => operand,
        },
        Expr::Literal(ScalarValue::Utf8(Some(_)), None) => match PgType::from_field(other) {
            Some(PgType::Uuid | PgType::Jsonb | PgType::Bytea) => {
                Expr::Cast(Cast::new_from_field(Box::new(operand), FieldRef::clone(other)))
            }
            _ => operand,
        },
        _ => operand,
    }
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
