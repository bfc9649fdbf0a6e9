//! Scalar functions that DataFusion lacks, or has with another meaning than Postgres.
//!
//! Functions that tell about the server or session (`version()`, `current_schema()`) are not here:
//! this crate knows neither.

mod array_text;
pub(crate) mod checked;
pub(crate) mod convert;
pub(crate) mod interval_text;
pub(crate) mod json;
mod json_text;
pub(crate) mod kept_cast;
mod named;
pub(crate) mod time_difference;
mod to_char;

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;

/// What a session has besides DataFusion's functions; one of the same name replaces it.
pub(crate) fn all() -> Vec<Arc<ScalarUDF>> {
    let mut functions = json::all();
    functions.extend(named::all());
    functions.push(to_char::function());
    functions.push(Arc::new(ScalarUDF::from(kept_cast::KeptCast::new())));
    functions.push(Arc::new(datafusion::functions::math::signum().as_ref().clone().with_aliases(["sign"])));
    functions.push(Arc::new(datafusion::functions::math::ceil().as_ref().clone().with_aliases(["ceiling"])));
    functions
}
