//! `datafusion-functions-json`'s functions, and `->` with Postgres' result type.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion_functions_json::udfs;

use crate::types::TYPE_KEY;

/// The library's functions by their own names.
pub(super) fn all() -> Vec<Arc<ScalarUDF>> {
    vec![
        udfs::json_as_text_udf(),
        udfs::json_contains_udf(),
        udfs::json_get_bool_udf(),
        udfs::json_get_float_udf(),
        udfs::json_get_int_udf(),
        udfs::json_get_json_udf(),
        udfs::json_get_str_udf(),
        udfs::json_length_udf(),
    ]
}

static JSONB_GET: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    let signature = Signature::variadic_any(Volatility::Immutable);
    Arc::new(ScalarUDF::new_from_impl(JsonbGet { inner: udfs::json_get_json_udf(), signature }))
});

/// `value -> key`.
pub(crate) fn jsonb_get() -> Arc<ScalarUDF> {
    Arc::clone(&JSONB_GET)
}

/// The library's `json_get` gives a union of all types that JSON has, which no column can hold;
/// its `json_get_json` gives text, which this says is `jsonb`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct JsonbGet {
    inner: Arc<ScalarUDF>,
    signature: Signature,
}

impl ScalarUDFImpl for JsonbGet {
    fn name(&self) -> &str {
        "jsonb_get"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arguments)
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> Result<FieldRef> {
        let types = arguments.arg_fields.iter().map(|field| field.data_type().clone()).collect::<Vec<_>>();
        let metadata = HashMap::from([(TYPE_KEY.to_owned(), "jsonb".to_owned())]);
        Ok(Arc::new(Field::new(self.name(), self.return_type(&types)?, true).with_metadata(metadata)))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.inner.invoke_with_args(arguments)
    }
}
