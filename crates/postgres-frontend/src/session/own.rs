//! Statements that are done here, and need no engine: what drivers send around statements that may fail, and when
//! they give a connection back to their pool.
//!
//! A savepoint marks nothing, since going back to one is refused (`ROLLBACK TO`, by the engine, which fails the
//! transaction: nothing is kept that should be gone). Setting and releasing one is then all the same. There are no
//! cursors to close, and nothing that one could listen to.

use engine::TransactionStatus;
use sql::Parsed;

use super::Connection;
use crate::error::Error;

/// One statement of a text.
#[derive(Debug)]
pub(super) enum Step {
    /// For the engine.
    Statement(Parsed),
    /// Done here: its command tag.
    Own(&'static str),
}

/// The command tag of a statement that is done here; none for any other.
fn tag_of(text: &str) -> Option<&'static str> {
    let words: Vec<String> = text.split_whitespace().map(str::to_ascii_lowercase).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["savepoint", name] if is_name(name) => Some("SAVEPOINT"),
        ["release", name] | ["release", "savepoint", name] if is_name(name) => Some("RELEASE"),
        ["close", "all"] => Some("CLOSE CURSOR ALL"),
        ["unlisten", "*"] => Some("UNLISTEN"),
        ["unlisten", name] if is_name(name) => Some("UNLISTEN"),
        _ => None,
    }
}

fn is_name(word: &str) -> bool {
    let inner = word.strip_prefix('"').and_then(|word| word.strip_suffix('"')).unwrap_or(word);
    !inner.is_empty() && inner.chars().all(|character| character.is_alphanumeric() || character == '_')
}

/// The statements of a text that has one of ours among others, as far as it can be cut without knowing SQL: drivers
/// put nothing into such a text that would hide a semicolon. Any other text is left whole, for the engine.
fn pieces(text: &str) -> Vec<&str> {
    let hides = |pattern: &str| text.contains(pattern);
    let pieces: Vec<&str> = text.split(';').map(str::trim).filter(|piece| !piece.is_empty()).collect();
    let plain = pieces.len() == 1 || !["'", "\"", "$", "--", "/*"].into_iter().any(hides);
    match plain && pieces.iter().any(|piece| tag_of(piece).is_some()) {
        true => pieces,
        false => vec![text],
    }
}

impl Connection {
    /// The statements of a text, in order.
    pub(super) fn steps(&self, text: &str) -> Result<Vec<Step>, Error> {
        let mut steps = Vec::new();
        for piece in pieces(text) {
            match tag_of(piece) {
                Some(tag) => steps.push(Step::Own(tag)),
                None => steps.extend(self.session.parse(piece)?.into_iter().map(Step::Statement)),
            }
        }
        Ok(steps)
    }

    /// Whether a statement that is done here may be done now.
    pub(super) fn check_own(&self, tag: &str) -> Result<(), Error> {
        match self.session.transaction() {
            TransactionStatus::Active => Ok(()),
            TransactionStatus::Idle if matches!(tag, "SAVEPOINT" | "RELEASE") => {
                Err(Error::request("25P01", format!("{tag} can only be used in transaction blocks")))
            }
            TransactionStatus::Idle => Ok(()),
            TransactionStatus::Failed => {
                let message = "current transaction is aborted, commands ignored until end of transaction block";
                Err(Error::request("25P02", message))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{pieces, tag_of};

    #[test]
    fn own_statements_are_recognised() {
        for (text, tag) in [
            ("SAVEPOINT \"_pg3_1\"", Some("SAVEPOINT")),
            ("release savepoint a", Some("RELEASE")),
            ("RELEASE \"_pg3_1\"", Some("RELEASE")),
            ("CLOSE ALL", Some("CLOSE CURSOR ALL")),
            ("UNLISTEN *", Some("UNLISTEN")),
            ("close c", None),
            ("rollback to a", None),
            ("savepoint", None),
        ] {
            assert_eq!(tag_of(text), tag, "{text}");
        }
    }

    #[test]
    fn texts_are_cut_only_where_that_is_safe() {
        assert_eq!(
            pieces("SELECT f();\nCLOSE ALL;\nUNLISTEN *;\nRESET ALL;"),
            ["SELECT f()", "CLOSE ALL", "UNLISTEN *", "RESET ALL"]
        );
        for whole in ["", ";", "select 1; select 2;", "select ';savepoint a;'", "savepoint a; select 'x'"] {
            assert_eq!(pieces(whole), [whole]);
        }
        assert_eq!(pieces("savepoint \"a\";"), ["savepoint \"a\""]);
    }
}
