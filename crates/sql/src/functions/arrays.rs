//! Functions of arrays that are null where Postgres' are: `x = ANY(array)` and `array_length`.

use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, Int32Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Int64Type};
use datafusion::common::utils::take_function_args;
use datafusion::error::{DataFusionError, Result};
use datafusion::functions_nested::array_has::array_has_udf;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// DataFusion's `array_has`, by which it plans `x = ANY(array)`, with nulls: an element that is none may be equal.
#[derive(Debug, PartialEq, Eq, Hash)]
struct HasElement(Arc<ScalarUDF>);

/// `x = ANY(array)` of the arguments of DataFusion's `array_has`.
pub(crate) fn has_element(arguments: Vec<Expr>) -> Expr {
    ScalarUDF::new_from_impl(HasElement(array_has_udf())).call(arguments)
}

/// Whether the function is the one of [`has_element`].
pub(crate) fn is_has_element(function: &ScalarUDF) -> bool {
    function.inner().is::<HasElement>()
}

impl ScalarUDFImpl for HasElement {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        self.0.coerce_types(arguments)
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(Arc::new(Field::new(self.name(), DataType::Boolean, true)))
    }

    /// An array of literals becomes an `IN`, which knows nulls.
    fn simplify(&self, arguments: Vec<Expr>, context: &SimplifyContext) -> Result<ExprSimplifyResult> {
        self.0.simplify(arguments, context)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = arguments.number_rows;
        let [array, element] = take_function_args(self.name(), &arguments.args)?;
        let (array, element) = (array.to_array(rows)?, element.to_array(rows)?);
        let found = self.0.invoke_with_args(arguments)?.into_array(rows)?;
        let Some(lists) = array.as_list_opt::<i32>() else { return Ok(ColumnarValue::Array(found)) };
        let has_null = |row| lists.is_valid(row) && lists.value(row).logical_null_count() > 0;
        let answers = found.as_boolean().iter().enumerate().map(|(row, found)| match found {
            _ if lists.is_null(row) => None,
            // In an empty array there is nothing that null could be equal to.
            _ if element.is_null(row) => (lists.value_length(row) == 0).then_some(false),
            Some(true) => Some(true),
            _ => (!has_null(row)).then_some(false),
        });
        Ok(ColumnarValue::Array(Arc::new(answers.collect::<BooleanArray>())))
    }
}

/// `array_length(array, dimension)`: null of an empty array, and of a dimension that is not there.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Length(Signature);

pub(super) fn length() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(Length(Signature::user_defined(Volatility::Immutable))))
}

impl ScalarUDFImpl for Length {
    fn name(&self) -> &str {
        "array_length"
    }

    fn signature(&self) -> &Signature {
        &self.0
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        match arguments {
            [array @ (DataType::List(_) | DataType::Null), dimension]
                if dimension.is_integer() || dimension.is_null() =>
            {
                Ok(vec![array.clone(), DataType::Int64])
            }
            _ => {
                let types = arguments.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                let message = format!("No function matches the given name and argument types 'array_length({types})'");
                Err(DataFusionError::Plan(message))
            }
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int32)
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(Arc::new(Field::new(self.name(), DataType::Int32, true)))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = arguments.number_rows;
        let [array, dimension] = take_function_args(self.name(), &arguments.args)?;
        let (array, dimension) = (array.to_array(rows)?, cast(&dimension.to_array(rows)?, &DataType::Int64)?);
        let Some(lists) = array.as_list_opt::<i32>() else {
            return Ok(ColumnarValue::Array(Arc::new(Int32Array::new_null(rows))));
        };
        let lengths = dimension.as_primitive::<Int64Type>().iter().enumerate().map(|(row, dimension)| {
            let length = lists.is_valid(row).then(|| lists.value_length(row))?;
            (dimension == Some(1) && length > 0).then_some(length)
        });
        Ok(ColumnarValue::Array(Arc::new(lengths.collect::<Int32Array>())))
    }
}
