//! Relations are the joints: what a table, source or materialized view publishes, and how others
//! read it. A reader takes what is there at one epoch and then the changes after it; views,
//! subscriptions and sinks all attach this way.
//!
//! A table or view keeps its rows. A source keeps only what its readers have not read yet, since
//! it can be read again from the start: its rows at an epoch are its input up to the position
//! that it had then.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use changes::{ChangeBatch, Epoch};
use connectors::{Pace, Position, Read, Source, SourceReader};
use parking_lot::Mutex;
use plan::RelationId;
use state::{Holds, SharedRows};

use crate::Error;
use crate::statistics::Counters;

/// Rows that a source is asked for at once.
pub(crate) const READ_ROWS: usize = 16_384;

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
    now: Now,
    /// Who reads this relation, and who reads all of them.
    holds: Holds,
    holds_of_all: Holds,
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
    pub(crate) now: Now,
    pub(crate) holds_of_all: Holds,
    pub(crate) source: Option<Arc<dyn Source>>,
}

impl Relation {
    pub(crate) fn new(parts: Parts) -> Relation {
        let Parts { id, schema, key, partitions, counters, now, holds_of_all, source } = parts;
        let source = source.map(|source| SourceProgress { source, positions: Mutex::default() });
        let holds = Holds::default();
        Relation(Arc::new(Inner { id, schema, key, partitions, counters, now, holds, holds_of_all, source }))
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

    /// The epoch below which nobody reads this relation.
    pub(crate) fn horizon(&self) -> Epoch {
        let now = || self.0.now.get();
        self.0.holds.horizon(now).min(self.0.holds_of_all.horizon(now))
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
    /// must be held.
    ///
    /// # Errors
    /// If Arrow cannot form the rows.
    pub fn changes(&self, after: Epoch, upto: Epoch) -> Result<Vec<ChangeBatch>, Error> {
        let columns = (0..self.schema().fields().len()).collect::<Vec<_>>();
        let mut changes = Vec::new();
        for partition in &self.0.partitions {
            changes.extend(partition.changes(after, upto, &columns)?);
        }
        Ok(changes)
    }

    /// For each row of `keys` (the key columns alone) the row with that key at `at`: all rows that
    /// were found, and for each key the index of its row among them.
    ///
    /// # Errors
    /// If the relation has no key, or `keys` is not of its columns.
    pub fn find(&self, keys: &RecordBatch, at: Epoch) -> Result<(RecordBatch, Vec<Option<u32>>), Error> {
        if self.0.key.is_none() {
            return Err(Error::NoKey(self.0.id));
        }
        let columns = (0..self.schema().fields().len()).collect::<Vec<_>>();
        let mut places = vec![None; keys.num_rows()];
        let mut batches = Vec::new();
        let mut count = 0u32;
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
            if !ids.is_empty() {
                let gathered: Vec<ArrayRef> = rows.gather(&ids, &columns)?;
                let options = RecordBatchOptions::new().with_row_count(Some(ids.len()));
                batches.push(RecordBatch::try_new_with_options(self.schema().clone(), gathered, &options)?);
            }
        }
        Ok((arrow::compute::concat_batches(self.schema(), &batches)?, places))
    }

    /// Living rows in all partitions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.partitions.iter().map(|partition| partition.read().len()).sum()
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
        let horizon = self.horizon();
        let mut positions = progress.positions.lock();
        positions.push_back((epoch, position));
        while positions.get(1).is_some_and(|(next, _)| *next <= horizon) {
            positions.pop_front();
        }
    }

    /// For a source: its rows up to the position it had at `at`, read again.
    pub(crate) fn replay(&self, at: Epoch) -> Result<Option<Replay>, Error> {
        let Some((source, until)) = self.source().zip(self.position_at(at)) else {
            return Ok(None);
        };
        let reader = source.open(None, Some(&until), Pace::Replay)?;
        Ok(Some(Replay { reader }))
    }
}

/// A source being read again, up to where it had been read.
pub(crate) struct Replay {
    reader: Box<dyn SourceReader>,
}

impl Iterator for Replay {
    type Item = Result<RecordBatch, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.reader.read(READ_ROWS) {
                Ok(Read::Rows { rows, .. }) if rows.num_rows() == 0 => {}
                Ok(Read::Rows { rows, .. }) => return Some(Ok(rows)),
                // What has been read once is there: no need to wait for it.
                Ok(Read::Idle(_) | Read::End) => return None,
                Err(error) => return Some(Err(error.into())),
            }
        }
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
