//! Scalar functions that DataFusion lacks, or has with another meaning than Postgres.
//!
//! Functions that tell about the server or session (`version()`, `current_schema()`) are not here:
//! this crate knows neither.

pub(crate) mod checked;
pub(crate) mod convert;
pub(crate) mod json;
mod json_text;
mod modulo;
mod to_char;

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;

/// What a session has besides DataFusion's functions; one of the same name replaces it.
pub(crate) fn all() -> Vec<Arc<ScalarUDF>> {
    let mut functions = json::all();
    functions.extend([to_char::function(), modulo::function()]);
    functions
}
