//! DataFusion set up to be as Postgres is: names, types, null order, operators, functions.

use std::sync::Arc;

use datafusion::common::config::Dialect;
use datafusion::execution::SessionStateDefaults;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::planner::ExprPlanner;
use datafusion::optimizer::single_distinct_to_groupby::SingleDistinctToGroupBy;
use datafusion::optimizer::{Optimizer, OptimizerRule};
use datafusion::prelude::SessionConfig;

use crate::functions;
use crate::guard::GuardedPlanner;
use crate::semantics::{self, OperatorPlanner};
use crate::types::PostgresTypePlanner;

/// The one database.
pub const DATABASE: &str = "dev";
/// The one schema for what users create.
pub const SCHEMA: &str = "public";

/// What every session starts from. Its catalog is empty; scans are split into `target_partitions`.
#[must_use]
pub fn session_state_builder(target_partitions: usize) -> SessionStateBuilder {
    let mut config = SessionConfig::new()
        .with_default_catalog_and_schema(DATABASE, SCHEMA)
        .with_information_schema(false)
        .with_target_partitions(target_partitions)
        .with_collect_statistics(false);
    let options = config.options_mut();
    options.sql_parser.dialect = Dialect::PostgreSQL;
    options.sql_parser.map_string_types_to_utf8view = false;
    options.sql_parser.parse_float_as_decimal = true;
    options.sql_parser.enable_ident_normalization = true;
    options.execution.time_zone = Some("UTC".to_owned());
    // The check compares metadata too, which says no more than how a value is shown.
    options.execution.skip_physical_aggregate_schema_check = true;

    let operators: Arc<dyn ExprPlanner> = Arc::new(OperatorPlanner);
    let mut planners = vec![operators];
    planners.extend(SessionStateDefaults::default_expr_planners());
    let mut scalar_functions = SessionStateDefaults::default_scalar_functions();
    scalar_functions.extend(functions::all());
    let mut aggregate_functions = SessionStateDefaults::default_aggregate_functions();
    aggregate_functions.retain(|function| !["sum", "avg"].contains(&function.name()));
    aggregate_functions.extend(functions::aggregates());
    // It makes a sum of sums of one sum, which for us has another type.
    let mut optimizer_rules = Optimizer::new().rules;
    optimizer_rules.retain(|rule| rule.name() != SingleDistinctToGroupBy::new().name());
    SessionStateBuilder::new_with_default_features()
        .with_config(config)
        .with_expr_planners(planners)
        .with_type_planner(Arc::new(PostgresTypePlanner))
        .with_scalar_functions(scalar_functions)
        .with_aggregate_functions(aggregate_functions)
        .with_table_function_list(functions::series::table_functions())
        .with_optimizer_rules(optimizer_rules)
        .with_query_planner(Arc::new(GuardedPlanner))
        .with_analyzer_rules(semantics::analyzer_rules())
}
