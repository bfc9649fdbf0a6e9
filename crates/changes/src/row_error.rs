//! A row that could not be computed: it leaves the flow here, and its view goes on.

/// One row that an expression failed on, or a record that could not be decoded.
///
/// An error is a change like any other: `diff` is how often it appeared (positive) or, when the
/// bad row was deleted, disappeared (negative).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowError {
    /// What failed, in Postgres' words where Postgres has words for it.
    pub message: String,
    /// The row or the record, as text.
    pub payload: String,
    /// How many times the error came (positive) or went away (negative).
    pub diff: i64,
}
