//! `search_path`: a list of schemas, and what cannot be named without one where `public` is not among them.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast;
use sql::{Name, Show, Statement};

use crate::{Error, SqlState};

/// The names in a list such as `"$user", public`, folded as Postgres folds them.
pub(super) fn schemas(list: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut characters = list.chars().peekable();
    let mut is_quoted = false;
    while let Some(character) = characters.next() {
        let name = names.last_mut().expect("there is one from the start");
        match character {
            '"' if is_quoted && characters.next_if_eq(&'"').is_some() => name.push('"'),
            '"' => is_quoted = !is_quoted,
            character if is_quoted => name.push(character),
            ',' => names.push(String::new()),
            character if character.is_whitespace() => {}
            character => name.extend(character.to_lowercase()),
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// That a statement, for which `public` is not searched, names its schema where it makes, changes or shows something.
pub(crate) fn check_named(statement: &Statement) -> Result<(), Error> {
    match statement {
        Statement::CreateTable(table) => check_new(&table.name),
        Statement::CreateSource(source) => check_new(&source.name),
        Statement::CreateView(view) => check_new(&view.name),
        Statement::CreateSink(sink) => check_new(&sink.name),
        Statement::Drop(drop) => drop.names.iter().try_for_each(check_old),
        Statement::Show(Show::Columns(name) | Show::Create(_, name)) => check_old(name),
        Statement::Insert(insert) => match &insert.clauses.table {
            ast::TableObject::TableName(name) => check_table(name),
            _ => Ok(()),
        },
        Statement::Update(update) => check_factor(&update.table.relation),
        Statement::Delete(delete) => match &delete.from {
            ast::FromTable::WithFromKeyword(tables) | ast::FromTable::WithoutKeyword(tables) => {
                tables.iter().try_for_each(|table| check_factor(&table.relation))
            }
        },
        Statement::Subscribe(subscribe) => check_query(&subscribe.query),
        Statement::Explain(statement) => check_named(statement),
        _ => Ok(()),
    }
}

fn check_new(name: &Name) -> Result<(), Error> {
    if name.schema.is_some() {
        return Ok(());
    }
    Err(Error::new(SqlState::INVALID_SCHEMA_NAME, "no schema has been selected to create in").with_hint(HINT))
}

fn check_old(name: &Name) -> Result<(), Error> {
    if name.schema.is_some() { Ok(()) } else { Err(missing(&name.name)) }
}

fn check_factor(factor: &ast::TableFactor) -> Result<(), Error> {
    match factor {
        ast::TableFactor::Table { name, .. } => check_table(name),
        _ => Ok(()),
    }
}

/// A query that becomes a view, in which `public` is always searched.
fn check_query(query: &ast::Query) -> Result<(), Error> {
    let with = query.with.iter().flat_map(|with| &with.cte_tables);
    let own: Vec<String> = with.map(|cte| crate::bind::fold(&cte.alias.name)).collect();
    let unnamed = ast::visit_relations(query, |name| match name.0.as_slice() {
        [ast::ObjectNamePart::Identifier(single)] if own.contains(&crate::bind::fold(single)) => {
            ControlFlow::Continue(())
        }
        _ => check_table(name).map_or_else(ControlFlow::Break, ControlFlow::Continue),
    });
    unnamed.break_value().map_or(Ok(()), Err)
}

fn check_table(name: &ast::ObjectName) -> Result<(), Error> {
    match name.0.as_slice() {
        [ast::ObjectNamePart::Identifier(name)] => Err(missing(&crate::bind::fold(name))),
        _ => Ok(()),
    }
}

const HINT: &str = "The search_path does not have public, the one schema to create things in.";

fn missing(name: &str) -> Error {
    Error::new(SqlState::UNDEFINED_TABLE, format!("relation \"{name}\" does not exist")).with_hint(HINT)
}
