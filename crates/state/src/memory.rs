//! Who holds how much memory: one budget, and an account with it for each owner.
//!
//! What views and tables need is counted and never refused ([`Account::set`]): whoever feeds them
//! looks at [`Budget::is_tight`] and slows down. What a statement wants for itself is asked for
//! first ([`Account::try_grow`]) and refused once its share or the budget is used up, so that it
//! fails alone. What the process holds beyond all accounts (fragments, libraries) counts as well,
//! as far as it is known ([`Budget::observe`]).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

/// Of the budget, the part that one statement may have for itself: one in this.
const STATEMENT_PART: usize = 4;
/// Percent of the budget from which on sources wait.
const TIGHT_PERCENT: usize = 90;

/// What an account is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// The rows of a table, source or view, with their versions and indexes.
    Rows,
    /// What operators remember.
    Operators,
    /// Batches on their way from a source, between operators, or to a subscriber.
    Queue,
    /// What a transaction has written and not committed.
    Transaction,
    /// A statement's sorts, joins, groups and collected rows.
    Statement,
    /// Rows that wait for a client: a portal, a cursor, a subscription.
    Result,
    /// What could be made again.
    Cache,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Owner::Rows => "rows",
            Owner::Operators => "operators",
            Owner::Queue => "queue",
            Owner::Transaction => "transaction",
            Owner::Statement => "statement",
            Owner::Result => "result",
            Owner::Cache => "cache",
        })
    }
}

/// A statement wanted more than it may have. Nothing was taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{wanted} more bytes for {name}, which has {held}: {used} of {limit} bytes are in use")]
pub struct Exhausted {
    /// Whose account it was.
    pub name: String,
    /// How much more was wanted, in bytes.
    pub wanted: usize,
    /// What the account holds, in bytes.
    pub held: usize,
    /// What all accounts hold, in bytes.
    pub used: usize,
    /// The bound that would have been passed: the account's share or the whole budget, in bytes.
    pub limit: usize,
}

/// The memory of the process. A clone is another handle on the same one.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limit: usize,
    /// What all accounts hold, in bytes.
    used: AtomicUsize,
    /// What the process held beyond them when last observed, in bytes.
    beyond: AtomicUsize,
    accounts: Mutex<BTreeMap<u64, Arc<Entry>>>,
    next: AtomicU64,
}

#[derive(Debug)]
struct Entry {
    owner: Owner,
    name: String,
    bytes: AtomicUsize,
}

/// What one owner holds; given back when it is dropped.
#[derive(Debug)]
pub struct Account {
    budget: Budget,
    id: u64,
    entry: Arc<Entry>,
}

/// One line of who holds what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// What it is for.
    pub owner: Owner,
    /// Whose it is.
    pub name: String,
    /// How much, in bytes.
    pub bytes: usize,
}

impl Budget {
    /// Of `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Budget {
        Budget(Arc::new(Inner {
            limit,
            used: AtomicUsize::new(0),
            beyond: AtomicUsize::new(0),
            accounts: Mutex::default(),
            next: AtomicU64::new(0),
        }))
    }

    /// Opens an account. `name` is what a person knows the owner by.
    #[must_use]
    pub fn open(&self, owner: Owner, name: impl Into<String>) -> Account {
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        let entry = Arc::new(Entry { owner, name: name.into(), bytes: AtomicUsize::new(0) });
        self.0.accounts.lock().insert(id, Arc::clone(&entry));
        Account { budget: self.clone(), id, entry }
    }

    /// All of it, in bytes.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.0.limit
    }

    /// What one statement may have at most, in bytes.
    #[must_use]
    pub fn statement_limit(&self) -> usize {
        self.0.limit / STATEMENT_PART
    }

    /// What is in use, in bytes: all accounts, and what the process holds beyond them.
    #[must_use]
    pub fn used(&self) -> usize {
        self.0.used.load(Ordering::Relaxed).saturating_add(self.0.beyond.load(Ordering::Relaxed))
    }

    /// Notes what the process holds, as the system sees it, in bytes.
    pub fn observe(&self, resident: usize) {
        let beyond = resident.saturating_sub(self.0.used.load(Ordering::Relaxed));
        self.0.beyond.store(beyond, Ordering::Relaxed);
    }

    /// What the process holds beyond all accounts, in bytes, when last observed.
    #[must_use]
    pub fn beyond(&self) -> usize {
        self.0.beyond.load(Ordering::Relaxed)
    }

    /// Whether there is little left, so that sources should wait.
    #[must_use]
    pub fn is_tight(&self) -> bool {
        self.used() >= self.0.limit / 100 * TIGHT_PERCENT
    }

    /// Who holds what, the oldest account first.
    #[must_use]
    pub fn holdings(&self) -> Vec<Holding> {
        let accounts = self.0.accounts.lock();
        let holding = |entry: &Arc<Entry>| Holding {
            owner: entry.owner,
            name: entry.name.clone(),
            bytes: entry.bytes.load(Ordering::Relaxed),
        };
        accounts.values().map(holding).collect()
    }
}

