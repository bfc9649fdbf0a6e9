//! The result types of `sum` and `avg`: wide enough that a sum of integers cannot overflow, and
//! exact.
//!
//! `sum(bigint)` and `avg` of integers are `numeric` in Postgres. The argument is cast here; the
//! lowering of a view takes the cast away again, since its operators add integers exactly.

use arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::expr::{AggregateFunction, WindowFunction};
use datafusion::logical_expr::{Expr, ExprSchemable, WindowFunctionDefinition, cast};

/// What `sum` adds up, when it adds up `bigint`s.
pub(crate) const SUM_ARGUMENT: DataType = DataType::Decimal128(38, 0);
/// The fewest decimals of what `avg` adds up; its result has four more.
pub(crate) const AVG_SCALE: i8 = 12;

pub(super) fn rewrite(expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match expression {
        Expr::AggregateFunction(AggregateFunction { func, mut params }) => {
            let changed = widen(func.name(), &mut params.args, schema);
            let call = Expr::AggregateFunction(AggregateFunction { func, params });
            Ok(if changed { Transformed::yes(call) } else { Transformed::no(call) })
        }
        Expr::WindowFunction(mut window) => {
            let WindowFunction { fun, params } = window.as_mut();
            let changed = match fun {
                WindowFunctionDefinition::AggregateUDF(function) => widen(function.name(), &mut params.args, schema),
                WindowFunctionDefinition::WindowUDF(_) => false,
            };
            let call = Expr::WindowFunction(window);
            Ok(if changed { Transformed::yes(call) } else { Transformed::no(call) })
        }
        other => Ok(Transformed::no(other)),
    }
}

/// Casts the argument of a `sum` or `avg` to what it is added up as.
fn widen(function: &str, arguments: &mut [Expr], schema: &DFSchema) -> bool {
    let [argument] = arguments else { return false };
    // A parameter may have no type yet; then a later analysis comes by again.
    let Ok(argument_type) = argument.get_type(schema) else { return false };
    let Some(wide) = wide_type(function, &argument_type) else { return false };
    // DataFusion's own widening of an `integer`, seen on the second time: its sum is a `bigint`.
    if function == "sum" && is_widened_integer(argument, schema) {
        return false;
    }
    *argument = cast(argument.clone(), wide);
    true
}

fn is_widened_integer(argument: &Expr, schema: &DFSchema) -> bool {
    let Expr::Cast(cast) = argument else { return false };
    let inner = cast.expr.get_type(schema);
    cast.field.data_type() == &DataType::Int64
        && matches!(inner, Ok(DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16))
}

fn wide_type(function: &str, argument: &DataType) -> Option<DataType> {
    use DataType::{Decimal128, Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64};
    match (function, argument) {
        ("sum", Int64 | UInt64 | UInt32) => Some(SUM_ARGUMENT),
        ("avg" | "mean", Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64) => {
            Some(Decimal128(38, AVG_SCALE))
        }
        ("avg" | "mean", Decimal128(_, scale)) if *scale < AVG_SCALE => Some(Decimal128(38, AVG_SCALE)),
        _ => None,
    }
}
