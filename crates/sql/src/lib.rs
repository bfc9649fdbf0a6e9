//! Text to statement, statement to DataFusion's logical plan, and that to the incremental plan.
//!
//! Knows no catalog, storage or execution: what a name means comes in by traits.

mod array_subquery;
mod bind;
mod error;
mod functions;
#[cfg(test)]
mod golden;
mod guard;
mod literal_rows;
mod literals;
mod lower;
mod names;
mod parser;
mod rewrite;
mod semantics;
mod series;
mod session;
mod short_circuit;
mod statement;
pub mod types;
pub mod zones;

pub use bind::{analyse, assign, bind, bind_expression, name_columns, result_schema};
pub use error::{Error, ValueError};
pub use literal_rows::{Literal, LiteralRows};
pub use lower::{RelationInfo, Relations, check_deterministic, lower, optimise_for_view};
pub use names::shown_name;
pub use parser::{is_read_quickly, parse};
pub use session::{DATABASE, SCHEMA, session_state_builder};
pub use statement::*;
pub use types::PgType;
pub use values::json_text;
