//! Where things are in the text: sqlparser's lines and columns as offsets, and its errors in Postgres' words.

use sqlparser::parser::ParserError;
use sqlparser::tokenizer::{Location, TokenWithSpan, TokenizerError};

use crate::Error;

/// The string that a client sent, which may hold several statements.
pub(super) struct Text<'a> {
    sql: &'a str,
    /// For each line, its first byte and how many characters come before it.
    lines: Vec<(usize, usize)>,
    /// Whether each character is one byte.
    is_ascii: bool,
}

impl<'a> Text<'a> {
    pub(super) fn new(sql: &'a str) -> Self {
        let mut lines = vec![(0, 0)];
        if sql.is_ascii() {
            lines.extend(sql.match_indices('\n').map(|(byte, _)| (byte + 1, byte + 1)));
            return Text { sql, lines, is_ascii: true };
        }
        for (characters, (byte, character)) in sql.char_indices().enumerate() {
            if character == '\n' {
                lines.push((byte + 1, characters + 1));
            }
        }
        Text { sql, lines, is_ascii: false }
    }

    /// The 1-based character of a location; none for sqlparser's empty location.
    pub(super) fn position(&self, location: Location) -> Option<usize> {
        let line = usize::try_from(location.line).ok()?.checked_sub(1)?;
        let column = usize::try_from(location.column).ok()?;
        Some(self.lines.get(line)?.1 + column)
    }

    /// The byte offset of a location; the end of the text for one beyond it.
    pub(super) fn byte(&self, location: Location) -> usize {
        let line = usize::try_from(location.line).unwrap_or(usize::MAX).saturating_sub(1);
        let column = usize::try_from(location.column).unwrap_or(usize::MAX).saturating_sub(1);
        let Some(&(start, _)) = self.lines.get(line) else { return self.sql.len() };
        if self.is_ascii {
            return self.sql.len().min(start + column);
        }
        self.sql[start..].char_indices().nth(column).map_or(self.sql.len(), |(offset, _)| start + offset)
    }

    /// The text from the first to the last of some tokens.
    pub(super) fn slice(&self, first: &TokenWithSpan, last: &TokenWithSpan) -> &'a str {
        let start = self.byte(first.span.start);
        let end = self.byte(last.span.end).max(start);
        &self.sql[start..end]
    }

    /// Postgres' error for a token that cannot stand where it does; none stands for the end.
    pub(super) fn error_at(&self, token: Option<&TokenWithSpan>, expected: Option<&str>) -> Error {
        let detail = expected.map(|expected| format!("Expected {expected}."));
        match token {
            Some(token) => Error::Syntax {
                message: format!("syntax error at or near \"{}\"", self.slice(token, token)),
                position: self.position(token.span.start),
                detail,
            },
            None => Error::Syntax {
                message: "syntax error at end of input".to_owned(),
                position: Some(self.sql.chars().count() + 1),
                detail,
            },
        }
    }

    /// Postgres' error for a token that does not end.
    pub(super) fn error_in_token(&self, error: &TokenizerError) -> Error {
        let rest = &self.sql[self.byte(error.location)..];
        let message = if error.message.contains("nterminated string") {
            format!("unterminated quoted string at or near \"{rest}\"")
        } else if error.message.contains("close delimiter") {
            format!("unterminated quoted identifier at or near \"{rest}\"")
        } else if error.message.contains("comment") {
            format!("unterminated /* comment at or near \"{rest}\"")
        } else {
            lower_first(&error.message)
        };
        Error::Syntax { message, position: self.position(error.location), detail: None }
    }

    /// What sqlparser's error is to Postgres. `stopped_at`: where the parser was, for errors that don't say.
    pub(super) fn error_from(&self, error: ParserError, tokens: &[TokenWithSpan], stopped_at: usize) -> Error {
        let message = match error {
            ParserError::RecursionLimitExceeded => return Error::TooComplex,
            ParserError::TokenizerError(message) | ParserError::ParserError(message) => message,
        };
        let expected = message.strip_prefix("Expected: ").and_then(|rest| rest.split(", found: ").next());
        if message.contains(", found: EOF") {
            return self.error_at(None, expected);
        }
        let token = match location_in(&message) {
            Some(location) => tokens.iter().find(|token| token.span.start == location),
            None => tokens.get(stopped_at).or(tokens.last()),
        };
        match expected {
            Some(_) => self.error_at(token, expected),
            None => match self.error_at(token, None) {
                Error::Syntax { message: short, position, .. } => {
                    let detail = message.split(" at Line: ").next().map(|detail| format!("{detail}."));
                    Error::Syntax { message: short, position, detail }
                }
                other => other,
            },
        }
    }
}

/// sqlparser ends its messages with ` at Line: 1, Column: 8`.
fn location_in(message: &str) -> Option<Location> {
    let (_, place) = message.rsplit_once(" at Line: ")?;
    let (line, column) = place.split_once(", Column: ")?;
    Some(Location { line: line.trim().parse().ok()?, column: column.trim().parse().ok()? })
}

/// Postgres' messages start in lower case.
fn lower_first(message: &str) -> String {
    let mut characters = message.chars();
    characters.next().map_or(String::new(), |first| first.to_lowercase().collect::<String>() + characters.as_str())
}
