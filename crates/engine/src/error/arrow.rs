//! Arrow's errors: mostly values that do not fit their type.

use ::arrow::error::ArrowError;

use super::{Error, SqlState};

impl From<ArrowError> for Error {
    fn from(error: ArrowError) -> Error {
        match error {
            ArrowError::DivideByZero => Error::new(SqlState::DIVISION_BY_ZERO, "division by zero"),
            ArrowError::ArithmeticOverflow(message) => overflow(&message),
            ArrowError::CastError(message) | ArrowError::ParseError(message) => cast(&message),
            ArrowError::InvalidArgumentError(message) if message.contains("too large to store in a Decimal") => {
                numeric_overflow(&message)
            }
            ArrowError::InvalidArgumentError(message) | ArrowError::ComputeError(message) => computing(&message),
            ArrowError::NotYetImplemented(message) => Error::unsupported(message),
            ArrowError::MemoryError(message) => Error::new(SqlState::OUT_OF_MEMORY, message),
            ArrowError::OffsetOverflowError(_) => {
                Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "the values of one column of a batch exceed 2 GiB")
            }
            ArrowError::IoError(message, _) => Error::new(SqlState::IO_ERROR, message),
            ArrowError::JsonError(message) => {
                Error::new(SqlState::INVALID_TEXT_REPRESENTATION, "invalid input syntax for type json")
                    .with_detail(message)
            }
            ArrowError::ExternalError(error) => match error.downcast::<::datafusion::error::DataFusionError>() {
                Ok(error) => Error::from(*error),
                Err(error) => match error.downcast::<Error>() {
                    Ok(error) => *error,
                    Err(error) => super::layers::downcast(error),
                },
            },
            error => Error::internal(error.to_string()),
        }
    }
}

/// A sentence about a computation that failed on some value.
pub(super) fn computing(message: &str) -> Error {
    let lower = message.to_lowercase();
    if message.starts_with("value too long for type ") {
        Error::new(SqlState::STRING_DATA_RIGHT_TRUNCATION, message)
    } else if let Some((name, _)) =
        message.strip_prefix("invalid input syntax for type ").and_then(|rest| rest.split_once(": "))
    {
        Error::new(input_code(name), message)
    } else if message.starts_with("Range too large to materialize") {
        // `generate_series` in a select list is an array first.
        Error::new(SqlState::OUT_OF_MEMORY, "out of memory").with_detail(message)
    } else if message.starts_with("date/time field value out of range: ") {
        Error::new(SqlState::DATETIME_FIELD_OVERFLOW, message)
    } else if lower.contains("too large to store in a decimal") {
        numeric_overflow(message)
    } else if lower.contains("scalar subquery returned more than one row") {
        Error::new(SqlState::CARDINALITY_VIOLATION, "more than one row returned by a subquery used as an expression")
    } else if let Some(unit) = unit(message) {
        Error::new(SqlState::INVALID_PARAMETER_VALUE, format!("unit \"{unit}\" not recognized"))
    } else if lower.contains("divide by zero") || lower.contains("division by zero") {
        Error::new(SqlState::DIVISION_BY_ZERO, "division by zero")
    } else if lower.contains("overflow") || lower.contains("out of range") {
        overflow(message)
    } else if lower.contains("cannot cast") || lower.contains("can't cast") || lower.contains("error parsing") {
        cast(message)
    } else {
        Error::new(SqlState::DATA_EXCEPTION, message)
    }
}

/// The part of a date that there is not: "Date part 'x' not supported", "Unsupported date_trunc
/// granularity: 'x'. Supported values are ..."
fn unit(message: &str) -> Option<&str> {
    let rest = message.split_once("Date part '").or_else(|| message.split_once("date_trunc granularity: '"));
    rest?.1.split('\'').next()
}

/// A number that left its type's range.
fn overflow(message: &str) -> Error {
    let lower = message.to_lowercase();
    let what = if lower.contains("decimal") || lower.contains("numeric") {
        "numeric field overflow"
    } else if ["smallint", "integer", "bigint", "timestamp", "date", "interval", "real"]
        .iter()
        .any(|name| lower.starts_with(name))
    {
        message
    } else if lower.contains("timestamp") || lower.contains("interval") || lower.contains("date") {
        return Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "timestamp out of range").with_detail(message);
    } else {
        return Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value out of range").with_detail(message);
    };
    let error = Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, what);
    if what == message { error } else { error.with_detail(message) }
}

