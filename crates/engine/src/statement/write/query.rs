//! Queries that the engine itself writes, around the expressions of a statement.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use datafusion::sql::sqlparser::ast;
use sql::Statement;

use crate::Error;

/// A query of the engine's own.
pub(crate) fn parse_query(text: &str) -> Result<Box<ast::Query>, Error> {
    let parsed = sql::parse(text)?.pop().map(|parsed| parsed.statement);
    match parsed {
        Some(Statement::Query(query)) => Ok(query),
        _ => Err(Error::internal(format!("not a query: {text}"))),
    }
}

/// The select list and clauses of a query of the engine's own.
pub(crate) fn select_of(query: &mut ast::Query) -> Result<&mut ast::Select, Error> {
    match query.body.as_mut() {
        ast::SetExpr::Select(select) => Ok(select),
        _ => Err(Error::internal("not a select")),
    }
}

/// A name in quotes, as SQL text.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A table of rows that are at hand.
pub(crate) fn memory_table(schema: &SchemaRef, batches: Vec<RecordBatch>) -> Result<Arc<dyn TableProvider>, Error> {
    Ok(Arc::new(MemTable::try_new(Arc::clone(schema), vec![batches])?))
}
