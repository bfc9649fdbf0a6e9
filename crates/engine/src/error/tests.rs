//! What DataFusion and Arrow say, and what a client reads.

use ::arrow::error::ArrowError;
use ::datafusion::common::{Column, SchemaError, TableReference};
use ::datafusion::error::DataFusionError;

use super::*;

fn check(error: impl Into<Error>, code: &str, message: &str) {
    let error = error.into();
    assert_eq!((error.code.0, error.message.as_str()), (code, message));
}

#[test]
fn clauses_and_subqueries() {
    for (line, code, message) in [
        ("Order by column out of bounds, specified: 2, max: 1", "42P10", "ORDER BY position 2 is not in select list"),
        (
            "Cannot find column with position 3 in SELECT clause. Valid columns: 1 to 1",
            "42P10",
            "GROUP BY position 3 is not in select list",
        ),
        ("LIMIT must be >= 0, '-1' was provided", "2201W", "LIMIT must not be negative"),
        (
            "Too many columns! The subquery should only return one column: t.a, t.b",
            "42601",
            "subquery must return only one column",
        ),
        (
            "Cannot create filter with non-boolean predicate 't.a' returning Decimal128(5, 2)",
            "42804",
            "argument of WHERE must be type boolean, not type numeric",
        ),
    ] {
        check(DataFusionError::Plan(line.into()), code, message);
    }
    check(
        DataFusionError::Execution("Scalar subquery returned more than one row".into()),
        "21000",
        "more than one row returned by a subquery used as an expression",
    );
    check(
        DataFusionError::Execution("Date part 'nosuch' not supported".into()),
        "22023",
        "unit \"nosuch\" not recognized",
    );
}

#[test]
fn values_that_do_not_fit() {
    check(ArrowError::DivideByZero, "22012", "division by zero");
    check(
        ArrowError::CastError("Cannot cast string 'abc' to value of Int32 type".into()),
        "22P02",
        "invalid input syntax for type integer: \"abc\"",
    );
    check(
        ArrowError::CastError("Cannot cast string '3000000000' to value of Int32 type".into()),
        "22003",
        "value \"3000000000\" is out of range for type integer",
    );
    check(ArrowError::CastError("Can't cast value 3000000000 to type Int32".into()), "22003", "integer out of range");
    check(
        ArrowError::ParseError("Error parsing timestamp from 'tomorrow': error parsing date".into()),
        "22007",
        "invalid input syntax for type timestamp: \"tomorrow\"",
    );
    check(
        DataFusionError::Context("while".into(), Box::new(ArrowError::DivideByZero.into())),
        "22012",
        "division by zero",
    );
}

#[test]
fn numbers_with_too_many_digits() {
    let message = "123456.00 is too large to store in a Decimal128 of precision 6. Max is 9999.99";
    let error = Error::from(ArrowError::InvalidArgumentError(message.into()));
    check(error.clone(), "22003", "numeric field overflow");
    assert_eq!(
        error.detail.as_deref(),
        Some("A field with precision 6, scale 2 must round to an absolute value less than 10^4.")
    );
}

#[test]
fn names_that_are_not_there() {
    let missing = |relation: Option<&str>| {
        let missing = SchemaError::FieldNotFound {
            field: Box::new(Column::new(relation.map(TableReference::bare), "quantty")),
            valid_fields: vec![Column::new(Some("orders"), "quantity"), Column::new(Some("orders"), "id")],
        };
        DataFusionError::SchemaError(Box::new(missing), Box::new(None))
    };
    let error = Error::from(missing(None));
    check(error.clone(), "42703", "column \"quantty\" does not exist");
    assert_eq!(error.hint.as_deref(), Some("Perhaps you meant to reference the column \"orders.quantity\"."));
    check(missing(Some("orders")), "42703", "column orders.quantty does not exist");
    check(missing(Some("order")), "42P01", "missing FROM-clause entry for table \"order\"");
    check(
        DataFusionError::Plan("Invalid function 'uper'.\nDid you mean 'upper'?".into()),
        "42883",
        "function uper does not exist",
    );
}

#[test]
fn operators_that_are_not_there() {
    check(
        DataFusionError::Plan("Cannot coerce arithmetic expression Utf8 + Int64 to valid types".into()),
        "42883",
        "operator does not exist: text + bigint",
    );
    check(
        DataFusionError::Plan("Cannot infer common argument type for comparison operation Boolean = Int64".into()),
        "42883",
        "operator does not exist: boolean = bigint",
    );
}

#[test]
fn types_with_blanks_are_one_word() {
    check(
        DataFusionError::Plan(
            "Cannot infer common argument type for comparison operation Decimal128(38, 10) IS DISTINCT FROM Boolean"
                .into(),
        ),
        "42883",
        "operator does not exist: numeric IS DISTINCT FROM boolean",
    );
    check(
        DataFusionError::Plan(
            "Incompatible inputs for Union: Previous inputs were of type Int32, but got incompatible type Boolean on column 'b'"
                .into(),
        ),
        "42804",
        "UNION types integer and boolean cannot be matched",
    );
}

#[test]
fn ours_pass_through_unchanged() {
    let error = Error::new(SqlState::UNIQUE_VIOLATION, "duplicate").with_detail("Key (id)=(1) already exists.");
    let through = Error::from(DataFusionError::Shared(std::sync::Arc::new(error.clone().into())));
    assert_eq!((through.code, through.detail), (error.code, error.detail));
}

#[test]
fn positions_count_characters() {
    let error = Error::new(SqlState::UNDEFINED_COLUMN, "x").at_line(2, 3);
    assert_eq!(error.located_in("select 'ä'\n  x").position, Some(14));
    let error = Error::new(SqlState::UNDEFINED_COLUMN, "x").at_line(9, 9);
    assert_eq!(error.located_in("select").position, None);
}

#[test]
fn functions_that_take_no_such_arguments() {
    let message = "Function 'sum' failed to match any signature.\n\tNo function matches the given name and argument types \
                   'sum(Utf8, Decimal128(10, 2))'. You might need to add explicit type casts.";
    check(DataFusionError::Plan(message.into()), "42883", "function sum(text, numeric) does not exist");
    check(
        DataFusionError::NotImplemented(
            "Physical plan does not support logical expression Exists(Exists { .. })".into(),
        ),
        "0A000",
        "a subquery in this place (Exists) is not supported yet",
    );
}
