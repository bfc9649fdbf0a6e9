//! `SHOW` and `DESCRIBE`.

use sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use super::{object_kind, settings};
use crate::{Error, ObjectKind, Show, Statement};

/// `SHOW objects | COLUMNS FROM name | CREATE kind name | setting | ALL`.
pub(super) fn show(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    cursor.skip(1);
    let lists: [(&[&str], Show); 9] = [
        (&["tables"], Show::Objects(ObjectKind::Table)),
        (&["sources"], Show::Objects(ObjectKind::Source)),
        (&["views"], Show::Objects(ObjectKind::View)),
        (&["materialized", "views"], Show::Objects(ObjectKind::MaterializedView)),
        (&["sinks"], Show::Objects(ObjectKind::Sink)),
        (&["schemas"], Show::Schemas),
        (&["databases"], Show::Databases),
        (&["all"], Show::AllSettings),
        (&["transaction", "isolation", "level"], Show::Setting("transaction_isolation".to_owned())),
    ];
    if let Some((_, show)) = lists.into_iter().find(|(words, _)| cursor.accept(words)) {
        if cursor.at_words(&["from"]) || cursor.at_words(&["in"]) || cursor.at_words(&["like"]) {
            let clause = cursor.peek_word(0).unwrap_or_default().to_uppercase();
            return Err(cursor.unsupported(format!("SHOW ... {clause}")));
        }
        return Ok(Statement::Show(show));
    }
    let show = if cursor.accept(&["columns"]) {
        if !cursor.accept(&["in"]) {
            cursor.expect("from")?;
        }
        Show::Columns(cursor.name()?)
    } else if cursor.accept(&["create"]) {
        let kind = object_kind(cursor).ok_or_else(|| cursor.unexpected("TABLE, SOURCE, VIEW or SINK"))?;
        Show::Create(kind, cursor.name()?)
    } else if cursor.accept(&["time", "zone"]) {
        Show::Setting("timezone".to_owned())
    } else if cursor.accept(&["session", "authorization"]) {
        Show::Setting("session_authorization".to_owned())
    } else {
        let listed = cursor.peek_word(0).unwrap_or_default();
        if ["indexes", "connections", "secrets", "functions", "clusters", "jobs", "users"].contains(&listed.as_str()) {
            return Err(cursor.unsupported(format!("SHOW {}", listed.to_uppercase())));
        }
        Show::Setting(settings::setting_name(cursor)?)
    };
    Ok(Statement::Show(show))
}

/// `DESCRIBE name`, as RisingWave has it.
pub(super) fn describe(cursor: &mut Cursor<'_>) -> Result<Statement, Error> {
    cursor.skip(1);
    if cursor.at(&Token::LParen) || cursor.at_words(&["select"]) {
        return Err(cursor.unsupported("DESCRIBE of a query"));
    }
    Ok(Statement::Show(Show::Columns(cursor.name()?)))
}
