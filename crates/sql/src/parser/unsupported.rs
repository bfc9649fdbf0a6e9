//! Statements that Postgres, Materialize or RisingWave have and Freshet doesn't: refused by name.

use super::cursor::Cursor;
use crate::Error;

/// First words of statements, and whether the word after it belongs to the name.
const STATEMENTS: &[(&str, bool)] = &[
    ("alter", true),
    ("analyze", false),
    ("call", false),
    ("checkpoint", false),
    ("close", false),
    ("cluster", false),
    ("comment", false),
    ("copy", false),
    ("declare", false),
    ("do", false),
    ("execute", false),
    ("fetch", false),
    ("grant", false),
    ("import", true),
    ("listen", false),
    ("load", false),
    ("lock", false),
    ("merge", false),
    ("move", false),
    ("notify", false),
    ("prepare", false),
    ("reassign", true),
    ("recover", false),
    ("refresh", true),
    ("reindex", false),
    ("revoke", false),
    ("security", true),
    ("truncate", false),
    ("use", false),
    ("vacuum", false),
    ("wait", false),
];

/// The error for a statement that starts with a word which is none of ours.
pub(super) fn statement(cursor: &Cursor<'_>) -> Error {
    let word = cursor.peek_word(0).unwrap_or_default();
    match STATEMENTS.iter().find(|(known, _)| *known == word) {
        Some((_, two_words)) => cursor.unsupported(named(cursor, &word, *two_words)),
        None => cursor.unexpected("a statement"),
    }
}

fn named(cursor: &Cursor<'_>, word: &str, two_words: bool) -> String {
    let second = if two_words { cursor.peek_word(1) } else { None };
    match second.as_deref() {
        Some("materialized") => format!("{} MATERIALIZED VIEW", word.to_uppercase()),
        Some(second) => format!("{word} {second}").to_uppercase(),
        None => word.to_uppercase(),
    }
}
