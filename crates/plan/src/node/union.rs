//! `UNION ALL`.

use arrow::datatypes::SchemaRef;

use crate::Node;

/// All rows of all inputs, duplicates kept.
#[derive(Clone, Debug)]
pub struct Union {
    /// Two or more inputs with the output's column types; names may differ.
    pub inputs: Vec<Node>,
    /// Names and types of the output columns.
    pub schema: SchemaRef,
}
