//! Relations are the joints: what a table, source or materialized view publishes, and how others
//! read it. A reader takes what is there at one epoch and then the changes after it; views,
//! subscriptions and sinks all attach this way.
//!
//! A table or view keeps its rows. A source keeps only what its readers have not read yet, since
//! it can be read again from the start: its rows at an epoch are its input up to the position
//! that it had then.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use changes::{ChangeBatch, Epoch};
use connectors::{Position, Source};
use parking_lot::Mutex;
use plan::RelationId;
use state::{Holds, SharedRows};
use tokio::sync::watch;

use crate::Error;
use crate::found::Found;
use crate::history::History;
use crate::hold::{Hold, Now};
use crate::memory::Shares;
use crate::replay::Replay;
use crate::statistics::Counters;

/// What is published of a table, source or materialized view.
#[derive(Clone, Debug)]
pub struct Relation(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    id: RelationId,
    schema: SchemaRef,
    /// The columns that are unique, if rows can be found by them.
    key: Option<Vec<usize>>,
    partitions: Vec<SharedRows>,
    counters: Arc<Counters>,
    memory: Shares,
    now: Now,
    /// Who reads this relation, and who reads all of them.
    holds: Holds,
    holds_of_all: Holds,
    history: History,
    source: Option<SourceProgress>,
}

#[derive(Debug)]
struct SourceProgress {
    source: Arc<dyn Source>,
    /// How far it had been read at the end of each epoch, back to the horizon.
    positions: Mutex<VecDeque<(Epoch, Position)>>,
}

/// What a relation is made with.
pub(crate) struct Parts {
    pub(crate) id: RelationId,
    pub(crate) schema: SchemaRef,
    pub(crate) key: Option<Vec<usize>>,
    pub(crate) partitions: Vec<SharedRows>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) memory: Shares,
    pub(crate) now: Now,
    pub(crate) holds_of_all: Holds,
    pub(crate) source: Option<Arc<dyn Source>>,
}

impl Relation {
    pub(crate) fn new(parts: Parts) -> Relation {
        let Parts { id, schema, key, partitions, counters, memory, now, holds_of_all, source } = parts;
        let source = source.map(|source| SourceProgress { source, positions: Mutex::default() });
        let (holds, history) = (Holds::default(), History::default());
        Relation(Arc::new(Inner {
            id,
            schema,
            key,
            partitions,
            counters,
            memory,
            now,
            holds,
            holds_of_all,
            history,
            source,
        }))
    }

    /// Which relation.
    #[must_use]
    pub fn id(&self) -> RelationId {
        self.0.id
    }

