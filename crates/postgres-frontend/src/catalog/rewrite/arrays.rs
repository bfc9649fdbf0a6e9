//! Arrays: literals, and functions that give a row for each element.

use datafusion::sql::sqlparser::ast::{Array, BinaryOperator, DataType, Expr, Value};

use super::syntax::{arguments, call, cast, function_name, null, number, text};

/// A text that looks like an array is one beside a catalog's column: Postgres sees it by the types.
pub(super) fn compared(expression: &mut Expr) {
    if let Expr::BinaryOp { right, op: BinaryOperator::Eq | BinaryOperator::NotEq, .. } = expression
        && let Some(array) = array_literal(right)
    {
        **right = array;
    }
}

/// Rewrites one expression, whose parts have been rewritten.
pub(super) fn rewrite(expression: &mut Expr) {
    match expression {
        Expr::AnyOp { right, .. } | Expr::AllOp { right, .. } => {
            while let Expr::Nested(inner) = right.as_mut() {
                let inner = std::mem::replace(inner.as_mut(), null());
                **right = inner;
            }
            if let Some(array) = array_literal(right) {
                **right = array;
            }
        }
        Expr::Cast { .. } => {
            if let Some(array) = array_literal(expression) {
                *expression = array;
            }
        }
        Expr::Function(function) => {
            let (Some(name), Some(arguments)) = (function_name(function), arguments(function)) else { return };
            match (name.last().map(String::as_str), arguments.as_slice()) {
                (Some("generate_subscripts"), [array, _]) => *expression = subscripts(array),
                // A row of an element and its number for each element.
                (Some("_pg_expandarray"), [array]) => {
                    let elements = call("unnest", vec![(*array).clone()]);
                    *expression = call("named_struct", vec![text("x"), elements, text("n"), subscripts(array)]);
                }
                _ => {}
            }
        }
        _ => {}
    }
}

/// The numbers of an array's elements, a row each.
fn subscripts(array: &Expr) -> Expr {
    call("unnest", vec![call("array_subscripts", vec![array.clone(), number("1")])])
}

/// `'{a,b}'`, perhaps cast to an array type, as `ARRAY['a', 'b']`; nothing for what is no plain array literal.
fn array_literal(expression: &Expr) -> Option<Expr> {
    let (literal, data_type) = match expression {
        Expr::Cast { expr, data_type: data_type @ DataType::Array(_), .. } => (expr.as_ref(), Some(data_type)),
        literal => (literal, None),
    };
    let Expr::Value(value) = literal else { return None };
    let Value::SingleQuotedString(literal) = &value.value else { return None };
    if !literal.starts_with('{') {
        return None;
    }
    let elements = crate::decode::split_array(literal).ok()?;
    let are_numbers = data_type.is_none() && elements.iter().flatten().all(|element| element.parse::<i64>().is_ok());
    if elements.is_empty() && data_type.is_none() {
        return None;
    }
    let elem = elements.iter().map(|element| match element {
        None => null(),
        Some(element) if are_numbers => number(element),
        Some(element) => text(element),
    });
    let array = Expr::Array(Array { elem: elem.collect(), named: true });
    Some(match data_type {
        Some(data_type) => cast(array, data_type.clone()),
        None => array,
    })
}
