//! The rules of DataFusion's optimiser that a view's plan goes through.
//!
//! Left out are those that trade a node which has an incremental operator for one that has none or
//! a slower one: `DISTINCT` stays distinct and is no aggregate, a distinct aggregate is not two
//! grouped ones, an inner join stays one below a `DISTINCT`, and nothing is about limits or files.

use std::sync::Arc;

use datafusion::common::alias::AliasGenerator;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::execution::{FunctionRegistry, SessionState};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::common_subexpr_eliminate::CommonSubexprEliminate;
use datafusion::optimizer::decorrelate_lateral_join::DecorrelateLateralJoin;
use datafusion::optimizer::decorrelate_predicate_subquery::DecorrelatePredicateSubquery;
use datafusion::optimizer::eliminate_cross_join::EliminateCrossJoin;
use datafusion::optimizer::eliminate_duplicated_expr::EliminateDuplicatedExpr;
use datafusion::optimizer::eliminate_filter::EliminateFilter;
use datafusion::optimizer::eliminate_group_by_constant::EliminateGroupByConstant;
use datafusion::optimizer::eliminate_limit::EliminateLimit;
use datafusion::optimizer::eliminate_outer_join::EliminateOuterJoin;
use datafusion::optimizer::extract_equijoin_predicate::ExtractEquijoinPredicate;
use datafusion::optimizer::optimize_projections::OptimizeProjections;
use datafusion::optimizer::optimize_unions::OptimizeUnions;
use datafusion::optimizer::propagate_empty_relation::PropagateEmptyRelation;
use datafusion::optimizer::push_down_filter::PushDownFilter;
use datafusion::optimizer::rewrite_set_comparison::RewriteSetComparison;
use datafusion::optimizer::scalar_subquery_to_join::ScalarSubqueryToJoin;
use datafusion::optimizer::simplify_expressions::SimplifyExpressions;
use datafusion::optimizer::{Optimizer, OptimizerConfig};

use super::refused;
use crate::Error;

/// Optimises an analysed plan for [`super::lower`].
pub fn optimise_for_view(plan: LogicalPlan, state: &SessionState) -> Result<LogicalPlan, Error> {
    refuse_several_rows(&plan)?;
    let mut options = state.config_options().as_ref().clone();
    options.optimizer.enable_physical_uncorrelated_scalar_subquery = false;
    options.optimizer.skip_failed_rules = false;
    let config = ViewConfig { state, options: Arc::new(options), names: Arc::new(AliasGenerator::new()) };
    Ok(rules().optimize(plan, &config, |_, _| {})?)
}

/// Refuses a subquery as a value that could have several rows: an ad-hoc query fails then, but a
/// join would just have more rows. (Correlated ones are aggregates by DataFusion's own rules.)
fn refuse_several_rows(plan: &LogicalPlan) -> Result<(), Error> {
    let mut has_several = false;
    plan.apply_with_subqueries(|plan| {
        plan.apply_expressions(|expression| {
            has_several |= expression.exists(|expression| {
                Ok(match expression {
                    Expr::ScalarSubquery(subquery) if subquery.outer_ref_columns.is_empty() => {
                        subquery.subquery.max_rows().is_none_or(|rows| rows > 1)
                    }
                    _ => false,
                })
            })?;
            Ok(if has_several { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })
    })?;
    if has_several {
        return Err(refused("a subquery as a value, unless it is an aggregate of one row,"));
    }
    Ok(())
}

fn rules() -> Optimizer {
    Optimizer::with_rules(vec![
        Arc::new(RewriteSetComparison::new()),
        Arc::new(OptimizeUnions::new()),
        Arc::new(SimplifyExpressions::new()),
        Arc::new(DecorrelatePredicateSubquery::new()),
        Arc::new(ScalarSubqueryToJoin::new()),
        Arc::new(DecorrelateLateralJoin::new()),
        Arc::new(ExtractEquijoinPredicate::new()),
        Arc::new(EliminateDuplicatedExpr::new()),
        Arc::new(EliminateFilter::new()),
        Arc::new(EliminateCrossJoin::new()),
        Arc::new(EliminateLimit::new()),
        Arc::new(PropagateEmptyRelation::new()),
        Arc::new(EliminateOuterJoin::new()),
        Arc::new(PushDownFilter::new()),
        Arc::new(EliminateGroupByConstant::new()),
        Arc::new(CommonSubexprEliminate::new()),
        Arc::new(OptimizeProjections::new()),
    ])
}

/// The session's configuration with a view's options, and without a clock.
struct ViewConfig<'a> {
    state: &'a SessionState,
    options: Arc<ConfigOptions>,
    /// The view's own, so that the same query gives the same plan in every session.
    names: Arc<AliasGenerator>,
}

impl OptimizerConfig for ViewConfig<'_> {
    fn query_execution_start_time(&self) -> Option<chrono::DateTime<chrono::Utc>> {
        None
    }

    fn alias_generator(&self) -> &Arc<AliasGenerator> {
        &self.names
    }

    fn options(&self) -> Arc<ConfigOptions> {
        Arc::clone(&self.options)
    }

    fn function_registry(&self) -> Option<&dyn FunctionRegistry> {
        Some(self.state)
    }
}