impl Account {
    /// What it holds, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.entry.bytes.load(Ordering::Relaxed)
    }

    /// The budget that it is an account with.
    #[must_use]
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// It holds this much now, in bytes; more is never refused.
    pub fn set(&self, bytes: usize) {
        let before = self.entry.bytes.swap(bytes, Ordering::Relaxed);
        let used = &self.budget.0.used;
        if bytes >= before {
            used.fetch_add(bytes - before, Ordering::Relaxed);
        } else {
            used.fetch_sub(before - bytes, Ordering::Relaxed);
        }
    }

    /// It holds this much more, in bytes; never refused.
    pub fn grow(&self, bytes: usize) {
        self.entry.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.budget.0.used.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Asks for this much more, in bytes.
    ///
    /// # Errors
    /// If a statement's share or the whole budget would be passed.
    pub fn try_grow(&self, bytes: usize) -> Result<(), Exhausted> {
        self.grow(bytes);
        let (held, used) = (self.bytes(), self.budget.used());
        let share = self.budget.statement_limit();
        let passed = match () {
            () if held > share => share,
            () if used > self.budget.limit() => self.budget.limit(),
            () => return Ok(()),
        };
        self.shrink(bytes);
        let name = self.entry.name.clone();
        Err(Exhausted { name, wanted: bytes, held: held - bytes, used: used - bytes, limit: passed })
    }

    /// Gives this much back, in bytes. It must have been taken.
    pub fn shrink(&self, bytes: usize) {
        self.entry.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.budget.0.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.set(0);
        self.budget.0.accounts.lock().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_that_wants_more_than_its_share_gets_nothing() {
        let budget = Budget::new(1000);
        let statement = budget.open(Owner::Statement, "INSERT");
        statement.try_grow(200).expect("within its share");
        let refused = statement.try_grow(100).expect_err("beyond its share");
        assert_eq!((refused.held, refused.limit), (200, 250));
        assert_eq!((statement.bytes(), budget.used()), (200, 200));
        drop(statement);
        assert_eq!((budget.used(), budget.holdings().len()), (0, 0));
    }

    #[test]
    fn state_is_never_refused_and_leaves_nothing_for_statements() {
        let budget = Budget::new(1000);
        let rows = budget.open(Owner::Rows, "t");
        rows.set(900);
        assert!(budget.is_tight());
        let statement = budget.open(Owner::Statement, "SELECT");
        assert_eq!(statement.try_grow(200).expect_err("the budget is used up").limit, 1000);
        rows.set(100);
        assert!(!budget.is_tight());
        statement.try_grow(200).expect("there is room again");
        assert_eq!(budget.holdings().iter().map(|holding| holding.bytes).collect::<Vec<_>>(), [100, 200]);
    }

    #[test]
    fn what_the_process_holds_beyond_accounts_counts() {
        let budget = Budget::new(1000);
        let rows = budget.open(Owner::Rows, "t");
        rows.set(300);
        budget.observe(950);
        assert_eq!((budget.used(), budget.beyond()), (950, 650));
        assert!(budget.is_tight());
        budget.observe(200);
        assert_eq!(budget.used(), 300);
    }
}
