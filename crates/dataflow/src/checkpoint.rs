//! Checkpoints: one cut through everything, between two epochs, and how everything is made again from it, by
//! as many workers or any other number.
//!
//! Keys: `s` and a name for what is known of the whole; `r`, a relation's number (`u64`, big-endian) and
//! - `t` for a table's rows,
//! - `o` and an operator's number (`u16`, big-endian) for its state: operators are counted as the plan is built, so
//!   that the same plan gives them the same numbers,
//! - `f` for the form of a dataflow: another plan cannot go on with its operators' state,
//! - `p` for how far a source has been read, `e` for how many rows a relation keeps out.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::datatypes::SchemaRef;
use changes::Epoch;
use connectors::{Position, Source};
use operators::Moment;
use plan::{Node, RelationId};
use state::{CheckpointCursor, CheckpointReader, CheckpointSink, CheckpointWriter, Partition, Value};

use crate::build::{Built, Spec};
use crate::clock::Request;
use crate::relation::Relation;
use crate::statistics::Counters;
use crate::{Error, Runtime};

const EPOCH: &[u8] = b"sepoch";
const TIME: &[u8] = b"stime";
const WORKERS: &[u8] = b"sworkers";
/// What the layers above keep of their own begins so.
const OWN: &[u8] = b"x";

const TABLE: u8 = b't';
const OPERATOR: u8 = b'o';
const FORM: u8 = b'f';
const POSITION: u8 = b'p';
const ERRORS: u8 = b'e';

/// What all keys of a relation begin with.
fn of_relation(id: RelationId) -> Vec<u8> {
    [b"r", u64::from(id.0).to_be_bytes().as_slice()].concat()
}

fn key(id: RelationId, kind: u8) -> Vec<u8> {
    [of_relation(id), vec![kind]].concat()
}

fn of_operator(id: RelationId, number: usize) -> Vec<u8> {
    let number = u16::try_from(number).expect("a plan is far smaller").to_be_bytes();
    [key(id, OPERATOR), number.to_vec()].concat()
}

/// The key of something that the layers above keep in a checkpoint.
#[must_use]
pub fn own_key(name: &str) -> Vec<u8> {
    [OWN, name.as_bytes()].concat()
}

/// Where a checkpoint goes.
pub(crate) type Sink = Arc<dyn CheckpointSink>;

/// Writes what the clock knows: which epoch it is, and the tables and sources.
pub(crate) fn write_inputs<'a>(
    sink: &dyn CheckpointSink,
    moment: &Moment,
    workers: usize,
    relations: impl Iterator<Item = &'a Relation>,
) -> Result<(), Error> {
    let epoch = moment.epoch;
    sink.put(EPOCH.to_vec(), number(epoch.0))?;
    sink.put(TIME.to_vec(), number(moment.now_us.cast_unsigned()))?;
    sink.put(WORKERS.to_vec(), number(workers as u64))?;
    for relation in relations {
        write_errors(sink, relation.id(), relation.counters())?;
        if relation.is_source() {
            if let Some(Position(position)) = relation.position_at(epoch) {
                sink.put(key(relation.id(), POSITION), position.into_bytes().into())?;
            }
            continue;
        }
        for index in 0..relation.partitions() {
            let partition = Partition { index, count: relation.partitions() };
            let writer = CheckpointWriter::new(sink, partition, key(relation.id(), TABLE));
            relation.partition(index).write().checkpoint(&writer)?;
        }
    }
    Ok(())
}

/// Takes a relation out that is there no more.
pub(crate) fn forget(sink: &dyn CheckpointSink, id: RelationId) -> Result<(), Error> {
    Ok(sink.delete_all(&of_relation(id))?)
}

/// Writes one worker's part of a dataflow.
pub(crate) fn write_dataflow(
    sink: &dyn CheckpointSink,
    spec: &Spec,
    built: &Built,
    partition: Partition,
) -> Result<(), Error> {
    if partition.index == 0 {
        if !spec.is_form_saved.swap(true, Ordering::Relaxed) {
            sink.put(key(spec.id, FORM), form(&spec.plan).into())?;
        }
        write_errors(sink, spec.id, &spec.counters)?;
    }
    for (number, operator) in built.operators.iter().enumerate() {
        let writer = CheckpointWriter::new(sink, partition, of_operator(spec.id, number));
        operator.borrow_mut().checkpoint(&writer)?;
    }
    Ok(())
}

fn write_errors(sink: &dyn CheckpointSink, id: RelationId, counters: &Counters) -> Result<(), Error> {
    match counters.unsaved_errors() {
        Some(errors) => Ok(sink.put(key(id, ERRORS), errors.to_be_bytes().to_vec().into())?),
        None => Ok(()),
    }
}

fn number(number: u64) -> Value {
    Value::Bytes(number.to_be_bytes().to_vec())
}

/// A plan as text: two that read the same build the same operators.
fn form(plan: &Node) -> Vec<u8> {
    plan::explain(plan).join("\n").into_bytes()
}

/// A checkpoint to start from.
#[derive(Clone)]
pub struct Checkpoint {
    cursor: Arc<dyn CheckpointCursor>,
    moment: Moment,
    writers: usize,
}

impl Checkpoint {
    /// None if nothing has ever been written.
    ///
    /// # Errors
    /// If it cannot be read, or is damaged.
    pub fn open(cursor: Arc<dyn CheckpointCursor>) -> Result<Option<Checkpoint>, Error> {
        let number = |key: &[u8], what| -> Result<Option<u64>, Error> {
            let value = cursor.get(key)?.map(Value::into_bytes).transpose()?;
            value.map(|value| value.try_into().map(u64::from_be_bytes).map_err(|_| damaged(what))).transpose()
        };
        let Some(epoch) = number(EPOCH, "the epoch")? else {
            return Ok(None);
        };
        let time = number(TIME, "the time")?.ok_or_else(|| damaged("the time"))?;
        let workers = number(WORKERS, "the number of workers")?.and_then(|workers| usize::try_from(workers).ok());
        let writers = workers.ok_or_else(|| damaged("the number of workers"))?;
        let moment = Moment { epoch: Epoch(epoch), now_us: time.cast_signed() };
        Ok(Some(Checkpoint { cursor, moment, writers }))
    }

