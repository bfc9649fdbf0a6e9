//! What relations, operators and sources hold in memory, as the budget is told of it.

use std::sync::atomic::{AtomicUsize, Ordering};

use state::Account;

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

#[cfg(test)]
mod tests {
    use state::{Budget, Owner};

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
}
