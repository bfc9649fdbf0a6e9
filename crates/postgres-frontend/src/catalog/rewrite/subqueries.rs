//! Subqueries inside of expressions, as catalog queries have them for each row.
//!
//! DataFusion can run one that depends on the row outside if it is an aggregate, and compares by equality. Those
//! over catalogs give one row at most, so that an aggregate of it is the same. Where they compare otherwise, or
//! call a function of the outer row, they ask about policies, publications, options or domains: none are here.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, BinaryOperator, CaseWhen, DataType, Expr, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArguments, GroupByExpr, Ident, ObjectName, ObjectNamePart, OrderByExpr, OrderByKind, Query, Select,
    SelectItem, SetExpr, Statement, TableFactor, Visit, VisitMut, Visitor, VisitorMut,
};

use super::relations::are_catalogs;
use super::syntax::{array_subquery, call, cast, function_name, null, number, parts};

/// Rewrites the subqueries in a statement's expressions.
pub(super) fn rewrite(statement: &mut Statement, is_over_catalogs: bool) {
    let _ = statement.visit(&mut Subqueries { is_over_catalogs });
}

struct Subqueries {
    /// Whether the statement reads catalogs alone.
    is_over_catalogs: bool,
}

impl VisitorMut for Subqueries {
    type Break = ();

    // Before what is inside, which is looked at as it was written.
    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        if let Some(query) = array_subquery(expression) {
            if !self.is_over_catalogs {
                return ControlFlow::Continue(());
            }
            *expression = match options(query).map_or_else(|| array_aggregate(query).map(array), Some) {
                Some(array) => array,
                None => cast(null(), DataType::Array(ArrayElemTypeDef::SquareBracket(Box::new(DataType::Text), None))),
            };
        } else if reads_catalog(expression) {
            single_row(expression);
        }
        ControlFlow::Continue(())
    }
}

fn array(query: Query) -> Expr {
    call("array_or_empty", vec![Expr::Subquery(Box::new(query))])
}

/// The column of `ARRAY(SELECT ... FROM pg_options_to_table(column))`: options are kept as they are to be shown.
fn options(query: &Query) -> Option<Expr> {
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    match &select.from.first()?.relation {
        TableFactor::Table { name, args: Some(arguments), .. }
            if parts(name)?.last().is_some_and(|name| name == "pg_options_to_table") =>
        {
            match arguments.args.as_slice() {
                [FunctionArg::Unnamed(FunctionArgExpr::Expr(column))] => Some(column.clone()),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether an expression is a scalar subquery over catalogs alone.
pub(super) fn reads_catalog(expression: &Expr) -> bool {
    matches!(expression, Expr::Subquery(query) if are_catalogs(query))
}

/// `EXISTS (SELECT ...)` in a select list as `(SELECT count(1) ...) > 0`, which DataFusion can run for each row.
pub(super) fn count_existing(item: &mut SelectItem) {
    let _ = item.visit(&mut Existing { depth: 0 });
}

struct Existing {
    /// How many queries are around the expression, inside of the item.
    depth: usize,
}

impl VisitorMut for Existing {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        if let (0, Expr::Exists { subquery, negated }) = (self.depth, &*expression)
            && are_catalogs(subquery)
        {
            let op = if *negated { BinaryOperator::Eq } else { BinaryOperator::Gt };
            let mut query = subquery.clone();
            if let SetExpr::Select(select) = query.body.as_mut() {
                select.projection = vec![SelectItem::UnnamedExpr(call("count", vec![number("1")]))];
                let count = Box::new(Expr::Subquery(query));
                *expression = Expr::BinaryOp { left: count, op, right: Box::new(number("0")) };
            }
        }
        ControlFlow::Continue(())
    }
}

/// `(SELECT x ...)` as `(SELECT min(x) ...)`.
fn single_row(expression: &mut Expr) {
    let Expr::Subquery(query) = expression else { return };
    if query.with.as_ref().is_some_and(|with| with.recursive) {
        // The base type of a domain.
        *expression = cast(null(), oid_type());
        return;
    }
    let SetExpr::Select(select) = query.body.as_mut() else { return };
    if calls_function_of_outer_row(select) {
        *expression = cast(null(), DataType::Text);
        return;
    }
    let Some(conditions) = take_outer_conditions(select) else {
        *expression = cast(null(), DataType::Text);
        return;
    };
    let [SelectItem::UnnamedExpr(item) | SelectItem::ExprWithAlias { expr: item, .. }] =
        select.projection.as_mut_slice()
    else {
        return;
    };
    let grouped = !matches!(&select.group_by, GroupByExpr::Expressions(keys, _) if keys.is_empty());
    if grouped || select.distinct.is_some() || query.limit_clause.is_some() || is_aggregate(item) {
        return;
    }
    if let Expr::Function(function) = &*item
        && function_name(function).is_some_and(|name| name.as_slice() == ["json_build_object"])
    {
        // The options of an identity column, or of a collation that is not the type's.
        *expression = cast(null(), DataType::Text);
        return;
    }
    let inner = std::mem::replace(item, null());
    *item = call("min", vec![inner]);
    if let Some(condition) = conditions.into_iter().reduce(and) {
        let subquery = std::mem::replace(expression, null());
        *expression = Expr::Case {
            case_token: AttachedToken::empty(),
            end_token: AttachedToken::empty(),
            operand: None,
            conditions: vec![CaseWhen { condition, result: subquery }],
            else_result: None,
        };
    }
}

/// Takes the conditions that are about the outer row alone out of a subquery. None if one compares the outer row
/// with an inner one by something else than equality: a collation other than the type's, which no column has.
fn take_outer_conditions(select: &mut Select) -> Option<Vec<Expr>> {
    let own = own_names(select);
    let mut inner = Vec::new();
    let mut outer = Vec::new();
    for condition in select.selection.take().map(conjuncts).unwrap_or_default() {
        let mut uses = Uses { own: &own, inner: false, outer: false };
        let _ = condition.visit(&mut uses);
        match (uses.inner, uses.outer) {
            (false, true) => outer.push(condition),
            (true, true) if !matches!(condition, Expr::BinaryOp { op: BinaryOperator::Eq, .. }) => return None,
            _ => inner.push(condition),
        }
    }
    select.selection = inner.into_iter().reduce(and);
    Some(outer)
}

/// The names by which a subquery's own tables are called.
fn own_names(select: &Select) -> Vec<String> {
    let tables = select
        .from
        .iter()
        .flat_map(|from| std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation)));
    tables
        .filter_map(|table| match table {
            TableFactor::Table { alias: Some(alias), .. } | TableFactor::Derived { alias: Some(alias), .. } => {
                Some(alias.name.value.to_lowercase())
            }
            TableFactor::Table { name, .. } => parts(name)?.pop(),
            _ => None,
        })
        .collect()
}

/// Whose columns an expression uses.
struct Uses<'a> {
    own: &'a [String],
    inner: bool,
    outer: bool,
}

