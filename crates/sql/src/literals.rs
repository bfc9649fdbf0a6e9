//! Number literals that stand alone: an `integer` in Postgres while they fit, a `bigint` in DataFusion.
//!
//! A literal beside an operand has its type from there (`semantics::operators`).

use sqlparser::ast::{CastKind, DataType, Expr, UnaryOperator, Value, Values};

/// The most rows of a `VALUES` list that are looked through. Longer ones are for `INSERT`, where the
/// column has a type.
const ROWS_MAX: usize = 100;

/// Says that a whole number is an `integer`, if that is what the expression is.
pub(crate) fn type_integer(expression: &mut Expr) {
    if is_integer(expression) {
        *expression = Expr::Cast {
            kind: CastKind::DoubleColon,
            expr: Box::new(expression.clone()),
            data_type: DataType::Integer(None),
            array: false,
            format: None,
        };
    }
}

/// The same for columns of `VALUES` that are whole numbers throughout.
pub(crate) fn type_values(values: &mut Values) {
    let width = values.rows.first().map_or(0, |row| row.len());
    if values.rows.len() > ROWS_MAX || values.rows.iter().any(|row| row.len() != width) {
        return;
    }
    for column in 0..width {
        if values.rows.iter().all(|row| is_integer(&row[column]) || is_null(&row[column])) {
            values.rows.iter_mut().for_each(|row| type_integer(&mut row[column]));
        }
    }
}

fn is_integer(expression: &Expr) -> bool {
    match expression {
        Expr::Nested(inner) => is_integer(inner),
        Expr::Value(value) => matches!(&value.value, Value::Number(number, _) if number.parse::<i32>().is_ok()),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => matches!(
            expr.as_ref(),
            Expr::Value(value)
                if matches!(&value.value, Value::Number(number, _) if format!("-{number}").parse::<i32>().is_ok())
        ),
        _ => false,
    }
}

fn is_null(expression: &Expr) -> bool {
    matches!(expression, Expr::Value(value) if matches!(value.value, Value::Null))
}
