//! `SELECT DISTINCT` and `UNION`.

use crate::Node;

/// Each different row once (nulls are equal).
#[derive(Clone, Debug)]
pub struct Distinct {
    /// The rows, with duplicates.
    pub input: Box<Node>,
}
