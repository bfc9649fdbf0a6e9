//! `CREATE TABLE`.

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef, Schema};
use dataflow::{Relation, Restoring};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::Spanned;
use plan::{Properties, RelationId};
use sql::{ColumnDefinition, CreateTable, ObjectKind, PgType};

use crate::bind::Binder;
use crate::catalog::{Entry, Object};
use crate::session::Session;
use crate::statement::create::{IfTaken, begin, columns};
use crate::statement::incremental::Unnamed;
use crate::statement::query::collect;
use crate::statement::write::assign_column;
use crate::{Error, Outcome, SqlState};

/// Creates a table, empty.
pub(crate) async fn run(session: &mut Session, table: &CreateTable, sql: &str) -> Result<Outcome, Error> {
    let verb = "CREATE TABLE";
    let engine = Arc::clone(&session.engine);
    let done = Outcome::Done(verb.to_owned());
    let if_taken = IfTaken::unless_exists(table.if_not_exists);
    let Some(change) = begin(session, &engine, verb, &table.name, if_taken).await? else { return Ok(done) };
    let columns = columns(&table.columns)?;
    let key = key(table, &columns)?;
    for (definition, field) in table.columns.iter().zip(columns.fields()) {
        let (binder, definition, field) = (session.binder.clone(), definition.clone(), Arc::clone(field));
        session.on_pool(async move { check_default(&binder, &definition, &field).await }).await?;
    }

    session.end_implicit().await?;
    let oid = engine.catalog().new_oid();
    let unfinished = Unnamed::new(engine.runtime(), RelationId(oid));
    let (name, schema) = (&table.name.name, Arc::clone(&columns));
    let relation = engine.runtime().create_table(RelationId(oid), name, schema, key.clone()).await?;
    unfinished.keep();
    change.put(entry(table, relation, key, sql));
    Ok(done)
}

/// A table as it was when a checkpoint was taken.
pub(crate) fn restore(restoring: &mut Restoring<'_>, oid: u32, table: &CreateTable, sql: &str) -> Result<Entry, Error> {
    let columns = columns(&table.columns)?;
    let key = key(table, &columns)?;
    let relation = restoring.table(RelationId(oid), &table.name.name, columns, key.clone())?;
    Ok(entry(table, relation, key, sql))
}

/// The columns of the primary key, if there is one.
fn key(table: &CreateTable, columns: &Schema) -> Result<Option<Vec<usize>>, Error> {
    let key = table.primary_key.iter().map(|name| columns.index_of(name)).collect::<Result<Vec<_>, _>>()?;
    // A key is looked up by what is written, and equal intervals may be written in several ways.
    if key.iter().any(|&column| matches!(columns.field(column).data_type(), DataType::Interval(_))) {
        return Err(Error::unsupported("a primary key of type interval is not supported yet"));
    }
    Ok(Some(key).filter(|key| !key.is_empty()))
}

fn entry(table: &CreateTable, relation: Relation, key: Option<Vec<usize>>, sql: &str) -> Entry {
    let defaults = table.columns.iter().map(|column| column.default.clone()).collect::<Vec<_>>();
    let (oid, columns) = (relation.id().0, Arc::clone(relation.schema()));
    let object = Object {
        defaults: defaults.iter().map(|default| default.as_ref().map(ToString::to_string)).collect(),
        primary_key: key.clone().unwrap_or_default(),
        ..Object::new(oid, ObjectKind::Table, &table.name.name, columns, sql)
    };
    let properties = Properties { append_only: false, unique: key };
    Entry { relation: Some(relation), properties, defaults, ..Entry::new(object, sql) }
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
            Expr::AggregateFunction(_) => {
                Some((SqlState::GROUPING_ERROR, "aggregate functions are not allowed in DEFAULT expressions"))
            }
            Expr::WindowFunction(_) => {
                Some((SqlState::WINDOWING_ERROR, "window functions are not allowed in DEFAULT expressions"))
            }
            Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) => {
                Some((SqlState::FEATURE_NOT_SUPPORTED, "cannot use subquery in DEFAULT expression"))
            }
            Expr::Placeholder(_) => {
                Some((SqlState::FEATURE_NOT_SUPPORTED, "cannot use a parameter in DEFAULT expression"))
            }
            _ => return Ok(TreeNodeRecursion::Continue),
        };
        Ok(TreeNodeRecursion::Stop)
    })?;
    if let Some((code, message)) = refused {
        return Err(Error::new(code, message).at(default.span()));
    }
    let (_, from) = value.to_field(&DFSchema::empty())?;
    let is_literal = crate::statement::write::is_unknown_literal(default);
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
        collect(binder, plan).await?;
    }
    Ok(())
}
