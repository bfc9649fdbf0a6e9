//! A cast that is written around `sum` or `avg`, kept until the aggregate has its final type.
//!
//! While a query is bound, DataFusion takes `avg(an_integer)` for a float, and drops a cast of it
//! to a float as needless. Only later does the aggregate become `numeric`, as it is in Postgres. So
//! such a cast is bound as this function of the value and a null of the wanted type, and becomes a
//! cast again when the analyser comes by.

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::expr::{Cast, ScalarFunction};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};
use sqlparser::ast;

/// By what name the rewriting of the syntax tree means it.
pub(crate) const NAME: &str = "freshet_kept_cast";

/// `freshet_kept_cast(value, null_of_a_type)`.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct KeptCast {
    signature: Signature,
}

impl KeptCast {
    pub(crate) fn new() -> KeptCast {
        KeptCast { signature: Signature::any(2, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for KeptCast {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        arguments.get(1).cloned().ok_or_else(|| DataFusionError::Plan(format!("{NAME} takes a value and a type")))
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> Result<FieldRef> {
        let wanted = arguments.arg_fields.get(1);
        let wanted = wanted.ok_or_else(|| DataFusionError::Plan(format!("{NAME} takes a value and a type")))?;
        Ok(Arc::new(wanted.as_ref().clone().with_name(NAME).with_nullable(true)))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let value = arguments.args.into_iter().next();
        let value = value.ok_or_else(|| DataFusionError::Plan(format!("{NAME} takes a value and a type")))?;
        value.cast_to(arguments.return_field.data_type(), None)
    }
}

/// Makes a kept cast a cast again.
pub(crate) fn restore(expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Expr::ScalarFunction(ScalarFunction { func, args }) = &expression else {
        return Ok(Transformed::no(expression));
    };
    let (NAME, [value, wanted]) = (func.name(), args.as_slice()) else {
        return Ok(Transformed::no(expression));
    };
    let (_, field) = wanted.to_field(schema)?;
    Ok(Transformed::yes(Expr::Cast(Cast::new_from_field(Box::new(value.clone()), field))))
}

/// Whether a cast of this must be kept: it has a `sum` or `avg` in it.
pub(crate) fn is_needed(expression: &ast::Expr) -> bool {
    match expression {
        ast::Expr::Nested(inner) => is_needed(inner),
        ast::Expr::UnaryOp { expr, .. } => is_needed(expr),
        ast::Expr::BinaryOp { left, right, .. } => is_needed(left) || is_needed(right),
        ast::Expr::Function(function) => {
            let name = function.name.to_string().to_lowercase();
            ["sum", "avg", "mean", "coalesce", "round", "abs"].contains(&name.as_str())
        }
        _ => false,
    }
}
