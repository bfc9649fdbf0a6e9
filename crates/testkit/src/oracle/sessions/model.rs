//! What snapshot isolation allows: the committed versions of all tables, and the open transactions.

use std::collections::{BTreeMap, BTreeSet};

use super::statement::{Bag, COUNTERS, Effect, Row, TABLES};

/// The tables, by their places in [`TABLES`].
pub type Tables = [Bag; TABLES.len()];

/// What a row, or in a table with a key all rows with one key, are told apart by in conflicts.
type Touched = BTreeSet<(usize, Row)>;

/// What a transaction's reads see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// What was committed when it first read.
    RepeatableRead,
    /// What was committed when the statement began.
    ReadCommitted,
}

impl Isolation {
    pub fn sql(self) -> &'static str {
        match self {
            Isolation::RepeatableRead => "REPEATABLE READ",
            Isolation::ReadCommitted => "READ COMMITTED",
        }
    }
}

/// All that was ever committed.
#[derive(Debug)]
pub struct Model {
    versions: Vec<Version>,
    /// For each counter, the sum of what was added by transactions that were acknowledged.
    added: BTreeMap<i64, i64>,
}

#[derive(Clone, Debug, Default)]
struct Version {
    tables: Tables,
    /// What the views held, as it was read and compared right after the commit.
    views: Vec<Vec<String>>,
    /// What the commit of this version touched.
    touched: Touched,
}

/// An open transaction.
#[derive(Debug)]
pub struct Transaction {
    level: Isolation,
    /// Which version it first saw; none before its first statement.
    first: Option<usize>,
    /// What it has written, net: rows that come count up, rows that go count down.
    pending: Tables,
    touched: Touched,
    added: BTreeMap<i64, i64>,
    /// What it had written at each savepoint.
    savepoints: Vec<(Tables, BTreeMap<i64, i64>)>,
    pub has_failed: bool,
}

/// What a commit will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    Succeeds,
    /// Somebody has touched the same rows, and left them as they were.
    MayFail,
    /// Somebody has changed the same rows, or taken the same key.
    Fails,
    /// The transaction had failed before, and ends without a word.
    RolledBack,
}

impl Default for Model {
    fn default() -> Model {
        Model { versions: vec![Version::default()], added: BTreeMap::new() }
    }
}

impl Model {
    fn last(&self) -> &Version {
        self.versions.last().expect("there is a version before the first commit")
    }

    /// What is committed.
    pub fn now(&self) -> &Tables {
        &self.last().tables
    }

    /// What the views hold.
    pub fn views(&self) -> &[Vec<String>] {
        &self.last().views
    }

    /// Notes what the views were seen to hold.
    pub fn note_views(&mut self, views: Vec<Vec<String>>) {
        self.versions.last_mut().expect("there is a version before the first commit").views = views;
    }

    /// The counters as their rows are shown.
    pub fn acknowledged(&self) -> Vec<String> {
        let mut texts: Vec<String> = self.added.iter().map(|(id, sum)| format!("{id} | {sum}")).collect();
        texts.sort_unstable();
        texts
    }

    /// What a commit of this transaction will do.
    pub fn foretell(&self, transaction: &Transaction) -> Commit {
        if transaction.has_failed {
            return Commit::RolledBack;
        }
        if transaction.is_doomed(self) {
            return Commit::Fails;
        }
        let since = transaction.first.map_or(self.versions.len(), |first| first + 1);
        let is_touched = |version: &Version| !version.touched.is_disjoint(&transaction.touched);
        if self.versions[since..].iter().any(is_touched) { Commit::MayFail } else { Commit::Succeeds }
    }

    /// A transaction has been committed.
    pub fn commit(&mut self, transaction: Transaction) {
        let mut tables = self.now().clone();
        for (table, pending) in tables.iter_mut().zip(&transaction.pending) {
            table.add(pending);
        }
        for (id, sum) in transaction.added {
            *self.added.entry(id).or_default() += sum;
        }
        let views = self.views().to_vec();
        self.versions.push(Version { tables, views, touched: transaction.touched });
    }
}

impl Transaction {
    pub fn begin(level: Isolation) -> Transaction {
        Transaction {
            level,
            first: None,
            pending: Tables::default(),
            touched: Touched::new(),
            added: BTreeMap::new(),
            savepoints: Vec::new(),
            has_failed: false,
        }
    }

    /// A statement begins: it, or all of the transaction from now on, sees this version.
    pub fn look(&mut self, model: &Model) {
        self.first.get_or_insert(model.versions.len() - 1);
    }

    fn seen<'a>(&self, model: &'a Model) -> &'a Version {
        match (self.level, self.first) {
            (Isolation::RepeatableRead, Some(first)) => &model.versions[first],
            _ => model.last(),
        }
    }

    /// What its statements see of tables.
    pub fn visible(&self, model: &Model) -> Tables {
        let mut tables = self.seen(model).tables.clone();
        for (table, pending) in tables.iter_mut().zip(&self.pending) {
            table.add(pending);
        }
        tables
    }

    /// What its statements see of views: nothing of what it has written.
    pub fn views<'a>(&self, model: &'a Model) -> &'a [Vec<String>] {
        &self.seen(model).views
    }

    /// A statement has written.
    pub fn add(&mut self, model: &Model, effect: &Effect) {
        self.look(model);
        self.pending[effect.table].add(&effect.change);
        let key = TABLES[effect.table].key;
        for row in &effect.touched {
            self.touched.insert((effect.table, row[..key.unwrap_or(row.len())].to_vec()));
        }
        if effect.table == COUNTERS {
            for (row, count) in &effect.change.0 {
                *self.added.entry(row[0]).or_default() += row[1] * count;
            }
        }
    }

    /// Sets a savepoint; its number.
    pub fn save(&mut self) -> usize {
        self.savepoints.push((self.pending.clone(), self.added.clone()));
        self.savepoints.len() - 1
    }

    /// How many savepoints there are.
    pub fn savepoints(&self) -> usize {
        self.savepoints.len()
    }

    /// Goes back to a savepoint, which stays. That rows were touched is not forgotten: whether what was
    /// undone still counts for conflicts is left open.
    pub fn go_back(&mut self, savepoint: usize) {
        self.savepoints.truncate(savepoint + 1);
        if let Some((pending, added)) = self.savepoints.last() {
            (self.pending, self.added) = (pending.clone(), added.clone());
        }
        self.has_failed = false;
    }

    /// Forgets a savepoint and those after it.
    pub fn release(&mut self, savepoint: usize) {
        self.savepoints.truncate(savepoint);
    }

    /// Whether what the next statement would see is not foretold: it sees what others have committed
    /// together with what contradicts it.
    pub fn sees_contradiction(&self, model: &Model) -> bool {
        self.level == Isolation::ReadCommitted && self.is_doomed(model)
    }

    /// Whether a commit is refused now: a row that it takes away is gone, or a key is taken.
    fn is_doomed(&self, model: &Model) -> bool {
        let taken_together = |(place, pending): (usize, &Bag)| {
            let mut after = model.now()[place].clone();
            after.add(pending);
            !after.is_table(TABLES[place].key)
        };
        self.pending.iter().enumerate().any(taken_together)
    }
}
