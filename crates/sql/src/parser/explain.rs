//! `EXPLAIN`, of any of our statements.

use sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use crate::{Error, Statement};

/// `EXPLAIN [VERBOSE] statement`, `EXPLAIN (option [value], ...) statement`.
pub(super) fn explain(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    cursor.skip(1);
    if cursor.at_words(&["analyze"]) {
        return Err(cursor.unsupported("EXPLAIN ANALYZE"));
    }
    let _ = cursor.accept(&["verbose"]);
    let is_query = matches!(cursor.peek_word(1).as_deref(), Some("select" | "with" | "values" | "table"));
    let is_nested = cursor.rest().get(1).is_some_and(|token| token.token == Token::LParen);
    if cursor.at(&Token::LParen) && !is_query && !is_nested {
        options(cursor)?;
    }
    if cursor.at_words(&["explain"]) {
        return Err(cursor.unexpected("a statement"));
    }
    Ok(Statement::Explain(Box::new(super::statement(cursor)?)))
}

/// Those that change how the plan is written are accepted: there is one way to write it.
fn options(cursor: &mut Cursor<'_>) -> Result<(), Error> {
    cursor.expect_token(&Token::LParen)?;
    loop {
        let option = cursor.identifier()?;
        let value = match cursor.peek_word(0) {
            Some(value) => {
                cursor.skip(1);
                Some(value)
            }
            None => None,
        };
        let is_off = matches!(value.as_deref(), Some("off" | "false"));
        match option.as_str() {
            "analyze" if !is_off => return Err(cursor.unsupported("EXPLAIN ANALYZE")),
            "format" if value.as_deref() != Some("text") => {
                return Err(
                    cursor.unsupported(format!("EXPLAIN (FORMAT {})", value.unwrap_or_default().to_uppercase()))
                );
            }
            "analyze" | "format" | "verbose" | "costs" | "settings" | "buffers" | "timing" | "summary" => {}
            _ => return Err(cursor.unsupported(format!("EXPLAIN ({})", option.to_uppercase()))),
        }
        if !cursor.accept_token(&Token::Comma) {
            break;
        }
    }
    cursor.expect_token(&Token::RParen)
}
