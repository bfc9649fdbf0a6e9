//! Overflow and division by zero are errors, not wrapped or infinite values.
//!
//! DataFusion's own operator wraps, also where the optimiser folds constants with it. So the
//! operators of integers and floats become functions here, which the optimiser folds as it does
//! any function: an error stays for the row that makes it. Decimals and integer division are
//! checked already.

use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Operator};
use datafusion::scalar::ScalarValue;

use crate::functions::checked;

pub(super) fn rewrite(expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match expression {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_checked(&left, op, &right, schema) => {
            Ok(Transformed::yes(checked::call(op, *left, *right)))
        }
        Expr::Negative(operand) => match operand.get_type(schema) {
            Ok(data_type) if data_type.is_signed_integer() && !matches!(operand.as_ref(), Expr::Literal(..)) => {
                let zero = Expr::Literal(ScalarValue::new_zero(&data_type)?, None);
                Ok(Transformed::yes(checked::call(Operator::Minus, zero, *operand)))
            }
            _ => Ok(Transformed::no(Expr::Negative(operand))),
        },
        other => Ok(Transformed::no(other)),
    }
}

fn is_checked(left: &Expr, operator: Operator, right: &Expr, schema: &DFSchema) -> bool {
    let (Ok(left), Ok(right)) = (left.get_type(schema), right.get_type(schema)) else { return false };
    match operator {
        Operator::Plus | Operator::Minus | Operator::Multiply => {
            left == right && (left.is_integer() || left.is_floating())
        }
        Operator::Divide | Operator::Modulo => left == right && left.is_floating(),
        _ => false,
    }
}
