//! DataFusion's errors: names that are not there, types that do not fit, plans that cannot be.

use ::datafusion::common::{Column, SchemaError};
use ::datafusion::error::DataFusionError;
use ::datafusion::sql::sqlparser::parser::ParserError;

use super::arrow::{computing, type_name};
use super::{Error, SqlState};
use crate::nearest::nearest;

impl From<DataFusionError> for Error {
    fn from(error: DataFusionError) -> Error {
        match error {
            DataFusionError::ArrowError(error, _) => Error::from(*error),
            DataFusionError::External(error) => external(error),
            DataFusionError::Context(_, error) => Error::from(*error),
            DataFusionError::Shared(error) => shared(&error),
            DataFusionError::Collection(mut errors) if !errors.is_empty() => Error::from(errors.swap_remove(0)),
            DataFusionError::Diagnostic(diagnostic, error) => {
                let error = Error::from(*error);
                match diagnostic.span {
                    Some(span) => error.at_line(span.start.line, span.start.column),
                    None => error,
                }
            }
            DataFusionError::SQL(error, _) => syntax(&error),
            DataFusionError::SchemaError(error, _) => schema(*error),
            DataFusionError::NotImplemented(message) => not_implemented(&message),
            DataFusionError::Plan(message) => planning(&message),
            DataFusionError::Execution(message) => computing(&message),
            // The last line says what was asked for; those before it, who has how much.
            DataFusionError::ResourcesExhausted(message) => Error::new(SqlState::OUT_OF_MEMORY, "out of memory")
                .with_detail(message.lines().last().unwrap_or(&message).trim_start_matches("Error: "))
                .with_hint("The server's --memory limits what statements may use."),
            DataFusionError::IoError(error) => Error::new(SqlState::IO_ERROR, error.to_string()),
            DataFusionError::Configuration(message) => Error::new(SqlState::INVALID_PARAMETER_VALUE, message),
            DataFusionError::ExecutionJoin(error) if error.is_cancelled() => Error::cancelled(),
            // Arrow panics where the values of a batch are more than its offsets can count.
            DataFusionError::ExecutionJoin(error) if error.to_string().contains("overflow") => {
                Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "the values of one column of a batch exceed 2 GiB")
            }
            error => Error::internal(error.strip_backtrace()),
        }
    }
}

/// An error that was carried through DataFusion.
fn external(error: Box<dyn std::error::Error + Send + Sync>) -> Error {
    match error.downcast::<Error>() {
        Ok(error) => *error,
        Err(error) => match error.downcast::<DataFusionError>() {
            Ok(error) => Error::from(*error),
            Err(error) => match error.downcast::<::arrow::error::ArrowError>() {
                Ok(error) => Error::from(*error),
                Err(error) => super::layers::downcast(error),
            },
        },
    }
}

/// An error that several streams got: it cannot be taken apart, only looked at.
fn shared(error: &DataFusionError) -> Error {
    match error {
        DataFusionError::Shared(error) => shared(error),
        DataFusionError::Context(_, error) => shared(error),
        DataFusionError::External(error) => match error.downcast_ref::<Error>() {
            Some(error) => error.clone(),
            None => match error.downcast_ref::<sql::Error>() {
                Some(sql::Error::Value(error)) => Error::from(*error),
                _ => Error::internal(error.to_string()),
            },
        },
        DataFusionError::ArrowError(error, _) => match error.as_ref() {
            ::arrow::error::ArrowError::DivideByZero => Error::from(::arrow::error::ArrowError::DivideByZero),
            ::arrow::error::ArrowError::CastError(message) => {
                Error::from(::arrow::error::ArrowError::CastError(message.clone()))
            }
            ::arrow::error::ArrowError::ArithmeticOverflow(message) => {
                Error::from(::arrow::error::ArrowError::ArithmeticOverflow(message.clone()))
            }
            ::arrow::error::ArrowError::ParseError(message) => {
                Error::from(::arrow::error::ArrowError::ParseError(message.clone()))
            }
            error => computing(&error.to_string()),
        },
        DataFusionError::ResourcesExhausted(message) => {
            Error::from(DataFusionError::ResourcesExhausted(message.clone()))
        }
        error => computing(&error.strip_backtrace()),
    }
}

