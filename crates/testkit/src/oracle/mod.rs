//! The oracle: after every epoch each view must equal its own query, run by the batch engine over
//! the same snapshot.
//!
//! A seed decides everything: the tables, the views (some made late, some dropped), the
//! transactions, when a checkpoint is taken and everything rebuilt from it. So a failure replays
//! from its seed, and its message says how. Two more rules are checked that need no second
//! implementation: however the same writes are split into epochs, the answers are the same; and when
//! everything is deleted, no state is left.

mod changes;
mod compare;
mod database;
mod expression;
mod query;
mod random;
mod run;
mod schema;
mod split;

pub use run::{Report, run};
pub use split::run_splits;

/// What decides a run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Decides everything random.
    pub seed: u64,
    /// How many transactions.
    pub steps: usize,
    /// How many timely workers.
    pub workers: usize,
}

impl Options {
    /// The command that repeats this run.
    fn replay(&self, suite: &str) -> String {
        let Options { seed, steps, workers } = self;
        format!(
            "FRESHET_SEED={seed} FRESHET_STEPS={steps} FRESHET_WORKERS={workers} cargo xtask test oracle {suite} --nocapture"
        )
    }
}
