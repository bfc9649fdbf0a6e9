//! Physical expressions over a node's columns.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, Operator};
use datafusion::physical_expr::expressions::{BinaryExpr, Column, Literal};
use datafusion::physical_expr::{ScalarFunctionExpr, create_physical_expr};
use datafusion::physical_plan::PhysicalExpr;

use super::{Lowering, refused};
use crate::Error;
use crate::functions::checked::Checked;
use crate::guard::guard;

pub(super) type Expression = Arc<dyn PhysicalExpr>;

impl Lowering<'_> {
    /// An expression over the columns of `schema`.
    pub(super) fn expression(&self, expression: &Expr, schema: &DFSchema) -> Result<Expression, Error> {
        Ok(guard(self.condition(expression, schema)?)?)
    }

    /// The same for what [`super::build::filter`] takes apart and guards itself.
    pub(super) fn condition(&self, expression: &Expr, schema: &DFSchema) -> Result<Expression, Error> {
        check(expression)?;
        let expression = match expression {
            Expr::Alias(alias) => &alias.expr,
            expression => expression,
        };
        let context = PhysicalPlanningContext::default();
        Ok(checked(create_physical_expr(expression, schema, &self.properties, &context)?)?)
    }
}

/// Whether a column with this expression's values is declared to have nulls. Only of columns and literals is it
/// believed that they have none: a function that is wrong about its own nulls must not contradict what
/// everything after it was built for.
pub(super) fn may_be_null(expression: &Expression, input: &Schema) -> bool {
    match (column_of(expression), expression.downcast_ref::<Literal>()) {
        (Some(column), _) => input.field(column).is_nullable(),
        (None, Some(literal)) => literal.value().is_null(),
        (None, None) => true,
    }
}

/// Refuses what has no physical expression by itself.
fn check(expression: &Expr) -> Result<(), Error> {
    let mut refusal = None;
    expression.apply(|expression| {
        refusal = match expression {
            Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_) | Expr::SetComparison(_) => {
                Some("this form of subquery")
            }
            Expr::OuterReferenceColumn(..) => Some("this form of correlated subquery"),
            Expr::WindowFunction(_) => Some("a window function"),
            Expr::Unnest(_) => Some("unnest"),
            Expr::Placeholder(_) => Some("a parameter"),
            _ => None,
        };
        Ok(if refusal.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    match refusal {
        Some(feature) => Err(refused(feature)),
        None => Ok(()),
    }
}

/// The expression with DataFusion's own operators again for those of ours that they can stand for,
/// since they know more shortcuts and read better. They are told to fail on overflow.
fn checked(expression: Expression) -> DataFusionResult<Expression> {
    let rewritten = expression.transform_up(|expression| {
        if let Some(call) = expression.downcast_ref::<ScalarFunctionExpr>()
            && let Some(function) = call.fun().inner().downcast_ref::<Checked>()
            && let [left, right] = call.args()
            && is_integer(call)
        {
            let operator = BinaryExpr::new(Arc::clone(left), function.operator(), Arc::clone(right));
            return Ok(Transformed::yes(Arc::new(operator.with_fail_on_overflow(true)) as Expression));
        }
        if let Some(binary) = expression.downcast_ref::<BinaryExpr>()
            && matches!(binary.op(), Operator::Plus | Operator::Minus | Operator::Multiply)
        {
            let operator = BinaryExpr::new(Arc::clone(binary.left()), *binary.op(), Arc::clone(binary.right()));
            return Ok(Transformed::yes(Arc::new(operator.with_fail_on_overflow(true)) as Expression));
        }
        Ok(Transformed::no(expression))
    })?;
    Ok(rewritten.data)
}

fn is_integer(call: &ScalarFunctionExpr) -> bool {
    call.return_type().is_integer()
}

/// The place of the column that the expression is; none if it is more than a column.
pub(super) fn column_of(expression: &Expression) -> Option<usize> {
    expression.downcast_ref::<Column>().map(Column::index)
}

/// Whether it costs nothing to evaluate the expression once more.
pub(super) fn is_trivial(expression: &Expression) -> bool {
    column_of(expression).is_some() || expression.downcast_ref::<Literal>().is_some()
}

/// The columns that some expressions read.
pub(super) fn columns_of<'a>(expressions: impl IntoIterator<Item = &'a Expression>) -> BTreeSet<usize> {
    let columns = expressions.into_iter().flat_map(datafusion::physical_expr::utils::collect_columns);
    columns.map(|column| column.index()).collect()
}

/// How often an expression reads each column.
pub(super) fn count_columns(expression: &Expression, counts: &mut [usize]) {
    if let Some(column) = column_of(expression) {
        if let Some(count) = counts.get_mut(column) {
            *count += 1;
        }
        return;
    }
    for child in expression.children() {
        count_columns(child, counts);
    }
}

/// The expression with each column replaced.
pub(super) fn replace_columns(
    expression: &Expression,
    replace: impl Fn(&Column) -> Expression,
) -> Result<Expression, Error> {
    let replaced = Arc::clone(expression).transform_down(|expression| {
        Ok(match expression.downcast_ref::<Column>() {
            // What replaces it is of other columns, and must not be looked at again.
            Some(column) => Transformed::new(replace(column), true, TreeNodeRecursion::Jump),
            None => Transformed::no(expression),
        })
    })?;
    Ok(replaced.data)
}

/// The expression with columns at other places.
pub(super) fn move_columns(expression: &Expression, place: impl Fn(usize) -> usize) -> Result<Expression, Error> {
    replace_columns(expression, |column| Arc::new(Column::new(column.name(), place(column.index()))))
}
