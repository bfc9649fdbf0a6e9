//! A transaction on its way to the clock. Whoever waits for it may take it back until the clock begins
//! with it: which of the two came first, they always agree on.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use changes::Epoch;
use futures::FutureExt;
use futures::channel::oneshot;
use parking_lot::Mutex;

use crate::CommitError;
use crate::clock::Reply;
use crate::runtime::Write;

/// What became of a transaction.
type Answer = Result<Epoch, CommitError>;

/// Ends when the epoch of a transaction is closed, or the transaction was refused. Whoever has taken it back
/// has nothing to wait for.
#[must_use = "it is not known yet whether anything was written"]
#[derive(Debug)]
pub struct Commit {
    withdrawal: Withdrawal,
    answer: oneshot::Receiver<Answer>,
}

/// Takes a transaction back. A clone takes back the same one.
#[derive(Clone, Debug)]
pub struct Withdrawal(Arc<Mutex<Option<Vec<Write>>>>);

/// The transaction, as the clock has it.
pub(crate) struct Submitted {
    writes: Withdrawal,
    reply: Reply<Answer>,
}

impl Commit {
    /// A transaction, and what the clock is to get of it.
    pub(crate) fn new(writes: Vec<Write>) -> (Commit, Submitted) {
        let (reply, answer) = oneshot::channel();
        let withdrawal = Withdrawal(Arc::new(Mutex::new(Some(writes))));
        (Commit { withdrawal: withdrawal.clone(), answer }, Submitted { writes: withdrawal, reply })
    }

    /// What takes it back.
    #[must_use]
    pub fn withdrawal(&self) -> Withdrawal {
        self.withdrawal.clone()
    }
}

impl Future for Commit {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.answer.poll_unpin(context).map(|answer| answer.unwrap_or(Err(CommitError::Closed)))
    }
}

impl Withdrawal {
    /// Takes the transaction back; nothing of it will be written. If the clock has begun with it, says false,
    /// and the answer will tell what came of it.
    #[must_use]
    pub fn withdraw(&self) -> bool {
        self.0.lock().take().is_some()
    }
}

impl Submitted {
    /// What is to be written, from now on without return; none if it was taken back.
    pub(crate) fn begin(self) -> Option<(Vec<Write>, Reply<Answer>)> {
        let writes = self.writes.0.lock().take()?;
        Some((writes, self.reply))
    }
}
