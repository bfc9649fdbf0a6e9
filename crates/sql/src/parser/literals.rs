//! `INSERT INTO t VALUES (values), ...` read straight from the text: no tokens and no syntax tree of
//! the rows. A value that is no literal has a syntax tree of its own, and those that are written alike in
//! one column have one together. What is not understood here is sqlparser's, from the statement's start.

mod extent;

use std::collections::HashMap;

use sqlparser::ast::{self, VisitMut};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Location, Token};

use super::dialect::FreshetDialect;
use super::{NESTING_MAX, check_chains, query, tokens_at};
use crate::literal_rows::{Cell, LiteralRows};

/// More digits are no `numeric` of ours.
const DIGITS_MAX: usize = 38;

/// Postgres' bound on parameters; what passes it is refused elsewhere.
const PARAMETERS_MAX: u32 = 65_535;

/// Types that may stand before a text.
const TYPES_BEFORE: [&str; 8] = ["date", "timestamp", "timestamptz", "time", "interval", "uuid", "json", "jsonb"];

/// The rows of a statement, and where they are in the text.
pub(super) struct Scanned {
    pub(super) rows: LiteralRows,
    /// Before the first row, in bytes.
    pub(super) start: usize,
    /// After the last.
    pub(super) end: usize,
}

/// Reads an `INSERT` of literals at the start of `sql`, which stands at `location` of the text.
pub(super) fn scan(sql: &str, location: Location) -> Option<Scanned> {
    u32::try_from(sql.len()).ok()?;
    let mut scanner = Scanner {
        sql,
        at: 0,
        rows: LiteralRows::default(),
        types: vec![],
        last: (0, location),
        expressions: HashMap::new(),
    };
    let columns = scanner.header()?;
    let start = scanner.at;
    scanner.rows_of(columns)?;
    let Scanner { at: end, mut rows, .. } = scanner;
    rows.cells.shrink_to_fit();
    rows.text.shrink_to_fit();
    Some(Scanned { rows, start, end })
}

/// The location of the end of `text`, which begins at `start`.
pub(super) fn location_after(text: &str, start: Location) -> Location {
    let count = |text: &str| u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
    match text.rsplit_once('\n') {
        None => Location { line: start.line, column: start.column + count(text) },
        Some((before, last)) => {
            let lines = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
            Location { line: start.line + u64::try_from(lines).unwrap_or(u64::MAX), column: count(last) + 1 }
        }
    }
}

struct Scanner<'a> {
    sql: &'a str,
    at: usize,
    rows: LiteralRows,
    /// The types in `rows`, as they are written.
    types: Vec<&'a str>,
    /// A place in the text, in bytes, and its location; the later ones are counted from there.
    last: (usize, Location),
    /// The expressions in `rows`, by their places in a row and as they are written.
    expressions: HashMap<(usize, &'a str), u32>,
}

impl<'a> Scanner<'a> {
    /// Up to and with `VALUES`. Gives the number of columns that are named, if any are.
    fn header(&mut self) -> Option<Option<usize>> {
        self.keyword("insert")?;
        self.keyword("into")?;
        self.identifier()?;
        while self.accept(b'.') {
            self.identifier()?;
        }
        let mut columns = None;
        if self.accept(b'(') {
            let mut count = 1;
            self.identifier()?;
            while self.accept(b',') {
                self.identifier()?;
                count += 1;
            }
            self.accept(b')').then_some(())?;
            columns = Some(count);
        }
        self.keyword("values")?;
        Some(columns)
    }

