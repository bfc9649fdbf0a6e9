//! `sum` and `avg` as Postgres has them: no sum of integers overflows, numbers that are exact stay
//! exact, and a mean is rounded.
//!
//! `sum(integer)` is a `bigint`; `sum(bigint)` and the `avg` of integers are `numeric`. DataFusion's
//! own have other types, some of them only after its coercion.

mod accumulators;
mod addend;
mod distinct;

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::expr::{AggregateFunctionParams, WindowFunctionParams};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, ReversedUDAF, Signature, Volatility,
};
use plan::decimal::MEAN_SCALE;

use self::accumulators::{OneTotal, Totals};
use self::addend::Finish;
use self::distinct::Distinct;
use crate::types::PRECISION_MAX;

/// Both functions.
pub(super) fn all() -> Vec<Arc<AggregateUDF>> {
    let total = |is_average| Total { is_average, signature: Signature::user_defined(Volatility::Immutable) };
    [false, true].map(|is_average| Arc::new(AggregateUDF::new_from_impl(total(is_average)))).to_vec()
}

/// `sum(argument)` or `avg(argument)`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Total {
    is_average: bool,
    signature: Signature,
}

/// What numbers of a type are added up as. None for what is no number.
fn addend_type(argument: &DataType) -> Option<DataType> {
    match argument {
        DataType::Float16 | DataType::Float32 | DataType::Float64 => Some(DataType::Float64),
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale) => Some(DataType::Decimal128(PRECISION_MAX, *scale)),
        argument if argument.is_integer() => Some(DataType::Decimal128(PRECISION_MAX, 0)),
        _ => None,
    }
}

impl Total {
    fn result_type(&self, argument: &DataType) -> Option<DataType> {
        use DataType::{Decimal128, Float32, Float64, Int8, Int16, Int32, Int64, UInt8, UInt16};
        Some(match (addend_type(argument)?, self.is_average) {
            (Decimal128(_, scale), true) => Decimal128(PRECISION_MAX, scale.max(MEAN_SCALE)),
            (_, true) => Float64,
            (wide, false) => match argument {
                Int8 | Int16 | Int32 | UInt8 | UInt16 => Int64,
                Float32 => Float32,
                _ => wide,
            },
        })
    }

    fn unknown(&self, arguments: &[DataType]) -> DataFusionError {
        let types = arguments.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let name = self.name();
        DataFusionError::Plan(format!("No function matches the given name and argument types '{name}({types})'"))
    }

    fn finish(&self, arguments: &AccumulatorArgs<'_>) -> Result<Finish> {
        let types = arguments.expr_fields.iter().map(|field| field.data_type().clone()).collect::<Vec<_>>();
        let addend = types.first().and_then(addend_type).ok_or_else(|| self.unknown(&types))?;
        Ok(Finish { addend, result: arguments.return_field.data_type().clone(), is_average: self.is_average })
    }
}

impl AggregateUDFImpl for Total {
    fn name(&self) -> &str {
        if self.is_average { "avg" } else { "sum" }
    }

    /// DataFusion leaves casts out, and so would take `sum(x::int)` and `sum(x::float8)` for one column.
    fn schema_name(&self, parameters: &AggregateFunctionParams) -> Result<String> {
        self.display_name(parameters)
    }

    fn window_function_schema_name(&self, parameters: &WindowFunctionParams) -> Result<String> {
        self.window_function_display_name(parameters)
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Any number is taken as it is: were it cast, the result's type would change with the plan.
    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        match arguments {
            [DataType::Null] => Ok(vec![DataType::Float64]),
            [DataType::Dictionary(_, values)] if addend_type(values).is_some() => Ok(vec![values.as_ref().clone()]),
            [argument] if addend_type(argument).is_some() => Ok(vec![argument.clone()]),
            _ => Err(self.unknown(arguments)),
        }
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        let found = match arguments {
            [DataType::Null] => Some(DataType::Float64),
            [argument] => self.result_type(argument),
            _ => None,
        };
        found.ok_or_else(|| self.unknown(arguments))
    }

    fn accumulator(&self, arguments: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let finish = self.finish(&arguments)?;
        Ok(match (finish.addend == DataType::Float64, arguments.is_distinct) {
            (true, false) => Box::new(OneTotal::<f64>::new(finish)),
            (true, true) => Box::new(Distinct::<f64>::new(finish)),
            (false, false) => Box::new(OneTotal::<i128>::new(finish)),
            (false, true) => Box::new(Distinct::<i128>::new(finish)),
        })
    }

    fn state_fields(&self, arguments: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let types = arguments.input_fields.iter().map(|field| field.data_type().clone()).collect::<Vec<_>>();
        let addend = types.first().and_then(addend_type).ok_or_else(|| self.unknown(&types))?;
        let field = |what, data_type| Arc::new(Field::new(format_state_name(arguments.name, what), data_type, true));
        Ok(if arguments.is_distinct {
            vec![field("values", DataType::new_list(addend, true))]
        } else {
            vec![field("sum", addend), field("count", DataType::Int64)]
        })
    }

    fn groups_accumulator_supported(&self, arguments: AccumulatorArgs<'_>) -> bool {
        !arguments.is_distinct
    }

    fn create_groups_accumulator(&self, arguments: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        let finish = self.finish(&arguments)?;
        Ok(if finish.addend == DataType::Float64 {
            Box::new(Totals::<f64>::new(finish))
        } else {
            Box::new(Totals::<i128>::new(finish))
        })
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}
