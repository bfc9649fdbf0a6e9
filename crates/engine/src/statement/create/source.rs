//! `CREATE SOURCE`.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use connectors::{Source, SourceOptions};
use dataflow::{Relation, Restoring};
use plan::{Properties, RelationId};
use sql::{CreateSource, Format, ObjectKind};

use crate::catalog::{Entry, Object};
use crate::session::Session;
use crate::statement::create::{IfTaken, begin, columns};
use crate::statement::incremental::Unnamed;
use crate::{Error, Outcome};

/// Creates a source. Nothing is read before a view or a query does.
pub(crate) async fn run(session: &mut Session, source: &CreateSource, sql: &str) -> Result<Outcome, Error> {
    let verb = "CREATE SOURCE";
    let engine = Arc::clone(&session.engine);
    let done = Outcome::Done(verb.to_owned());
    let if_taken = IfTaken::unless_exists(source.if_not_exists);
    let Some(change) = begin(session, &engine, verb, &source.name, if_taken).await? else { return Ok(done) };
    if source.columns.iter().any(|column| column.default.is_some()) {
        return Err(Error::unsupported("DEFAULT in a source is not supported yet"));
    }
    let declared = match source.columns.as_slice() {
        [] => None,
        definitions => Some(columns(definitions)?),
    };
    let connector = connector(source, declared).await?;

    session.end_implicit().await?;
    let oid = engine.catalog().new_oid();
    let unfinished = Unnamed::new(engine.runtime(), RelationId(oid));
    let relation = engine.runtime().create_source(RelationId(oid), &source.name.name, Arc::clone(&connector)).await?;
    unfinished.keep();
    change.put(entry(source, relation, connector, sql));
    Ok(done)
}

/// A source as it was when a checkpoint was taken, with the columns that it had.
pub(crate) async fn restore(
    restoring: &mut Restoring<'_>,
    oid: u32,
    source: &CreateSource,
    columns: SchemaRef,
    sql: &str,
) -> Result<Entry, Error> {
    let connector = connector(source, Some(columns)).await?;
    let relation = restoring.source(RelationId(oid), &source.name.name, Arc::clone(&connector))?;
    Ok(entry(source, relation, connector, sql))
}

/// What reads it. Without columns they are those of its data, which are looked for.
async fn connector(source: &CreateSource, columns: Option<SchemaRef>) -> Result<Arc<dyn Source>, Error> {
    let encode = source.format.as_ref().map(encode).transpose()?;
    let options = SourceOptions { columns, with: source.with.clone(), encode };
    // Looking at files for their columns may take a while.
    let connector = tokio::task::spawn_blocking(move || connectors::create(&options));
    Ok(connector.await.map_err(|error| Error::internal(error.to_string()))??)
}

fn entry(source: &CreateSource, relation: Relation, connector: Arc<dyn Source>, sql: &str) -> Entry {
    let object = Object::new(relation.id().0, ObjectKind::Source, &source.name.name, connector.schema(), sql);
    Entry {
        relation: Some(relation),
        source: Some(connector),
        properties: Properties { append_only: true, unique: None },
        ..Entry::new(object, sql)
    }
}

/// `FORMAT PLAIN ENCODE e (...)`; other formats are refused by name.
fn encode(format: &Format) -> Result<(String, std::collections::BTreeMap<String, String>), Error> {
    match format.format.as_str() {
        "PLAIN" => Ok((format.encode.clone(), format.options.clone())),
        other => Err(Error::unsupported(format!("FORMAT {other} is not supported yet"))),
    }
}
