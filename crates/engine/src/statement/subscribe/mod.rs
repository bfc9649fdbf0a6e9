//! `SUBSCRIBE`: the rows that are there, then each change with its epoch, as it happens.
//!
//! The columns are `freshet_epoch` (the epoch in which the row came or went), `freshet_diff` (1: it
//! came, -1: it went; other numbers: as many copies did), with `PROGRESS` also `freshet_progressed`,
//! then those of the query. Adding up the diffs of equal rows up to an epoch gives the query's rows
//! at that epoch. A row with `freshet_progressed` true, whose diff and other columns are null, says
//! that all changes up to and including its epoch have been sent.
//!
//! A table or materialized view is watched itself; of any other query a view is built that lives as
//! long as the subscription.

mod lag;
mod watched;

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, new_null_array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use changes::{ChangeBatch, Diffs, Epoch};
use dataflow::Relation;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::scalar::ScalarValue;
use plan::RelationId;
use sql::Subscribe;
use tokio::sync::watch;

use crate::session::Session;
use crate::statement::incremental::{Unnamed, ViewPlan, plan_view};
use crate::{Engine, Error, Outcome, SqlState};
use lag::{Lag, Reading};
use watched::watched;

/// Starts a subscription.
pub(crate) async fn run(
    session: &mut Session,
    subscribe: &Subscribe,
    parameters: &[ScalarValue],
) -> Result<Outcome, Error> {
    if !parameters.is_empty() {
        return Err(Error::unsupported("SUBSCRIBE with parameters is not supported yet"));
    }
    let engine = Arc::clone(&session.engine);
    let reader = session.reader();
    let (relation, unnamed, reader) = match watched(&reader, &subscribe.query)? {
        Some(relation) => (relation, None, Some(reader)),
        None => {
            let ViewPlan { node, .. } = plan_view(&session.binder, &reader, &subscribe.query, &[]).await?;
            // The view holds what it needs; the reader would keep old rows of everything alive.
            drop(reader);
            let id = RelationId(engine.catalog().new_oid());
            let relation = engine.runtime().create_view(id, "subscription", node).await?;
            (relation, Some(Unnamed::new(engine.runtime(), id)), None)
        }
    };
    let mut hold = relation.hold();
    let transaction_epoch = session.transaction_epoch();
    let mut from = hold.epoch();
    if let Some(epoch) = subscribe.as_of.map(Epoch) {
        // The transaction holds all relations at its epoch; a view that was built just now has no past.
        let oldest = transaction_epoch.filter(|_| unnamed.is_none()).unwrap_or(from).min(from);
        if epoch < oldest || epoch > from || epoch != oldest && epoch != from {
            return Err(not_held(epoch, oldest, from));
        }
        from = epoch;
    }
    let schema = shown_columns(relation.schema(), subscribe.progress);
    let mut ready = VecDeque::new();
    if subscribe.snapshot {
        ready.push_back(Piece::Snapshot { partition: 0 });
    }
    if subscribe.progress {
        ready.push_back(Piece::Progress(from));
    }
    // Changes after an epoch of the past are read once, before its reader is let go.
    let held = reader.filter(|_| from < hold.epoch());
    if held.is_none() {
        hold.advance_to(from);
    }
    let dropped = unnamed.is_none().then(|| (Arc::clone(&engine), relation.id().0));
    let reading = Reading { at: from, hold, held, ready, _unnamed: unnamed };
    let subscription = Subscription {
        epochs: engine.runtime().watch(),
        changes: relation.watch(),
        catalog: engine.catalog().watch(),
        dropped,
        schema: Arc::clone(&schema),
        progress: subscribe.progress,
        lag: Lag::watch(reading, &relation, engine.budget()),
        relation,
    };
    let rows = futures::stream::try_unfold(subscription, |mut subscription| async move {
        let batch = subscription.next().await?;
        Ok(batch.map(|batch| (batch, subscription)))
    });
    let rows = Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&schema), rows));
    Ok(Outcome::Subscription { schema, rows })
}

/// The columns that a subscription gives.
pub(crate) async fn columns(session: &mut Session, subscribe: &Subscribe) -> Result<SchemaRef, Error> {
    let reader = session.reader();
    let rows = match watched(&reader, &subscribe.query)? {
        Some(relation) => Arc::clone(relation.schema()),
        None => {
            let plan = plan_view(&session.binder, &reader, &subscribe.query, &[]).await?;
            Arc::clone(plan.node.schema())
        }
    };
    Ok(shown_columns(&rows, subscribe.progress))
}

fn shown_columns(rows: &Schema, progress: bool) -> SchemaRef {
    let mut fields = vec![
        Arc::new(Field::new("freshet_epoch", DataType::Int64, false)),
        Arc::new(Field::new("freshet_diff", DataType::Int64, true)),
    ];
    if progress {
        fields.push(Arc::new(Field::new("freshet_progressed", DataType::Boolean, false)));
    }
    fields.extend(rows.fields().iter().map(|field| Arc::new(field.as_ref().clone().with_nullable(true))));
    Arc::new(Schema::new(fields))
}

fn not_held(epoch: Epoch, oldest: Epoch, newest: Epoch) -> Error {
    let error = if epoch > newest {
        Error::new(SqlState::INVALID_PARAMETER_VALUE, format!("epoch {epoch} has not come yet"))
    } else {
        Error::new(SqlState::INVALID_PARAMETER_VALUE, format!("epoch {epoch} is not held any more"))
    };
    error.with_detail(format!("The oldest epoch that can be read is {oldest}, the newest is {newest}."))
}

