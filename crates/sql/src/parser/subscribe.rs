//! `SUBSCRIBE`, as Materialize has it.

use std::collections::BTreeMap;

use sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use super::query;
use crate::{Error, Statement, Subscribe};

/// `SUBSCRIBE [TO] name | (query) [WITH (SNAPSHOT [= bool], PROGRESS [= bool])] [AS OF epoch]`.
pub(super) fn subscribe(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    cursor.skip(1);
    let _ = cursor.accept(&["to"]);
    let query = if cursor.accept_token(&Token::LParen) {
        let query = query::query(cursor)?;
        cursor.expect_token(&Token::RParen)?;
        query
    } else {
        query::select_all_from(cursor)?
    };
    let mut subscribe = Subscribe { query, snapshot: true, progress: false, as_of: None };
    if cursor.accept(&["with"]) {
        for (option, value) in flags(cursor)? {
            match option.as_str() {
                "snapshot" => subscribe.snapshot = value,
                "progress" => subscribe.progress = value,
                _ => return Err(cursor.unsupported(format!("SUBSCRIBE option {}", option.to_uppercase()))),
            }
        }
    }
    if cursor.accept(&["as", "of"]) {
        let _ = cursor.accept(&["epoch"]);
        let epoch = match cursor.peek().map(|token| token.token.clone()) {
            Some(Token::Number(number, _)) => number.parse().ok(),
            _ => None,
        };
        subscribe.as_of = Some(epoch.ok_or_else(|| cursor.unexpected("an epoch"))?);
        cursor.skip(1);
    }
    Ok(Statement::Subscribe(subscribe))
}

/// `(NAME [[=] bool], ...)`; a bare name is true.
fn flags(cursor: &mut Cursor<'_>) -> Result<BTreeMap<String, bool>, Error> {
    let mut flags = BTreeMap::new();
    cursor.expect_token(&Token::LParen)?;
    loop {
        let option = cursor.identifier()?;
        let _ = cursor.accept_token(&Token::Eq);
        let value = if cursor.accept(&["false"]) || cursor.accept(&["off"]) {
            false
        } else {
            let _ = cursor.accept(&["true"]) || cursor.accept(&["on"]);
            true
        };
        flags.insert(option, value);
        if !cursor.accept_token(&Token::Comma) {
            break;
        }
    }
    cursor.expect_token(&Token::RParen)?;
    Ok(flags)
}
