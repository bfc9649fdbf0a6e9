//! Queries and table changes: sqlparser's, less what other databases have and Postgres doesn't,
//! and less what DataFusion would quietly ignore.

use std::ops::ControlFlow;

use sqlparser::ast::{self, SetExpr, VisitMut, VisitorMut};
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Span, Token, TokenWithSpan, Word};

use super::cursor::Cursor;
use super::is_word;
use crate::{Error, Insert, Statement};

pub(super) fn query_statement(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    Ok(Statement::Query(query(cursor)?))
}

/// A query from here on.
pub(super) fn query(cursor: &mut Cursor<'_>) -> Result<Box<ast::Query>, Error> {
    if cursor.at_words(&["table"]) {
        cursor.skip(1);
        return select_all_from(cursor);
    }
    let start = cursor.peek().cloned();
    let mut query = cursor.delegate(|parser| parser.parse_query())?;
    let position = start.and_then(|token| cursor.text.position(token.span.start));
    check_query(&mut query).map_err(|error| match error {
        Error::Unsupported { feature, position: None } => Error::Unsupported { feature, position },
        error => error,
    })?;
    Ok(query)
}

/// `name` as `SELECT * FROM name`.
pub(super) fn select_all_from(cursor: &mut Cursor<'_>) -> Result<Box<ast::Query>, Error> {
    let before = cursor.rest().to_vec();
    cursor.name()?;
    let name = &before[..before.len() - cursor.rest().len()];
    let word = |text: &str, keyword| {
        let word = Word { value: text.to_owned(), quote_style: None, keyword };
        TokenWithSpan::new(Token::Word(word), Span::empty())
    };
    let mut tokens = vec![
        word("SELECT", Keyword::SELECT),
        TokenWithSpan::new(Token::Mul, Span::empty()),
        word("FROM", Keyword::FROM),
    ];
    tokens.extend_from_slice(name);
    Cursor::new(cursor.text, tokens).delegate(|parser| parser.parse_query())
}

