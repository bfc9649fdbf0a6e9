//! Values of one column that are written alike, as one array.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Decimal128Array, Int64Array, StringArray, new_null_array};
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Field, FieldRef};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast;

use super::cells::Cell;
use super::name_of;
use crate::statement::write::{Target, default_of, is_unknown_literal};
use crate::{Error, SqlState};

/// Values of one column that are cast as one.
pub(super) struct Group<'a> {
    pub(super) column: usize,
    /// Which rows of the chunk they are of.
    pub(super) rows: Vec<usize>,
    pub(super) values: Written<'a>,
}

pub(super) enum Written<'a> {
    Nulls,
    Defaults,
    Booleans(Vec<bool>),
    Integers(Vec<i64>),
    Decimals(i8, Vec<i128>),
    Texts(Vec<&'a str>),
    Typed(&'a ast::DataType, Vec<&'a str>),
    Parameters(FieldRef, Vec<&'a ScalarValue>),
}

impl Group<'_> {
    /// The column of the values as they are written.
    pub(super) fn field(&self, index: usize) -> Field {
        let data_type = match &self.values {
            Written::Nulls | Written::Defaults => DataType::Null,
            Written::Booleans(_) => DataType::Boolean,
            Written::Integers(_) => DataType::Int64,
            Written::Decimals(scale, _) => DataType::Decimal128(DECIMAL128_MAX_PRECISION, *scale),
            Written::Texts(_) | Written::Typed(..) => DataType::Utf8,
            Written::Parameters(field, _) => {
                return field.as_ref().clone().with_name(index.to_string()).with_nullable(true);
            }
        };
        Field::new(index.to_string(), data_type, true)
    }

    /// What is made of that column before it is assigned, and whether that has no type of its own yet.
    pub(super) fn expression(&self, index: usize, target: &Target) -> (ast::Expr, bool) {
        let column = ast::Expr::Identifier(name_of(index));
        match &self.values {
            Written::Defaults => {
                let default = default_of(target, self.column);
                let is_literal = is_unknown_literal(&default);
                (default, is_literal)
            }
            Written::Typed(data_type, _) => {
                let kind = ast::CastKind::Cast;
                let (expr, data_type) = (Box::new(column), (*data_type).clone());
                (ast::Expr::Cast { kind, expr, data_type, array: false, format: None }, false)
            }
            _ => (column, true),
        }
    }

    /// The type that the first value has where it stands alone, if the whole group's is wider.
    pub(super) fn written_type(&self) -> Option<Field> {
        let data_type = match &self.values {
            Written::Integers(values) => match values.first().map(|value| i32::try_from(*value)) {
                Some(Ok(_)) => DataType::Int32,
                _ => DataType::Int64,
            },
            Written::Decimals(scale, values) => {
                let digits = values.first()?.unsigned_abs().to_string().len();
                let precision = u8::try_from(digits).ok()?.max(scale.unsigned_abs());
                DataType::Decimal128(precision, *scale)
            }
            _ => return None,
        };
        Some(Field::new("", data_type, true))
    }

    pub(super) fn array(&self) -> Result<ArrayRef, Error> {
        Ok(match &self.values {
            Written::Nulls | Written::Defaults => new_null_array(&DataType::Null, self.rows.len()),
            Written::Booleans(values) => Arc::new(BooleanArray::from(values.clone())),
            Written::Integers(values) => Arc::new(Int64Array::from_iter_values(values.iter().copied())),
            Written::Decimals(scale, values) => {
                let digits = Decimal128Array::from_iter_values(values.iter().copied());
                Arc::new(digits.with_precision_and_scale(DECIMAL128_MAX_PRECISION, *scale)?)
            }
            Written::Texts(values) | Written::Typed(_, values) => {
                Arc::new(StringArray::from_iter_values(values.iter().copied()))
            }
            Written::Parameters(_, values) => ScalarValue::iter_to_array(values.iter().map(|value| (*value).clone()))?,
        })
    }
}

/// Puts a value to those that are written alike.
pub(super) fn add_cell<'a>(
    groups: &mut Vec<Group<'a>>,
    column: usize,
    row: usize,
    cell: Cell<'a>,
    fields: &[FieldRef],
    parameters: &'a [ScalarValue],
) -> Result<(), Error> {
    let mut parameter = None;
    if let Cell::Parameter(number) = cell {
        let missing = || Error::new(SqlState::UNDEFINED_PARAMETER, format!("there is no parameter ${number}"));
        parameter =
            Some((fields.get(number - 1).ok_or_else(missing)?, parameters.get(number - 1).ok_or_else(missing)?));
    }
    for group in groups.iter_mut() {
        match (&mut group.values, &cell) {
            (Written::Nulls, Cell::Null) | (Written::Defaults, Cell::Default) => {}
            (Written::Booleans(values), Cell::Boolean(value)) => values.push(*value),
            (Written::Integers(values), Cell::Integer(value)) => values.push(*value),
            (Written::Decimals(scale, values), Cell::Decimal(digits, of)) if scale == of => values.push(*digits),
            (Written::Texts(values), Cell::Text(text)) => values.push(text),
            (Written::Typed(data_type, values), Cell::Typed(of, text)) if data_type == of => values.push(text),
            (Written::Parameters(field, values), Cell::Parameter(_)) => match parameter {
                Some((of, value)) if field == of => values.push(value),
                _ => continue,
            },
            _ => continue,
        }
        group.rows.push(row);
        return Ok(());
    }
    let values = match cell {
        Cell::Null => Written::Nulls,
        Cell::Default => Written::Defaults,
        Cell::Boolean(value) => Written::Booleans(vec![value]),
        Cell::Integer(value) => Written::Integers(vec![value]),
        Cell::Decimal(digits, scale) => Written::Decimals(scale, vec![digits]),
        Cell::Text(text) => Written::Texts(vec![text]),
        Cell::Typed(data_type, text) => Written::Typed(data_type, vec![text]),
        Cell::Parameter(_) | Cell::Expression(_) => match parameter {
            Some((field, value)) => Written::Parameters(Arc::clone(field), vec![value]),
            None => return Err(Error::internal("an expression among literals")),
        },
    };
    groups.push(Group { column, rows: vec![row], values });
    Ok(())
}
