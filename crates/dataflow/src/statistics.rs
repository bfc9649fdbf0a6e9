//! What the dataflows count about themselves.

use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use changes::RowError;
use parking_lot::Mutex;
use plan::RelationId;

/// Errors of one relation that are logged one by one; after those, every thousandth is.
const ERRORS_LOGGED: u64 = 10;

/// Counters of one relation, written by workers and sources.
#[derive(Debug)]
pub(crate) struct Counters {
    name: String,
    /// Changes that the operators took, each as often as an operator took it.
    taken: AtomicU64,
    /// Epochs that timely took through it, each counted by each worker.
    stepped: AtomicU64,
    /// Rows that scans have gone through.
    scanned: AtomicU64,
    /// Row errors that stand: came and not taken back.
    errors: AtomicI64,
    errors_seen: AtomicU64,
    /// What the last checkpoint has of `errors`.
    errors_saved: Mutex<Option<i64>>,
    /// Changes that a sink took.
    sent: AtomicU64,
    /// Rows, groups and values that the operators remember, as last counted.
    state_rows: Vec<AtomicUsize>,
}

impl Counters {
    pub(crate) fn new(name: &str, workers: usize) -> Counters {
        Counters {
            name: name.to_owned(),
            errors: AtomicI64::new(0),
            errors_seen: AtomicU64::new(0),
            errors_saved: Mutex::default(),
            sent: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            stepped: AtomicU64::new(0),
            scanned: AtomicU64::new(0),
            state_rows: (0..workers).map(|_| AtomicUsize::new(0)).collect(),
        }
    }

    /// The relation's or sink's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Counts a row error, and logs it unless there are very many.
    pub(crate) fn error(&self, error: &RowError) {
        self.errors.fetch_add(error.diff, Ordering::Relaxed);
        if error.diff < 0 {
            return;
        }
        let seen = self.errors_seen.fetch_add(1, Ordering::Relaxed) + 1;
        if seen <= ERRORS_LOGGED || seen.is_multiple_of(1000) {
            let RowError { message, payload, .. } = error;
            tracing::warn!(relation = self.name, seen, message, row = payload, "row kept out");
        }
    }

    /// Row errors that stand.
    pub(crate) fn errors(&self) -> i64 {
        self.errors.load(Ordering::Relaxed)
    }

    /// Row errors that stand, for a checkpoint; none if the last one has it.
    pub(crate) fn unsaved_errors(&self) -> Option<i64> {
        let errors = self.errors();
        let before = self.errors_saved.lock().replace(errors);
        (before != Some(errors)).then_some(errors)
    }

    /// Row errors that stood when a checkpoint was taken.
    pub(crate) fn set_errors(&self, errors: i64) {
        self.errors.store(errors, Ordering::Relaxed);
    }

    /// Counts changes that went out of a sink.
    pub(crate) fn sent(&self, changes: u64) {
        self.sent.fetch_add(changes, Ordering::Relaxed);
    }

    /// Counts changes that an operator took.
    pub(crate) fn taken(&self, changes: usize) {
        self.taken.fetch_add(changes as u64, Ordering::Relaxed);
    }

    /// Counts an epoch that timely took through its dataflow.
    pub(crate) fn stepped(&self) {
        self.stepped.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts rows that a scan went through, whether it saw them or not.
    pub(crate) fn scanned(&self, rows: usize) {
        self.scanned.fetch_add(rows as u64, Ordering::Relaxed);
    }

    pub(crate) fn set_state_rows(&self, worker: usize, rows: usize) {
        self.state_rows[worker].store(rows, Ordering::Relaxed);
    }

    pub(crate) fn read(&self, id: RelationId, rows: usize) -> RelationStatistics {
        RelationStatistics {
            id,
            rows,
            errors: self.errors(),
            sent: self.sent.load(Ordering::Relaxed),
            taken: self.taken.load(Ordering::Relaxed),
            stepped: self.stepped.load(Ordering::Relaxed),
            scanned: self.scanned.load(Ordering::Relaxed),
            state_rows: self.state_rows.iter().map(|rows| rows.load(Ordering::Relaxed)).sum(),
        }
    }
}

/// What is known of all dataflows together.
#[derive(Clone, Debug, Default)]
pub struct Statistics {
    /// CPU time that the worker threads have used.
    pub worker_cpu: Duration,
    /// By relation or sink.
    pub relations: Vec<RelationStatistics>,
}

/// What is known of one table, source, materialized view or sink.
#[derive(Clone, Debug)]
pub struct RelationStatistics {
    /// Which one.
    pub id: RelationId,
    /// Living rows in its storage.
    pub rows: usize,
    /// Rows that could not be computed, less those taken back since.
    pub errors: i64,
    /// Changes that a sink took.
    pub sent: u64,
    /// Changes that its operators took, each as often as an operator took it: the work of its epochs.
    pub taken: u64,
    /// Epochs in which rows reached an exchange of its dataflow, so that all workers had to take part:
    /// each counted by each worker.
    pub stepped: u64,
    /// Rows that scans of it went through, by queries and by whatever was built over it.
    pub scanned: u64,
    /// Rows, groups and values that its operators remember, apart from its own storage.
    pub state_rows: usize,
}
