//! What can go wrong between a statement's text and its plan.
//!
//! Says what happened in Postgres' words where Postgres has some. The SQLSTATE of each is the
//! engine's business.

use datafusion::error::DataFusionError;

/// Why a statement has no plan.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is no statement (42601).
    #[error("{message}")]
    Syntax {
        /// Postgres' message.
        message: String,
        /// Where: characters from the start of the whole string, from 1.
        position: Option<usize>,
        /// What was expected instead, if that is known.
        detail: Option<String>,
    },
    /// Understood, and not there yet (0A000).
    #[error("{feature} is not supported yet")]
    Unsupported {
        /// The statement, clause, type or function, as its user would name it.
        feature: String,
        /// Where, as in [`Error::Syntax`].
        position: Option<usize>,
    },
    /// Nested too deeply, or too long a chain of operators (54001).
    #[error("stack depth limit exceeded")]
    TooComplex,
    /// A column is named that is not there (42703).
    #[error("column \"{0}\" does not exist")]
    UndefinedColumn(String),
    /// A name for two columns (42701).
    #[error("column \"{0}\" specified more than once")]
    DuplicateColumn(String),
    /// A relation is named that is not there (42P01).
    #[error("relation \"{0}\" does not exist")]
    UndefinedRelation(String),
    /// A type is named that is not there (42704).
    #[error("type \"{0}\" does not exist")]
    UndefinedType(String),
    /// The definition contradicts itself (42P16).
    #[error("{0}")]
    InvalidDefinition(String),
    /// A type's modifier or a function's argument that is out of its range.
    #[error("{0}")]
    InvalidParameter(String),
    /// A collation is named that is not there (42704).
    #[error("collation \"{0}\" for encoding \"UTF8\" does not exist")]
    UndefinedCollation(String),
    /// A function has no value for what it was given.
    #[error(transparent)]
    Value(ValueError),
    /// DataFusion refused it while binding or optimising.
    #[error(transparent)]
    DataFusion(DataFusionError),
}

/// Why a function has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// (2201F)
    #[error("cannot take square root of a negative number")]
    RootOfNegative,
    /// (2201E)
    #[error("cannot take logarithm of zero")]
    LogarithmOfZero,
    /// (2201E)
    #[error("cannot take logarithm of a negative number")]
    LogarithmOfNegative,
    /// (2201F)
    #[error("zero raised to a negative power is undefined")]
    NegativePowerOfZero,
    /// (2201F)
    #[error("a negative number raised to a non-integer power yields a complex result")]
    ComplexPower,
    /// (22003)
    #[error("input is out of range")]
    InputOutOfRange,
    /// (22003)
    #[error("value out of range: overflow")]
    Overflow,
    /// (22003)
    #[error("value out of range: underflow")]
    Underflow,
    /// (22025)
    #[error("LIKE pattern must not end with escape character")]
    EndsWithEscape,
    /// A text or array would be larger than a value may be (54000).
    #[error("requested length too large")]
    TooLarge,
}

impl From<ValueError> for DataFusionError {
    fn from(error: ValueError) -> Self {
        DataFusionError::External(Box::new(Error::Value(error)))
    }
}

impl Error {
    /// Something that is understood, and not there yet.
    pub fn unsupported(feature: impl Into<String>) -> Self {
        Error::Unsupported { feature: feature.into(), position: None }
    }
}

impl From<DataFusionError> for Error {
    /// An error of ours that has come through DataFusion is ours again.
    fn from(error: DataFusionError) -> Self {
        match error {
            DataFusionError::External(error) => match error.downcast::<Error>() {
                Ok(ours) => *ours,
                Err(other) => Error::DataFusion(DataFusionError::External(other)),
            },
            DataFusionError::Context(context, inner) => match Error::from(*inner) {
                Error::DataFusion(inner) => Error::DataFusion(inner.context(context)),
                ours => ours,
            },
            DataFusionError::Diagnostic(diagnostic, inner) => match Error::from(*inner) {
                Error::DataFusion(inner) => Error::DataFusion(DataFusionError::Diagnostic(diagnostic, Box::new(inner))),
                ours => ours,
            },
            other => Error::DataFusion(other),
        }
    }
}

impl From<arrow::error::ArrowError> for Error {
    fn from(error: arrow::error::ArrowError) -> Self {
        Error::DataFusion(error.into())
    }
}
