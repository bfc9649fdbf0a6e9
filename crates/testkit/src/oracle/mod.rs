//! The oracle: after every epoch each view must equal its own query, run by the batch engine over
//! the same snapshot.
//!
//! A seed decides everything: the tables, the views (some made late, some dropped), the
//! transactions, when a checkpoint is taken, and how many workers start again from it. So a failure
//! replays from its seed, and its message says how. More is checked on the way:
//!
//! - a table holds what queries foretold before each write (`model`);
//! - a view keeps out the rows on which its query fails, reports as many, and equals the query of
//!   the others; the query alone gives the error (`failing_query`);
//! - a subscription's changes add up to the view at each epoch, and a transaction sees one epoch
//!   however long it lasts (`watch`);
//! - sessions that write at once see what snapshot isolation allows, and lose no update
//!   (`sessions`);
//! - however the same writes are split into epochs, the answers are the same (`split`);
//! - when everything is deleted, no state and no error is left, also after thousands of rows.

mod aggregate;
mod changes;
mod compare;
mod database;
mod expression;
mod failing;
mod failing_query;
mod model;
mod query;
mod random;
mod run;
mod schema;
mod sessions;
mod source;
mod split;
mod view;
mod watch;

pub use run::{Report, run};
pub use sessions::{Interleaved, Isolation, run_parallel, run_sessions};
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
    /// Whether tables have thousands of rows now and then; there are no joins of those.
    pub is_large: bool,
}

impl Options {
    /// The command that repeats this run.
    fn replay(&self, suite: &str) -> String {
        let Options { seed, steps, workers, .. } = self;
        format!(
            "FRESHET_SEED={seed} FRESHET_STEPS={steps} FRESHET_WORKERS={workers} cargo xtask test oracle {suite} --nocapture"
        )
    }
}
