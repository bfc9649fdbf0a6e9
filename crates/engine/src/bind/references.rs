//! Which relations a query names, and where in its text.

use std::ops::ControlFlow;

use datafusion::common::TableReference;
use datafusion::execution::SessionState;
use datafusion::sql::parser;
use datafusion::sql::sqlparser::ast::{self, Spanned};
use datafusion::sql::sqlparser::tokenizer::Location;

use crate::Error;

/// The relations that a query names; not its own `WITH` queries.
pub(super) fn of(query: &ast::Query, state: &SessionState) -> Result<Vec<TableReference>, Error> {
    let statement = ast::Statement::Query(Box::new(query.clone()));
    Ok(state.resolve_table_references(&parser::Statement::Statement(Box::new(statement)))?)
}

/// Where a query first names a relation.
pub(super) fn place_of(query: &ast::Query, reference: &TableReference) -> Option<Location> {
    let found = ast::visit_relations(query, |name| {
        let last = name.0.last().and_then(ast::ObjectNamePart::as_ident);
        match last {
            Some(identifier) if fold(identifier) == reference.table() => ControlFlow::Break(name.span().start),
            _ => ControlFlow::Continue(()),
        }
    });
    found.break_value()
}

/// A name as Postgres reads it: in lower case unless it is quoted.
pub(crate) fn fold(identifier: &ast::Ident) -> String {
    match identifier.quote_style {
        Some(_) => identifier.value.clone(),
        None => identifier.value.to_lowercase(),
    }
}
