//! Plans made to run: timely dataflows on worker threads, and the one clock that drives them.
//!
//! Read in this order: `runtime` (what others call), `clock` (one thread closes epochs),
//! `transaction` (what is written), `worker` (N threads follow), `build` (plan to operators),
//! `backfill` and `half_built` (how a dataflow comes to be beside everything else), `checkpoint` (how it
//! comes to be again), `adapter` (an
//! operator in timely), `exchange` (rows to the worker that owns their key), `relation` (what is
//! published), `sources` and `source` (input). No other crate knows timely.

mod runtime;

mod adapter;
mod advance;
mod agreement;
mod backfill;
mod build;
mod checkpoint;
mod clock;
mod dataflow;
mod error;
mod exchange;
mod half_built;
mod memory;
mod panics;
mod publish;
mod queue;
mod relation;
mod sink;
mod source;
mod sources;
mod stage;
mod statistics;
mod transaction;
mod worker;

pub use backfill::BuildProgress;
pub use checkpoint::{Checkpoint, Restoring, own_key};
pub use error::{CommitError, Error};
pub use relation::{Hold, Relation};
pub use runtime::{Build, Config, PORTION_ROWS, Runtime, Write};
pub use statistics::{RelationStatistics, Statistics};

#[cfg(test)]
mod tests;