fn syntax(error: &ParserError) -> Error {
    let message = match error {
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => message.as_str(),
        ParserError::RecursionLimitExceeded => {
            return Error::new(SqlState::STATEMENT_TOO_COMPLEX, "the statement is nested too deeply");
        }
    };
    Error::new(SqlState::SYNTAX_ERROR, message)
}

fn schema(error: SchemaError) -> Error {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let span = field.spans.first();
            let error = undefined_column(&field, &valid_fields);
            match span {
                Some(span) => error.at_line(span.start.line, span.start.column),
                None => error,
            }
        }
        SchemaError::AmbiguousReference { field } => {
            Error::new(SqlState::AMBIGUOUS_COLUMN, format!("column reference \"{}\" is ambiguous", field.name))
        }
        SchemaError::DuplicateQualifiedField { qualifier, .. } => Error::new(
            SqlState::DUPLICATE_ALIAS,
            format!("table name \"{}\" specified more than once", qualifier.table()),
        ),
        SchemaError::DuplicateUnqualifiedField { name } => {
            Error::new(SqlState::DUPLICATE_COLUMN, format!("column \"{name}\" specified more than once"))
        }
    }
}

fn undefined_column(field: &Column, valid_fields: &[Column]) -> Error {
    let message = match &field.relation {
        // What `sql` calls the rows of ARRAY(SELECT ...), of which DataFusion loses sight.
        Some(relation) if relation.table() == "freshet rows" => {
            return Error::unsupported("this form of correlated ARRAY(subquery) is not supported yet");
        }
        Some(relation) => {
            let is_known = valid_fields.iter().any(|valid| valid.relation.as_ref() == Some(relation));
            if !is_known && !valid_fields.is_empty() {
                return Error::new(
                    SqlState::UNDEFINED_TABLE,
                    format!("missing FROM-clause entry for table \"{}\"", relation.table()),
                );
            }
            format!("column {}.{} does not exist", relation.table(), field.name)
        }
        None => format!("column \"{}\" does not exist", field.name),
    };
    let near = nearest(&field.name, valid_fields.iter().map(|valid| valid.name.as_str()));
    let hint = near.map(|near| {
        let valid = valid_fields.iter().find(|valid| valid.name == near);
        match valid.and_then(|valid| valid.relation.as_ref()) {
            Some(relation) => {
                format!("Perhaps you meant to reference the column \"{}.{near}\".", relation.table())
            }
            None => format!("Perhaps you meant to reference the column \"{near}\"."),
        }
    });
    Error::new(SqlState::UNDEFINED_COLUMN, message).with_hint_maybe(hint)
}

