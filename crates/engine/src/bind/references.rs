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

/// Whether a query calls `name` as a function in a FROM clause.
pub(super) fn is_called(query: &ast::Query, name: &str) -> bool {
    struct Calls<'a>(&'a str);
    impl ast::Visitor for Calls<'_> {
        type Break = ();

        fn pre_visit_table_factor(&mut self, factor: &ast::TableFactor) -> ControlFlow<()> {
            let called = match factor {
                ast::TableFactor::Table { name, args: Some(_), .. } | ast::TableFactor::Function { name, .. } => name,
                _ => return ControlFlow::Continue(()),
            };
            let last = called.0.last().and_then(ast::ObjectNamePart::as_ident);
            match last.is_some_and(|identifier| fold(identifier) == self.0) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        }
    }
    ast::Visit::visit(query, &mut Calls(name)).is_break()
}

/// A name as Postgres reads it: in lower case unless it is quoted.
pub(crate) fn fold(identifier: &ast::Ident) -> String {
    match identifier.quote_style {
        Some(_) => identifier.value.clone(),
        None => identifier.value.to_lowercase(),
    }
}
