//! Functions that are operators or casts: the analyser writes them so, and this only gives them names.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::utils::take_function_args;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use crate::types::PgType;

/// A function that is rewritten before it could be called.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Named {
    name: &'static str,
    signature: Signature,
}

/// `mod(a, b)`, `timezone(zone, time)`, which is how Postgres calls `AT TIME ZONE`, and `pg_typeof(value)`.
pub(super) fn all() -> Vec<Arc<ScalarUDF>> {
    let named = |(name, arguments)| Named { name, signature: Signature::any(arguments, Volatility::Immutable) };
    let functions = [("mod", 2), ("timezone", 2), ("pg_typeof", 1)];
    functions.map(|function| Arc::new(ScalarUDF::new_from_impl(named(function)))).to_vec()
}

impl ScalarUDFImpl for Named {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        if self.name == "pg_typeof" {
            return Ok(DataType::Utf8);
        }
        let [left, right] = take_function_args(self.name(), arguments)?;
        Ok(match (self.name, right) {
            ("timezone", DataType::Timestamp(_, Some(_))) => PgType::Timestamp.arrow(),
            ("timezone", _) => PgType::TimestampTz.arrow(),
            _ => left.clone(),
        })
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Err(DataFusionError::Internal(format!("{} is no function by now", self.name)))
    }
}