/// A sentence about a plan that cannot be made.
fn planning(message: &str) -> Error {
    let line = first_line(message);
    let lower = line.to_lowercase();
    if let Some(rest) = line.strip_prefix("Invalid function '") {
        let name = rest.split('\'').next().unwrap_or(rest);
        let near = message.split("Did you mean '").nth(1).and_then(|near| near.split('\'').next());
        let hint = near
            .filter(|near| nearest(name, [*near]).is_some())
            .map(|near| format!("Perhaps you meant the function {near}."));
        return Error::new(SqlState::UNDEFINED_FUNCTION, format!("function {name} does not exist"))
            .with_hint_maybe(hint);
    }
    if let Some(error) = operator(line).or_else(|| union_types(line)) {
        return error;
    }
    if let Some(error) = undefined_function(message) {
        return error;
    }
    if let Some(error) = clause(line) {
        return error;
    }
    if lower.contains("must be in group by") || lower.contains("must appear in the group by") {
        let column = line.split("column \"").nth(1).and_then(|rest| rest.split('"').next());
        return match column {
            Some(column) => Error::new(
                SqlState::GROUPING_ERROR,
                format!("column \"{column}\" must appear in the GROUP BY clause or be used in an aggregate function"),
            ),
            None => Error::new(SqlState::GROUPING_ERROR, line),
        };
    }
    if let Some(rest) = line.strip_prefix("cannot cast type ") {
        return Error::new(SqlState::CANNOT_COERCE, format!("cannot cast type {rest}"));
    }
    if lower.contains(" not recognized for type ") {
        return Error::new(SqlState::INVALID_PARAMETER_VALUE, line);
    }
    if lower.contains("ambiguous") {
        return Error::new(SqlState::AMBIGUOUS_COLUMN, line);
    }
    if lower.contains("table function") && lower.contains("not found") {
        return Error::new(SqlState::UNDEFINED_FUNCTION, line);
    }
    if lower.contains("require unique expression names") {
        return Error::new(SqlState::DUPLICATE_COLUMN, "two columns of a subquery have the same name")
            .with_detail(line)
            .with_hint("Give one of them another name with AS.");
    }
    if lower.contains("inconsistent data length across values") {
        return Error::new(SqlState::SYNTAX_ERROR, "VALUES lists must all be the same length");
    }
    if lower.contains("inconsistent data type across values") || lower.contains("inconsistent metadata across values") {
        return Error::new(SqlState::DATATYPE_MISMATCH, "the VALUES of one column are of types that cannot be matched")
            .with_detail(line);
    }
    if lower.contains("placeholder") || lower.contains("no value found for") {
        return Error::new(SqlState::INDETERMINATE_DATATYPE, line);
    }
    if ["same number of columns", "equal number of columns", "different number of columns"]
        .iter()
        .any(|words| lower.contains(words))
    {
        let set = line.split(' ').next().filter(|word| ["UNION", "INTERSECT", "EXCEPT"].contains(word));
        let message = format!("each {} query must have the same number of columns", set.unwrap_or("UNION"));
        return Error::new(SqlState::SYNTAX_ERROR, message);
    }
    if lower.contains("not supported") || lower.contains("unsupported") || lower.contains("not implemented") {
        return Error::unsupported(line);
    }
    if lower.contains("aggregate functions are not allowed in the where clause") {
        return Error::new(SqlState::GROUPING_ERROR, "aggregate functions are not allowed in WHERE");
    }
    if lower.contains("divide by zero") {
        return Error::new(SqlState::DIVISION_BY_ZERO, "division by zero");
    }
    if lower.contains("type") && (lower.contains("coerc") || lower.contains("mismatch") || lower.contains("must be")) {
        return Error::new(SqlState::DATATYPE_MISMATCH, line);
    }
    if lower.contains("expected boolean") || lower.contains("non-boolean") {
        return Error::new(SqlState::DATATYPE_MISMATCH, line);
    }
    Error::new(SqlState::SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION, line)
}

/// What a clause or a subquery cannot be.
fn clause(line: &str) -> Option<Error> {
    let number = |before: &str| line.strip_prefix(before)?.split([',', ' ']).next();
    let (code, message) = if let Some(position) = number("Order by column out of bounds, specified: ") {
        (SqlState::INVALID_COLUMN_REFERENCE, format!("ORDER BY position {position} is not in select list"))
    } else if let Some(position) = number("Cannot find column with position ") {
        (SqlState::INVALID_COLUMN_REFERENCE, format!("GROUP BY position {position} is not in select list"))
    } else if line.starts_with("LIMIT must be >= 0") {
        (SqlState::INVALID_ROW_COUNT_IN_LIMIT_CLAUSE, "LIMIT must not be negative".to_owned())
    } else if line.starts_with("OFFSET must be >=") {
        (SqlState::INVALID_ROW_COUNT_IN_RESULT_OFFSET_CLAUSE, "OFFSET must not be negative".to_owned())
    } else if line.starts_with("For SELECT DISTINCT, ORDER BY expressions ") {
        let message = "for SELECT DISTINCT, ORDER BY expressions must appear in select list".to_owned();
        (SqlState::INVALID_COLUMN_REFERENCE, message)
    } else if line.starts_with("SELECT DISTINCT ON expressions must match initial ORDER BY expressions") {
        (SqlState::INVALID_COLUMN_REFERENCE, line.to_owned())
    } else if line.starts_with("Too many columns! The subquery should only return one column") {
        (SqlState::SYNTAX_ERROR, "subquery must return only one column".to_owned())
    } else {
        let (_, given) = line.split_once("Cannot create filter with non-boolean predicate")?;
        let (_, data_type) = given.rsplit_once(" returning ")?;
        let given = type_name(data_type);
        (SqlState::DATATYPE_MISMATCH, format!("argument of WHERE must be type boolean, not type {given}"))
    };
    Some(Error::new(code, message))
}