/// What is to be sent next.
enum Piece {
    /// One partition of the rows that were there at the start, and then the others.
    Snapshot { partition: usize },
    /// The rest of a partition.
    Scan { rows: Batches<RecordBatch>, partition: usize },
    /// What one epoch changed.
    Changes { epoch: Epoch, changes: Batches<ChangeBatch> },
    /// That all changes of an epoch have been sent.
    Progress(Epoch),
}

/// Batches that are formed one by one as they are sent, so that no more than one is in memory.
type Batches<T> = Box<dyn Iterator<Item = Result<T, dataflow::Error>> + Send>;

/// A running subscription.
struct Subscription {
    relation: Relation,
    lag: Lag,
    /// All epochs that close.
    epochs: watch::Receiver<Epoch>,
    /// Those that change the relation: others wake nobody who has not asked for progress.
    changes: watch::Receiver<Epoch>,
    catalog: watch::Receiver<u64>,
    /// Where to look whether the relation is still there; none for the subscription's own view.
    dropped: Option<(Arc<Engine>, u32)>,
    schema: SchemaRef,
    progress: bool,
}

impl Subscription {
    /// The next rows; none when the relation is no more.
    async fn next(&mut self) -> Result<Option<RecordBatch>, Error> {
        loop {
            // In this order: what is announced after it was looked for wakes us below.
            let last_change = *self.changes.borrow_and_update();
            let now = *self.epochs.borrow_and_update();
            if let Some(batch) = self.lag.read(|reading| self.next_ready(reading, now))? {
                return Ok(Some(batch));
            }
            if self.is_dropped() {
                return Ok(None);
            }
            if last_change == Epoch::NEVER {
                return Err(Error::shutting_down());
            }
            tokio::select! {
                _ = self.changes.changed() => {}
                changed = self.epochs.changed(), if self.progress => if changed.is_err() {
                    return Err(Error::shutting_down());
                },
                _ = self.catalog.changed() => {}
            }
        }
    }

    fn is_dropped(&self) -> bool {
        self.dropped.as_ref().is_some_and(|(engine, oid)| engine.catalog().snapshot().object(*oid).is_none())
    }

    /// The next rows of what happened up to `now`; none when all of it has been sent.
    fn next_ready(&self, reading: &mut Reading, now: Epoch) -> Result<Option<RecordBatch>, Error> {
        loop {
            while let Some(piece) = reading.ready.pop_front() {
                if let Some(batch) = self.send(piece, reading)? {
                    return Ok(Some(batch));
                }
            }
            reading.let_go();
            if reading.at >= now {
                return Ok(None);
            }
            self.collect(reading, now);
        }
    }

    /// Makes ready what the next epoch up to `now` that changed something did.
    fn collect(&self, reading: &mut Reading, now: Epoch) {
        match self.relation.next_change(reading.at).filter(|epoch| *epoch <= now) {
            Some(epoch) => {
                let changes = Box::new(self.relation.changes(reading.at, epoch));
                reading.ready.push_back(Piece::Changes { epoch, changes });
                reading.at = epoch;
            }
            None => reading.at = now,
        }
        if self.progress {
            reading.ready.push_back(Piece::Progress(reading.at));
        }
    }

    /// A piece's next batch; what is left of it is put back.
    fn send(&self, piece: Piece, reading: &mut Reading) -> Result<Option<RecordBatch>, Error> {
        match piece {
            Piece::Snapshot { partition } => {
                if partition < self.relation.partitions() {
                    let columns: Vec<usize> = (0..self.relation.schema().fields().len()).collect();
                    let rows = self.relation.scan(partition, reading.at, &columns);
                    reading.ready.push_front(Piece::Scan { rows, partition });
                }
                Ok(None)
            }
            Piece::Scan { mut rows, partition } => match rows.next() {
                Some(batch) => {
                    reading.ready.push_front(Piece::Scan { rows, partition });
                    let batch = batch?;
                    Ok(Some(self.shown(reading.at, &Diffs::Inserts, &batch)?))
                }
                None => {
                    reading.ready.push_front(Piece::Snapshot { partition: partition + 1 });
                    Ok(None)
                }
            },
            Piece::Changes { epoch, mut changes } => {
                let Some(batch) = changes.next().transpose()? else { return Ok(None) };
                reading.ready.push_front(Piece::Changes { epoch, changes });
                Ok(Some(self.shown(epoch, batch.diffs(), batch.rows())?))
            }
            Piece::Progress(epoch) => {
                let nulls = self.schema.fields()[3..].iter().map(|field| new_null_array(field.data_type(), 1));
                let mut columns: Vec<ArrayRef> = vec![
                    Arc::new(Int64Array::from(vec![number(epoch)])),
                    Arc::new(Int64Array::from(vec![None])),
                    Arc::new(BooleanArray::from(vec![true])),
                ];
                columns.extend(nulls);
                Ok(Some(RecordBatch::try_new(Arc::clone(&self.schema), columns)?))
            }
        }
    }

    /// Changed rows with their epoch and diffs before them.
    fn shown(&self, epoch: Epoch, diffs: &Diffs, rows: &RecordBatch) -> Result<RecordBatch, Error> {
        let count = rows.num_rows();
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![number(epoch); count])),
            Arc::new(Int64Array::from_iter_values((0..count).map(|row| diffs.get(row)))),
        ];
        if self.progress {
            columns.push(Arc::new(BooleanArray::from(vec![false; count])));
        }
        columns.extend_from_slice(rows.columns());
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }
}

/// An epoch as SQL's bigint.
fn number(epoch: Epoch) -> i64 {
    i64::try_from(epoch.0).unwrap_or(i64::MAX)
}
