//! Plans made to run: timely dataflows on worker threads, and the one clock that drives them.
//!
//! Read in this order: `runtime` (what others call), `clock` (one thread closes epochs),
//! `commit` and `transaction` (what is written), `worker` (N threads follow), `advance` (an epoch goes through),
//! `build` (plan to operators), `dataflow` (as a worker drives it), `stage` (operators without an
//! exchange between them), `backfill` and `half_built` (how a dataflow comes to be beside everything
//! else), `checkpoint` (how all comes to be again), `adapter` (a stage in timely), `exchange` (rows to the worker that owns their key), `relation` (what is
//! published), `sources` and `source` (input), `time`. No other crate knows timely.

mod runtime;

mod adapter;
mod advance;
mod agreement;
mod backfill;
mod build;
mod checkpoint;
mod clock;
mod commit;
mod dataflow;
mod error;
mod exchange;
mod found;
mod half_built;
mod history;
mod hold;
mod memory;
mod panics;
mod publish;
mod queue;
mod relation;
mod replay;
mod sink;
mod source;
mod sources;
mod stage;
mod statistics;
mod time;
mod transaction;
mod worker;

pub use backfill::BuildProgress;
pub use checkpoint::{Checkpoint, Restoring, own_key};
pub use commit::{Commit, Withdrawal};
pub use error::{CommitError, Error};
pub use found::Found;
pub use hold::Hold;
pub use relation::Relation;
pub use runtime::{Build, Config, PORTION_ROWS, Runtime, Write};
pub use statistics::{RelationStatistics, Statistics};
pub use time::{SystemTimeOfDay, TimeOfDay};

#[cfg(test)]
mod tests;
