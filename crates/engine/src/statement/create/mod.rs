//! What all `CREATE` statements have in common: when they may run, whether the name is free, and
//! how declared columns become fields.

mod building;
pub(super) mod sink;
pub(super) mod source;
pub(super) mod table;
pub(super) mod view;

use std::sync::Arc;

use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use dataflow::Restoring;
use sql::{ColumnDefinition, Name, Parsed, Statement};

use crate::catalog::{Change, Entry};
use crate::read::Reader;
use crate::session::Session;
use crate::{Engine, Error, Notice, SqlState};

/// What to do when the name is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IfTaken {
    /// 42P07.
    Refuse,
    /// Nothing but a notice: `IF NOT EXISTS`.
    Skip,
    /// The statement sees to it: `OR REPLACE`.
    Replace,
}

impl IfTaken {
    /// As `IF NOT EXISTS`, or its absence, says.
    pub(crate) fn unless_exists(if_not_exists: bool) -> IfTaken {
        if if_not_exists { IfTaken::Skip } else { IfTaken::Refuse }
    }
}

/// Waits for the right to change the catalog; none if there is nothing to do. `verb`: as in
/// `CREATE TABLE`. When all that can fail has been checked, and before anything is made,
/// [`Session::end_implicit`] must be called.
pub(crate) async fn begin<'a>(
    session: &mut Session,
    engine: &'a Engine,
    verb: &str,
    name: &Name,
    if_taken: IfTaken,
) -> Result<Option<Change<'a>>, Error> {
    session.admit_definition(verb)?;
    let change = engine.catalog().change().await;
    match change.snapshot().check_free(name) {
        Ok(()) => Ok(Some(change)),
        Err(error) if error.code != SqlState::DUPLICATE_TABLE => Err(error),
        Err(error) => match if_taken {
            IfTaken::Refuse => Err(error),
            IfTaken::Replace => Ok(Some(change)),
            IfTaken::Skip => {
                let message = format!("relation \"{}\" already exists, skipping", name.name);
                session.notices.push(Notice::new(message).with_code(SqlState::DUPLICATE_TABLE));
                Ok(None)
            }
        },
    }
}

/// What a `CREATE` statement has made, as it was when a checkpoint was taken. `columns`: those that it had then.
pub(crate) async fn restore(
    restoring: &mut Restoring<'_>,
    session: &Session,
    oid: u32,
    columns: SchemaRef,
    parsed: &Parsed,
) -> Result<Entry, Error> {
    let sql = parsed.sql.as_str();
    let reader = Reader::now(session.engine.catalog(), session.engine.runtime());
    match &parsed.statement {
        Statement::CreateTable(table) => table::restore(restoring, oid, table, sql),
        Statement::CreateSource(source) => source::restore(restoring, oid, source, columns, sql).await,
        Statement::CreateView(view) => view::restore(restoring, oid, view, session, reader, sql).await,
        Statement::CreateSink(sink) => sink::restore(restoring, oid, sink, (&session.binder, &reader), sql).await,
        _ => Err(Error::internal(format!("the catalog has what nothing creates: {sql}"))),
    }
}

/// The fields of declared columns.
pub(crate) fn columns(definitions: &[ColumnDefinition]) -> Result<SchemaRef, Error> {
    let mut fields: Vec<FieldRef> = Vec::with_capacity(definitions.len());
    for definition in definitions {
        let data_type = sql::types::type_from_sql(&definition.data_type)?;
        fields.push(Arc::new(data_type.field(&definition.name, !definition.not_null)));
    }
    Ok(Arc::new(Schema::new(fields)))
}