    /// Its columns.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.0.schema
    }

    /// How many parts its rows lie in, one a worker.
    #[must_use]
    pub fn partitions(&self) -> usize {
        self.0.partitions.len()
    }

    pub(crate) fn partition(&self, index: usize) -> &SharedRows {
        &self.0.partitions[index]
    }

    /// Tells the budget what a partition holds now.
    pub(crate) fn account(&self, partition: usize) {
        let bytes = self.partition(partition).read().bytes();
        self.0.memory.set(partition, bytes);
    }

    pub(crate) fn counters(&self) -> &Arc<Counters> {
        &self.0.counters
    }

    pub(crate) fn key(&self) -> Option<&[usize]> {
        self.0.key.as_deref()
    }

    /// Whether it is a source.
    pub(crate) fn is_source(&self) -> bool {
        self.0.source.is_some()
    }

    pub(crate) fn source(&self) -> Option<&Arc<dyn Source>> {
        self.0.source.as_ref().map(|progress| &progress.source)
    }

    /// Keeps what is readable now readable, until the hold is dropped.
    #[must_use]
    pub fn hold(&self) -> Hold {
        Hold::new(self.0.holds.clone(), &self.0.now)
    }

    /// The epoch below which nobody reads what this relation stores. Who holds all relations, for a
    /// query, reads a source again from its start, and needs no stored row of it.
    pub(crate) fn horizon(&self) -> Epoch {
        if self.is_source() { self.0.holds.horizon(|| self.0.now.get()) } else { self.horizon_of_all() }
    }

    /// The epoch below which nobody reads this relation, from what it stores or otherwise.
    fn horizon_of_all(&self) -> Epoch {
        let now = || self.0.now.get();
        self.0.holds.horizon(now).min(self.0.holds_of_all.horizon(now))
    }

    /// Notes that the epoch in progress brings changes.
    pub(crate) fn mark_changed(&self, epoch: Epoch) {
        self.0.history.mark_changed(epoch);
    }

    /// The last epoch that brought changes.
    pub(crate) fn changed_at(&self) -> Epoch {
        self.0.history.changed_at()
    }

    /// Notes that an epoch closes which brought changes: before readers see it.
    pub(crate) fn closes(&self, epoch: Epoch) {
        self.0.history.closes(epoch, || self.horizon());
    }

    /// Tells those who wait: when readers see the epoch.
    pub(crate) fn announce(&self, epoch: Epoch) {
        self.0.history.announce(epoch);
    }

    /// Tells those who wait that nothing more will come.
    pub(crate) fn end(&self) {
        self.0.history.end();
    }

    /// Is told of every epoch that changes this relation, and of [`Epoch::NEVER`] when the server
    /// is shutting down. Other epochs wake nobody.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Epoch> {
        self.0.history.watch()
    }

    /// The first closed epoch after `after` that changed this relation. `after` must be held.
    #[must_use]
    pub fn next_change(&self, after: Epoch) -> Option<Epoch> {
        self.nth_change(after, 1)
    }

    /// The `n`th closed epoch after `after` that changed this relation; `n` is 1 or more.
    pub(crate) fn nth_change(&self, after: Epoch, n: usize) -> Option<Epoch> {
        self.0.history.nth_change(after, n)
    }

    /// The rows of one partition at `at`, which must be held, with the columns `columns`. Memory
    /// is shared where a whole chunk is seen. A source is read again, from its start.
    #[must_use]
    pub fn scan(
        &self,
        partition: usize,
        at: Epoch,
        columns: &[usize],
    ) -> Box<dyn Iterator<Item = Result<RecordBatch, Error>> + Send> {
        let columns = columns.to_vec();
        if self.is_source() {
            // The first partition stands for all of it.
            return match self.replay(at) {
                _ if partition > 0 => Box::new(std::iter::empty()),
                Ok(None) => Box::new(std::iter::empty()),
                Ok(Some(replay)) => Box::new(replay.map(move |rows| Ok(rows?.project(&columns)?))),
                Err(error) => Box::new(std::iter::once(Err(error))),
            };
        }
        let chunks = self.partition(partition).chunks();
        let counters = Arc::clone(&self.0.counters);
        let scan = move |chunk: Arc<state::Chunk>| {
            counters.scanned(chunk.len());
            chunk.scan(at, &columns).map_err(Error::from).transpose()
        };
        Box::new(chunks.into_iter().filter_map(scan))
    }

    /// What changed after `after` up to and including `upto`, net, in all partitions. `after`
    /// must be held until this has been called. Batches are formed as they are asked for.
    ///
    /// # Errors
    /// A batch is an error if Arrow cannot form it.
    pub fn changes(
        &self,
        after: Epoch,
        upto: Epoch,
    ) -> impl Iterator<Item = Result<ChangeBatch, Error>> + Send + use<> {
        let columns = (0..self.schema().fields().len()).collect::<Vec<_>>();
        let of_partition = |partition: &SharedRows| partition.read().changes(after, upto, &columns);
        let changes = self.0.partitions.iter().map(of_partition).collect::<Vec<_>>();
        changes.into_iter().flatten().map(|batch| batch.map_err(Error::from))
    }

    /// Bytes of rows that are gone and kept only for who reads at `after` or earlier. `after` must
    /// be held.
    #[must_use]
    pub fn held_since(&self, after: Epoch) -> u64 {
        self.0.partitions.iter().map(|partition| partition.read().died_since(after)).sum()
    }

    /// For each row of `keys` (the key columns alone) the row with that key at `at`. Its values are
    /// read only when they are asked for.
    ///
    /// # Errors
    /// If the relation has no key, or `keys` is not of its columns.
    pub fn find(&self, keys: &RecordBatch, at: Epoch) -> Result<Found, Error> {
        if self.0.key.is_none() {
            return Err(Error::NoKey(self.0.id));
        }
        let mut places = vec![None; keys.num_rows()];
        let mut of_partitions = Vec::with_capacity(self.0.partitions.len());
        let mut count = 0;
        for partition in &self.0.partitions {
            let rows = partition.read();
            let found = rows.find_at(keys.columns(), keys.num_rows(), at)?;
            let mut ids = Vec::new();
            for (place, id) in places.iter_mut().zip(found) {
                if let Some(id) = id {
                    *place = Some(count);
                    count += 1;
                    ids.push(id);
                }
            }
            of_partitions.push((rows, ids));
        }
        Ok(Found { schema: self.schema().clone(), places, of_partitions })
    }

    /// Living rows in all partitions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.partitions.iter().map(|partition| partition.read().len()).sum()
    }

    /// What its rows take in memory, with their versions and indexes, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.partitions.iter().map(|partition| partition.read().bytes()).sum()
    }

    /// Whether no row lives.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// For a source: the position that it had reached at `at`; none before anything was read.
    pub(crate) fn position_at(&self, at: Epoch) -> Option<Position> {
        let positions = self.0.source.as_ref()?.positions.lock();
        let after = positions.partition_point(|(epoch, _)| *epoch <= at);
        let (_, position) = positions.get(after.checked_sub(1)?)?;
        Some(position.clone())
    }

    /// For a source: notes how far it has been read when `epoch` closes.
    pub(crate) fn reached(&self, epoch: Epoch, position: Position) {
        let Some(progress) = &self.0.source else {
            return;
        };
        let horizon = self.horizon_of_all();
        let mut positions = progress.positions.lock();
        positions.push_back((epoch, position));
        while positions.get(1).is_some_and(|(next, _)| *next <= horizon) {
            positions.pop_front();
        }
    }

    /// For a source: its rows up to the position it had at `at`, read again.
    fn replay(&self, at: Epoch) -> Result<Option<Replay>, Error> {
        match self.source().zip(self.position_at(at)) {
            Some((source, until)) => Replay::open(source.as_ref(), until).map(Some),
            None => Ok(None),
        }
    }
}
