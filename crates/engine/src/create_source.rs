//! `CREATE SOURCE`.

use std::sync::Arc;

use connectors::SourceOptions;
use plan::{Properties, RelationId};
use sql::{CreateSource, Format, ObjectKind};

use crate::catalog::{Entry, Object};
use crate::create_table::{columns, defaults, skip_existing};
use crate::incremental::Unnamed;
use crate::session::Session;
use crate::{Error, Outcome};

/// Creates a source. Nothing is read before a view or a query does.
pub(crate) async fn run(session: &mut Session, source: &CreateSource, sql: &str) -> Result<Outcome, Error> {
    session.leave_transaction("CREATE SOURCE").await?;
    let engine = Arc::clone(&session.engine);
    let change = engine.catalog().change().await;
    let done = Outcome::Done("CREATE SOURCE".to_owned());
    if let Some(notice) = skip_existing(&change.snapshot(), &source.name, source.if_not_exists)? {
        session.notices.push(notice);
        return Ok(done);
    }
    if source.columns.iter().any(|column| column.default.is_some()) {
        return Err(Error::unsupported("DEFAULT in a source is not supported yet"));
    }
    let declared = match source.columns.as_slice() {
        [] => None,
        definitions => Some(columns(definitions)?),
    };
    let encode = source.format.as_ref().map(encode).transpose()?;
    let options = SourceOptions { columns: declared, with: source.with.clone(), encode };
    // Looking at files for their columns may take a while.
    let connector = tokio::task::spawn_blocking(move || connectors::create(&options));
    let connector = connector.await.map_err(|error| Error::internal(error.to_string()))??;

    let oid = engine.catalog().new_oid();
    let name = &source.name.name;
    let columns = connector.schema();
    let unfinished = Unnamed::new(engine.runtime(), RelationId(oid));
    let relation = engine.runtime().create_source(RelationId(oid), name, connector).await?;
    unfinished.keep();
    let width = columns.fields().len();
    let object = Object {
        oid,
        kind: ObjectKind::Source,
        name: name.clone(),
        schema_name: sql::SCHEMA,
        columns,
        defaults: if source.columns.is_empty() { vec![None; width] } else { defaults(&source.columns) },
        primary_key: vec![],
        definition: sql.to_owned(),
        comment: None,
        depends_on: vec![],
    };
    change.put(Entry {
        object: Arc::new(object),
        relation: Some(relation),
        properties: Properties { append_only: true, unique: None },
        query: None,
        defaults: vec![],
        create_sql: sql.to_owned(),
    });
    Ok(done)
}

/// `FORMAT PLAIN ENCODE e (...)`; other formats are refused by name.
fn encode(format: &Format) -> Result<(String, std::collections::BTreeMap<String, String>), Error> {
    match format.format.as_str() {
        "PLAIN" => Ok((format.encode.clone(), format.options.clone())),
        other => Err(Error::unsupported(format!("FORMAT {other} is not supported yet"))),
    }
}
