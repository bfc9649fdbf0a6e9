//! `WITH (key = value, ...)` and its like.

use std::collections::BTreeMap;

use sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use crate::Error;

/// `(key = value, ...)`: keys may have dots and may be quoted; values are strings, numbers or words.
pub(super) fn options(cursor: &mut Cursor<'_>) -> Result<BTreeMap<String, String>, Error> {
    let mut options = BTreeMap::new();
    cursor.expect_token(&Token::LParen)?;
    if cursor.accept_token(&Token::RParen) {
        return Ok(options);
    }
    loop {
        let at = cursor.peek().cloned();
        let key = key(cursor)?;
        cursor.expect_token(&Token::Eq)?;
        let value = value(cursor)?;
        if options.insert(key.clone(), value).is_some() {
            return Err(Error::Syntax {
                message: format!("option \"{key}\" provided more than once"),
                position: at.and_then(|token| cursor.text.position(token.span.start)),
                detail: None,
            });
        }
        if !cursor.accept_token(&Token::Comma) {
            break;
        }
    }
    cursor.expect_token(&Token::RParen)?;
    Ok(options)
}

fn key(cursor: &mut Cursor<'_>) -> Result<String, Error> {
    let mut key = String::new();
    loop {
        match cursor.peek().map(|token| token.token.clone()) {
            Some(Token::Word(word)) => key.push_str(&word.value.to_lowercase()),
            Some(Token::SingleQuotedString(text)) => key.push_str(&text.to_lowercase()),
            _ => return Err(cursor.unexpected("an option")),
        }
        cursor.skip(1);
        if !cursor.accept_token(&Token::Period) {
            return Ok(key);
        }
        key.push('.');
    }
}

fn value(cursor: &mut Cursor<'_>) -> Result<String, Error> {
    if cursor.at_words(&["secret"]) {
        return Err(cursor.unsupported("SECRET"));
    }
    let sign = if cursor.accept_token(&Token::Minus) { "-" } else { "" };
    let value = match cursor.peek().map(|token| token.token.clone()) {
        Some(Token::Number(number, _)) => format!("{sign}{number}"),
        Some(Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text)) if sign.is_empty() => text,
        Some(Token::DollarQuotedString(text)) if sign.is_empty() => text.value,
        Some(Token::Word(word)) if sign.is_empty() && word.quote_style.is_none() => word.value.to_lowercase(),
        _ => return Err(cursor.unexpected("a value")),
    };
    cursor.skip(1);
    Ok(value)
}