/// Refuses in a query and those within it what is not Postgres', or would be ignored.
fn check_query(query: &mut ast::Query) -> Result<(), Error> {
    match query.visit(&mut Check) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// Looks for what is refused, in whatever it visits.
pub(super) struct Check;

impl VisitorMut for Check {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &mut ast::Query) -> ControlFlow<Error> {
        match check_clauses(query).and_then(|()| check_body(&query.body)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }

    fn pre_visit_table_factor(&mut self, table: &mut ast::TableFactor) -> ControlFlow<Error> {
        let sample = match table {
            ast::TableFactor::Table { sample, .. } => sample,
            ast::TableFactor::Derived { sample, .. } => sample,
            _ => &None,
        };
        if sample.is_some() {
            return ControlFlow::Break(Error::unsupported("TABLESAMPLE"));
        }
        match table {
            ast::TableFactor::Table { with_hints, version, .. } if !with_hints.is_empty() || version.is_some() => {
                ControlFlow::Break(Error::unsupported("this clause after a table"))
            }
            ast::TableFactor::Pivot { .. } | ast::TableFactor::Unpivot { .. } => {
                ControlFlow::Break(Error::unsupported("PIVOT"))
            }
            ast::TableFactor::MatchRecognize { .. } => ControlFlow::Break(Error::unsupported("MATCH_RECOGNIZE")),
            _ => ControlFlow::Continue(()),
        }
    }
}

fn check_clauses(query: &mut ast::Query) -> Result<(), Error> {
    if !query.locks.is_empty() {
        return Err(Error::unsupported("FOR UPDATE or FOR SHARE"));
    }
    if query.for_clause.is_some() || query.settings.is_some() || query.format_clause.is_some() {
        return Err(Error::unsupported("this clause after a query"));
    }
    if !query.pipe_operators.is_empty() {
        return Err(Error::unsupported("a pipe operator"));
    }
    if let Some(fetch) = query.fetch.take() {
        query.limit_clause = Some(limit_from_fetch(fetch, query.limit_clause.take())?);
    }
    Ok(())
}

fn check_body(body: &SetExpr) -> Result<(), Error> {
    match body {
        SetExpr::Select(select) if select.into.is_some() => Err(Error::unsupported("SELECT INTO")),
        SetExpr::Select(select) if select.top.is_some() => Err(Error::unsupported("TOP")),
        SetExpr::Select(select) if !select.lateral_views.is_empty() => Err(Error::unsupported("LATERAL VIEW")),
        SetExpr::Select(_) | SetExpr::Values(_) | SetExpr::Query(_) => Ok(()),
        SetExpr::SetOperation { left, right, .. } => {
            check_body(left)?;
            check_body(right)
        }
        SetExpr::Insert(_) => Err(Error::unsupported("WITH ... INSERT")),
        SetExpr::Update(_) => Err(Error::unsupported("WITH ... UPDATE")),
        SetExpr::Delete(_) => Err(Error::unsupported("WITH ... DELETE")),
        SetExpr::Merge(_) => Err(Error::unsupported("WITH ... MERGE")),
        SetExpr::Table(_) => Err(Error::unsupported("TABLE within a query")),
    }
}

/// `FETCH FIRST n ROWS ONLY` is `LIMIT n`, which is all that DataFusion looks at.
fn limit_from_fetch(fetch: ast::Fetch, limit: Option<ast::LimitClause>) -> Result<ast::LimitClause, Error> {
    if fetch.with_ties || fetch.percent {
        return Err(Error::unsupported("FETCH FIRST ... WITH TIES or PERCENT"));
    }
    let one = || ast::Expr::value(ast::Value::Number("1".to_owned(), false));
    let limit_of = |offset| ast::LimitClause::LimitOffset {
        limit: Some(fetch.quantity.unwrap_or_else(one)),
        offset,
        limit_by: vec![],
    };
    match limit {
        None => Ok(limit_of(None)),
        Some(ast::LimitClause::LimitOffset { limit: None, offset, limit_by }) if limit_by.is_empty() => {
            Ok(limit_of(offset))
        }
        Some(_) => Err(Error::unsupported("LIMIT together with FETCH")),
    }
}

/// `INSERT INTO t [(columns)] VALUES|SELECT|DEFAULT VALUES [ON CONFLICT ...] [RETURNING ...]`.
pub(super) fn insert(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    // sqlparser has no `OVERRIDING`, and would take it for an alias.
    if let Some(ahead) = cursor.rest().iter().position(|token| is_word(&token.token, "overriding"))
        && cursor.peek_word(ahead + 2).as_deref() == Some("value")
    {
        return Err(cursor.unsupported("OVERRIDING"));
    }
    let token = cursor.peek().cloned().ok_or_else(|| cursor.unexpected("INSERT"))?;
    cursor.skip(1);
    let statement = cursor.delegate(|parser| parser.parse_insert(token))?;
    let ast::Statement::Insert(mut insert) = statement else { return Err(cursor.unsupported("this form of INSERT")) };
    let is_plain = insert.or.is_none()
        && insert.into
        && !insert.ignore
        && !insert.overwrite
        && !insert.replace_into
        && !insert.has_table_keyword
        && insert.partitioned.is_none()
        && insert.after_columns.is_empty()
        && insert.assignments.is_empty()
        && insert.settings.is_none()
        && insert.format_clause.is_none()
        && insert.output.is_none()
        && insert.insert_alias.is_none()
        && insert.priority.is_none()
        && insert.multi_table_insert_type.is_none()
        && matches!(insert.table, ast::TableObject::TableName(_));
    if !is_plain {
        return Err(cursor.unsupported("this form of INSERT"));
    }
    if let Some(ast::OnInsert::DuplicateKeyUpdate(_)) = insert.on {
        return Err(cursor.unsupported("ON DUPLICATE KEY"));
    }
    if let Some(query) = &mut insert.source {
        check_query(query)?;
    }
    Ok(Statement::Insert(Insert { clauses: Box::new(insert), literals: None }))
}

/// `UPDATE t SET ... [FROM ...] [WHERE ...] [RETURNING ...]`.
pub(super) fn update(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    let token = cursor.peek().cloned().ok_or_else(|| cursor.unexpected("UPDATE"))?;
    cursor.skip(1);
    let statement = cursor.delegate(|parser| parser.parse_update(token))?;
    let ast::Statement::Update(update) = statement else { return Err(cursor.unsupported("this form of UPDATE")) };
    let is_plain = update.or.is_none()
        && update.order_by.is_empty()
        && update.limit.is_none()
        && update.output.is_none()
        && update.table.joins.is_empty()
        && !matches!(update.from, Some(ast::UpdateTableFromKind::BeforeSet(_)));
    if !is_plain {
        return Err(cursor.unsupported("this form of UPDATE"));
    }
    Ok(Statement::Update(Box::new(update)))
}

/// `DELETE FROM t [USING ...] [WHERE ...] [RETURNING ...]`.
pub(super) fn delete(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    let token = cursor.peek().cloned().ok_or_else(|| cursor.unexpected("DELETE"))?;
    cursor.skip(1);
    let statement = cursor.delegate(|parser| parser.parse_delete(token))?;
    let ast::Statement::Delete(delete) = statement else { return Err(cursor.unsupported("this form of DELETE")) };
    let is_plain = delete.tables.is_empty()
        && delete.order_by.is_empty()
        && delete.limit.is_none()
        && delete.output.is_none()
        && matches!(&delete.from, ast::FromTable::WithFromKeyword(tables) if tables.len() == 1 && tables[0].joins.is_empty());
    if !is_plain {
        return Err(cursor.unsupported("this form of DELETE"));
    }
    Ok(Statement::Delete(Box::new(delete)))
}
