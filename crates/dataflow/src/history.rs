//! In which epochs a relation changed.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use changes::Epoch;
use parking_lot::Mutex;
use tokio::sync::watch;

/// When a relation changed.
#[derive(Debug)]
pub(crate) struct History {
    /// The last epoch that brought changes, whether it is closed or not.
    last: AtomicU64,
    /// The closed epochs that did, in order, back to the horizon.
    closed: Mutex<VecDeque<Epoch>>,
    /// The last of them, for those who wait for one; `NEVER` when no more can come.
    news: watch::Sender<Epoch>,
}

impl Default for History {
    fn default() -> Self {
        let news = watch::Sender::new(Epoch::ZERO);
        History { last: AtomicU64::new(Epoch::ZERO.0), closed: Mutex::default(), news }
    }
}

impl History {
    /// Notes that the epoch in progress brings changes.
    pub(crate) fn mark_changed(&self, epoch: Epoch) {
        self.last.store(epoch.0, Ordering::Release);
    }

    /// The last epoch that brought changes.
    pub(crate) fn changed_at(&self) -> Epoch {
        Epoch(self.last.load(Ordering::Acquire))
    }

    /// Notes that an epoch closes which brought changes. Nobody asks for what is before the horizon.
    pub(crate) fn closes(&self, epoch: Epoch, horizon: impl Fn() -> Epoch) {
        let mut closed = self.closed.lock();
        closed.push_back(epoch);
        // Now and then is often enough to forget what nobody asks for.
        if closed.len().is_power_of_two() {
            let horizon = horizon();
            let forgotten = closed.partition_point(|epoch| *epoch <= horizon);
            closed.drain(..forgotten);
        }
    }

    /// Tells those who wait.
    pub(crate) fn announce(&self, epoch: Epoch) {
        // Nearly all relations have nobody who waits.
        if self.news.receiver_count() > 0 {
            self.news.send_replace(epoch);
        }
    }

    /// Tells those who wait that nothing more will come.
    pub(crate) fn end(&self) {
        self.news.send_replace(Epoch::NEVER);
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Epoch> {
        self.news.subscribe()
    }

    /// The `n`th closed epoch after `after` that brought changes; `n` is 1 or more.
    pub(crate) fn nth_change(&self, after: Epoch, n: usize) -> Option<Epoch> {
        let closed = self.closed.lock();
        closed.get(closed.partition_point(|epoch| *epoch <= after) + n - 1).copied()
    }
}
