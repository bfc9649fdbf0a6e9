//! The `VALUES` of an `INSERT`: each value is cast to its column's type by itself, as in Postgres,
//! so those of one column need not be of one type.

use arrow::datatypes::FieldRef;
use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{self, SetExpr, UnaryOperator};

use crate::Error;
use crate::write::{assign_column, is_unknown_literal, parse_query, select_of};

/// The rows of a query that is `VALUES` and nothing else.
pub(crate) fn rows_of(query: &ast::Query) -> Option<&ast::Values> {
    let is_bare = query.with.is_none() && query.order_by.is_none() && query.limit_clause.is_none();
    match query.body.as_ref() {
        SetExpr::Values(values) if is_bare => Some(values),
        _ => None,
    }
}

/// Whether all values are literals, which DataFusion itself unifies well, and fast.
pub(crate) fn is_all_literals(values: &ast::Values) -> bool {
    values.rows.iter().flat_map(|row| &row.content).all(is_literal)
}

fn is_literal(value: &ast::Expr) -> bool {
    match value {
        ast::Expr::Value(value) => !matches!(value.value, ast::Value::Placeholder(_)),
        ast::Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => is_literal(expr),
        _ => false,
    }
}

/// All values as one row of columns, to find out about their types.
pub(crate) fn as_one_row(values: &ast::Values) -> Result<Box<ast::Query>, Error> {
    let mut query = parse_query("SELECT 1")?;
    let select = select_of(&mut query)?;
    select.projection = values
        .rows
        .iter()
        .flat_map(|row| &row.content)
        .enumerate()
        .map(|(index, value)| ast::SelectItem::ExprWithAlias {
            expr: value.clone(),
            alias: ast::Ident::with_quote('"', index.to_string()),
        })
        .collect();
    Ok(query)
}

/// The rows again, from the analysed plan of [`as_one_row`], each value cast to its column.
pub(crate) fn assigned(row: &LogicalPlan, values: &ast::Values, columns: &[FieldRef]) -> Result<LogicalPlan, Error> {
    let LogicalPlan::Projection(projection) = row else {
        return Err(Error::internal("a projection became something else"));
    };
    let mut typed = projection.expr.iter().zip(row.schema().fields());
    let mut rows = Vec::with_capacity(values.rows.len());
    for row in &values.rows {
        let mut assigned = Vec::with_capacity(row.content.len());
        for (value, to) in row.content.iter().zip(columns) {
            let (typed, from) = typed.next().ok_or_else(|| Error::internal("a value was lost"))?;
            assigned.push(assign_column(typed.clone().unalias(), from, is_unknown_literal(value), to)?);
        }
        rows.push(assigned);
    }
    if rows.iter().flatten().any(has_subquery) {
        return union_of(rows, columns);
    }
    Ok(LogicalPlanBuilder::values(rows)?.build()?)
}

/// Rows as a union of queries of one row each: DataFusion's `VALUES` take no subqueries.
fn union_of(rows: Vec<Vec<Expr>>, columns: &[FieldRef]) -> Result<LogicalPlan, Error> {
    let mut all: Option<LogicalPlan> = None;
    for row in rows {
        let named = row.into_iter().zip(columns).map(|(value, column)| value.alias(column.name()));
        let row = LogicalPlanBuilder::empty(true).project(named)?.build()?;
        all = Some(match all {
            None => row,
            Some(rows) => LogicalPlanBuilder::from(rows).union(row)?.build()?,
        });
    }
    all.ok_or_else(|| Error::internal("VALUES without rows"))
}

fn has_subquery(value: &Expr) -> bool {
    let is_subquery = |part: &Expr| {
        matches!(part, Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_) | Expr::SetComparison(_))
    };
    value.exists(|part| Ok(is_subquery(part))).unwrap_or(true)
}

/// The value of a plan's column, for a projection over it.
pub(crate) fn column(plan: &LogicalPlan, index: usize) -> Expr {
    Expr::Column(datafusion::common::Column::from(plan.schema().qualified_field(index)))
}
