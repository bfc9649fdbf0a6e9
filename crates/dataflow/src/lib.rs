//! Plans made to run: timely dataflows on worker threads, and the one clock that drives them.
//!
//! Read in this order: `runtime` (what others call), `clock` (one thread closes epochs), `worker`
//! (N threads follow), `build` (plan to operators), `adapter` (an operator in timely), `exchange`
//! (rows to the worker that owns their key), `relation` (what is published), `source` (input).
//! No other crate knows timely.

mod runtime;

mod adapter;
mod build;
mod clock;
mod error;
mod exchange;
mod memory;
mod relation;
mod sink;
mod source;
mod statistics;
mod worker;

pub use error::{CommitError, Error};
pub use relation::{Hold, Relation};
pub use runtime::{Config, Runtime, Write};
pub use statistics::{RelationStatistics, Statistics};

#[cfg(test)]
mod tests;
