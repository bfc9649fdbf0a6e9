//! Conditions on the one row of an aggregate without groups, such as `HAVING (SELECT ...) > 2`.
//!
//! DataFusion pushes what reads no column below the aggregate, which then has its one row over no
//! rows, where Postgres has none. So such a condition is made to look at a column.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::Column;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Expr, Filter, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;

use crate::functions::plain::PlainFunction;

/// `beside(condition, column)` is the condition.
const BESIDE: PlainFunction = PlainFunction {
    name: "beside",
    aliases: &[],
    coerce: |types| Some(types.to_vec()),
    result: |_| Ok(DataType::Boolean),
    values: |values| values.array(0),
};

/// See the head of this file.
#[derive(Debug)]
pub(super) struct KeepAboveOneRow;

impl AnalyzerRule for KeepAboveOneRow {
    fn name(&self) -> &str {
        "keep_above_one_row"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let plan = plan.transform_up_with_subqueries(|plan| match plan {
            LogicalPlan::Filter(filter) if is_of_one_row(&filter.input) => keep_above(filter),
            plan => Ok(Transformed::no(plan)),
        })?;
        Ok(plan.data)
    }
}

fn keep_above(filter: Filter) -> Result<Transformed<LogicalPlan>> {
    let column = filter.input.schema().iter().next().map(|column| Expr::Column(Column::from(column)));
    let Some(column) = column else { return Ok(Transformed::no(LogicalPlan::Filter(filter))) };
    let mut is_changed = false;
    let mut conditions = Vec::new();
    for condition in split_conjunction_owned(filter.predicate.clone()) {
        let has_subquery = condition.exists(|expression| Ok(matches!(expression, Expr::ScalarSubquery(_))))?;
        if has_subquery && condition.column_refs().is_empty() {
            is_changed = true;
            conditions.push(BESIDE.udf().call(vec![condition, column.clone()]));
        } else {
            conditions.push(condition);
        }
    }
    match conjunction(conditions) {
        Some(predicate) if is_changed => {
            Ok(Transformed::yes(LogicalPlan::Filter(Filter::try_new(predicate, Arc::clone(&filter.input))?)))
        }
        _ => Ok(Transformed::no(LogicalPlan::Filter(filter))),
    }
}

fn is_of_one_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        LogicalPlan::Projection(projection) => is_of_one_row(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => is_of_one_row(&alias.input),
        LogicalPlan::Filter(filter) => is_of_one_row(&filter.input),
        _ => false,
    }
}
