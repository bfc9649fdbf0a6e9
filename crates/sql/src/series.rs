//! `generate_series` in a select list, which is rows in Postgres and an array in DataFusion.
//!
//! One of numbers alone goes to the FROM clause, where it comes in batches. Any other is an array that
//! is taken apart, and has no more elements than fit into one. So is one in a FROM clause whose bounds are not
//! known before it runs.

use std::ops::ControlFlow;

use sqlparser::ast::{self, Expr, SelectItem};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

/// What the series is called in the FROM clause. No client can type it by accident.
const TABLE: &str = "freshet series";

/// The function's name.
const SERIES: &str = "generate_series";

/// `SELECT generate_series(1, 3)` as `SELECT s.s FROM generate_series(1, 3) s(s)`, if it is the only
/// thing of its kind that the list computes.
pub(crate) fn from_select_list(select: &mut ast::Select) {
    let is_grouped = match &select.group_by {
        ast::GroupByExpr::Expressions(expressions, _) => !expressions.is_empty(),
        ast::GroupByExpr::All(_) => true,
    };
    if is_grouped || select.having.is_some() {
        return;
    }
    let series = select.projection.iter().enumerate().filter(|(_, item)| expression_of(item).is_some_and(is_series));
    let series: Vec<usize> = series.map(|(place, _)| place).collect();
    let [place] = series.as_slice() else { return };
    let others = select.projection.iter().enumerate().filter(|(other, _)| other != place);
    // Another may be an aggregate, which is computed before the series.
    let are_plain = others.clone().all(|(_, item)| match expression_of(item) {
        Some(expression) => matches!(expression, Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_)),
        None => false,
    });
    let Some(Expr::Function(series)) = expression_of(&select.projection[*place]) else { return };
    let Some(table) = are_plain.then(|| table_of(series)).flatten() else { return };
    let quoted = || ast::Ident::with_quote('"', TABLE);
    let alias = match &select.projection[*place] {
        SelectItem::ExprWithAlias { alias, .. } => alias.clone(),
        _ => ast::Ident::new(SERIES),
    };
    let value = Expr::CompoundIdentifier(vec![quoted(), quoted()]);
    select.projection[*place] = SelectItem::ExprWithAlias { expr: value, alias };
    select.from.push(table);
}

/// `FROM generate_series(1, $1) AS g` as `FROM (SELECT generate_series(1, $1)) AS g(g)`, if a parameter or a
/// subquery is among the arguments.
pub(crate) fn from_arguments(factor: &mut ast::TableFactor) {
    let ast::TableFactor::Table { name, alias, args: Some(arguments), .. } = factor else { return };
    let is_open = |argument: &ast::FunctionArg| ast::Visit::visit(argument, &mut Open).is_break();
    if !name.to_string().eq_ignore_ascii_case(SERIES) || !arguments.args.iter().any(is_open) {
        return;
    }
    let list = arguments.args.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let text = format!("SELECT 1 FROM (SELECT {SERIES}({list}))");
    let parsed = Parser::new(&PostgreSqlDialect {}).try_with_sql(&text).and_then(|mut parser| parser.parse_query());
    let Ok(ast::SetExpr::Select(mut select)) = parsed.map(|query| *query.body) else { return };
    let Some(ast::TableWithJoins { relation: ast::TableFactor::Derived { lateral, subquery, sample, .. }, .. }) =
        select.from.pop()
    else {
        return;
    };
    let named = |name: ast::Ident| ast::TableAlias {
        explicit: true,
        columns: vec![ast::TableAliasColumnDef { name: name.clone(), data_type: None }],
        name,
        at: None,
    };
    let alias = match alias.take() {
        Some(alias) if alias.columns.is_empty() => named(alias.name),
        Some(alias) => alias,
        None => named(ast::Ident::new(SERIES)),
    };
    *factor = ast::TableFactor::Derived { lateral, subquery, alias: Some(alias), sample };
}

/// Finds what has no value yet while a statement is bound.
struct Open;

impl ast::Visitor for Open {
    type Break = ();

    fn pre_visit_query(&mut self, _: &ast::Query) -> ControlFlow<()> {
        ControlFlow::Break(())
    }

    fn pre_visit_value(&mut self, value: &ast::ValueWithSpan) -> ControlFlow<()> {
        match value.value {
            ast::Value::Placeholder(_) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }
}

/// `generate_series(...)` as rows.
pub(crate) fn unnest(expression: &mut Expr) {
    if !is_series(expression) {
        return;
    }
    let Expr::Function(series) = expression else { return };
    let argument = ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(Expr::Function(series.clone())));
    let mut unnest = series.clone();
    unnest.name = ast::ObjectName::from(vec![ast::Ident::new("unnest")]);
    unnest.args = ast::FunctionArguments::List(ast::FunctionArgumentList {
        duplicate_treatment: None,
        args: vec![argument],
        clauses: vec![],
    });
    *expression = Expr::Function(unnest);
}

fn expression_of(item: &SelectItem) -> Option<&Expr> {
    match item {
        SelectItem::UnnamedExpr(expression) | SelectItem::ExprWithAlias { expr: expression, .. } => Some(expression),
        _ => None,
    }
}

fn is_series(expression: &Expr) -> bool {
    matches!(expression, Expr::Function(series) if series.name.to_string().eq_ignore_ascii_case(SERIES))
}

/// The series as a relation, if it is one of numbers.
fn table_of(series: &ast::Function) -> Option<ast::TableWithJoins> {
    let ast::FunctionArguments::List(list) = &series.args else { return None };
    let are_numbers = list.args.iter().all(|argument| match argument {
        ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(argument)) => is_number(argument),
        _ => false,
    });
    if !are_numbers || series.over.is_some() || series.filter.is_some() {
        return None;
    }
    let text = format!("SELECT 1 FROM {series} AS \"{TABLE}\"(\"{TABLE}\")");
    let mut parser = Parser::new(&PostgreSqlDialect {}).try_with_sql(&text).ok()?;
    match *parser.parse_query().ok()?.body {
        ast::SetExpr::Select(mut select) => select.from.pop(),
        _ => None,
    }
}

/// Whether it is a number, or reckoned from numbers.
fn is_number(expression: &Expr) -> bool {
    match expression {
        Expr::Value(value) => matches!(value.value, ast::Value::Number(..)),
        Expr::Nested(inner) | Expr::UnaryOp { expr: inner, .. } => is_number(inner),
        Expr::BinaryOp { left, right, .. } => is_number(left) && is_number(right),
        _ => false,
    }
}
