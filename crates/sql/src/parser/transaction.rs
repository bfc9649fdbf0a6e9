//! `BEGIN`, `COMMIT`, `ROLLBACK` and their synonyms.

use sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use crate::{Error, Statement};

/// `BEGIN [WORK | TRANSACTION] modes`, `START TRANSACTION modes`.
pub(super) fn begin(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    if cursor.accept(&["start"]) {
        cursor.expect("transaction")?;
    } else {
        cursor.skip(1);
        let _ = cursor.accept(&["work"]) || cursor.accept(&["transaction"]);
    }
    let modes = modes(cursor)?;
    Ok(Statement::Begin { read_only: modes.read_only, isolation: modes.isolation })
}

/// What a list of transaction modes says.
#[derive(Default)]
pub(super) struct Modes {
    pub(super) read_only: Option<bool>,
    /// In lower case.
    pub(super) isolation: Option<&'static str>,
}

/// `ISOLATION LEVEL ...`, `READ ONLY`, `READ WRITE`, `[NOT] DEFERRABLE`, with or without commas between.
pub(super) fn modes(cursor: &mut Cursor<'_>) -> Result<Modes, Error> {
    let mut modes = Modes::default();
    while cursor.peek().is_some() {
        let _ = cursor.accept_token(&Token::Comma);
        if cursor.accept(&["isolation", "level"]) {
            modes.isolation = Some(isolation_level(cursor)?);
        } else if cursor.accept(&["read", "only"]) {
            modes.read_only = Some(true);
        } else if cursor.accept(&["read", "write"]) {
            modes.read_only = Some(false);
        } else if !cursor.accept(&["not", "deferrable"]) && !cursor.accept(&["deferrable"]) {
            return Err(cursor.unexpected("a transaction mode"));
        }
    }
    Ok(modes)
}

/// Of `serializable` there is too little: two transactions may each read what the other writes.
fn isolation_level(cursor: &mut Cursor<'_>) -> Result<&'static str, Error> {
    if cursor.at_words(&["serializable"]) {
        return Err(cursor.unsupported("ISOLATION LEVEL SERIALIZABLE"));
    }
    let levels: [(&[&str], &str); 3] = [
        (&["repeatable", "read"], "repeatable read"),
        (&["read", "committed"], "read committed"),
        (&["read", "uncommitted"], "read uncommitted"),
    ];
    let level = levels.into_iter().find(|(words, _)| cursor.accept(words));
    level.map(|(_, name)| name).ok_or_else(|| cursor.unexpected("an isolation level"))
}

/// `COMMIT | END [WORK | TRANSACTION] [AND NO CHAIN]`.
pub(super) fn commit(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    cursor.skip(1);
    if cursor.at_words(&["prepared"]) {
        return Err(cursor.unsupported("COMMIT PREPARED"));
    }
    ending(cursor)?;
    Ok(Statement::Commit)
}

/// `ROLLBACK | ABORT [WORK | TRANSACTION] [AND NO CHAIN]`, `ROLLBACK [WORK | TRANSACTION] TO [SAVEPOINT] name`.
pub(super) fn rollback(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    cursor.skip(1);
    if cursor.at_words(&["prepared"]) {
        return Err(cursor.unsupported("ROLLBACK PREPARED"));
    }
    ending(cursor)?;
    if cursor.accept(&["to"]) {
        return savepoint_name(cursor).map(Statement::RollbackTo);
    }
    Ok(Statement::Rollback)
}

/// `SAVEPOINT name`.
pub(super) fn savepoint(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    cursor.skip(1);
    Ok(Statement::Savepoint(cursor.identifier()?))
}

/// `RELEASE [SAVEPOINT] name`.
pub(super) fn release(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    cursor.skip(1);
    savepoint_name(cursor).map(Statement::Release)
}

fn savepoint_name(cursor: &mut Cursor<'_>) -> Result<String, Error> {
    let _ = cursor.accept(&["savepoint"]);
    cursor.identifier()
}

/// `UNLISTEN name | *` and `CLOSE ALL`: nobody listens, and there are no cursors. None for any other `CLOSE`.
pub(super) fn give_up(cursor: &mut Cursor<'_>) -> Result<Option<Statement>, Error> {
    if cursor.accept(&["close", "all"]) {
        return Ok(Some(Statement::GiveUp("CLOSE CURSOR ALL")));
    }
    if !cursor.accept(&["unlisten"]) {
        return Ok(None);
    }
    if !cursor.accept_token(&Token::Mul) {
        cursor.identifier()?;
    }
    Ok(Some(Statement::GiveUp("UNLISTEN")))
}

fn ending(cursor: &mut Cursor<'_>) -> Result<(), Error> {
    let _ = cursor.accept(&["work"]) || cursor.accept(&["transaction"]);
    if cursor.at_words(&["and", "chain"]) {
        return Err(cursor.unsupported("AND CHAIN"));
    }
    let _ = cursor.accept(&["and", "no", "chain"]);
    Ok(())
}
