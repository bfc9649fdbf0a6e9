//! Checkpoints of the engine as a whole: all that the runtime keeps, and the catalog.
//!
//! The catalog is kept as the statements that made it: each thing's number, its `CREATE` statement, and the columns
//! that it had. Statements are bound again, so that there is no second form of a plan to be kept readable; that
//! the plan is still the same, the runtime checks before it takes over an operator's state.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use arrow::array::RecordBatch;
use changes::Epoch;
use dataflow::{Checkpoint, Restoring, own_key};
use plan::RelationId;
use state::{CheckpointCursor, CheckpointSink};

use crate::catalog::Entry;
use crate::{Config, Engine, Error, SqlState, statement};

/// Under which the objects' numbers are kept, each after those that it needs.
const ORDER: &str = "order";
/// Under which it is kept which number a new object has.
const NEXT_OID: &str = "next oid";

/// Under which an object's columns are kept, as those of no rows.
fn columns_of(oid: u32) -> String {
    format!("columns {oid}")
}

/// Under which the statement that made an object is kept.
fn statement_of(oid: u32) -> String {
    format!("statement {oid}")
}

impl Engine {
    /// Writes what changed since the last checkpoint, or all if there was none, and commits it. Returns the epoch
    /// of the cut.
    ///
    /// # Errors
    /// If it could not be written. What is written then is not a checkpoint, and neither this engine nor another
    /// sink makes one of it: all further ones are refused, since each would lack what this one took with it.
    pub async fn checkpoint(&self, sink: Arc<dyn CheckpointSink>) -> Result<Epoch, Error> {
        // Meanwhile nothing comes or goes.
        let change = self.catalog().change().await;
        // If this ends early, it stays broken.
        let known = std::mem::replace(&mut *self.checkpointed().lock(), Known::Broken);
        let entries = change.snapshot().in_order();
        let ids = entries.iter().map(|entry| RelationId(entry.object.oid)).collect::<HashSet<_>>();
        let known = match known {
            Known::Broken => return Err(broken()),
            Known::Unknown => {
                sink.delete_all(&own_key(""))?;
                KnownCatalog::default()
            }
            Known::Catalog(catalog) => catalog,
        };
        let epoch = self.runtime().checkpoint(Arc::clone(&sink), ids).await?;
        let known = known.bring_up_to(sink.as_ref(), &entries, self.catalog().next_oid())?;
        sink.commit(epoch)?;
        *self.checkpointed().lock() = Known::Catalog(known);
        Ok(epoch)
    }

    /// Starts an engine that goes on from a checkpoint, with as many workers as `config` says. It begins anew if
    /// nothing was ever written.
    ///
    /// # Errors
    /// If the workers cannot be started, or the checkpoint cannot be read, or was written by a version whose plans
    /// are others.
    pub async fn restore(config: Config, cursor: Arc<dyn CheckpointCursor>) -> Result<Arc<Engine>, Error> {
        let Some(checkpoint) = Checkpoint::open(cursor)? else {
            return Engine::start(config);
        };
        let engine = Engine::launch(config, Some(&checkpoint))?;
        let session = engine.connect("freshet", sql::DATABASE)?;
        let mut restoring = Restoring::new(engine.runtime(), checkpoint.clone());
        let order = own_bytes(&checkpoint, ORDER)?;
        let (order, rest) = order.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(damaged(ORDER));
        }
        let change = engine.catalog().change().await;
        for oid in order.iter().map(|oid| u32::from_be_bytes(*oid)) {
            let columns = own_rows(&checkpoint, &columns_of(oid))?.schema();
            let text = String::from_utf8(own_bytes(&checkpoint, &statement_of(oid))?);
            let text = text.map_err(|_| damaged(&statement_of(oid)))?;
            let parsed = sql::parse(&text)?.pop().ok_or_else(|| damaged(&statement_of(oid)))?;
            change.put(statement::restore(&mut restoring, &session, oid, columns, &parsed).await?);
        }
        restoring.finish().await?;
        let next = own_bytes(&checkpoint, NEXT_OID)?.try_into().map_err(|_| damaged(NEXT_OID))?;
        engine.catalog().restore_next_oid(u32::from_be_bytes(next));
        drop(change);
        drop(session);
        Ok(engine)
    }
}

/// What the last checkpoint has of the catalog.
#[derive(Debug, Default)]
pub(crate) enum Known {
    /// There was none, or by another process.
    #[default]
    Unknown,
    Catalog(KnownCatalog),
    /// The last one failed.
    Broken,
}

/// The catalog as a checkpoint has it.
#[derive(Debug, Default)]
pub(crate) struct KnownCatalog {
    /// By their numbers.
    entries: BTreeMap<u32, Arc<Entry>>,
    order: Vec<u32>,
    next_oid: Option<u32>,
}

impl KnownCatalog {
    /// Writes what is not as it was.
    fn bring_up_to(
        mut self,
        sink: &dyn CheckpointSink,
        entries: &[Arc<Entry>],
        next_oid: u32,
    ) -> Result<KnownCatalog, Error> {
        let mut now = KnownCatalog { next_oid: Some(next_oid), ..KnownCatalog::default() };
        for entry in entries {
            let oid = entry.object.oid;
            let before = self.entries.remove(&oid);
            let is_known = |before: Arc<Entry>| {
                before.create_sql == entry.create_sql && before.object.columns == entry.object.columns
            };
            if !before.is_some_and(is_known) {
                let columns = RecordBatch::new_empty(Arc::clone(&entry.object.columns));
                sink.put(own_key(&columns_of(oid)), columns.into())?;
                sink.put(own_key(&statement_of(oid)), entry.create_sql.clone().into_bytes().into())?;
            }
            now.order.push(oid);
            now.entries.insert(oid, Arc::clone(entry));
        }
        for &gone in self.entries.keys() {
            sink.delete(own_key(&columns_of(gone)))?;
            sink.delete(own_key(&statement_of(gone)))?;
        }
        if self.order != now.order {
            let order = now.order.iter().flat_map(|oid| oid.to_be_bytes()).collect::<Vec<_>>();
            sink.put(own_key(ORDER), order.into())?;
        }
        if self.next_oid != now.next_oid {
            sink.put(own_key(NEXT_OID), next_oid.to_be_bytes().to_vec().into())?;
        }
        Ok(now)
    }
}

fn broken() -> Error {
    Error::new(SqlState::IO_ERROR, "an earlier checkpoint could not be written")
        .with_hint("Restart the server: it goes on from the last one that was.")
}

fn own_bytes(checkpoint: &Checkpoint, name: &str) -> Result<Vec<u8>, Error> {
    Ok(checkpoint.own(name)?.ok_or_else(|| damaged(name))?.into_bytes()?)
}

fn own_rows(checkpoint: &Checkpoint, name: &str) -> Result<RecordBatch, Error> {
    Ok(checkpoint.own(name)?.ok_or_else(|| damaged(name))?.into_rows()?)
}

fn damaged(what: &str) -> Error {
    Error::from(state::Error::Damaged(what.to_owned()))
}
