//! The kinds of plan node, a file each.

pub mod aggregate;
pub mod constant;
pub mod distinct;
pub mod filter;
pub mod get;
pub mod join;
pub mod project;
pub mod union;

use arrow::datatypes::SchemaRef;

use crate::{Aggregate, Constant, Distinct, Filter, Get, Join, Project, Union};

/// One node of a plan and all below it.
#[derive(Clone, Debug)]
pub enum Node {
    /// Reads the changes of a relation.
    Get(Get),
    /// The same rows for ever.
    Constant(Constant),
    /// Keeps the rows for which a predicate is true.
    Filter(Filter),
    /// Computes columns from each row alone.
    Project(Project),
    /// All rows of all inputs.
    Union(Union),
    /// Pairs of rows that belong together.
    Join(Join),
    /// One row for each group.
    Aggregate(Aggregate),
    /// Each row once.
    Distinct(Distinct),
}

impl Node {
    /// The columns of the node's rows.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        match self {
            Node::Get(node) => &node.schema,
            Node::Constant(node) => &node.schema,
            Node::Filter(node) => node.input.schema(),
            Node::Project(node) => &node.schema,
            Node::Union(node) => &node.schema,
            Node::Join(node) => &node.schema,
            Node::Aggregate(node) => &node.schema,
            Node::Distinct(node) => node.input.schema(),
        }
    }

    /// The nodes that this node reads, left to right.
    #[must_use]
    pub fn inputs(&self) -> Vec<&Node> {
        match self {
            Node::Get(_) | Node::Constant(_) => vec![],
            Node::Filter(node) => vec![&node.input],
            Node::Project(node) => vec![&node.input],
            Node::Aggregate(node) => vec![&node.input],
            Node::Distinct(node) => vec![&node.input],
            Node::Union(node) => node.inputs.iter().collect(),
            Node::Join(node) => vec![&node.left, &node.right],
        }
    }

    /// Every [`Get`] below, left to right; a relation that is read twice comes twice.
    #[must_use]
    pub fn gets(&self) -> Vec<&Get> {
        match self {
            Node::Get(get) => vec![get],
            _ => self.inputs().into_iter().flat_map(Node::gets).collect(),
        }
    }
}
