//! Reading the changes of a relation.

use arrow::datatypes::SchemaRef;

use crate::{Properties, RelationId};

/// A leaf: the changes of a table, source or materialized view.
#[derive(Clone, Debug)]
pub struct Get {
    /// Whose changes.
    pub relation: RelationId,
    /// The relation's name, for people.
    pub name: String,
    /// The relation's columns that are read, in this order.
    pub columns: Vec<usize>,
    /// Names and types of those columns.
    pub schema: SchemaRef,
    /// What is known of the relation's rows, as seen through `columns`.
    pub properties: Properties,
}
