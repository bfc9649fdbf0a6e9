//! Incremental operators: changes in, changes out, one file each.
//!
//! An operator is a state machine over change batches. It knows no threads, clocks, IO, or timely
//! dataflow, so that it can be read, tested and fuzzed alone. The `dataflow` crate drives it.

mod operator;

mod condition;
mod expression;

mod aggregate;
mod apply;
mod distinct;
mod filter;
mod join;
mod materialize;
mod project;
mod union;

pub use aggregate::Aggregate;
pub use distinct::Distinct;
pub use expression::error_message;
pub use filter::Filter;
pub use join::Join;
pub use materialize::Materialize;
pub use operator::{Fault, Moment, Operator, Output, Port, Progress};
pub use project::Project;
pub use union::Union;

#[cfg(test)]
mod table;
#[cfg(test)]
mod tests;
