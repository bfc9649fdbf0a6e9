//! What all workers of the process must know of each other before they go on.

use std::collections::BTreeSet;
use std::mem;

use parking_lot::{Condvar, Mutex};
use plan::RelationId;

/// A place where workers meet.
pub(crate) struct Agreement {
    workers: usize,
    meeting: Mutex<Meeting>,
    is_over: Condvar,
}

#[derive(Default)]
struct Meeting {
    /// Which one, counted from the first.
    number: u64,
    arrived: usize,
    collected: BTreeSet<RelationId>,
    /// What the last one came to.
    agreed: BTreeSet<RelationId>,
}

impl Agreement {
    pub(crate) fn new(workers: usize) -> Agreement {
        Agreement { workers, meeting: Mutex::default(), is_over: Condvar::new() }
    }

    /// Waits until all workers have called it, and gives all of them what any of them said.
    pub(crate) fn union(&self, of_worker: BTreeSet<RelationId>) -> BTreeSet<RelationId> {
        if self.workers == 1 {
            return of_worker;
        }
        let mut meeting = self.meeting.lock();
        meeting.collected.extend(of_worker);
        meeting.arrived += 1;
        if meeting.arrived == self.workers {
            meeting.number += 1;
            meeting.arrived = 0;
            meeting.agreed = mem::take(&mut meeting.collected);
            self.is_over.notify_all();
        } else {
            // The next one cannot be over before this worker has come to it.
            let number = meeting.number;
            self.is_over.wait_while(&mut meeting, |meeting| meeting.number == number);
        }
        meeting.agreed.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn all_hear_what_any_says_each_time() {
        let agreement = Arc::new(Agreement::new(3));
        let workers = (0..3u32).map(|worker| {
            let agreement = Arc::clone(&agreement);
            std::thread::spawn(move || {
                let say = |round| BTreeSet::from([RelationId(10 * round + worker)]);
                (0..100u32).map(|round| agreement.union(say(round))).collect::<Vec<_>>()
            })
        });
        let workers = workers.collect::<Vec<_>>();
        let expected = |round| (0..3u32).map(|worker| RelationId(10 * round + worker)).collect::<BTreeSet<_>>();
        for worker in workers {
            assert_eq!(worker.join().expect("it ends"), (0..100u32).map(expected).collect::<Vec<_>>());
        }
    }
}
