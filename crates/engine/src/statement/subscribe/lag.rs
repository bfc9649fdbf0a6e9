//! How far a subscription may fall behind.
//!
//! A subscription holds the epoch that it has sent up to, so that rows which have gone since are kept
//! until it has sent that. One whose client does not read would hold more and more of them: when
//! that passes what a statement may have, the subscription is ended by itself, whether or not its
//! client ever asks for another row. Rows that are still there cost nothing and do not count.

use std::collections::VecDeque;
use std::sync::Arc;

use changes::Epoch;
use dataflow::{Hold, Relation};
use parking_lot::Mutex;
use state::Budget;
use tokio::task::AbortHandle;

use super::Piece;
use crate::read::Reader;
use crate::statement::incremental::Unnamed;
use crate::{Error, SqlState};

/// How far a subscription has come, and what it holds to go on.
pub(super) struct Reading {
    /// Everything up to here has been sent or is ready to be.
    pub(super) at: Epoch,
    pub(super) hold: Hold,
    /// Holds the epoch that the subscription starts from, if that is one of the past.
    pub(super) held: Option<Arc<Reader>>,
    pub(super) ready: VecDeque<Piece>,
    /// The subscription's own view.
    pub(super) _unnamed: Option<Unnamed>,
}

impl Reading {
    /// What was ready has been sent: what it needed may go.
    pub(super) fn let_go(&mut self) {
        self.hold.advance_to(self.at);
        self.held = None;
    }
}

/// What a subscription holds, until it is ended or dropped.
pub(super) struct Lag {
    shared: Arc<Shared>,
    watcher: AbortHandle,
}

struct Shared {
    relation: Relation,
    /// Bytes that may be held.
    limit: usize,
    /// Why the subscription was ended, when it was.
    reading: Mutex<Result<Reading, Error>>,
}

impl Lag {
    /// Watches what `reading` holds of `relation`, of which only its changes make more.
    pub(super) fn watch(reading: Reading, relation: &Relation, budget: &Budget) -> Lag {
        let (relation, limit) = (relation.clone(), budget.statement_limit());
        let mut changes = relation.watch();
        let shared = Arc::new(Shared { relation, limit, reading: Mutex::new(Ok(reading)) });
        let watched = Arc::clone(&shared);
        let watcher = tokio::spawn(async move {
            while changes.changed().await.is_ok() {
                // While it is locked, it is being read.
                if watched.reading.try_lock().is_some_and(|mut reading| watched.check(&mut reading).is_err()) {
                    return;
                }
            }
        });
        Lag { shared, watcher: watcher.abort_handle() }
    }

    /// Goes on reading.
    ///
    /// # Errors
    /// What `read` gives, and 53200 if the subscription was too far behind, now or earlier.
    pub(super) fn read<T>(&self, read: impl FnOnce(&mut Reading) -> Result<T, Error>) -> Result<T, Error> {
        let mut reading = self.shared.reading.lock();
        read(self.shared.check(&mut reading)?)
    }
}

impl Drop for Lag {
    fn drop(&mut self) {
        self.watcher.abort();
    }
}

impl Shared {
    /// Ends what holds too much.
    fn check<'a>(&self, reading: &'a mut Result<Reading, Error>) -> Result<&'a mut Reading, Error> {
        if let Ok(now) = reading {
            let (since, held) = (now.hold.epoch(), self.relation.held_since(now.hold.epoch()));
            if held > self.limit as u64 {
                *reading = Err(self.too_far_behind(since, held));
            }
        }
        reading.as_mut().map_err(|error| error.clone())
    }

    fn too_far_behind(&self, since: Epoch, held: u64) -> Error {
        let limit = self.limit;
        Error::new(SqlState::OUT_OF_MEMORY, "canceling subscription because its client does not keep up")
            .with_detail(format!(
                "It has been sent what happened up to epoch {since}, and keeps {held} bytes of rows that have gone since; it may keep {limit}."
            ))
            .with_hint("Read its rows faster and subscribe again. The server's --memory limits what a subscription may keep.")
    }
}
