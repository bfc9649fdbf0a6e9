//! The names of result columns, by Postgres' rules: `count(*)` is `count`, `x::int` is `x`, what has
//! no name is `?column?`.
//!
//! DataFusion names a column by its whole expression, and refuses a select list with one name
//! twice. So each unnamed item gets an alias here before it is bound: its Postgres name, then, in
//! the outermost list, a mark and its place, which makes it unique and is never shown.

use std::collections::HashSet;

use sqlparser::ast::{self, Expr, SelectItem, SetExpr};

use crate::literals;
use crate::series;

/// Starts what is not shown of a name. No client can type it by accident.
const MARK: char = '\u{1}';

/// A column's name without what makes it unique.
#[must_use]
pub fn shown_name(name: &str) -> &str {
    name.split(MARK).next().unwrap_or(name)
}

/// Gives every unnamed item of a query's select lists its name.
pub(crate) fn name_select_lists(query: &mut ast::Query) {
    let names = name_query(query, true);
    point_order_by(query, &names);
}

/// The same for a query within an expression, whose names nobody sees.
pub(crate) fn name_subquery(query: &mut ast::Query) {
    name_query(query, false);
}

/// Returns the aliases given to the outermost list, with their shown names.
fn name_query(query: &mut ast::Query, outermost: bool) -> Vec<(String, String)> {
    if let Some(with) = &mut query.with {
        for cte in &mut with.cte_tables {
            name_query(&mut cte.query, false);
        }
    }
    name_body(&mut query.body, outermost)
}

fn name_body(body: &mut SetExpr, outermost: bool) -> Vec<(String, String)> {
    match body {
        SetExpr::Select(select) => name_select(select, outermost),
        SetExpr::Query(query) => name_query(query, outermost),
        SetExpr::SetOperation { left, right, .. } => {
            // The left side names the result.
            name_body(right, outermost);
            name_body(left, outermost)
        }
        SetExpr::Values(values) => {
            literals::type_values(values);
            vec![]
        }
        _ => vec![],
    }
}

fn name_select(select: &mut ast::Select, outermost: bool) -> Vec<(String, String)> {
    series::from_select_list(select);
    for table in &mut select.from {
        name_derived(&mut table.relation);
        for join in &mut table.joins {
            name_derived(&mut join.relation);
        }
    }
    let taken_by_grouping = grouped_names(&select.group_by);
    // Nobody knows yet which names a wildcard stands for, so none is left for another column.
    let has_wildcard = select
        .projection
        .iter()
        .any(|item| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)));
    let mut used: HashSet<String> = HashSet::new();
    let mut given = vec![];
    for (place, item) in select.projection.iter_mut().enumerate() {
        let expression = match item {
            SelectItem::UnnamedExpr(expression) => expression,
            SelectItem::ExprWithAlias { alias, expr } => {
                literals::type_integer(expr);
                series::unnest(expr);
                let name = fold(alias);
                if !used.insert(name.clone()) && outermost {
                    *alias = ast::Ident::with_quote('"', format!("{name}{MARK}{place}"));
                }
                continue;
            }
            _ => continue,
        };
        let is_column = matches!(expression, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
        let name = name_of(expression).unwrap_or_else(|| "?column?".to_owned());
        literals::type_integer(expression);
        series::unnest(expression);
        let is_new = used.insert(name.clone());
        if is_column && is_new && !(has_wildcard && outermost) {
            continue;
        }
        let alias = if outermost {
            format!("{name}{MARK}{place}")
        } else if is_new && !taken_by_grouping.contains(&name) {
            name.clone()
        } else {
            continue;
        };
        if is_new {
            given.push((alias.clone(), name));
        }
        *item = SelectItem::ExprWithAlias { expr: expression.clone(), alias: ast::Ident::with_quote('"', alias) };
    }
    given
}

fn name_derived(factor: &mut ast::TableFactor) {
    series::from_arguments(factor);
    match factor {
        ast::TableFactor::Derived { subquery, .. } => {
            name_query(subquery, false);
        }
        ast::TableFactor::NestedJoin { table_with_joins, .. } => {
            name_derived(&mut table_with_joins.relation);
            for join in &mut table_with_joins.joins {
                name_derived(&mut join.relation);
            }
        }
        _ => {}
    }
}

