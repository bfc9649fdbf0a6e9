//! `ARRAY(SELECT ...)` as what DataFusion has: a scalar subquery of `array_agg`, empty where that is null.
//!
//! The order of the array is the subquery's: its keys become columns of it, by which `array_agg` sorts.

use std::ops::ControlFlow;

use sqlparser::ast::{self, Expr, SelectItem, SetExpr, VisitMut, VisitorMut};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

use crate::{Error, names};

/// Rewrites the expression if it is `ARRAY(SELECT ...)`.
pub(crate) fn rewrite(expression: &mut Expr) -> Result<(), Error> {
    let Expr::Function(function) = expression else { return Ok(()) };
    let is_array = function.name.to_string().eq_ignore_ascii_case("array");
    let (true, ast::FunctionArguments::Subquery(query)) = (is_array, &mut function.args) else { return Ok(()) };
    if let Some(aggregate) = aggregated(query) {
        *expression = call(&format!("({aggregate})"));
        return Ok(());
    }
    names::name_subquery(query);
    let keys = sort_keys(query)?;
    let columns = (1..=keys.len()).map(|place| format!(", \"{}\"", key(place))).collect::<String>();
    let order = keys.into_iter().enumerate().map(|(place, order)| {
        let expr = Expr::Identifier(ast::Ident::with_quote('"', key(place + 1)));
        ast::OrderByExpr { expr, ..order }.to_string()
    });
    let order = order.collect::<Vec<_>>().join(", ");
    let order = if order.is_empty() { order } else { format!(" ORDER BY {order}") };
    let rows = format!("(SELECT 1) AS \"freshet rows\" (\"freshet value\"{columns})");
    let mut array = call(&format!("(SELECT array_agg(\"freshet value\"{order}) FROM {rows})"));
    let _ = array.visit(&mut PutRows(Some(query.clone())));
    *expression = array;
    Ok(())
}

/// `array_of_rows(subquery)`.
fn call(subquery: &str) -> Expr {
    let text = format!("array_of_rows({subquery})");
    let parser = Parser::new(&PostgreSqlDialect {}).try_with_sql(&text);
    parser.and_then(|mut parser| parser.parse_expr()).expect("the text is an expression")
}

/// The subquery as an aggregate by itself, which may look at the row outside: where it only filters rows and takes a
/// value of each.
fn aggregated(query: &ast::Query) -> Option<ast::Query> {
    let mut query = query.clone();
    let order = query.order_by.take().map(|order| order.kind);
    let SetExpr::Select(select) = query.body.as_mut() else { return None };
    let is_grouped = !matches!(&select.group_by, ast::GroupByExpr::Expressions(keys, _) if keys.is_empty());
    if query.with.is_some() || query.limit_clause.is_some() || select.distinct.is_some() || is_grouped {
        return None;
    }
    let [SelectItem::UnnamedExpr(item) | SelectItem::ExprWithAlias { expr: item, .. }] = select.projection.as_slice()
    else {
        return None;
    };
    let is_plain = |expression: &Expr| matches!(expression, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
    let keys = match order {
        None => vec![],
        Some(ast::OrderByKind::Expressions(keys)) => keys,
        Some(ast::OrderByKind::All(_)) => return None,
    };
    let is_alias = matches!(select.projection.as_slice(), [SelectItem::ExprWithAlias { .. }]);
    if select.having.is_some() || is_alias || !is_plain(item) || !keys.iter().all(|key| is_plain(&key.expr)) {
        return None;
    }
    let keys = keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let keys = if keys.is_empty() { keys } else { format!(" ORDER BY {keys}") };
    let text = format!("array_agg({item}{keys})");
    let parser = Parser::new(&PostgreSqlDialect {}).try_with_sql(&text);
    let aggregate = parser.and_then(|mut parser| parser.parse_expr()).expect("the text is an expression");
    select.projection = vec![SelectItem::UnnamedExpr(aggregate)];
    Some(query)
}

/// Puts a query in place of the first one in a FROM clause.
struct PutRows(Option<Box<ast::Query>>);

impl VisitorMut for PutRows {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut ast::TableFactor) -> ControlFlow<()> {
        if let (ast::TableFactor::Derived { subquery, .. }, Some(query)) = (factor, self.0.take()) {
            *subquery = query;
        }
        ControlFlow::Break(())
    }
}

fn key(place: usize) -> String {
    format!("freshet key {place}")
}

/// Adds what the subquery is sorted by to its columns. Gives the keys in their order.
fn sort_keys(query: &mut ast::Query) -> Result<Vec<ast::OrderByExpr>, Error> {
    let refused = |message: &str| Error::Syntax { message: message.to_owned(), position: None, detail: None };
    let order = query.order_by.clone();
    let keys = match order.map(|order| order.kind) {
        None => vec![],
        Some(ast::OrderByKind::Expressions(keys)) => keys,
        Some(ast::OrderByKind::All(_)) => return Err(Error::unsupported("ORDER BY ALL")),
    };
    let SetExpr::Select(select) = query.body.as_mut() else {
        let message = "ARRAY(subquery) with ORDER BY over VALUES, UNION, INTERSECT or EXCEPT";
        return if keys.is_empty() { Ok(vec![]) } else { Err(Error::unsupported(message)) };
    };
    let item = match select.projection.as_slice() {
        [SelectItem::UnnamedExpr(item) | SelectItem::ExprWithAlias { expr: item, .. }] => item.clone(),
        [_] if keys.is_empty() => return Ok(vec![]),
        [_] => return Err(Error::unsupported("ARRAY(SELECT * ... ORDER BY ...)")),
        _ => return Err(refused("subquery must return only one column")),
    };
    let alias = match select.projection.as_slice() {
        [SelectItem::ExprWithAlias { alias, .. }] => Some(alias.clone()),
        _ => None,
    };
    for (place, order) in keys.iter().enumerate() {
        let is_item = match &order.expr {
            Expr::Value(_) => true,
            Expr::Identifier(name) => alias.as_ref() == Some(name) || order.expr == item,
            other => *other == item,
        };
        if select.distinct.is_some() && !is_item {
            return Err(refused("for SELECT DISTINCT, ORDER BY expressions must appear in select list"));
        }
        let expr = if is_item { item.clone() } else { order.expr.clone() };
        let alias = ast::Ident::with_quote('"', key(place + 1));
        select.projection.push(SelectItem::ExprWithAlias { expr, alias });
    }
    if query.limit_clause.is_none() {
        query.order_by = None;
    }
    Ok(keys)
}