/// "Cannot coerce arithmetic expression Utf8 + Int64 to valid types" and its kin.
fn operator(line: &str) -> Option<Error> {
    let between = |before: &str, after: &str| {
        let rest = &line[line.find(before)? + before.len()..];
        Some(if after.is_empty() { rest } else { rest.split(after).next().unwrap_or(rest) })
    };
    let rest = between("Cannot coerce arithmetic expression ", " to valid types")
        .or_else(|| between("Cannot get result type for temporal operation ", ": "))
        .or_else(|| between("Cannot infer common argument type for comparison operation ", ""))
        .or_else(|| between("Cannot infer common argument type for logical boolean operation ", ""))?;
    let words = split_outside(rest, ' ');
    let [left, operator @ .., right] = words.as_slice() else { return None };
    Some(
        Error::new(
            SqlState::UNDEFINED_FUNCTION,
            format!("operator does not exist: {} {} {}", type_name(left), operator.join(" "), type_name(right)),
        )
        .with_hint("No operator matches the given name and argument types. You might need to add explicit type casts."),
    )
}

/// "Incompatible inputs for Union: Previous inputs were of type Int32, but got incompatible type Boolean on column 'x'"
fn union_types(line: &str) -> Option<Error> {
    let rest = line.strip_prefix("Incompatible inputs for Union: Previous inputs were of type ")?;
    let (one, rest) = rest.split_once(", but got incompatible type ")?;
    let (other, _) = rest.rsplit_once(" on column ")?;
    Some(Error::new(
        SqlState::DATATYPE_MISMATCH,
        format!("UNION types {} and {} cannot be matched", type_name(one), type_name(other)),
    ))
}

/// "No function matches the given name and argument types 'sum(Utf8)'", in a sentence or under one.
fn undefined_function(message: &str) -> Option<Error> {
    let call = message.split("given name and argument types '").nth(1)?.split('\'').next()?;
    let (name, arguments) = call.trim_end_matches(')').split_once('(')?;
    let arguments: Vec<&str> = split_outside(arguments, ',').into_iter().map(type_name).collect();
    let error =
        Error::new(SqlState::UNDEFINED_FUNCTION, format!("function {name}({}) does not exist", arguments.join(", ")));
    Some(
        error.with_hint(
            "No function matches the given name and argument types. You might need to add explicit type casts.",
        ),
    )
}

/// At separators that are not within parentheses: `Decimal128(38, 0), Utf8`.
fn split_outside(text: &str, separator: char) -> Vec<&str> {
    let mut depth = 0_usize;
    let parts = text.split(|letter| {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        letter == separator && depth == 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty()).collect()
}

fn not_implemented(message: &str) -> Error {
    let line = first_line(message);
    match line.strip_prefix("Physical plan does not support logical expression ") {
        Some(expression) => {
            let kind = expression.split('(').next().unwrap_or(expression);
            if kind == "WindowFunction" {
                return Error::new(SqlState::WINDOWING_ERROR, "window functions are not allowed in WHERE");
            }
            Error::unsupported(format!("a subquery in this place ({kind}) is not supported yet"))
        }
        None => Error::unsupported(line),
    }
}

fn first_line(message: &str) -> &str {
    message.lines().next().unwrap_or(message).trim_end_matches('.')
}
