//! `AND` and `OR` whose right side fails only where the left side has not decided already: nobody who writes
//! `b <> 0 AND a / b > 1` wants to hear of a division by zero.
//!
//! DataFusion evaluates both sides for all rows of a batch, but a `CASE` only where it must. It is
//! written last, since the optimiser makes `AND` and `OR` of a boolean `CASE`.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{
    BinaryExpr, Column, InListExpr, IsNotNullExpr, IsNullExpr, LikeExpr, Literal, NotExpr, case, lit,
};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};

/// The expression, guarded.
pub(crate) fn guard(expression: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
    Ok(guarded(expression)?.data)
}

fn guarded(expression: Arc<dyn PhysicalExpr>) -> Result<Transformed<Arc<dyn PhysicalExpr>>> {
    expression.transform_up(|expression| {
        let Some(binary) = expression.downcast_ref::<BinaryExpr>() else { return Ok(Transformed::no(expression)) };
        let decides = match binary.op() {
            Operator::And => lit(false),
            Operator::Or => lit(true),
            _ => return Ok(Transformed::no(expression)),
        };
        if cannot_fail(binary.right()) {
            return Ok(Transformed::no(expression));
        }
        let left = Arc::clone(binary.left());
        let is_decided = Arc::new(BinaryExpr::new(left, Operator::IsNotDistinctFrom, Arc::clone(&decides)));
        Ok(Transformed::yes(case(None, vec![(is_decided, decides)], Some(expression))?))
    })
}

/// Whether the expression has a value for every row, as comparisons have and divisions don't.
pub(crate) fn cannot_fail(expression: &Arc<dyn PhysicalExpr>) -> bool {
    let is_safe = match expression.downcast_ref::<BinaryExpr>() {
        Some(binary) => binary.op().supports_propagation() || binary.op().is_logic_operator(),
        None => {
            expression.is::<Column>()
                || expression.is::<Literal>()
                || expression.is::<IsNullExpr>()
                || expression.is::<IsNotNullExpr>()
                || expression.is::<NotExpr>()
                || expression.is::<InListExpr>()
                || expression.is::<LikeExpr>()
        }
    };
    is_safe && expression.children().into_iter().all(cannot_fail)
}

/// Guards a query's conditions and results.
#[derive(Debug)]
pub(crate) struct GuardConditions;

impl PhysicalOptimizerRule for GuardConditions {
    fn name(&self) -> &str {
        "guard_conditions"
    }

    fn schema_check(&self) -> bool {
        true
    }

    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = plan.transform_up(|plan| {
            if let Some(filter) = plan.downcast_ref::<FilterExec>() {
                let predicate = guarded(Arc::clone(filter.predicate()))?;
                if !predicate.transformed {
                    return Ok(Transformed::no(plan));
                }
                let filter = FilterExecBuilder::from(filter).with_predicate(predicate.data).build()?;
                return Ok(Transformed::yes(Arc::new(filter)));
            }
            if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
                let mut is_changed = false;
                let mut expressions = Vec::with_capacity(projection.expr().len());
                for ProjectionExpr { expr, alias } in projection.expr() {
                    let expression = guarded(Arc::clone(expr))?;
                    is_changed |= expression.transformed;
                    expressions.push(ProjectionExpr { expr: expression.data, alias: alias.clone() });
                }
                if is_changed {
                    let input = Arc::clone(projection.input());
                    let schema = plan.schema();
                    let projection = ProjectionExec::try_new_with_schema_metadata(expressions, input, &schema)?;
                    return Ok(Transformed::yes(Arc::new(projection)));
                }
            }
            Ok(Transformed::no(plan))
        })?;
        Ok(plan.data)
    }
}
