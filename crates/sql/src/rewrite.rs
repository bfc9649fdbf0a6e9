//! A query's expressions before they are bound, where DataFusion would bind something else than
//! Postgres means.

use std::ops::ControlFlow;

use arrow::compute::kernels::cast_utils::parse_interval_month_day_nano;
use sqlparser::ast::{self, BinaryOperator, CastKind, DataType, ExactNumberInfo, Expr, Value, VisitMut, VisitorMut};

use crate::functions::interval_text;
use crate::{Error, array_subquery, literals};

/// Functions whose result has the type of a whole number that they are given.
const TAKES_INTEGERS: [&str; 11] =
    ["abs", "coalesce", "generate_series", "greatest", "least", "max", "min", "mod", "nullif", "pg_typeof", "sum"];

/// The collations that order as this database does.
const COLLATIONS: [&str; 5] = ["default", "C", "C.UTF-8", "POSIX", "ucs_basic"];

/// Rewrites every expression of a query, in subqueries too.
pub(crate) fn rewrite(query: &mut ast::Query) -> Result<(), Error> {
    match query.visit(&mut Rewriter) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// Rewrites an expression that is not part of a query.
pub(crate) fn rewrite_expression(expression: &mut Expr) -> Result<(), Error> {
    match expression.visit(&mut Rewriter) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct Rewriter;

impl VisitorMut for Rewriter {
    type Break = Error;

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<Error> {
        end_distinct_from_before_and_or(expression);
        if let Err(error) = array_subquery::rewrite(expression) {
            return ControlFlow::Break(error);
        }
        if let Expr::Cast { expr, data_type, .. } = expression
            && is_float(data_type)
            && let Some(number) = number(expr)
        {
            // Read as what it shall be, it is exact, and may have any exponent.
            **expr = string(number.to_owned());
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<Error> {
        match rewritten(expression) {
            Ok(Some(replacement)) => {
                *expression = replacement;
                ControlFlow::Continue(())
            }
            Ok(None) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }
}

/// `a IS DISTINCT FROM b OR c` is parsed as `a IS DISTINCT FROM (b OR c)`: what follows the first
/// operand goes back to where it belongs. With parentheses it would be [`Expr::Nested`].
fn end_distinct_from_before_and_or(expression: &mut Expr) {
    let (Expr::IsDistinctFrom(_, right) | Expr::IsNotDistinctFrom(_, right)) = expression else { return };
    let is_and_or =
        |expression: &Expr| matches!(expression, Expr::BinaryOp { op: BinaryOperator::And | BinaryOperator::Or, .. });
    if !is_and_or(right) {
        return;
    }
    let nothing = || Expr::value(Value::Null);
    let mut whole = std::mem::replace(right.as_mut(), nothing());
    let mut first = &mut whole;
    while let Expr::BinaryOp { left, op: BinaryOperator::And | BinaryOperator::Or, .. } = first {
        first = left.as_mut();
    }
    **right = std::mem::replace(first, nothing());
    *first = std::mem::replace(expression, nothing());
    *expression = whole;
}

fn rewritten(expression: &mut Expr) -> Result<Option<Expr>, Error> {
    Ok(match expression {
        Expr::Extract { field, expr, .. } => {
            Some(call("extract", vec![string(field.to_string().to_lowercase()), expr.as_ref().clone()]))
        }
        Expr::AtTimeZone { timestamp, time_zone } => {
            Some(call("timezone", vec![time_zone.as_ref().clone(), timestamp.as_ref().clone()]))
        }
        Expr::SimilarTo { negated, expr, pattern, escape_char } => {
            let (Some(pattern), None) = (text(pattern), escape_char) else {
                return Err(Error::unsupported("SIMILAR TO with ESCAPE or what is no literal"));
            };
            let op = if *negated { BinaryOperator::PGRegexNotMatch } else { BinaryOperator::PGRegexMatch };
            Some(Expr::BinaryOp { left: expr.clone(), op, right: Box::new(string(regular_expression(pattern)?)) })
        }
        Expr::Value(value) => match &value.value {
            Value::Number(number, _) if number.contains(['e', 'E']) => plain_number(number),
            _ => None,
        },
        Expr::Interval(interval) => interval_literal(interval),
        Expr::Case { conditions, else_result, .. } => {
            conditions.iter_mut().for_each(|when| literals::type_integer(&mut when.result));
            else_result.iter_mut().for_each(|result| literals::type_integer(result));
            None
        }
        Expr::Collate { expr, collation } => {
            // All of them compare by code point, but for those that would not.
            let name = collation.0.last().and_then(|part| part.as_ident()).map_or("", |name| name.value.as_str());
            if !COLLATIONS.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                return Err(Error::UndefinedCollation(name.to_owned()));
            }
            Some(expr.as_ref().clone())
        }
        Expr::Array(array) => {
            array.elem.iter_mut().for_each(literals::type_integer);
            None
        }
        Expr::Function(function) => {
            let name = function.name.to_string().to_lowercase();
            if TAKES_INTEGERS.contains(&name.as_str()) {
                type_arguments(&mut function.args);
            }
            None
        }
        _ => None,
    })
}

fn type_arguments(arguments: &mut ast::FunctionArguments) {
    let ast::FunctionArguments::List(list) = arguments else { return };
    for argument in &mut list.args {
        if let ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(expression)) = argument {
            literals::type_integer(expression);
        }
    }
}

fn is_float(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Real | DataType::Float4 | DataType::Float8 | DataType::Float(_) | DataType::DoublePrecision
    )
}

fn number(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Value(value) => match &value.value {
            Value::Number(number, _) => Some(number),
            _ => None,
        },
        _ => None,
    }
}

fn text(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

fn string(text: String) -> Expr {
    Expr::value(Value::SingleQuotedString(text))
}

fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    let argument = |expression| ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(expression));
    Expr::Function(ast::Function {
        name: ast::ObjectName::from(vec![ast::Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: ast::FunctionArguments::None,
        args: ast::FunctionArguments::List(ast::FunctionArgumentList {
            duplicate_treatment: None,
            args: arguments.into_iter().map(argument).collect(),
            clauses: vec![],
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: vec![],
    })
}

fn cast_text(text: String, data_type: DataType) -> Expr {
    Expr::Cast { kind: CastKind::DoubleColon, expr: Box::new(string(text)), data_type, array: false, format: None }
}

/// `1.5e3` as the numeric 1500, which it is in Postgres; a `double precision` if it has too many digits.
fn plain_number(number: &str) -> Option<Expr> {
    let (mantissa, exponent) = number.split_once(['e', 'E'])?;
    let exponent = exponent.parse::<i32>().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
    let digits = if scale < 0 && scale > -38 {
        format!("{digits}{}", "0".repeat(usize::try_from(-scale).ok()?))
    } else {
        digits
    };
    let kept_scale = scale.max(0);
    let precision = i32::try_from(digits.len()).ok()?.max(kept_scale);
    if precision > 38 || scale <= -38 {
        return Some(cast_text(number.to_owned(), DataType::DoublePrecision));
    }
    let info = ExactNumberInfo::PrecisionAndScale(u64::try_from(precision).ok()?.max(1), i64::from(kept_scale));
    let point = usize::try_from(kept_scale).ok()?;
    let padded = format!("{}{digits}", "0".repeat((point + 1).saturating_sub(digits.len())));
    let (whole, fraction) = padded.split_at(padded.len() - point);
    let plain = if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") };
    Some(cast_text(plain, DataType::Numeric(info)))
}

/// An interval that only Postgres' own syntax can read, as a cast of its text.
fn interval_literal(interval: &ast::Interval) -> Option<Expr> {
    let written = text(&interval.value)?;
    let unit = match (&interval.leading_field, &interval.last_field) {
        (None, None) => String::new(),
        (Some(field), None) if written.trim().parse::<f64>().is_ok() => format!(" {field}"),
        _ => return None,
    };
    let written = format!("{written}{unit}");
    let is_arrows = parse_interval_month_day_nano(&written).is_ok() && written.contains(|c: char| c.is_alphabetic());
    if is_arrows || interval_text::parse(&written).is_none() {
        return None;
    }
    Some(cast_text(written, DataType::Interval { fields: None, precision: None }))
}

/// A `SIMILAR TO` pattern: `%` and `_` as in `LIKE`, the rest as in regular expressions, over all of the text.
fn regular_expression(pattern: &str) -> Result<String, Error> {
    let mut out = String::from("^(?:");
    let mut in_brackets = false;
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => {
                let escaped = characters.next().ok_or_else(|| Error::unsupported("SIMILAR TO with a final escape"))?;
                if !escaped.is_alphanumeric() {
                    out.push('\\');
                }
                out.push(escaped);
            }
            '[' => {
                in_brackets = true;
                out.push('[');
            }
            ']' => {
                in_brackets = false;
                out.push(']');
            }
            other if in_brackets => out.push(other),
            '%' => out.push_str("(?s:.*)"),
            '_' => out.push_str("(?s:.)"),
            '.' | '^' | '$' => {
                out.push('\\');
                out.push(character);
            }
            other => out.push(other),
        }
    }
    out.push_str(")$");
    Ok(out)
}
