//! The rows of a `VALUES` that are literals, as a bulk load sends them by the hundred thousand: a few bytes
//! each, where a syntax tree takes hundreds. Values that are more have one.

use sqlparser::ast;
use sqlparser::tokenizer::{Location, Span};

/// Rows of values, all of the same width.
#[derive(Clone, Debug, Default)]
pub struct LiteralRows {
    pub(crate) width: usize,
    pub(crate) cells: Vec<Cell>,
    /// What is between quotes, and the digits of numbers.
    pub(crate) text: String,
    pub(crate) types: Vec<ast::DataType>,
    /// Values that are more than the forms of [`Literal`], those that are written alike in one place once.
    pub(crate) expressions: Vec<ast::Expr>,
    /// Where the values of the first row stand in the text that was parsed.
    pub(crate) first_row: Vec<Location>,
}

/// A literal, with places in the other fields of its [`LiteralRows`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cell {
    Null,
    Default,
    Boolean(bool),
    Number { start: u32, end: u32, is_negative: bool },
    Text { start: u32, end: u32 },
    Typed { start: u32, end: u32, data_type: u16 },
    Parameter(u32),
    Expression(u32),
}

/// A literal as it is written.
#[derive(Clone, Copy, Debug)]
pub enum Literal<'a> {
    /// `NULL`
    Null,
    /// `DEFAULT`
    Default,
    /// `TRUE`, `FALSE`
    Boolean(bool),
    /// Digits, with at most one point among them.
    Number {
        /// Without a sign.
        digits: &'a str,
        /// Whether a minus stands before them.
        is_negative: bool,
    },
    /// What is between the quotes.
    Text(&'a str),
    /// `type 'text'`, `'text'::type`
    Typed(&'a ast::DataType, &'a str),
    /// `$n`
    Parameter(usize),
    /// Any other value; the same one for those in the same place of a row that are written alike.
    Expression(&'a ast::Expr),
}

impl LiteralRows {
    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cells.len() / self.width.max(1)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// How many values each row has.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// How much is written in them, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.text.len() + self.cells.len()
    }

    /// The value at a place of a row, both counted from 0.
    #[must_use]
    pub fn get(&self, row: usize, place: usize) -> Literal<'_> {
        let text = |start: u32, end: u32| &self.text[start as usize..end as usize];
        match self.cells[row * self.width + place] {
            Cell::Null => Literal::Null,
            Cell::Default => Literal::Default,
            Cell::Boolean(value) => Literal::Boolean(value),
            Cell::Number { start, end, is_negative } => Literal::Number { digits: text(start, end), is_negative },
            Cell::Text { start, end } => Literal::Text(text(start, end)),
            Cell::Typed { start, end, data_type } => {
                Literal::Typed(&self.types[usize::from(data_type)], text(start, end))
            }
            Cell::Parameter(number) => Literal::Parameter(number as usize),
            Cell::Expression(index) => Literal::Expression(&self.expressions[index as usize]),
        }
    }

    /// Where a value of the first row stands.
    #[must_use]
    pub fn span(&self, place: usize) -> Span {
        self.first_row.get(place).map_or_else(Span::empty, |start| Span { start: *start, end: *start })
    }
}
