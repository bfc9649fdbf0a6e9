//! What relations, operators and sources hold in memory, as the budget is told of it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use state::{Account, Budget};

/// How often the process is asked how much memory it has, at most.
const OBSERVE_INTERVAL: Duration = Duration::from_millis(100);

/// An account that several threads write, each its own part of it.
#[derive(Debug)]
pub(crate) struct Shares {
    account: Account,
    parts: Vec<AtomicUsize>,
}

impl Shares {
    /// Of `parts` parts that hold nothing yet.
    pub(crate) fn new(account: Account, parts: usize) -> Shares {
        Shares { account, parts: (0..parts).map(|_| AtomicUsize::new(0)).collect() }
    }

    /// The part holds this much now, in bytes. Only its owner says so.
    pub(crate) fn set(&self, part: usize, bytes: usize) {
        let before = self.parts[part].swap(bytes, Ordering::Relaxed);
        if bytes >= before {
            self.account.grow(bytes - before);
        } else {
            self.account.shrink(before - bytes);
        }
    }
}

/// Tells the budget from time to time how much memory the process has.
#[derive(Debug)]
pub(crate) struct Observer {
    budget: Budget,
    last: Option<Instant>,
}

impl Observer {
    pub(crate) fn new(budget: Budget) -> Observer {
        Observer { budget, last: None }
    }

    /// Looks, unless it did a moment ago.
    pub(crate) fn look(&mut self) {
        if self.last.is_some_and(|last| last.elapsed() < OBSERVE_INTERVAL) {
            return;
        }
        self.last = Some(Instant::now());
        if let Some(bytes) = resident_bytes() {
            self.budget.observe(bytes);
        }
    }
}

/// What the system says that the process has in memory, in bytes; none where it does not say.
fn resident_bytes() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes = line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use state::Owner;

    use super::*;

    #[test]
    fn parts_add_up() {
        let budget = Budget::new(1000);
        let shares = Shares::new(budget.open(Owner::Rows, "t"), 2);
        shares.set(0, 100);
        shares.set(1, 50);
        shares.set(0, 30);
        assert_eq!(budget.used(), 80);
        drop(shares);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn the_process_has_some_memory() {
        let budget = Budget::new(usize::MAX);
        Observer::new(budget.clone()).look();
        assert!(budget.beyond() > 0);
    }
}
