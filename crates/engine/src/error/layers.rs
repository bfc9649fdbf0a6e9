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

impl From<sql::Error> for Error {
    fn from(error: sql::Error) -> Error {
        let message = error.to_string();
        match error {
            sql::Error::Syntax { position, detail, .. } => {
                let error = Error { position, ..Error::new(SqlState::SYNTAX_ERROR, message) };
                Error { detail, ..error }
            }
            sql::Error::Unsupported { position, .. } => Error { position, ..Error::unsupported(message) },
            sql::Error::TooComplex => Error::new(SqlState::STATEMENT_TOO_COMPLEX, message),
            sql::Error::UndefinedColumn(_) => Error::new(SqlState::UNDEFINED_COLUMN, message),
            sql::Error::DuplicateColumn(_) => Error::new(SqlState::DUPLICATE_COLUMN, message),
            sql::Error::UndefinedRelation(_) => Error::new(SqlState::UNDEFINED_TABLE, message),
            sql::Error::UndefinedCollation(_) | sql::Error::UndefinedType(_) => {
                Error::new(SqlState::UNDEFINED_OBJECT, message)
            }
            sql::Error::InvalidParameter(_) => Error::new(SqlState::INVALID_PARAMETER_VALUE, message),
            sql::Error::InvalidDefinition(_) => Error::new(SqlState::INVALID_TABLE_DEFINITION, message),
            sql::Error::Value(error) => Error::from(error),
            sql::Error::DataFusion(error) => Error::from(error),
        }
    }
}

impl From<sql::ValueError> for Error {
    fn from(error: sql::ValueError) -> Error {
        use sql::ValueError::*;
        let code = match error {
            RootOfNegative | NegativePowerOfZero | ComplexPower => SqlState::INVALID_ARGUMENT_FOR_POWER_FUNCTION,
            LogarithmOfZero | LogarithmOfNegative => SqlState::INVALID_ARGUMENT_FOR_LOGARITHM,
            InputOutOfRange | Overflow | Underflow => SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
            EndsWithEscape => SqlState::INVALID_ESCAPE_SEQUENCE,
            TooLarge => SqlState::PROGRAM_LIMIT_EXCEEDED,
        };
        Error::new(code, error.to_string())
    }
}

impl From<dataflow::Error> for Error {
    fn from(error: dataflow::Error) -> Error {
        let message = error.to_string();
        match error {
            dataflow::Error::Source(error) => Error::from(error),
            dataflow::Error::Arrow(error) => Error::from(error),
            dataflow::Error::Closed => Error::shutting_down(),
            dataflow::Error::Start(_) => Error::new(SqlState::INSUFFICIENT_RESOURCES, message),
            dataflow::Error::Panicked(_) => Error::new(SqlState::IO_ERROR, message),
            dataflow::Error::Dropped => {
                Error::new(SqlState::QUERY_CANCELED, "canceling statement because what it makes, or reads, was dropped")
            }
            dataflow::Error::Operator(_) | dataflow::Error::State(_) | dataflow::Error::NoKey(_) => {
                Error::internal(message)
            }
        }
    }
}

impl From<state::Error> for Error {
    fn from(error: state::Error) -> Error {
        Error::from(dataflow::Error::State(error))
    }
}

/// An error that was carried through DataFusion in a box.
pub(super) fn downcast(error: Box<dyn std::error::Error + Send + Sync>) -> Error {
    let error = match error.downcast::<sql::Error>() {
        Ok(error) => return Error::from(*error),
        Err(error) => error,
    };
    let error = match error.downcast::<dataflow::Error>() {
        Ok(error) => return Error::from(*error),
        Err(error) => error,
    };
    match error.downcast::<connectors::Error>() {
        Ok(error) => Error::from(*error),
        Err(error) => Error::internal(error.to_string()),
    }
}
