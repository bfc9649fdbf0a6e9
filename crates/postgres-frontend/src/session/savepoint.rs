//! `SAVEPOINT` and `RELEASE`, as drivers send them around statements that may fail.
//!
//! A savepoint marks nothing, since going back to one is refused (`ROLLBACK TO`, by the engine, which fails the
//! transaction: nothing is kept that should be gone). Setting and releasing one is then all the same.

use engine::TransactionStatus;

use super::Connection;
use crate::error::Error;

/// The command tag of a statement that sets or releases a savepoint; none for any other.
pub(super) fn tag_of(text: &str) -> Option<&'static str> {
    let text = text.trim().trim_end_matches(';');
    let words: Vec<String> = text.split_whitespace().map(str::to_ascii_lowercase).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["savepoint", name] if is_name(name) => Some("SAVEPOINT"),
        ["release", name] | ["release", "savepoint", name] if is_name(name) => Some("RELEASE"),
        _ => None,
    }
}

fn is_name(word: &str) -> bool {
    let inner = word.strip_prefix('"').and_then(|word| word.strip_suffix('"')).unwrap_or(word);
    !inner.is_empty() && inner.chars().all(|character| character.is_alphanumeric() || character == '_')
}

impl Connection {
    /// Whether a savepoint may be set or released now.
    pub(super) fn check_savepoint(&self, tag: &str) -> Result<(), Error> {
        match self.session.transaction() {
            TransactionStatus::Active => Ok(()),
            TransactionStatus::Idle => {
                Err(Error::request("25P01", format!("{tag} can only be used in transaction blocks")))
            }
            TransactionStatus::Failed => {
                let message = "current transaction is aborted, commands ignored until end of transaction block";
                Err(Error::request("25P02", message))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::tag_of;

    #[test]
    fn savepoints_are_recognised() {
        for (text, tag) in [
            ("SAVEPOINT \"_pg3_1\"", Some("SAVEPOINT")),
            ("release savepoint a;", Some("RELEASE")),
            ("RELEASE \"_pg3_1\"", Some("RELEASE")),
            ("savepoint a; select 1", None),
            ("rollback to a", None),
            ("savepoint", None),
        ] {
            assert_eq!(tag_of(text), tag, "{text}");
        }
    }
}
