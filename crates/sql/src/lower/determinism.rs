//! A view is a function of its inputs, so nothing in it may depend on when it is evaluated.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan, Volatility};

use super::refused;
use crate::Error;

/// Refuses `random()`, `now()` and their like. To be called before the optimiser runs, which makes
/// a constant of `now()`.
pub fn check_deterministic(plan: &LogicalPlan) -> Result<(), Error> {
    let mut refusal = None;
    plan.apply_with_subqueries(|plan| {
        plan.apply_expressions(|expression| {
            expression.apply(|expression| {
                refusal = refusal_of(expression);
                Ok(if refusal.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
            })
        })
    })?;
    refusal.map_or(Ok(()), Err)
}

fn refusal_of(expression: &Expr) -> Option<Error> {
    match expression {
        Expr::ScalarFunction(call) if call.func.signature().volatility != Volatility::Immutable => {
            Some(refused(&format!("{}()", call.func.name())))
        }
        Expr::Placeholder(_) => Some(refused("a parameter")),
        _ => None,
    }
}
