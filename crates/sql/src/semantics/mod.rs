//! What an expression means to Postgres where DataFusion thinks otherwise. The same rules serve a
//! query and a view.
//!
//! `operators` acts while the text is bound, `casts`, `dates` and `intervals` before DataFusion's
//! type coercion, `arithmetic` and `intervals` after it, when every operand has its final type. All of it
//! may run twice over one plan, and changes nothing the second time.

mod arithmetic;
mod casts;
mod dates;
mod intervals;
mod one_row;
mod operators;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;
use datafusion::optimizer::analyzer::resolve_grouping_function::ResolveGroupingFunction;
use datafusion::optimizer::analyzer::type_coercion::TypeCoercion;

pub use casts::assign;
pub use operators::OperatorPlanner;

/// DataFusion's own rules with ours around them.
pub(crate) fn analyzer_rules() -> Vec<Arc<dyn AnalyzerRule + Send + Sync>> {
    vec![
        Arc::new(Rewrite { name: "postgres_casts", rewrite: casts::rewrite }),
        Arc::new(Rewrite { name: "postgres_dates", rewrite: dates::rewrite }),
        Arc::new(Rewrite { name: "postgres_typed_intervals", rewrite: intervals::rewrite }),
        Arc::new(ResolveGroupingFunction::new()),
        Arc::new(TypeCoercion::new()),
        // Coercion makes casts too, such as `float_column = '1'`; a cast of ours is left alone.
        // What they become may be of another type again: a text that is compared with a timestamp.
        Arc::new(Rewrite { name: "postgres_coerced_casts", rewrite: casts::rewrite }),
        Arc::new(TypeCoercion::new()),
        Arc::new(Rewrite { name: "postgres_arithmetic", rewrite: arithmetic::rewrite }),
        Arc::new(Rewrite { name: "postgres_intervals", rewrite: intervals::rewrite }),
        Arc::new(intervals::IntervalKeys),
        Arc::new(one_row::KeepAboveOneRow),
    ]
}

/// Rewrites one expression, whose operands are rewritten already.
type RewriteExpression = fn(Expr, &DFSchema) -> Result<Transformed<Expr>>;

/// Applies a rewrite to every expression of a plan; columns keep their names.
#[derive(Debug)]
struct Rewrite {
    name: &'static str,
    rewrite: RewriteExpression,
}

impl AnalyzerRule for Rewrite {
    fn name(&self) -> &str {
        self.name
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        Ok(plan.transform_up_with_subqueries(|plan| self.rewrite_node(plan))?.data)
    }
}

impl Rewrite {
    fn rewrite_node(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        let mut schema = merge_schema(&plan.inputs());
        if let LogicalPlan::TableScan(scan) = &plan {
            schema.merge(&DFSchema::try_from_qualified_schema(scan.table_name.clone(), &scan.source.schema())?);
        }
        let names = NamePreserver::new(&plan);
        plan.map_expressions(|expression| {
            let name = names.save(&expression);
            let rewritten = expression.transform_up(|expression| (self.rewrite)(expression, &schema))?;
            Ok(rewritten.update_data(|expression| name.restore(expression)))
        })?
        .map_data(LogicalPlan::recompute_schema)
    }
}