    fn rows_of(&mut self, columns: Option<usize>) -> Option<()> {
        loop {
            self.accept(b'(').then_some(())?;
            let before = self.rows.cells.len();
            loop {
                self.skip_space();
                if before == 0 {
                    let location = self.location();
                    self.rows.first_row.push(location);
                }
                let cell = self.value(self.rows.cells.len() - before)?;
                self.rows.cells.push(cell);
                if !self.accept(b',') {
                    break;
                }
            }
            self.accept(b')').then_some(())?;
            let width = self.rows.cells.len() - before;
            if before == 0 {
                self.rows.width = width;
            }
            if width != self.rows.width || columns.is_some_and(|columns| columns != width) {
                return None;
            }
            let end = self.at;
            if !self.accept(b',') {
                self.at = end;
                return Some(());
            }
        }
    }

    /// Where the text is read.
    fn location(&mut self) -> Location {
        self.last = (self.at, location_after(&self.sql[self.last.0..self.at], self.last.1));
        self.last.1
    }

    /// A value at a place of a row, up to its end.
    fn value(&mut self, place: usize) -> Option<Cell> {
        let (start, text) = (self.at, self.rows.text.len());
        if let Some(cell) = self.cell() {
            self.skip_space();
            if matches!(self.peek(), Some(b',' | b')')) {
                return Some(cell);
            }
        }
        self.at = start;
        self.rows.text.truncate(text);
        self.expression(place)
    }

    /// A value that is more than one of the literals here.
    fn expression(&mut self, place: usize) -> Option<Cell> {
        let length = extent::of(&self.sql[self.at..])?;
        let written = self.sql[self.at..self.at + length].trim_ascii_end();
        let known = self.expressions.get(&(place, written)).copied();
        let index = match known {
            Some(index) => index,
            None => {
                let expression = self.parsed(written)?;
                let index = u32::try_from(self.rows.expressions.len()).ok()?;
                self.rows.expressions.push(expression);
                self.expressions.insert((place, written), index);
                index
            }
        };
        self.at += length;
        Some(Cell::Expression(index))
    }

    /// The syntax tree of an expression that is written here.
    fn parsed(&mut self, written: &str) -> Option<ast::Expr> {
        let tokens = tokens_at(written, self.location()).ok()?;
        check_chains(&tokens).ok()?;
        let parser = Parser::new(&FreshetDialect).with_recursion_limit(NESTING_MAX);
        let mut parser = parser.with_tokens_with_locations(tokens);
        let mut expression = parser.parse_expr().ok()?;
        parser.expect_token(&Token::EOF).ok()?;
        expression.visit(&mut query::Check).is_continue().then_some(expression)
    }

    fn cell(&mut self) -> Option<Cell> {
        match self.peek()? {
            b'\'' => {
                let (start, end) = self.text()?;
                let before = self.at;
                self.skip_space();
                if !self.sql[self.at..].starts_with("::") {
                    self.at = before;
                    return Some(Cell::Text { start, end });
                }
                self.at += 2;
                let written = self.type_name()?;
                Some(Cell::Typed { start, end, data_type: self.type_of(written)? })
            }
            b'0'..=b'9' | b'.' => self.number(false),
            b'-' => {
                self.at += 1;
                self.number(true)
            }
            b'$' => {
                self.at += 1;
                let digits = self.digits();
                let number = digits.parse().ok().filter(|number| (1..=PARAMETERS_MAX).contains(number))?;
                self.ends().then_some(Cell::Parameter(number))
            }
            _ => {
                let word = self.word()?;
                let is = |text: &str| word.eq_ignore_ascii_case(text);
                if is("null") {
                    return Some(Cell::Null);
                }
                if is("default") {
                    return Some(Cell::Default);
                }
                if is("true") || is("false") {
                    return Some(Cell::Boolean(is("true")));
                }
                if !TYPES_BEFORE.iter().any(|name| is(name)) {
                    return None;
                }
                self.skip_space();
                let (start, end) = self.text()?;
                Some(Cell::Typed { start, end, data_type: self.type_of(word)? })
            }
        }
    }

