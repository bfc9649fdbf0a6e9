//! What can go wrong with state: only bytes or types that contradict each other.

/// State that cannot be kept or restored.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Arrow refused rows or keys.
    #[error(transparent)]
    Arrow(#[from] arrow::error::ArrowError),
    /// Saved bytes are not what was written.
    #[error("saved state is damaged: {0}")]
    Damaged(String),
}