    /// The epoch of the cut.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.moment.epoch
    }

    pub(crate) fn moment(&self) -> Moment {
        self.moment
    }

    /// What the layers above kept under [`own_key`] of this name.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn own(&self, name: &str) -> Result<Option<Value>, Error> {
        Ok(self.cursor.get(&own_key(name))?)
    }

    /// Restores one worker's part of a dataflow that has just been built.
    pub(crate) fn read_dataflow(&self, spec: &Spec, built: &Built, partition: Partition) -> Result<(), Error> {
        let saved = self.cursor.get(&key(spec.id, FORM))?.map(Value::into_bytes).transpose()?;
        if saved != Some(form(&spec.plan)) {
            return Err(damaged(&format!("the state of {}, which was saved by another plan", spec.name)));
        }
        if partition.index == 0 {
            spec.counters.set_errors(self.errors(spec.id)?);
        }
        for (number, operator) in built.operators.iter().enumerate() {
            operator.borrow_mut().restore(&self.reader(of_operator(spec.id, number), partition))?;
        }
        Ok(())
    }

    fn read_table(&self, relation: &Relation) -> Result<(), Error> {
        for index in 0..relation.partitions() {
            let partition = Partition { index, count: relation.partitions() };
            relation.partition(index).write().restore(&self.reader(key(relation.id(), TABLE), partition))?;
            relation.account(index);
        }
        relation.counters().set_errors(self.errors(relation.id())?);
        Ok(())
    }

    fn read_source(&self, relation: &Relation) -> Result<(), Error> {
        if let Some(position) = self.cursor.get(&key(relation.id(), POSITION))? {
            let position = String::from_utf8(position.into_bytes()?).map_err(|_| damaged("a source's position"))?;
            relation.reached(self.moment.epoch, Position(position));
        }
        relation.counters().set_errors(self.errors(relation.id())?);
        Ok(())
    }

    fn reader(&self, prefix: Vec<u8>, partition: Partition) -> CheckpointReader<'_> {
        CheckpointReader::new(self.cursor.as_ref(), partition, self.writers, prefix)
    }

    fn errors(&self, id: RelationId) -> Result<i64, Error> {
        let errors = self.cursor.get(&key(id, ERRORS))?.ok_or_else(|| damaged("the errors of a relation"))?;
        let errors = errors.into_bytes()?.try_into().map_err(|_| damaged("the errors of a relation"))?;
        Ok(i64::from_be_bytes(errors))
    }
}

fn damaged(what: &str) -> Error {
    state::Error::Damaged(what.to_owned()).into()
}

/// A runtime on its way to be what it was when a checkpoint was taken. Things are made in the order in which they
/// read one another; none moves before [`Restoring::finish`], so that all of them begin in the same epoch.
pub struct Restoring<'a> {
    runtime: &'a Runtime,
    checkpoint: Checkpoint,
    inputs: Vec<Relation>,
    dataflows: Vec<Arc<Spec>>,
}

impl<'a> Restoring<'a> {
    /// For a runtime that was started at the checkpoint's epoch and has done nothing yet.
    #[must_use]
    pub fn new(runtime: &'a Runtime, checkpoint: Checkpoint) -> Restoring<'a> {
        Restoring { runtime, checkpoint, inputs: Vec::new(), dataflows: Vec::new() }
    }

    /// A table, as [`Runtime::create_table`] made it.
    ///
    /// # Errors
    /// If its rows cannot be read, or are of other columns.
    pub fn table(
        &mut self,
        id: RelationId,
        name: &str,
        schema: SchemaRef,
        key: Option<Vec<usize>>,
    ) -> Result<Relation, Error> {
        let relation = self.runtime.table(id, name, schema, key)?;
        self.checkpoint.read_table(&relation)?;
        self.inputs.push(relation.clone());
        Ok(relation)
    }

    /// A source, as [`Runtime::create_source`] made it.
    ///
    /// # Errors
    /// If its position cannot be read.
    pub fn source(&mut self, id: RelationId, name: &str, source: Arc<dyn Source>) -> Result<Relation, Error> {
        let relation = self.runtime.source(id, name, source)?;
        self.checkpoint.read_source(&relation)?;
        self.inputs.push(relation.clone());
        Ok(relation)
    }

    /// A materialized view, as [`Runtime::build_view`] made it.
    ///
    /// # Errors
    /// If a column's type cannot be kept.
    pub fn view(&mut self, id: RelationId, name: &str, plan: Node) -> Result<Relation, Error> {
        let (relation, spec) = self.runtime.view(id, name, plan)?;
        self.dataflows.push(Arc::new(spec));
        Ok(relation)
    }

    /// A sink, as [`Runtime::build_sink`] made it.
    pub fn sink(&mut self, id: RelationId, name: &str, plan: Node) {
        self.dataflows.push(Arc::new(self.runtime.sink(id, name, plan)));
    }

    /// Has all of them follow the clock.
    ///
    /// # Errors
    /// If state cannot be read, or was saved by another plan.
    pub async fn finish(self) -> Result<(), Error> {
        let Restoring { runtime, checkpoint, inputs, dataflows } = self;
        runtime.ask(|reply| Request::Restore { checkpoint, inputs, dataflows, reply }).await?
    }
}
