//! `CREATE TABLE`.

use std::sync::Arc;

use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlanBuilder};
use plan::{Properties, RelationId};
use sql::{ColumnDefinition, CreateTable, Name, ObjectKind, PgType};

use crate::bind::Binder;
use crate::catalog::{CatalogSnapshot, Entry, Object};
use crate::incremental::Unnamed;
use crate::query::collect;
use crate::session::Session;
use crate::write::assign_column;
use crate::{Error, Notice, Outcome, SqlState};

/// Creates a table, empty.
pub(crate) async fn run(session: &mut Session, table: &CreateTable, sql: &str) -> Result<Outcome, Error> {
    session.leave_transaction("CREATE TABLE").await?;
    let engine = Arc::clone(&session.engine);
    let change = engine.catalog().change().await;
    let done = Outcome::Done("CREATE TABLE".to_owned());
    if let Some(notice) = skip_existing(&change.snapshot(), &table.name, table.if_not_exists)? {
        session.notices.push(notice);
        return Ok(done);
    }
    let columns = columns(&table.columns)?;
    for (definition, field) in table.columns.iter().zip(columns.fields()) {
        check_default(&session.binder, definition, field).await?;
    }
    let mut primary_key = Vec::with_capacity(table.primary_key.len());
    for name in &table.primary_key {
        primary_key.push(columns.index_of(name)?);
    }
    let oid = engine.catalog().new_oid();
    let key = (!primary_key.is_empty()).then(|| primary_key.clone());
    let properties = Properties { append_only: false, unique: key.clone() };
    let name = &table.name.name;
    let unfinished = Unnamed::new(engine.runtime(), RelationId(oid));
    let relation = engine.runtime().create_table(RelationId(oid), name, Arc::clone(&columns), key).await?;
    unfinished.keep();
    let object = Object {
        oid,
        kind: ObjectKind::Table,
        name: name.clone(),
        schema_name: sql::SCHEMA,
        columns,
        defaults: defaults(&table.columns),
        primary_key,
        definition: sql.to_owned(),
        comment: None,
        depends_on: vec![],
    };
    change.put(Entry {
        object: Arc::new(object),
        relation: Some(relation),
        properties,
        query: None,
        defaults: table.columns.iter().map(|column| column.default.clone()).collect(),
        create_sql: sql.to_owned(),
    });
    Ok(done)
}

/// If the name is taken: a notice where that is fine, 42P07 where it isn't.
pub(crate) fn skip_existing(
    catalog: &CatalogSnapshot,
    name: &Name,
    if_not_exists: bool,
) -> Result<Option<Notice>, Error> {
    match catalog.check_free(name) {
        Ok(()) => Ok(None),
        Err(error) if if_not_exists && error.code == SqlState::DUPLICATE_TABLE => {
            let message = format!("relation \"{}\" already exists, skipping", name.name);
            Ok(Some(Notice::new(message).with_code(SqlState::DUPLICATE_TABLE)))
        }
        Err(error) => Err(error),
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

/// Each column's default as text.
pub(crate) fn defaults(definitions: &[ColumnDefinition]) -> Vec<Option<String>> {
    definitions.iter().map(|definition| definition.default.as_ref().map(ToString::to_string)).collect()
}

/// That a default can be computed without a row, and fits its column.
async fn check_default(binder: &Binder, definition: &ColumnDefinition, field: &FieldRef) -> Result<(), Error> {
    let Some(default) = &definition.default else { return Ok(()) };
    let value = binder.bind_expression(default).map_err(|error| match error.code {
        SqlState::UNDEFINED_COLUMN => {
            Error::new(SqlState::FEATURE_NOT_SUPPORTED, "cannot use column reference in DEFAULT expression")
        }
        _ => error,
    })?;
    let mut refused = None;
    value.apply(|part| {
        refused = match part {
            Expr::AggregateFunction(_) => Some("aggregate functions are not allowed in DEFAULT expressions"),
            Expr::WindowFunction(_) => Some("window functions are not allowed in DEFAULT expressions"),
            Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) => {
                Some("cannot use subquery in DEFAULT expression")
            }
            Expr::Placeholder(_) => Some("cannot use a parameter in DEFAULT expression"),
            _ => return Ok(TreeNodeRecursion::Continue),
        };
        Ok(TreeNodeRecursion::Stop)
    })?;
    if let Some(message) = refused {
        return Err(Error::unsupported(message));
    }
    let (_, from) = value.to_field(&DFSchema::empty())?;
    let is_literal = crate::write::is_unknown_literal(default);
    let assigned = assign_column(value, &from, is_literal, field).map_err(|error| match error.code {
        SqlState::DATATYPE_MISMATCH => {
            let name = |field: &FieldRef| PgType::from_field(field).map_or_else(String::new, |one| one.name());
            Error::new(
                SqlState::DATATYPE_MISMATCH,
                format!(
                    "column \"{}\" is of type {} but default expression is of type {}",
                    field.name(),
                    name(field),
                    name(&from)
                ),
            )
            .with_hint("You will need to rewrite or cast the expression.")
        }
        _ => error,
    })?;
    if is_literal {
        // What can be known to fail now, should.
        let plan = LogicalPlanBuilder::empty(true).project(vec![assigned.alias(field.name())])?.build()?;
        collect(binder.state(), plan).await?;
    }
    Ok(())
}
