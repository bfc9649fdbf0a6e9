//! DataFusion's optimised logical plan to the incremental plan, a file for each kind of node.
//!
//! Each node's columns are those of its logical node, in place and type; names of inner columns
//! are of no account. One exception: of a logical node without columns (`SELECT count(*)` reads
//! none) the node may have some, which nothing looks at.
//!
//! What has no incremental operator yet is refused by name.

mod aggregate;
mod build;
mod constant;
mod determinism;
mod distinct;
mod expression;
mod filter;
mod get;
mod join;
mod optimise;
mod output;
mod project;
mod union;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::TableReference;
use datafusion::common::config::ConfigOptions;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::execution_props::ExecutionProps;
use plan::{Node, Properties, RelationId};

pub use determinism::check_deterministic;
pub use optimise::optimise_for_view;

use crate::{Error, PgType};

/// What a view's plan needs to know of the relations that it reads.
pub trait Relations {
    /// The relation that a scan names; none if there is no such one.
    fn get(&self, table: &TableReference) -> Option<RelationInfo>;
}

/// One relation.
#[derive(Clone, Debug)]
pub struct RelationInfo {
    /// Which one.
    pub id: RelationId,
    /// Its columns, as the logical plan's scan has them.
    pub schema: SchemaRef,
    /// What is known of its rows.
    pub properties: Properties,
}

/// The incremental plan of a plan that [`optimise_for_view`] gave. Its columns have the logical
/// plan's names, and types that can be stored.
pub fn lower(plan: &LogicalPlan, state: &SessionState, relations: &dyn Relations) -> Result<Node, Error> {
    let mut properties = state.execution_props().clone();
    let options: Arc<ConfigOptions> = Arc::clone(state.config_options());
    properties.mark_start_execution(options);
    let lowering = Lowering { relations, properties };
    output::finish(lowering.node(plan)?, plan)
}

/// What is the same for all nodes of one plan.
struct Lowering<'a> {
    relations: &'a dyn Relations,
    properties: ExecutionProps,
}

impl Lowering<'_> {
    fn node(&self, plan: &LogicalPlan) -> Result<Node, Error> {
        match plan {
            LogicalPlan::TableScan(scan) => self.get(scan),
            LogicalPlan::EmptyRelation(empty) => constant::empty(empty),
            LogicalPlan::Values(values) => self.values(values),
            LogicalPlan::Filter(filter) => self.filter(filter),
            LogicalPlan::Projection(projection) => self.project(projection),
            LogicalPlan::SubqueryAlias(alias) => self.node(&alias.input),
            LogicalPlan::Join(join) => self.join(join),
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate),
            LogicalPlan::Distinct(distinct) => self.distinct(distinct),
            LogicalPlan::Union(union) => self.union(union),
            // Rows of a view have no order, so nothing is lost.
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => self.node(&sort.input),
            LogicalPlan::Sort(_) | LogicalPlan::Limit(_) => Err(refused("LIMIT")),
            LogicalPlan::Window(_) => Err(refused("a window function")),
            LogicalPlan::Unnest(_) => Err(refused("unnest")),
            LogicalPlan::RecursiveQuery(_) => Err(refused("WITH RECURSIVE")),
            LogicalPlan::Subquery(_) => Err(refused("this form of subquery")),
            other => Err(refused(&format!("the plan node {}", other.display()))),
        }
    }
}

/// Something that ad-hoc queries have and views don't.
fn refused(feature: &str) -> Error {
    Error::unsupported(format!("{feature} in a materialized view"))
}

/// Refuses values that state cannot hold, such as those of a struct.
fn check_storable(data_type: &DataType) -> Result<(), Error> {
    match PgType::from_arrow(data_type) {
        Some(_) => Ok(()),
        None => Err(refused(&format!("grouping or joining by {data_type}"))),
    }
}
