//! What a statement takes and gives, without running it.

use arrow::datatypes::{FieldRef, SchemaRef};

/// What a statement takes and gives.
#[derive(Clone, Debug, Default)]
pub struct Description {
    /// The type of each parameter, `$1` first.
    pub parameters: Vec<FieldRef>,
    /// The columns of its rows; `None` if it returns no rows.
    pub columns: Option<SchemaRef>,
}
