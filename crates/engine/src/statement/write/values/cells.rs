//! Values as they are written, one by one.

use arrow::datatypes::DECIMAL128_MAX_PRECISION;
use datafusion::sql::sqlparser::ast::{self, SetExpr, UnaryOperator};
use datafusion::sql::sqlparser::tokenizer::Span;
use sql::{Insert, Literal, LiteralRows};

use crate::bind::number_of;
use crate::{Error, SqlState};

/// So many digits are an `i64` whatever they are.
const SHORT_DIGITS: usize = 18;

/// The rows of a `VALUES`, which are read one way or the other.
#[derive(Clone, Copy)]
pub(crate) enum ValueRows<'a> {
    Literals(&'a LiteralRows),
    Expressions(&'a ast::Values),
}

/// A value as it is written.
pub(super) enum Cell<'a> {
    Null,
    Default,
    Boolean(bool),
    Integer(i64),
    /// Digits, and how many of them are behind the point.
    Decimal(i128, i8),
    Text(&'a str),
    /// `type 'text'`, `'text'::type`
    Typed(&'a ast::DataType, &'a str),
    /// `$n`
    Parameter(usize),
    Expression(&'a ast::Expr),
}

impl<'a> ValueRows<'a> {
    /// The rows of an `INSERT` from `VALUES` and nothing else.
    pub(crate) fn of(insert: &'a Insert) -> Option<ValueRows<'a>> {
        if let Some(rows) = &insert.literals {
            return Some(ValueRows::Literals(rows));
        }
        let query = insert.clauses.source.as_ref()?;
        let is_bare = query.with.is_none() && query.order_by.is_none() && query.limit_clause.is_none();
        match query.body.as_ref() {
            SetExpr::Values(values) if is_bare => Some(ValueRows::Expressions(values)),
            _ => None,
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            ValueRows::Literals(rows) => rows.len(),
            ValueRows::Expressions(values) => values.rows.len(),
        }
    }

    /// How many values each row has; 42601 if not all have as many.
    pub(crate) fn width(&self) -> Result<usize, Error> {
        let values = match self {
            ValueRows::Literals(rows) => return Ok(rows.width()),
            ValueRows::Expressions(values) => values,
        };
        let mut widths = values.rows.iter().map(|row| row.content.len());
        let width = widths.next().unwrap_or(0);
        match widths.all(|other| other == width) {
            true => Ok(width),
            false => Err(Error::new(SqlState::SYNTAX_ERROR, "VALUES lists must all be the same length")),
        }
    }

    /// Where a value of the first row stands.
    pub(crate) fn span(&self, place: usize) -> Span {
        match self {
            ValueRows::Literals(rows) => rows.span(place),
            ValueRows::Expressions(values) => {
                let value = values.rows.first().and_then(|row| row.content.get(place));
                value.map_or_else(Span::empty, ast::Spanned::span)
            }
        }
    }

    /// What is written at a place of a row.
    pub(super) fn cell(&self, row: usize, place: usize) -> Result<Cell<'a>, Error> {
        let rows = match *self {
            ValueRows::Literals(rows) => rows,
            ValueRows::Expressions(values) => return cell_of(&values.rows[row].content[place]),
        };
        Ok(match rows.get(row, place) {
            Literal::Null => Cell::Null,
            Literal::Default => Cell::Default,
            Literal::Boolean(value) => Cell::Boolean(value),
            Literal::Number { digits, is_negative } => {
                number_cell(digits, is_negative).ok_or_else(|| Error::internal("a number of other than digits"))?
            }
            Literal::Text(text) => Cell::Text(text),
            Literal::Typed(data_type, text) => Cell::Typed(data_type, text),
            Literal::Parameter(number) => Cell::Parameter(number),
            Literal::Expression(expression) => cell_of(expression)?,
        })
    }
}

/// What is written here.
fn cell_of(value: &ast::Expr) -> Result<Cell<'_>, Error> {
    Ok(match value {
        ast::Expr::Nested(inner) => cell_of(inner)?,
        ast::Expr::Value(literal) => match &literal.value {
            ast::Value::Null => Cell::Null,
            ast::Value::Boolean(value) => Cell::Boolean(*value),
            ast::Value::Number(number, _) => number_cell(number, false).unwrap_or(Cell::Expression(value)),
            ast::Value::Placeholder(id) => Cell::Parameter(number_of(id)?),
            _ => text_of(&literal.value).map_or(Cell::Expression(value), Cell::Text),
        },
        ast::Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match expr.as_ref() {
            ast::Expr::Value(ast::ValueWithSpan { value: ast::Value::Number(number, _), .. }) => {
                number_cell(number, true).unwrap_or(Cell::Expression(value))
            }
            _ => Cell::Expression(value),
        },
        ast::Expr::TypedString(typed) => match text_of(&typed.value.value) {
            Some(text) => Cell::Typed(&typed.data_type, text),
            None => Cell::Expression(value),
        },
        ast::Expr::Cast {
            kind: ast::CastKind::Cast | ast::CastKind::DoubleColon,
            expr,
            data_type,
            array: false,
            format: None,
        } => match expr.as_ref() {
            ast::Expr::Value(literal) => match text_of(&literal.value) {
                Some(text) => Cell::Typed(data_type, text),
                None => Cell::Expression(value),
            },
            _ => Cell::Expression(value),
        },
        ast::Expr::Identifier(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("default") => {
            Cell::Default
        }
        _ => Cell::Expression(value),
    })
}

fn text_of(value: &ast::Value) -> Option<&str> {
    match value {
        ast::Value::SingleQuotedString(text) | ast::Value::EscapedStringLiteral(text) => Some(text),
        ast::Value::DollarQuotedString(quoted) => Some(&quoted.value),
        _ => None,
    }
}

/// A number, if it has at most so many digits as a `numeric` and no exponent.
fn number_cell(number: &str, is_negative: bool) -> Option<Cell<'static>> {
    if number.len() <= SHORT_DIGITS && number.bytes().all(|digit| digit.is_ascii_digit()) {
        let value = number.bytes().fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
        return Some(Cell::Integer(if is_negative { -value } else { value }));
    }
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = whole.bytes().chain(fraction.bytes());
    if whole.len() + fraction.len() > usize::from(DECIMAL128_MAX_PRECISION) {
        return None;
    }
    let mut value = 0_i128;
    for digit in digits {
        value = value * 10 + i128::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
    }
    let value = if is_negative { -value } else { value };
    if number.contains('.') {
        return Some(Cell::Decimal(value, i8::try_from(fraction.len()).ok()?));
    }
    Some(i64::try_from(value).map_or(Cell::Decimal(value, 0), Cell::Integer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_type_that_they_are_written_in() {
        let shown = |number: &str, is_negative| match number_cell(number, is_negative) {
            Some(Cell::Integer(value)) => format!("integer {value}"),
            Some(Cell::Decimal(digits, scale)) => format!("decimal {digits} {scale}"),
            _ => "other".to_owned(),
        };
        for (number, is_negative, expected) in [
            ("12", false, "integer 12"),
            ("12", true, "integer -12"),
            ("9223372036854775808", true, "integer -9223372036854775808"),
            ("9223372036854775808", false, "decimal 9223372036854775808 0"),
            ("1.50", true, "decimal -150 2"),
            (".5", false, "decimal 5 1"),
            ("5.", false, "decimal 5 0"),
            ("1e3", false, "other"),
            ("1_000", false, "other"),
            ("123456789012345678901234567890123456789", false, "other"),
        ] {
            assert_eq!(shown(number, is_negative), expected, "{number}");
        }
    }
}