impl Visitor for Uses<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        match expression {
            Expr::CompoundIdentifier(idents) if idents.len() > 1 => {
                let table = idents[idents.len() - 2].value.to_lowercase();
                let is_own = self.own.contains(&table);
                self.inner |= is_own;
                self.outer |= !is_own;
            }
            Expr::Identifier(_) => self.inner = true,
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

fn conjuncts(condition: Expr) -> Vec<Expr> {
    match condition {
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            let mut all = conjuncts(*left);
            all.extend(conjuncts(*right));
            all
        }
        other => vec![other],
    }
}

fn and(left: Expr, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op: BinaryOperator::And, right: Box::new(right) }
}

fn oid_type() -> DataType {
    DataType::Custom(ObjectName(vec![ObjectNamePart::Identifier(Ident::new("oid"))]), Vec::new())
}

fn is_aggregate(expression: &Expr) -> bool {
    let Expr::Function(function) = expression else { return false };
    let aggregates =
        ["count", "min", "max", "sum", "avg", "array_agg", "string_agg", "bool_and", "bool_or", "json_agg"];
    function_name(function).is_some_and(|name| name.last().is_some_and(|name| aggregates.contains(&name.as_str())))
}

/// `ARRAY(SELECT x FROM ... ORDER BY y)` as a scalar subquery of `array_agg(x ORDER BY y)`; none where that
/// could not be run.
fn array_aggregate(query: &mut Query) -> Option<Query> {
    let mut query = query.clone();
    let order = query.order_by.take();
    let SetExpr::Select(select) = query.body.as_mut() else { return None };
    if calls_function_of_outer_row(select) || matches!(select.selection, Some(Expr::AnyOp { .. })) {
        return None;
    }
    let [SelectItem::UnnamedExpr(item) | SelectItem::ExprWithAlias { expr: item, .. }] = select.projection.as_slice()
    else {
        return None;
    };
    let item = item.clone();
    let mut aggregate = call("array_agg", vec![item.clone()]);
    if let (Some(order), Expr::Function(function)) = (order, &mut aggregate)
        && let (OrderByKind::Expressions(keys), FunctionArguments::List(list)) = (order.kind, &mut function.args)
    {
        // ORDER BY 1 means the item itself.
        let keys = keys.into_iter().map(|key| match &key.expr {
            Expr::Value(_) => OrderByExpr { expr: item.clone(), ..key },
            _ => key,
        });
        list.clauses.push(FunctionArgumentClause::OrderBy(keys.collect()));
    }
    select.projection = vec![SelectItem::UnnamedExpr(aggregate)];
    Some(query)
}

/// Whether a table is a function's, with arguments that are no plain values.
fn calls_function_of_outer_row(select: &Select) -> bool {
    select.from.iter().any(|table| match &table.relation {
        TableFactor::Table { args: Some(arguments), .. } => arguments
            .args
            .iter()
            .any(|argument| !matches!(argument, FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(_))))),
        TableFactor::UNNEST { .. } | TableFactor::Function { .. } => true,
        _ => false,
    })
}
