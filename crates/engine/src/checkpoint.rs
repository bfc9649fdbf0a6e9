//! Checkpoints of the engine as a whole: all that the runtime keeps, and the catalog.
//!
//! The catalog is kept as the statements that made it: each thing's number, its `CREATE` statement, and the columns
//! that it had. Statements are bound again, so that there is no second form of a plan to be kept readable; that
//! the plan is still the same, the runtime checks before it takes over an operator's state.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch, StringArray, UInt32Array};
use arrow::datatypes::{DataType, Field, Schema, UInt32Type};
use changes::Epoch;
use dataflow::{Checkpoint, Restoring, own_key};
use plan::RelationId;
use state::{CheckpointCursor, CheckpointSink};

use crate::catalog::Entry;
use crate::{Config, Engine, Error, statement};

/// Under which the statements are kept, each after those that it needs.
const STATEMENTS: &str = "statements";
/// Under which it is kept which number a new object has.
const NEXT_OID: &str = "next oid";

/// Under which an object's columns are kept, as those of no rows.
fn columns_of(oid: u32) -> String {
    format!("columns {oid}")
}

impl Engine {
    /// Writes what changed since the last checkpoint, or all if there was none. Returns the epoch of the cut.
    ///
    /// # Errors
    /// If it could not be written. What is written then is not a checkpoint, and must be begun anew.
    pub async fn checkpoint(&self, sink: Arc<dyn CheckpointSink>) -> Result<Epoch, Error> {
        // Meanwhile nothing comes or goes.
        let change = self.catalog().change().await;
        let entries = change.snapshot().in_order();
        let ids = entries.iter().map(|entry| RelationId(entry.object.oid)).collect::<HashSet<_>>();
        let epoch = self.runtime().checkpoint(Arc::clone(&sink), ids).await?;
        sink.delete_all(&own_key(""))?;
        sink.put(own_key(NEXT_OID), self.catalog().next_oid().to_be_bytes().to_vec().into())?;
        sink.put(own_key(STATEMENTS), statements(&entries)?.into())?;
        for entry in &entries {
            let columns = RecordBatch::new_empty(Arc::clone(&entry.object.columns));
            sink.put(own_key(&columns_of(entry.object.oid)), columns.into())?;
        }
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
        let statements = own_rows(&checkpoint, STATEMENTS)?;
        let (oids, texts) =
            (statements.column(0).as_primitive::<UInt32Type>(), statements.column(1).as_string::<i32>());
        let change = engine.catalog().change().await;
        for (&oid, text) in oids.values().iter().zip(texts) {
            let columns = own_rows(&checkpoint, &columns_of(oid))?.schema();
            let parsed = sql::parse(text.unwrap_or_default())?.pop().ok_or_else(|| damaged(STATEMENTS))?;
            change.put(statement::restore(&mut restoring, &session, oid, columns, &parsed).await?);
        }
        restoring.finish().await?;
        let next = checkpoint.own(NEXT_OID)?.ok_or_else(|| damaged(NEXT_OID))?.into_bytes()?;
        let next = next.try_into().map_err(|_| damaged(NEXT_OID))?;
        engine.catalog().restore_next_oid(u32::from_be_bytes(next));
        drop(change);
        drop(session);
        Ok(engine)
    }
}

fn statements(entries: &[Arc<Entry>]) -> Result<RecordBatch, Error> {
    let schema =
        Schema::new(vec![Field::new("oid", DataType::UInt32, false), Field::new("statement", DataType::Utf8, false)]);
    let oids = entries.iter().map(|entry| entry.object.oid).collect::<Vec<_>>();
    let texts = entries.iter().map(|entry| Some(entry.create_sql.as_str())).collect::<StringArray>();
    Ok(RecordBatch::try_new(Arc::new(schema), vec![Arc::new(UInt32Array::from(oids)), Arc::new(texts)])?)
}

fn own_rows(checkpoint: &Checkpoint, name: &str) -> Result<RecordBatch, Error> {
    Ok(checkpoint.own(name)?.ok_or_else(|| damaged(name))?.into_rows()?)
}

fn damaged(what: &str) -> Error {
    Error::from(state::Error::Damaged(what.to_owned()))
}