/// Names that `GROUP BY` uses: to DataFusion an alias of such a name would hide the input column.
fn grouped_names(group_by: &ast::GroupByExpr) -> HashSet<String> {
    match group_by {
        ast::GroupByExpr::Expressions(expressions, _) => expressions.iter().filter_map(name_of).collect(),
        ast::GroupByExpr::All(_) => HashSet::new(),
    }
}

/// `ORDER BY count` means the item that is shown as `count`.
fn point_order_by(query: &mut ast::Query, names: &[(String, String)]) {
    let Some(ast::OrderBy { kind: ast::OrderByKind::Expressions(expressions), .. }) = &mut query.order_by else {
        return;
    };
    for order in expressions {
        if let Expr::Identifier(identifier) = &mut order.expr
            && let Some((alias, _)) = names.iter().find(|(_, shown)| *shown == fold(identifier))
        {
            *identifier = ast::Ident::with_quote('"', alias.clone());
        }
    }
}

fn fold(identifier: &ast::Ident) -> String {
    if identifier.quote_style.is_some() { identifier.value.clone() } else { identifier.value.to_lowercase() }
}

/// Postgres' `FigureColname`.
fn name_of(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Identifier(identifier) => Some(fold(identifier)),
        Expr::CompoundIdentifier(parts) => parts.last().map(fold),
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } | Expr::AtTimeZone { timestamp: inner, .. } => {
            name_of(inner)
        }
        Expr::Function(function) => function.name.0.last().and_then(|part| part.as_ident()).map(fold),
        Expr::Cast { expr, data_type, .. } => {
            name_of(expr).or_else(|| crate::types::type_from_sql(data_type).ok().map(|named| internal_name(&named)))
        }
        Expr::TypedString(typed) => {
            crate::types::type_from_sql(&typed.data_type).ok().map(|named| internal_name(&named))
        }
        Expr::Case { else_result, .. } => {
            let from_else = else_result.as_ref().and_then(|expression| match expression.as_ref() {
                Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Function(_) => name_of(expression),
                _ => None,
            });
            from_else.or_else(|| Some("case".to_owned()))
        }
        Expr::Extract { .. } => Some("extract".to_owned()),
        Expr::Substring { .. } => Some("substring".to_owned()),
        Expr::Position { .. } => Some("position".to_owned()),
        Expr::Overlay { .. } => Some("overlay".to_owned()),
        Expr::Trim { .. } => Some("btrim".to_owned()),
        Expr::Ceil { .. } => Some("ceil".to_owned()),
        Expr::Floor { .. } => Some("floor".to_owned()),
        Expr::Exists { .. } => Some("exists".to_owned()),
        Expr::Interval(_) => Some("interval".to_owned()),
        Expr::Array(_) => Some("array".to_owned()),
        Expr::Value(value) if matches!(value.value, ast::Value::Boolean(_)) => Some("bool".to_owned()),
        Expr::Subquery(query) => match query.body.as_ref() {
            SetExpr::Select(select) => match select.projection.first()? {
                SelectItem::UnnamedExpr(expression) => name_of(expression),
                SelectItem::ExprWithAlias { alias, .. } => Some(fold(alias)),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// What Postgres calls a type in a column's name: `int4`, not `integer`.
fn internal_name(named: &crate::PgType) -> String {
    use crate::PgType;
    match named {
        PgType::Boolean => "bool".to_owned(),
        PgType::SmallInt => "int2".to_owned(),
        PgType::Integer => "int4".to_owned(),
        PgType::BigInt => "int8".to_owned(),
        PgType::Real => "float4".to_owned(),
        PgType::Double => "float8".to_owned(),
        PgType::Varchar(_) => "varchar".to_owned(),
        PgType::Char(_) => "bpchar".to_owned(),
        PgType::Time => "time".to_owned(),
        PgType::Timestamp => "timestamp".to_owned(),
        PgType::TimestampTz => "timestamptz".to_owned(),
        other => other.base_name().to_owned(),
    }
}
