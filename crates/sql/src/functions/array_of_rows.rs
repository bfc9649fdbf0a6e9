//! `array_of_rows(array)`: the array, or an empty one in place of null, as `ARRAY(SELECT ...)` gives.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, new_empty_array};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::utils::take_function_args;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

#[derive(Debug, PartialEq, Eq, Hash)]
struct ArrayOfRows(Signature);

pub(super) fn udf() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(ArrayOfRows(Signature::any(1, Volatility::Immutable))))
}

impl ScalarUDFImpl for ArrayOfRows {
    fn name(&self) -> &str {
        "array_of_rows"
    }

    fn signature(&self) -> &Signature {
        &self.0
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        let [argument] = take_function_args(self.name(), arguments)?;
        Ok(argument.clone())
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let [argument] = take_function_args(self.name(), arguments.arg_fields)?;
        Ok(Arc::new(argument.as_ref().clone().with_name(self.name()).with_nullable(false)))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = arguments.number_rows;
        let [argument] = take_function_args(self.name(), arguments.args)?;
        let array = argument.into_array(rows)?;
        match array.data_type() {
            DataType::List(_) if array.null_count() == 0 => Ok(ColumnarValue::Array(array)),
            DataType::List(element) => {
                let lists = array.as_list::<i32>();
                let element = Arc::clone(element);
                let lengths =
                    (0..lists.len()).map(|row| if lists.is_null(row) { 0 } else { lists.value_length(row) as usize });
                let offsets = OffsetBuffer::from_lengths(lengths);
                let values = (0..lists.len())
                    .filter(|row| lists.is_valid(*row))
                    .map(|row| lists.value(row))
                    .collect::<Vec<ArrayRef>>();
                let values = values.iter().map(AsRef::as_ref).collect::<Vec<_>>();
                let values = if values.is_empty() {
                    new_empty_array(element.data_type())
                } else {
                    arrow::compute::concat(&values)?
                };
                Ok(ColumnarValue::Array(Arc::new(ListArray::new(element, offsets, values, None))))
            }
            other => Err(DataFusionError::Internal(format!("array_agg gave {other}"))),
        }
    }
}
