//! Joins.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::physical_plan::PhysicalExpr;

use crate::Node;

/// Pairs of a left and a right row whose keys are equal and for which the residual is true.
///
/// Without keys and residual it is the cross product. A key that is an expression is a column of
/// a [`crate::Project`] below.
#[derive(Clone, Debug)]
pub struct Join {
    /// Which pairs and rows leave it.
    pub kind: JoinKind,
    /// The left rows.
    pub left: Box<Node>,
    /// The right rows.
    pub right: Box<Node>,
    /// What must be equal.
    pub on: Vec<JoinKey>,
    /// What must be true beside: conditions over the left columns followed by the right ones. Each
    /// sees only pairs for which all before it are true.
    pub residual: Vec<Arc<dyn PhysicalExpr>>,
    /// The columns that leave the join: indices into the left columns followed by the right ones.
    pub output: Vec<usize>,
    /// Names and types of those.
    pub schema: SchemaRef,
}

/// Which pairs and rows leave a join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinKind {
    /// Pairs.
    Inner,
}

/// A left and a right column, of one type, that must be equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JoinKey {
    /// Of the left columns.
    pub left: usize,
    /// Of the right columns.
    pub right: usize,
    /// Whether null equals null (`IS NOT DISTINCT FROM`); otherwise it equals nothing (`=`).
    pub null_equal: bool,
}

impl JoinKey {
    /// `left = right`.
    #[must_use]
    pub fn new(left: usize, right: usize) -> JoinKey {
        JoinKey { left, right, null_equal: false }
    }
}

impl Join {
    /// The left and the right key columns.
    #[must_use]
    pub fn keys(&self) -> (Vec<usize>, Vec<usize>) {
        self.on.iter().map(|key| (key.left, key.right)).unzip()
    }
}