    /// `'...'`, whose content is added to the rows' text.
    fn text(&mut self) -> Option<(u32, u32)> {
        (self.peek()? == b'\'').then_some(())?;
        self.at += 1;
        let start = self.rows.text.len();
        loop {
            let rest = &self.sql[self.at..];
            let length = rest.find('\'')?;
            self.rows.text.push_str(&rest[..length]);
            self.at += length + 1;
            if self.peek() != Some(b'\'') {
                break;
            }
            self.rows.text.push('\'');
            self.at += 1;
        }
        Some((u32::try_from(start).ok()?, u32::try_from(self.rows.text.len()).ok()?))
    }

    fn number(&mut self, is_negative: bool) -> Option<Cell> {
        let from = self.at;
        let whole = self.digits().len();
        let mut digits = whole;
        if self.peek() == Some(b'.') {
            self.at += 1;
            digits += self.digits().len();
        }
        if digits == 0 {
            return None;
        }
        if digits > DIGITS_MAX || !self.ends() {
            return None;
        }
        let start = u32::try_from(self.rows.text.len()).ok()?;
        self.rows.text.push_str(&self.sql[from..self.at]);
        let end = u32::try_from(self.rows.text.len()).ok()?;
        Some(Cell::Number { start, end, is_negative })
    }

    /// What stands after `::`, up to the value's end.
    fn type_name(&mut self) -> Option<&'a str> {
        self.skip_space();
        let from = self.at;
        let mut depth = 0;
        loop {
            match self.peek()? {
                b'(' => depth += 1,
                b')' | b',' if depth == 0 => break,
                b')' => depth -= 1,
                byte if byte.is_ascii_alphanumeric() || b"_ ,[]\t\r\n".contains(&byte) => {}
                _ => return None,
            }
            self.at += 1;
        }
        Some(self.sql[from..self.at].trim_ascii_end())
    }

    /// The place of a type among those of the rows.
    fn type_of(&mut self, written: &'a str) -> Option<u16> {
        if let Some(known) = self.types.iter().position(|known| *known == written) {
            return u16::try_from(known).ok();
        }
        let mut parser = Parser::new(&FreshetDialect).try_with_sql(written).ok()?;
        let data_type = parser.parse_data_type().ok()?;
        parser.expect_token(&sqlparser::tokenizer::Token::EOF).ok()?;
        self.types.push(written);
        self.rows.types.push(data_type);
        u16::try_from(self.types.len() - 1).ok()
    }

    fn keyword(&mut self, expected: &str) -> Option<()> {
        self.skip_space();
        self.word()?.eq_ignore_ascii_case(expected).then_some(())
    }

    fn identifier(&mut self) -> Option<()> {
        self.skip_space();
        if self.peek()? != b'"' {
            return self.word().map(|_| ());
        }
        self.at += 1 + self.sql[self.at + 1..].find('"')? + 1;
        // A doubled quote goes on with the name.
        (self.peek() != Some(b'"')).then_some(())
    }

    /// An unquoted word of ASCII letters.
    fn word(&mut self) -> Option<&'a str> {
        let rest = &self.sql.as_bytes()[self.at..];
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let length = rest.iter().position(|byte| !is_part(byte)).unwrap_or(rest.len());
        let word = &self.sql[self.at..self.at + length];
        self.at += length;
        let is_word = !word.is_empty() && !word.as_bytes()[0].is_ascii_digit() && self.ends();
        is_word.then_some(word)
    }

    /// That what was read is not the beginning of something longer.
    fn ends(&self) -> bool {
        !self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii() || b"_$\"'".contains(&byte))
    }

    fn digits(&mut self) -> &'a str {
        let rest = &self.sql.as_bytes()[self.at..];
        let length = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        self.at += length;
        &self.sql[self.at - length..self.at]
    }

    fn accept(&mut self, byte: u8) -> bool {
        self.skip_space();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn skip_space(&mut self) {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                Some(b'-' | b'/') => match extent::of_comment(&self.sql[self.at..]) {
                    Some(length) => self.at += length,
                    None => return,
                },
                _ => return,
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.sql.as_bytes().get(self.at).copied()
    }
}
