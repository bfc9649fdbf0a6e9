//! The epoch that readers see, and what keeps an earlier one readable.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use changes::Epoch;
use state::Holds;

/// The clock's time, read everywhere and written by the clock alone.
#[derive(Clone, Debug)]
pub(crate) struct Now(Arc<AtomicU64>);

impl Now {
    pub(crate) fn new(epoch: Epoch) -> Now {
        Now(Arc::new(AtomicU64::new(epoch.0)))
    }

    pub(crate) fn get(&self) -> Epoch {
        Epoch(self.0.load(Ordering::Acquire))
    }

    pub(crate) fn set(&self, epoch: Epoch) {
        self.0.store(epoch.0, Ordering::Release);
    }
}

/// Keeps rows readable as they were at its epoch.
#[derive(Debug)]
pub struct Hold {
    holds: Holds,
    epoch: Epoch,
}

impl Hold {
    pub(crate) fn new(holds: Holds, now: &Now) -> Hold {
        let epoch = holds.acquire(|| now.get());
        Hold { holds, epoch }
    }

    /// The epoch that is held.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Lets go of what is before `epoch`, and holds that.
    pub fn advance_to(&mut self, epoch: Epoch) {
        if epoch > self.epoch {
            self.holds.advance(self.epoch, epoch);
            self.epoch = epoch;
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.holds.release(self.epoch);
    }
}
