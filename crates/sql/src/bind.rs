//! A query's syntax tree to DataFusion's logical plan, with the types and names that Postgres gives.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::DFSchema;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::parser;
use sqlparser::ast;

use crate::names::{self, shown_name};
use crate::{Error, rewrite, semantics};

/// Binds a query to the tables and functions of a session.
///
/// Parameters (`$1`) may still be open, and the result's types are not final before [`analyse`].
/// Names of columns that the query doesn't name are internal: see [`result_schema`] and [`name_columns`].
pub async fn bind(query: &ast::Query, state: &SessionState) -> Result<LogicalPlan, Error> {
    let mut query = query.clone();
    names::name_select_lists(&mut query);
    rewrite::rewrite(&mut query)?;
    let statement = ast::Statement::Query(Box::new(query));
    Ok(state.statement_to_plan(parser::Statement::Statement(Box::new(statement))).await?)
}

/// Binds an expression that reads no relation, such as a column's default.
pub fn bind_expression(expression: &ast::Expr, state: &SessionState) -> Result<Expr, Error> {
    let mut expression = expression.clone();
    rewrite::rewrite_expression(&mut expression)?;
    let expression = ast::ExprWithAlias { expr: expression, alias: None };
    Ok(state.create_logical_expr_from_sql_expr(expression, &DFSchema::empty())?)
}

/// Gives every expression its final type and Postgres' meaning. Needs no parameter's value, only its type.
///
/// DataFusion's optimiser does this again when a plan runs, which changes nothing any more.
pub fn analyse(plan: LogicalPlan, state: &SessionState) -> Result<LogicalPlan, Error> {
    Ok(state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {})?)
}

/// What a client sees of an analysed plan's columns: names as in Postgres, which may occur twice.
#[must_use]
pub fn result_schema(schema: &Schema) -> SchemaRef {
    let rename = |field: &Arc<Field>| field.as_ref().clone().with_name(shown_name(field.name()));
    Arc::new(Schema::new(schema.fields().iter().map(rename).collect::<Vec<_>>()))
}

/// The plan with columns named as a view's must be: `columns` as far as they go, then the query's
/// own names. A name for two columns is refused.
pub fn name_columns(plan: LogicalPlan, columns: &[String]) -> Result<LogicalPlan, Error> {
    let count = plan.schema().fields().len();
    if columns.len() > count {
        return Err(Error::Syntax {
            message: "CREATE VIEW specifies more column names than columns".to_owned(),
            position: None,
            detail: None,
        });
    }
    let mut seen = HashSet::new();
    let mut expressions = Vec::with_capacity(count);
    for (index, (qualifier, field)) in plan.schema().iter().enumerate() {
        let name = columns.get(index).map_or_else(|| shown_name(field.name()), String::as_str);
        if !seen.insert(name.to_owned()) {
            return Err(Error::DuplicateColumn(name.to_owned()));
        }
        expressions.push(Expr::from((qualifier, field)).alias(name));
    }
    Ok(LogicalPlanBuilder::from(plan).project(expressions)?.build()?)
}

/// An expression's value as it is stored in a column: Postgres' assignment cast. Unlike an explicit
/// cast it refuses text that is too long for its `varchar(n)`.
pub fn assign(expression: Expr, from: &Field, to: &Field) -> Result<Expr, Error> {
    Ok(semantics::assign(expression, from, to)?)
}