/// "123456.00 is too large to store in a Decimal128 of precision 6. Max is 9999.99"
fn numeric_overflow(message: &str) -> Error {
    let error = Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "numeric field overflow");
    let words = message.split_once("of precision ").and_then(|(_, rest)| rest.split_once(". Max is "));
    let Some((precision, max)) = words else { return error.with_detail(message) };
    let max = max.trim_end_matches('.');
    let (whole, fraction) = max.split_once('.').unwrap_or((max, ""));
    let digits = if whole == "0" { 0 } else { whole.len() };
    error.with_detail(format!(
        "A field with precision {precision}, scale {} must round to an absolute value less than 10^{digits}.",
        fraction.len()
    ))
}

/// A value that cannot be made into another type.
fn cast(message: &str) -> Error {
    // "Cannot cast string 'abc' to value of Int32 type"
    if let Some((value, rest)) = quoted_after(message, "Cannot cast string '", "' to value of ") {
        let name = type_name(rest.trim_end_matches(" type"));
        return if is_number_too_large(value, name) {
            Error::new(
                SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
                format!("value \"{value}\" is out of range for type {name}"),
            )
        } else {
            invalid_input(name, value)
        };
    }
    // "Cannot cast value 'abc' to value of Boolean type"
    if let Some((value, rest)) = quoted_after(message, "Cannot cast value '", "' to value of ") {
        return invalid_input(type_name(rest.trim_end_matches(" type")), value);
    }
    // "Error parsing timestamp from 'abc': error parsing date"
    if let Some((kind, rest)) = message.strip_prefix("Error parsing ").and_then(|rest| rest.split_once(" from '")) {
        let value = rest.rsplit_once("': ").map_or(rest.trim_end_matches('\''), |(value, _)| value);
        let is_out_of_range = message.contains("out of range");
        let code = if is_out_of_range { SqlState::DATETIME_FIELD_OVERFLOW } else { SqlState::INVALID_DATETIME_FORMAT };
        return Error::new(code, format!("invalid input syntax for type {kind}: \"{value}\""));
    }
    // "Can't cast value 3000000000 to type Int32"
    if let Some((_, to)) = message.split_once("to type ").filter(|_| message.starts_with("Can't cast value")) {
        return Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, format!("{} out of range", type_name(to)));
    }
    let lower = message.to_lowercase();
    if lower.contains("interval") {
        return Error::new(SqlState::INVALID_DATETIME_FORMAT, message);
    }
    if lower.contains("overflow") || lower.contains("out of range") || lower.contains("too large") {
        return overflow(message);
    }
    if lower.contains("casting from") || lower.contains("not supported") {
        return Error::new(SqlState::CANNOT_COERCE, message);
    }
    Error::new(SqlState::INVALID_TEXT_REPRESENTATION, message)
}

fn invalid_input(type_name: &str, value: &str) -> Error {
    Error::new(input_code(type_name), format!("invalid input syntax for type {type_name}: \"{value}\""))
}

/// The code for text that is no value of a type.
fn input_code(type_name: &str) -> SqlState {
    match type_name.split(' ').next().unwrap_or_default() {
        "date" | "time" | "timestamp" | "interval" => SqlState::INVALID_DATETIME_FORMAT,
        _ => SqlState::INVALID_TEXT_REPRESENTATION,
    }
}

fn is_number_too_large(value: &str, type_name: &str) -> bool {
    let digits = value.trim().trim_start_matches(['-', '+']);
    matches!(type_name, "smallint" | "integer" | "bigint")
        && !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// What stands between `before` and the last `between`, and what follows.
fn quoted_after<'a>(message: &'a str, before: &str, between: &str) -> Option<(&'a str, &'a str)> {
    let start = message.find(before)? + before.len();
    message[start..].rsplit_once(between)
}

/// Postgres' name for the type that Arrow displays as `arrow`.
pub(super) fn type_name(arrow: &str) -> &str {
    match arrow.trim() {
        "Int8" | "Int16" | "UInt8" => "smallint",
        "Int32" | "UInt16" => "integer",
        "Int64" | "UInt32" => "bigint",
        "UInt64" => "numeric",
        "Float16" | "Float32" => "real",
        "Float64" => "double precision",
        "Boolean" => "boolean",
        "Utf8" | "LargeUtf8" | "Utf8View" => "text",
        "Binary" | "LargeBinary" | "BinaryView" => "bytea",
        "Date32" | "Date64" => "date",
        "Null" => "unknown",
        name if name.starts_with("Decimal") => "numeric",
        name if name.starts_with("Time32") || name.starts_with("Time64") => "time without time zone",
        name if name.starts_with("Timestamp") && name.contains(", ") => "timestamp with time zone",
        name if name.starts_with("Timestamp") => "timestamp without time zone",
        name if name.starts_with("Interval") || name.starts_with("Duration") => "interval",
        name => name,
    }
}
