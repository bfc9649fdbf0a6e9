//! A dataflow that a worker fills, between the clock's commands, from what its inputs held when it was
//! made, and then from what changed since.
//!
//! It is fed a portion at a time, each an epoch of the dataflow's own, and the next one only when all
//! workers are through with the last: so a portion is all that is ever on its way, operators put out as
//! they go, and other dataflows wait for one portion at most. Nobody sees these epochs, since nobody reads
//! the dataflow before it joins the others. The workers' times keep together by [`Progress::latest`]: who
//! has nothing to feed follows who has.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};

use arrow::array::{Array, RecordBatch};
use changes::{ChangeBatch, Epoch};
use parking_lot::Mutex;
use plan::RelationId;
use timely::worker::Worker;

use crate::adapter::Time;
use crate::backfill::Progress;
use crate::build::{Feed, Input, Spec};
use crate::dataflow::Dataflow;
use crate::relation::Relation;
use crate::{Error, build};

/// Bytes of a portion, more or less, where rows are large.
const PORTION_BYTES: usize = 4 << 20;
/// Changed epochs whose changes are read at once.
const EPOCHS_AT_ONCE: usize = 64;

/// Sources that are read again for a new dataflow, each as often as its plan reads it. They are shared
/// by the workers: each takes what is next.
pub(crate) type Replays = HashMap<RelationId, Vec<Mutex<Receiver<Result<RecordBatch, Error>>>>>;

/// A dataflow on its way to be one of those that follow the clock.
pub(crate) struct HalfBuilt {
    pub(crate) dataflow: Dataflow,
    progress: Arc<Progress>,
    /// What is to be fed, in this order.
    parts: VecDeque<Part>,
    /// The own epoch in which the next portion goes in.
    time: u64,
    /// Whether there may be work to do on this worker before that.
    is_closing: bool,
    /// Whether the clock has been told that all is through.
    is_reported: bool,
}

/// What one input is still to be fed.
struct Part {
    input: usize,
    rows: Rows,
    /// What the last portion left of a batch, and how many rows of it a portion may have at most.
    rest: Option<(ChangeBatch, usize)>,
}

enum Rows {
    Memory(Box<dyn Iterator<Item = Result<ChangeBatch, Error>>>),
    /// The columns of a source that is read again: which of the replays.
    Replay {
        replays: Arc<Replays>,
        id: RelationId,
        index: usize,
        columns: Vec<usize>,
    },
}

/// What there is to feed.
enum Next {
    Batch(ChangeBatch),
    /// Nothing yet.
    Later,
    /// Nothing any more.
    End,
}

/// What became of a turn.
pub(crate) enum Turn {
    /// There is something for the worker to step for.
    Busy,
    /// There is nothing to do but wait.
    Idle,
    /// Everything that was to be fed is through, on all workers that have said so.
    Done,
}

impl HalfBuilt {
    /// Builds `spec`, to be fed what its inputs held at `snapshot`.
    pub(crate) fn new(
        worker: &mut Worker,
        spec: &Arc<Spec>,
        snapshot: Epoch,
        replays: &Arc<Replays>,
        relations: &HashMap<RelationId, Relation>,
        progress: &Arc<Progress>,
        time: &Time,
    ) -> Result<HalfBuilt, Error> {
        let first = snapshot.next();
        let built = build::build(worker, spec, first, time)?;
        let mut parts = VecDeque::new();
        let mut reads_of: HashMap<RelationId, usize> = HashMap::new();
        for (input, Input { feed, .. }) in built.inputs.iter().enumerate() {
            let rows = match feed {
                Feed::Constant(batch) if worker.index() == 0 => {
                    Rows::Memory(Box::new(std::iter::once(Ok(batch.clone()))))
                }
                Feed::Constant(_) => continue,
                Feed::Relation { id, columns } => match relations.get(id) {
                    Some(relation) if relation.is_source() => {
                        let earlier = reads_of.entry(*id).or_default();
                        let index = *earlier;
                        *earlier += 1;
                        Rows::Replay { replays: Arc::clone(replays), id: *id, index, columns: columns.clone() }
                    }
                    Some(relation) => {
                        let rows = relation.scan(worker.index(), snapshot, columns);
                        Rows::Memory(Box::new(rows.map(|rows| rows.map(ChangeBatch::inserts))))
                    }
                    None => continue,
                },
            };
            parts.push_back(Part { input, rows, rest: None });
        }
        let dataflow = Dataflow::new(Arc::clone(spec), built, time);
        let (progress, time) = (Arc::clone(progress), first.0);
        Ok(HalfBuilt { dataflow, progress, parts, time, is_closing: false, is_reported: false })
    }

    /// Has it fed what changed after `after` up to and including `upto`.
    pub(crate) fn catch_up(
        &mut self,
        worker: usize,
        relations: &HashMap<RelationId, Relation>,
        after: Epoch,
        upto: Epoch,
    ) {
        self.is_reported = false;
        for (input, Input { feed, .. }) in self.dataflow.built.inputs.iter().enumerate() {
            if let Feed::Relation { id, columns } = feed
                && let Some(relation) = relations.get(id)
            {
                let changes = changes_between(relation.clone(), worker, columns.clone(), after, upto);
                self.parts.push_back(Part { input, rows: Rows::Memory(Box::new(changes)), rest: None });
            }
        }
    }

