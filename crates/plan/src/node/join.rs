//! Inner equi-joins.

use arrow::datatypes::SchemaRef;

use crate::Node;

/// All pairs of a left and a right row whose keys are equal. A key with a null in it equals none.
///
/// Without keys it is the cross product. A condition beyond equal keys is a [`crate::Filter`]
/// above; a key that is an expression is a column of a [`crate::Project`] below.
#[derive(Clone, Debug)]
pub struct Join {
    /// The left rows.
    pub left: Box<Node>,
    /// The right rows.
    pub right: Box<Node>,
    /// Pairs of a left and a right column, of one type, that must be equal.
    pub on: Vec<(usize, usize)>,
    /// The columns that leave the join: indices into the left columns followed by the right ones.
    pub output: Vec<usize>,
    /// Names and types of those.
    pub schema: SchemaRef,
}
