//! Scalar functions that DataFusion lacks, or has with another meaning than Postgres.
//!
//! Functions that tell about the server or session (`version()`, `current_schema()`) are not here:
//! this crate knows neither.

mod array_of_rows;
mod array_text;
pub(crate) mod arrays;
pub(crate) mod checked;
pub(crate) mod convert;
mod date_part;
mod domains;
mod extremes;
pub(crate) mod interval_keys;
pub(crate) mod interval_text;
pub(crate) mod interval_times;
pub(crate) mod json;
pub(crate) mod lengthened;
mod named;
pub(crate) mod numeric;
pub(crate) mod plain;
mod random_uuid;
mod rounding;
pub(crate) mod series;
pub(crate) mod time_difference;
mod to_char;
mod totals;

use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF};

const MICROSECONDS_PER_DAY: i64 = 86_400_000_000;

/// What a session has besides DataFusion's functions; one of the same name replaces it.
pub(crate) fn all() -> Vec<Arc<ScalarUDF>> {
    let mut functions = json::all();
    functions.extend(named::all());
    functions.extend(domains::all());
    functions.extend(lengthened::joining());
    let plain = [to_char::TO_CHAR, date_part::EXTRACT, date_part::DATE_PART]
        .into_iter()
        .chain(rounding::ALL)
        .chain(lengthened::ALL);
    functions.extend(plain.map(plain::PlainFunction::udf));
    functions.extend([series::array(), array_of_rows::udf(), arrays::length(), random_uuid::udf()]);
    functions.push(Arc::new(datafusion::functions::math::signum().as_ref().clone().with_aliases(["sign"])));
    functions
}

/// The aggregate functions that a session has instead of DataFusion's of the same names.
pub(crate) fn aggregates() -> Vec<Arc<AggregateUDF>> {
    [totals::all(), extremes::all()].concat()
}
