//! `CREATE SOURCE` and `CREATE SINK`, in RisingWave's words.

use std::collections::BTreeMap;

use sqlparser::tokenizer::Token;

use super::create::column;
use super::cursor::Cursor;
use super::options::options;
use super::query;
use crate::{CreateSink, CreateSource, Error, Format, Statement};

/// `CREATE SOURCE [IF NOT EXISTS] name [(columns)] WITH (...) [FORMAT f ENCODE e [(...)]]`; `CREATE SOURCE` is read.
pub(super) fn create_source(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    let if_not_exists = cursor.if_not_exists();
    let name = cursor.name()?;
    let columns = if cursor.at(&Token::LParen) { columns(cursor)? } else { vec![] };
    if cursor.at_words(&["include"]) {
        return Err(cursor.unsupported("INCLUDE"));
    }
    if cursor.at_words(&["from"]) {
        return Err(cursor.unsupported("CREATE SOURCE ... FROM"));
    }
    let with = if cursor.accept(&["with"]) { options(cursor)? } else { BTreeMap::new() };
    let format = format(cursor)?;
    Ok(Statement::CreateSource(CreateSource { name, if_not_exists, columns, with, format }))
}

fn columns(cursor: &mut Cursor<'_>) -> Result<Vec<crate::ColumnDefinition>, Error> {
    cursor.expect_token(&Token::LParen)?;
    let mut columns: Vec<crate::ColumnDefinition> = vec![];
    loop {
        if cursor.at_words(&["watermark", "for"]) {
            return Err(cursor.unsupported("WATERMARK"));
        }
        if cursor.at_words(&["primary", "key"]) {
            return Err(cursor.unsupported("PRIMARY KEY of a source"));
        }
        if cursor.accept_token(&Token::Mul) {
            return Err(cursor.unsupported("\"*\" in a source's columns"));
        }
        let (definition, is_key) = column(cursor)?;
        if is_key {
            return Err(cursor.unsupported("PRIMARY KEY of a source"));
        }
        if definition.default.is_some() {
            return Err(cursor.unsupported("DEFAULT in a source"));
        }
        if columns.iter().any(|other| other.name == definition.name) {
            return Err(Error::DuplicateColumn(definition.name));
        }
        columns.push(definition);
        if !cursor.accept_token(&Token::Comma) {
            break;
        }
    }
    cursor.expect_token(&Token::RParen)?;
    Ok(columns)
}

/// `FORMAT f ENCODE e [(...)]`, if it is there.
fn format(cursor: &mut Cursor<'_>) -> Result<Option<Format>, Error> {
    if !cursor.accept(&["format"]) {
        return Ok(None);
    }
    let format = cursor.identifier()?.to_uppercase();
    cursor.expect("encode")?;
    let encode = cursor.identifier()?.to_uppercase();
    let options = if cursor.at(&Token::LParen) { options(cursor)? } else { BTreeMap::new() };
    Ok(Some(Format { format, encode, options }))
}

/// `CREATE SINK [IF NOT EXISTS] name FROM v | AS query WITH (...)`; `CREATE SINK` is read.
pub(super) fn create_sink(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    let if_not_exists = cursor.if_not_exists();
    let name = cursor.name()?;
    if cursor.at_words(&["into"]) {
        return Err(cursor.unsupported("CREATE SINK ... INTO"));
    }
    let query = if cursor.accept(&["from"]) {
        query::select_all_from(cursor)?
    } else {
        cursor.expect("as")?;
        // sqlparser takes `FROM v WITH (...)` for table hints, so it must not see the options.
        let length = options_start(cursor).unwrap_or(cursor.rest().len());
        let mut inner = Cursor::new(cursor.text, cursor.rest()[..length].to_vec());
        let query = query::query(&mut inner)?;
        inner.end()?;
        cursor.skip(length);
        query
    };
    let with = if cursor.accept(&["with"]) { options(cursor)? } else { BTreeMap::new() };
    if cursor.at_words(&["format"]) {
        return Err(cursor.unsupported("FORMAT of a sink"));
    }
    Ok(Statement::CreateSink(CreateSink { name, if_not_exists, query, with }))
}

/// Where the last `WITH (` outside of parentheses is, in tokens from here.
fn options_start(cursor: &Cursor<'_>) -> Option<usize> {
    let mut depth = 0_usize;
    let mut start = None;
    for (index, token) in cursor.rest().iter().enumerate() {
        match &token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            Token::Word(word)
                if depth == 0 && word.quote_style.is_none() && word.value.eq_ignore_ascii_case("with") =>
            {
                let opens = cursor.rest().get(index + 1).is_some_and(|next| next.token == Token::LParen);
                start = if opens { Some(index) } else { start };
            }
            _ => {}
        }
    }
    start
}
