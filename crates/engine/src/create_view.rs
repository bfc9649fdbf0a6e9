//! `CREATE [OR REPLACE] [MATERIALIZED] VIEW`.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use plan::{Properties, RelationId};
use sql::{CreateView, ObjectKind, PgType};

use crate::catalog::{CatalogSnapshot, Entry, Object, kind_name};
use crate::create_table::skip_existing;
use crate::incremental::{Unnamed, ViewPlan, plan_view};
use crate::read::Reader;
use crate::session::Session;
use crate::{Error, Outcome, SqlState};

/// Creates a view; a materialized one is there when it holds all that it should.
pub(crate) async fn run(session: &mut Session, view: &CreateView, sql: &str) -> Result<Outcome, Error> {
    let verb = if view.materialized { "CREATE MATERIALIZED VIEW" } else { "CREATE VIEW" };
    session.leave_transaction(verb).await?;
    if view.materialized && view.or_replace {
        return Err(Error::unsupported("OR REPLACE of a materialized view is not supported yet")
            .with_hint("Drop it first, with CASCADE if others read it."));
    }
    let engine = Arc::clone(&session.engine);
    let change = engine.catalog().change().await;
    let catalog = change.snapshot();
    let replaced = match catalog.find(&view.name) {
        Some(entry) if view.or_replace => Some(Arc::clone(entry)),
        _ => None,
    };
    if replaced.is_none()
        && let Some(notice) = skip_existing(&catalog, &view.name, view.if_not_exists)?
    {
        session.notices.push(notice);
        return Ok(Outcome::Done(verb.to_owned()));
    }
    let reader = Reader::now(engine.catalog(), engine.runtime());
    if view.materialized {
        let oid = engine.catalog().new_oid();
        let ViewPlan { node, reads } = plan_view(&session.binder, &reader, &view.query, &view.columns).await?;
        let properties = node.properties();
        let columns = Arc::clone(node.schema());
        // The new view holds what it needs; the reader would only keep old rows alive.
        drop(reader);
        let unfinished = Unnamed::new(engine.runtime(), RelationId(oid));
        let relation = engine.runtime().create_view(RelationId(oid), &view.name.name, node).await?;
        unfinished.keep();
        let object = object(view, oid, columns, &reads);
        change.put(Entry { relation: Some(relation), ..entry(view, object, properties, sql) });
    } else {
        let (columns, reads) = plain(session, view, reader).await?;
        let oid = match &replaced {
            Some(old) => {
                check_replaceable(&catalog, old, &columns, &reads)?;
                old.object.oid
            }
            None => engine.catalog().new_oid(),
        };
        change.put(entry(view, object(view, oid, columns, &reads), Properties::default(), sql));
    }
    Ok(Outcome::Done(verb.to_owned()))
}

/// A plain view's columns, and what its query names.
async fn plain(session: &Session, view: &CreateView, reader: Reader) -> Result<(SchemaRef, BTreeSet<u32>), Error> {
    let bound = session.binder.bind(&view.query, &Arc::new(reader), vec![]).await?;
    let plan = sql::name_columns(bound.plan, &view.columns)?;
    let plan = sql::analyse(plan, session.binder.state())?;
    let mut fields = Vec::with_capacity(plan.schema().fields().len());
    for field in plan.schema().fields() {
        fields.push(sql::types::canonical(field).ok_or_else(|| {
            Error::unsupported(format!(
                "a column of type {} ({}) is not supported yet",
                field.data_type(),
                field.name()
            ))
        })?);
    }
    Ok((Arc::new(Schema::new(fields)), bound.reads))
}

fn object(view: &CreateView, oid: u32, columns: SchemaRef, reads: &BTreeSet<u32>) -> Object {
    Object {
        oid,
        kind: if view.materialized { ObjectKind::MaterializedView } else { ObjectKind::View },
        name: view.name.name.clone(),
        schema_name: sql::SCHEMA,
        defaults: vec![None; columns.fields().len()],
        columns,
        primary_key: vec![],
        definition: view.query.to_string(),
        comment: None,
        depends_on: reads.iter().copied().collect(),
    }
}

fn entry(view: &CreateView, object: Object, properties: Properties, sql: &str) -> Entry {
    Entry {
        object: Arc::new(object),
        relation: None,
        properties,
        query: Some(Arc::new(view.query.as_ref().clone())),
        defaults: vec![],
        create_sql: sql.to_owned(),
    }
}

/// That a view may take the place of another: of a plain one, with the same columns and perhaps
/// more at the end, which does not come to read itself. Dataflows that have been built upon the
/// old definition would go on with it, so there must be none.
fn check_replaceable(
    catalog: &CatalogSnapshot,
    old: &Entry,
    columns: &Schema,
    reads: &BTreeSet<u32>,
) -> Result<(), Error> {
    let name = &old.object.name;
    if old.object.kind != ObjectKind::View {
        return Err(Error::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{name}\" is not a view")));
    }
    let dependents = catalog.dependents(&[old.object.oid]);
    let reads_itself =
        reads.contains(&old.object.oid) || dependents.iter().any(|dependent| reads.contains(&dependent.oid));
    if reads_itself {
        return Err(Error::new(SqlState::INVALID_TABLE_DEFINITION, format!("view \"{name}\" would read itself")));
    }
    if let Some(built) = dependents.iter().find(|dependent| dependent.kind != ObjectKind::View) {
        return Err(Error::unsupported(format!(
            "replacing view \"{name}\" is not supported yet while {} \"{}\" depends on it",
            kind_name(built.kind),
            built.name
        )));
    }
    let before = old.object.columns.fields();
    for (index, field) in before.iter().enumerate() {
        let Some(new) = columns.fields().get(index) else {
            return Err(Error::new(SqlState::INVALID_TABLE_DEFINITION, "cannot drop columns from view"));
        };
        if new.name() != field.name() {
            return Err(Error::new(
                SqlState::INVALID_TABLE_DEFINITION,
                format!("cannot change name of view column \"{}\" to \"{}\"", field.name(), new.name()),
            ));
        }
        let (was, is) = (PgType::from_field(field), PgType::from_field(new));
        if was != is {
            let name = |one: Option<PgType>| one.map_or_else(String::new, |one| one.name());
            return Err(Error::new(
                SqlState::INVALID_TABLE_DEFINITION,
                format!(
                    "cannot change data type of view column \"{}\" from {} to {}",
                    field.name(),
                    name(was),
                    name(is)
                ),
            ));
        }
    }
    if columns.fields().len() > before.len() && !dependents.is_empty() {
        return Err(Error::unsupported(format!(
            "adding columns to view \"{name}\" is not supported yet while other views depend on it"
        )));
    }
    Ok(())
}
