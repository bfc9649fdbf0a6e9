//! The select list: columns computed from each row alone.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::physical_plan::PhysicalExpr;

use crate::Node;

/// A new row from each row.
#[derive(Clone, Debug)]
pub struct Project {
    /// The rows to compute from.
    pub input: Box<Node>,
    /// An expression over the input's columns for each output column.
    pub expressions: Vec<Arc<dyn PhysicalExpr>>,
    /// Names and types of the output columns.
    pub schema: SchemaRef,
}
