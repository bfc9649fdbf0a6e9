//! `WHERE` and `HAVING`, and a join's condition beyond equal keys.

use std::sync::Arc;

use datafusion::physical_plan::PhysicalExpr;

use crate::Node;

/// Keeps the rows for which the predicate is true; false and null rows go.
#[derive(Clone, Debug)]
pub struct Filter {
    /// The rows to choose from.
    pub input: Box<Node>,
    /// A boolean expression over the input's columns.
    pub predicate: Arc<dyn PhysicalExpr>,
}
