//! Overflow and division by zero are errors, not wrapped or infinite values.
//!
//! DataFusion's own operator wraps, also where the optimiser folds constants with it. So the
//! operators of integers and floats become functions here, which the optimiser folds as it does
//! any function: an error stays for the row that makes it. Decimals and integer division are
//! checked already. `||` of texts is one, too, since Arrow's cannot tell that its result is too long.

use arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Operator};
use datafusion::scalar::ScalarValue;

use crate::functions::{checked, lengthened};
use crate::types::PgType;

pub(super) fn rewrite(expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match expression {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_checked(&left, op, &right, schema) => {
            Ok(Transformed::yes(checked::call(op, *left, *right)))
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::StringConcat, right })
            if is_text(&left, schema) && is_text(&right, schema) =>
        {
            Ok(Transformed::yes(lengthened::TEXTCAT.udf().call(vec![*left, *right])))
        }
        Expr::Negative(operand) => match operand.get_type(schema) {
            Ok(data_type) if data_type.is_signed_integer() && !matches!(operand.as_ref(), Expr::Literal(..)) => {
                let zero = Expr::Literal(ScalarValue::new_zero(&data_type)?, None);
                Ok(Transformed::yes(checked::call(Operator::Minus, zero, *operand)))
            }
            _ => Ok(Transformed::no(Expr::Negative(operand))),
        },
        Expr::ScalarFunction(call) if call.func.name() == "pg_typeof" => {
            let field = call.args.first().map(|argument| argument.to_field(schema)).transpose()?;
            let name = field.and_then(|(_, field)| PgType::from_field(&field)).map(|pg_type| match pg_type {
                PgType::Array(element) => format!("{}[]", element.base_name()),
                pg_type => pg_type.base_name().to_owned(),
            });
            Ok(Transformed::yes(Expr::Literal(ScalarValue::Utf8(name), None)))
        }
        other => Ok(Transformed::no(other)),
    }
}

fn is_checked(left: &Expr, operator: Operator, right: &Expr, schema: &DFSchema) -> bool {
    use Operator::{Divide, Minus, Modulo, Multiply, Plus};
    // Most operators are none of these, and asking for an operand's type is not cheap.
    if !matches!(operator, Plus | Minus | Multiply | Divide | Modulo) {
        return false;
    }
    let (Some(left), Some(right)) = (type_of(left, schema), type_of(right, schema)) else { return false };
    let is_exact = matches!(operator, Plus | Minus | Multiply) && left.is_integer();
    left == right && (is_exact || left.is_floating())
}

fn is_text(operand: &Expr, schema: &DFSchema) -> bool {
    match operand {
        Expr::ScalarFunction(call) if call.func.name() == lengthened::TEXTCAT.name => true,
        operand => operand.get_type(schema).is_ok_and(|data_type| data_type == DataType::Utf8),
    }
}

/// The type of an operand, which may be a long chain of what this file has made: that has its
/// first operand's type, while DataFusion would write out the name of each link to find out.
fn type_of(operand: &Expr, schema: &DFSchema) -> Option<DataType> {
    let mut operand = operand;
    while let Expr::ScalarFunction(call) = operand
        && call.func.inner().is::<checked::Checked>()
        && let Some(first) = call.args.first()
    {
        operand = first;
    }
    operand.get_type(schema).ok()
}
