//! How far a source has been read, in a form that can be stored.

use std::fmt;

use crate::Error;

/// Everything up to here has been read. Only the connector that made it can read it: an event
/// number, or a JSON object of offsets by file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Position(pub String);

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Position {
    /// The position as a number of `things`.
    pub(crate) fn number(&self, things: &str) -> Result<u64, Error> {
        self.0.parse().map_err(|_| self.foreign(format!("expected a number of {things}s")))
    }

    /// The error of a position that another connector made, or nobody.
    pub(crate) fn foreign(&self, message: String) -> Error {
        Error::Input { place: format!("position {self}"), message }
    }
}