    /// Feeds the next portion, of about `rows_max` rows, if the last one is through.
    pub(crate) fn turn(&mut self, worker: usize, rows_max: usize) -> Result<Turn, Error> {
        if self.is_closing {
            if self.dataflow.work(Epoch(self.time - 1)) {
                self.dataflow.close(self.time);
                self.is_closing = false;
            }
            return Ok(Turn::Busy);
        }
        if !self.dataflow.is_through(self.time) {
            return Ok(Turn::Busy);
        }
        let mut rows = 0;
        let mut has_more = true;
        while rows < rows_max && has_more {
            let Some(part) = self.parts.front_mut() else {
                break;
            };
            match part.next(rows_max - rows)? {
                Next::Batch(batch) => {
                    rows += batch.len();
                    self.dataflow.take(part.input, &batch);
                }
                Next::Later => has_more = false,
                Next::End => _ = self.parts.pop_front(),
            }
        }
        if rows > 0 {
            self.progress.fed(rows, self.time);
            self.go_to(self.time + 1);
            // Nobody reads what it was before.
            self.dataflow.collect(worker, Epoch(self.time - 2))?;
            return Ok(Turn::Busy);
        }
        let latest = self.progress.latest();
        if latest >= self.time {
            self.go_to(latest + 1);
            return Ok(Turn::Busy);
        }
        if self.parts.is_empty() && !std::mem::replace(&mut self.is_reported, true) {
            return Ok(Turn::Done);
        }
        Ok(Turn::Idle)
    }

    /// Feeds the little that is left at once, in an epoch that all workers know: the dataflow is then
    /// one of those that follow the clock, from the epoch after `epoch` on.
    pub(crate) fn join(mut self, worker: &mut Worker, epoch: Epoch) -> Dataflow {
        while let Some(mut part) = self.parts.pop_front() {
            while let Next::Batch(batch) = part.next(usize::MAX).expect("what is in memory can be read") {
                self.dataflow.take(part.input, &batch);
            }
        }
        self.dataflow.advance_to(epoch.next().0);
        worker.step_or_park_while(None, || !self.dataflow.is_through(epoch.next().0));
        self.dataflow
    }

    /// Feeds nothing any more.
    pub(crate) fn give_up(&mut self) {
        self.parts.clear();
        self.is_reported = true;
    }

    fn go_to(&mut self, time: u64) {
        self.time = time;
        self.is_closing = true;
    }
}

impl Part {
    /// The next rows, at most `rows_max`.
    fn next(&mut self, rows_max: usize) -> Result<Next, Error> {
        let (batch, portion) = match self.rest.take() {
            Some(rest) => rest,
            None => match self.rows.next()? {
                Next::Batch(batch) => {
                    let portion = PORTION_BYTES / bytes_per_row(batch.rows());
                    (batch, portion.max(1))
                }
                other => return Ok(other),
            },
        };
        let length = rows_max.min(portion);
        if batch.len() <= length {
            return Ok(Next::Batch(batch));
        }
        self.rest = Some((batch.slice(length, batch.len() - length), portion));
        Ok(Next::Batch(batch.slice(0, length)))
    }
}

/// What a row takes on average, 1 or more; buffers that rows share with others count in part only.
fn bytes_per_row(rows: &RecordBatch) -> usize {
    let bytes = rows.columns().iter().map(|column| column.to_data().get_slice_memory_size().unwrap_or(0));
    (bytes.sum::<usize>() / rows.num_rows().max(1)).max(1)
}

impl Rows {
    fn next(&mut self) -> Result<Next, Error> {
        match self {
            Rows::Memory(rows) => rows.next().map_or(Ok(Next::End), |rows| rows.map(Next::Batch)),
            Rows::Replay { replays, id, index, columns } => {
                // Nothing has been read of a source without a replay.
                let Some(replay) = replays.get(id).and_then(|replays| replays.get(*index)) else {
                    return Ok(Next::End);
                };
                match replay.lock().try_recv() {
                    Ok(rows) => Ok(Next::Batch(ChangeBatch::inserts(rows?.project(columns)?))),
                    Err(TryRecvError::Empty) => Ok(Next::Later),
                    Err(TryRecvError::Disconnected) => Ok(Next::End),
                }
            }
        }
    }
}

/// A partition's changes, read a few epochs at a time.
fn changes_between(
    relation: Relation,
    worker: usize,
    columns: Vec<usize>,
    after: Epoch,
    upto: Epoch,
) -> impl Iterator<Item = Result<ChangeBatch, Error>> {
    let mut at = after;
    let some_epochs = move || {
        (at < upto).then(|| {
            let to = relation.nth_change(at, EPOCHS_AT_ONCE).unwrap_or(upto).min(upto);
            relation.partition(worker).changes(std::mem::replace(&mut at, to), to, &columns)
        })
    };
    std::iter::from_fn(some_epochs).flatten().map(|batch| batch.map_err(Error::from))
}
