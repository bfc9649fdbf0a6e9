//! What can go wrong on a connection, and how a client is told.
//!
//! SQLSTATEs of statements come from `engine`; those here belong to the protocol itself.

/// An error on one connection. Other connections never see it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The client is gone, or its socket is broken: there is nobody to tell.
    #[error("the connection is lost: {0}")]
    Connection(#[from] std::io::Error),
    /// A statement failed; the connection goes on.
    #[error(transparent)]
    Statement(#[from] engine::Error),
    /// The client's request is wrong, or asks for what is not offered; the connection goes on.
    #[error("{message}")]
    Request {
        /// SQLSTATE.
        code: &'static str,
        /// One line, as Postgres words it.
        message: String,
    },
    /// The connection cannot go on, and is closed when the client has been told.
    #[error("{message}")]
    Fatal {
        /// SQLSTATE.
        code: &'static str,
        /// One line, as Postgres words it.
        message: String,
    },
}

impl Error {
    /// The bytes of a message do not follow the protocol.
    pub(crate) fn protocol(message: impl Into<String>) -> Self {
        Self::Fatal { code: "08P01", message: message.into() }
    }

    /// A value that cannot be a parameter of its type.
    pub(crate) fn request(code: &'static str, message: impl Into<String>) -> Self {
        Self::Request { code, message: message.into() }
    }

    /// Bytes that are no text.
    pub(crate) fn not_utf8() -> Self {
        Self::request("22021", "invalid byte sequence for encoding \"UTF8\"")
    }

    /// What Freshet does not do (yet).
    pub(crate) fn unsupported(what: impl std::fmt::Display) -> Self {
        Self::Request { code: "0A000", message: format!("{what} is not supported") }
    }

    /// The client stopped the statement.
    pub(crate) fn cancelled() -> Self {
        Self::request("57014", "canceling statement due to user request")
    }

    /// The server is going down.
    pub(crate) fn shutdown() -> Self {
        Self::Fatal { code: "57P01", message: "terminating connection due to administrator command".into() }
    }

    /// There is no room for what the client wants to send; what it sends cannot be skipped.
    pub(crate) fn out_of_memory(error: &engine::Error) -> Self {
        let detail = error.detail.as_deref().unwrap_or_default();
        Self::Fatal { code: error.code.0, message: format!("{}: {detail}", error.message) }
    }

    /// Nobody is there to be told.
    pub(crate) fn gone() -> Self {
        Self::Connection(std::io::ErrorKind::UnexpectedEof.into())
    }
}
