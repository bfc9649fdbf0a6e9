//! The one clock of the system: a totally ordered count of closed intervals of input.

use std::fmt;

/// A point in logical time. Everything that arrived between the close of epoch `n - 1` and the
/// close of epoch `n` belongs to epoch `n`; a transaction lies in exactly one epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

impl Epoch {
    /// Before all input.
    pub const ZERO: Epoch = Epoch(0);
    /// After every epoch that will ever be; the death epoch of a row that lives.
    pub const NEVER: Epoch = Epoch(u64::MAX);

    /// The epoch after this one.
    #[must_use]
    pub fn next(self) -> Epoch {
        Epoch(self.0 + 1)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
