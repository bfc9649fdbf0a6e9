//! What can be wrong with a source as a whole.

/// A source that cannot be created, opened or read further.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connector of this name.
    #[error("unknown connector \"{name}\"")]
    UnknownConnector {
        /// What was asked for.
        name: String,
        /// The nearest known name, or all of them.
        hint: String,
    },
    /// An option that the connector does not have.
    #[error("unknown option \"{name}\" for connector \"{connector}\"")]
    UnknownOption {
        /// The connector.
        connector: String,
        /// What was given.
        name: String,
        /// The nearest known option, if one is near, or all of them.
        hint: String,
    },
    /// An option with a value that makes no sense, or one that is missing.
    #[error("option \"{name}\": {message}")]
    InvalidOption {
        /// The option.
        name: String,
        /// What is wrong with its value.
        message: String,
    },
    /// Columns, a type, or a format that the connector cannot produce yet.
    #[error("{0}")]
    Unsupported(String),
    /// The input itself failed.
    #[error("{place}: {message}")]
    Input {
        /// Which file or event.
        place: String,
        /// What happened.
        message: String,
    },
}
