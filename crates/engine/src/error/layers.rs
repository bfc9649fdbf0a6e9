//! The errors of Freshet's own layers below: a variant, a code.

use super::{Error, SqlState};

impl From<connectors::Error> for Error {
    fn from(error: connectors::Error) -> Error {
        let message = error.to_string();
        match error {
            connectors::Error::UnknownConnector { hint, .. } => {
                Error::new(SqlState::UNDEFINED_OBJECT, message).with_hint(hint)
            }
            connectors::Error::UnknownOption { hint, .. } => {
                Error::new(SqlState::INVALID_PARAMETER_VALUE, message).with_hint(hint)
            }
            connectors::Error::InvalidOption { .. } => Error::new(SqlState::INVALID_PARAMETER_VALUE, message),
            connectors::Error::Unsupported(_) => Error::unsupported(message),
            connectors::Error::Input { .. } => Error::new(SqlState::IO_ERROR, message),
        }
    }
}

/// An error that was carried through DataFusion in a box.
pub(super) fn downcast(error: Box<dyn std::error::Error + Send + Sync>) -> Error {
    match error.downcast::<connectors::Error>() {
        Ok(error) => Error::from(*error),
        Err(error) => Error::internal(error.to_string()),
    }
}
