//! `CREATE [OR REPLACE] [MATERIALIZED] VIEW`.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use dataflow::{Restoring, Runtime};
use plan::RelationId;
use sql::{CreateView, ObjectKind, PgType};

use crate::bind::{Binder, ParameterTypes};
use crate::catalog::{CatalogSnapshot, Change, Entry, Object, kind_name};
use crate::read::Reader;
use crate::session::Session;
use crate::statement::create::building::Building;
use crate::statement::create::{IfTaken, begin};
use crate::statement::incremental::{ViewPlan, plan_view};
use crate::{Engine, Error, Outcome, SqlState};

/// Creates a view; a materialized one is there when it holds all that it should.
pub(crate) async fn run(session: &mut Session, view: &CreateView, sql: &str) -> Result<Outcome, Error> {
    let verb = if view.materialized { "CREATE MATERIALIZED VIEW" } else { "CREATE VIEW" };
    if view.materialized && view.or_replace {
        return Err(Error::unsupported("OR REPLACE of a materialized view is not supported yet")
            .with_hint("Drop it first, with CASCADE if others read it."));
    }
    let engine = Arc::clone(&session.engine);
    let done = Outcome::Done(verb.to_owned());
    let if_taken = if view.or_replace { IfTaken::Replace } else { IfTaken::unless_exists(view.if_not_exists) };
    let Some(change) = begin(session, &engine, verb, &view.name, if_taken).await? else { return Ok(done) };
    let reader = Reader::now(engine.catalog(), engine.runtime());
    match view.materialized {
        true => materialized(session, &engine, change, view, reader, sql).await?,
        false => change.put(plain(session, &engine, view, reader, sql).await?),
    }
    Ok(done)
}

/// Builds a materialized view; with `background_ddl` the statement does not wait for it.
async fn materialized(
    session: &mut Session,
    engine: &Arc<Engine>,
    change: Change<'_>,
    view: &CreateView,
    reader: Reader,
    sql: &str,
) -> Result<(), Error> {
    let ViewPlan { node, reads } = plan_view(&session.binder, &reader, &view.query, &view.columns).await?;
    // The new view holds what it needs; the reader would only keep old rows alive.
    drop(reader);
    session.end_implicit().await?;
    let oid = engine.catalog().new_oid();
    let (columns, properties) = (Arc::clone(node.schema()), node.properties());
    let entry = Entry { properties, ..entry(view, oid, columns, &reads, sql) };
    let build = |runtime: &Runtime| runtime.build_view(RelationId(oid), &view.name.name, node);
    let building = Building::begin(engine, change, entry, build)?;
    if session.info.settings.is_on("background_ddl") {
        building.finish_in_background(&view.name.name);
        return Ok(());
    }
    building.finish_for(session, &view.name.name).await
}

/// A view as it was when a checkpoint was taken.
pub(crate) async fn restore(
    restoring: &mut Restoring<'_>,
    oid: u32,
    view: &CreateView,
    session: &Session,
    reader: Reader,
    sql: &str,
) -> Result<Entry, Error> {
    if !view.materialized {
        let (columns, reads) = columns_of(session, view, reader).await?;
        return Ok(entry(view, oid, columns, &reads, sql));
    }
    let ViewPlan { node, reads } = plan_view(&session.binder, &reader, &view.query, &view.columns).await?;
    let (columns, properties) = (Arc::clone(node.schema()), node.properties());
    let relation = restoring.view(RelationId(oid), &view.name.name, node)?;
    Ok(Entry { relation: Some(relation), properties, ..entry(view, oid, columns, &reads, sql) })
}

/// Checks a plain view, which is kept as its text.
async fn plain(
    session: &mut Session,
    engine: &Engine,
    view: &CreateView,
    reader: Reader,
    sql: &str,
) -> Result<Entry, Error> {
    let catalog = Arc::clone(&reader.catalog);
    let (columns, reads) = columns_of(session, view, reader).await?;
    let oid = match catalog.find(&view.name) {
        Some(old) => {
            check_replaceable(&catalog, old, &columns, &reads)?;
            old.object.oid
        }
        None => engine.catalog().new_oid(),
    };
    session.end_implicit().await?;
    Ok(entry(view, oid, columns, &reads, sql))
}

/// A plain view's columns, and what its query names.
async fn columns_of(session: &Session, view: &CreateView, reader: Reader) -> Result<(SchemaRef, BTreeSet<u32>), Error> {
    let (binder, view) = (session.binder.clone(), view.clone());
    session.on_pool(async move { bound_columns(&binder, &view, reader).await }).await
}

async fn bound_columns(
    binder: &Binder,
    view: &CreateView,
    reader: Reader,
) -> Result<(SchemaRef, BTreeSet<u32>), Error> {
    let bound = binder.bind(&view.query, &Arc::new(reader), vec![]).await?;
    let mut parameters = ParameterTypes::default();
    parameters.infer(&bound.plan)?;
    if !parameters.fields().is_empty() {
        return Err(Error::new(SqlState::UNDEFINED_PARAMETER, "there is no parameter $1"));
    }
    let plan = sql::name_columns(bound.plan, &view.columns)?;
    let plan = sql::analyse(plan, binder.state())?;
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

fn entry(view: &CreateView, oid: u32, columns: SchemaRef, reads: &BTreeSet<u32>, sql: &str) -> Entry {
    let kind = if view.materialized { ObjectKind::MaterializedView } else { ObjectKind::View };
    let object = Object::new(oid, kind, &view.name.name, columns, &view.query.to_string());
    let object = Object { depends_on: reads.iter().copied().collect(), ..object };
    Entry { query: Some(Arc::new(view.query.as_ref().clone())), ..Entry::new(object, sql) }
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
