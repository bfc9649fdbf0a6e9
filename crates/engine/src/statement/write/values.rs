//! The `VALUES` of an `INSERT`: each value is cast to its column's type by itself, as in Postgres,
//! so those of one column need not be of one type.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, new_null_array};
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{self, SetExpr, UnaryOperator};

use crate::Error;
use crate::statement::write::{assign_column, is_unknown_literal, parse_query, select_of};

/// The rows of a query that is `VALUES` and nothing else.
pub(crate) fn rows_of(query: &ast::Query) -> Option<&ast::Values> {
    let is_bare = query.with.is_none() && query.order_by.is_none() && query.limit_clause.is_none();
    match query.body.as_ref() {
        SetExpr::Values(values) if is_bare => Some(values),
        _ => None,
    }
}

/// The rows as arrays, if each column has literals of one kind only: a thousand rows are then
/// planned as one. None for all others.
pub(crate) fn as_batch(values: &ast::Values) -> Option<RecordBatch> {
    let kinds = kinds(values)?;
    let rows = || values.rows.iter().map(|row| &row.content);
    let column = |place: usize, kind: Kind| -> Option<ArrayRef> {
        let literals = rows().map(|row| literal(row.get(place)?));
        Some(match kind {
            Kind::Null => new_null_array(&DataType::Null, values.rows.len()),
            Kind::Text => Arc::new(literals.collect::<Option<Vec<_>>>()?.into_iter().collect::<StringArray>()),
            Kind::Integer => Arc::new(
                literals
                    .map(|text| text?.map_or(Some(None), |digits| digits.parse::<i64>().ok().map(Some)))
                    .collect::<Option<Vec<_>>>()?
                    .into_iter()
                    .collect::<Int64Array>(),
            ),
            Kind::Boolean => Arc::new(
                literals
                    .map(|text| Some(text?.map(|text| text == "true")))
                    .collect::<Option<Vec<_>>>()?
                    .into_iter()
                    .collect::<BooleanArray>(),
            ),
        })
    };
    let arrays: Vec<ArrayRef> =
        kinds.into_iter().enumerate().map(|(place, kind)| column(place, kind)).collect::<Option<_>>()?;
    let named = arrays.into_iter().enumerate().map(|(place, array)| (format!("column{}", place + 1), array, true));
    RecordBatch::try_from_iter_with_nullable(named).ok()
}

/// The kind of each column, if it has but one, and all rows are of one length.
fn kinds(values: &ast::Values) -> Option<Vec<Kind>> {
    let mut kinds = vec![Kind::Null; values.rows.first()?.content.len()];
    for row in &values.rows {
        if row.content.len() != kinds.len() {
            return None;
        }
        for (known, value) in kinds.iter_mut().zip(&row.content) {
            match (*known, kind_of(value)?) {
                (_, Kind::Null) => {}
                (Kind::Null, kind) => *known = kind,
                (known, kind) if known == kind => {}
                _ => return None,
            }
        }
    }
    Some(kinds)
}

/// A literal's text; `Some(None)` for null.
fn literal(value: &ast::Expr) -> Option<Option<Cow<'_, str>>> {
    match value {
        ast::Expr::Value(value) => match &value.value {
            ast::Value::Null => Some(None),
            ast::Value::Boolean(true) => Some(Some(Cow::Borrowed("true"))),
            ast::Value::Boolean(false) => Some(Some(Cow::Borrowed("false"))),
            ast::Value::SingleQuotedString(text) | ast::Value::Number(text, _) => Some(Some(Cow::Borrowed(text))),
            _ => None,
        },
        ast::Expr::UnaryOp { op: UnaryOperator::Minus, expr } => {
            literal(expr).map(|text| text.map(|text| Cow::Owned(format!("-{text}"))))
        }
        _ => None,
    }
}

/// Kinds of literal.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Null,
    Integer,
    Text,
    Boolean,
}

fn kind_of(value: &ast::Expr) -> Option<Kind> {
    match value {
        ast::Expr::Value(value) => match &value.value {
            ast::Value::Null => Some(Kind::Null),
            ast::Value::Boolean(_) => Some(Kind::Boolean),
            ast::Value::SingleQuotedString(_) => Some(Kind::Text),
            // Numbers with a point or an exponent have a type each.
            ast::Value::Number(number, _) => number.bytes().all(|byte| byte.is_ascii_digit()).then_some(Kind::Integer),
            _ => None,
        },
        ast::Expr::UnaryOp { op: UnaryOperator::Minus, expr } => {
            kind_of(expr).filter(|kind| matches!(kind, Kind::Integer))
        }
        _ => None,
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
