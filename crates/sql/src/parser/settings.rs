//! `SET`, `RESET`, `DISCARD`, `DEALLOCATE`: what concerns the session alone.

use sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use super::transaction;
use crate::{Error, Set, Statement};

/// `SET [SESSION | LOCAL] name {TO | =} value, ...` and the forms that have their own words.
pub(super) fn set(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    cursor.skip(1);
    if cursor.accept(&["session", "characteristics", "as", "transaction"]) {
        return set_transaction(cursor, "default_transaction_", false);
    }
    if cursor.at_words(&["session", "authorization"]) || cursor.at_words(&["constraints"]) {
        let feature = format!("SET {}", cursor.peek_word(0).unwrap_or_default().to_uppercase());
        return Err(cursor.unsupported(feature));
    }
    let local = cursor.accept(&["local"]);
    if !local {
        let _ = cursor.accept(&["session"]);
    }
    if cursor.at_words(&["role"]) {
        return Err(cursor.unsupported("SET ROLE"));
    }
    if cursor.accept(&["transaction"]) {
        return set_transaction(cursor, "transaction_", true);
    }
    let (name, value) = if cursor.accept(&["time", "zone"]) {
        let value = if cursor.accept(&["local"]) { None } else { value(cursor)? };
        ("timezone".to_owned(), value)
    } else if cursor.accept(&["names"]) {
        ("client_encoding".to_owned(), value(cursor)?)
    } else {
        let name = setting_name(cursor)?;
        if !cursor.accept_token(&Token::Eq) {
            cursor.expect("to")?;
        }
        (name, value(cursor)?)
    };
    Ok(Statement::Set(Set { name, value, local }))
}

fn set_transaction(cursor: &mut Cursor<'_>, prefix: &str, local: bool) -> Result<Statement, Error> {
    let modes = transaction::modes(cursor)?;
    let (name, value) = match modes.read_only {
        Some(read_only) => ("read_only", if read_only { "on" } else { "off" }),
        None => ("isolation", modes.isolation.unwrap_or("read committed")),
    };
    Ok(Statement::Set(Set { name: format!("{prefix}{name}"), value: Some(value.to_owned()), local }))
}

/// `RESET name | ALL | TIME ZONE`.
pub(super) fn reset(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    cursor.skip(1);
    let name = if cursor.accept(&["time", "zone"]) { "timezone".to_owned() } else { setting_name(cursor)? };
    Ok(Statement::Set(Set { name, value: None, local: false }))
}

/// `name` or `extension.name`, in lower case.
pub(super) fn setting_name(cursor: &mut Cursor<'_>) -> Result<String, Error> {
    let mut name = cursor.identifier()?.to_lowercase();
    while cursor.accept_token(&Token::Period) {
        name = format!("{name}.{}", cursor.identifier()?.to_lowercase());
    }
    Ok(name)
}

/// Values, joined as Postgres shows a list; none for `DEFAULT`.
fn value(cursor: &mut Cursor<'_>) -> Result<Option<String>, Error> {
    if cursor.accept(&["default"]) {
        return Ok(None);
    }
    let mut values = vec![single_value(cursor)?];
    while cursor.accept_token(&Token::Comma) {
        values.push(single_value(cursor)?);
    }
    Ok(Some(values.join(", ")))
}

fn single_value(cursor: &mut Cursor<'_>) -> Result<String, Error> {
    // `SET TIME ZONE INTERVAL '+01:00' HOUR TO MINUTE`
    let is_interval = cursor.accept(&["interval"]);
    let sign = if cursor.accept_token(&Token::Minus) { "-" } else { "" };
    let _ = cursor.accept_token(&Token::Plus);
    let text = match cursor.peek().map(|token| token.token.clone()) {
        Some(Token::Number(number, _)) => format!("{sign}{number}"),
        Some(Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text)) if sign.is_empty() => text,
        Some(Token::Word(word)) if sign.is_empty() => word.value,
        _ => return Err(cursor.unexpected("a value")),
    };
    cursor.skip(1);
    if is_interval {
        let _ = cursor.accept(&["hour", "to", "minute"]);
    }
    Ok(text)
}

/// `DISCARD ALL | PLANS | SEQUENCES | TEMP`.
pub(super) fn discard(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    cursor.skip(1);
    let known = ["all", "plans", "sequences", "temp", "temporary"];
    if known.into_iter().any(|word| cursor.accept(&[word])) {
        Ok(Statement::Discard)
    } else {
        Err(cursor.unexpected("ALL, PLANS, SEQUENCES or TEMP"))
    }
}

/// `DEALLOCATE [PREPARE] name | ALL`.
pub(super) fn deallocate(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    cursor.skip(1);
    let _ = cursor.accept(&["prepare"]);
    if cursor.accept(&["all"]) { Ok(Statement::Discard) } else { Ok(Statement::Deallocate(cursor.identifier()?)) }
}
