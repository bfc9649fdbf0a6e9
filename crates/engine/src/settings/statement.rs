//! `SET`, `RESET` and `DISCARD`.

use sql::Set;

use crate::session::Session;
use crate::{Error, Outcome, SqlState, TransactionStatus};

/// Sets a setting, or sets it back.
pub(crate) fn run(session: &mut Session, set: &Set, sql: &str) -> Result<Outcome, Error> {
    let resets = sql.get(..5).is_some_and(|word| word.eq_ignore_ascii_case("RESET"));
    let settings = session.info.settings.clone();
    if set.local && session.transaction() == TransactionStatus::Idle {
        // Without a transaction it would go back at once: there is only the warning.
        session.remember_local(&set.name);
        return Ok(Outcome::Done("SET".to_owned()));
    }
    if set.name == "transaction_isolation" && session.has_run() && settings.get(&set.name) != set.value {
        let message = "SET TRANSACTION ISOLATION LEVEL must be called before any query";
        return Err(Error::new(SqlState::ACTIVE_SQL_TRANSACTION, message));
    }
    settings.set(&set.name, set.value.as_deref())?;
    if set.local {
        session.remember_local(&set.name);
    }
    Ok(Outcome::Done(if resets { "RESET" } else { "SET" }.to_owned()))
}

/// `DISCARD` and `DEALLOCATE ALL`. Plans and prepared statements are the frontend's to forget, and
/// there are no sequences or temporary tables; what is left is settings.
pub(crate) async fn discard(session: &mut Session, sql: &str) -> Result<Outcome, Error> {
    let words: Vec<String> = sql.split_whitespace().map(str::to_uppercase).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let tag = match words.as_slice() {
        ["DEALLOCATE", ..] => "DEALLOCATE ALL",
        [_, "PLANS", ..] => "DISCARD PLANS",
        [_, "SEQUENCES", ..] => "DISCARD SEQUENCES",
        [_, "TEMP" | "TEMPORARY", ..] => "DISCARD TEMP",
        _ => {
            session.refuse_in_block("DISCARD ALL")?;
            session.end_implicit().await?;
            session.info.settings.set("all", None)?;
            "DISCARD ALL"
        }
    };
    Ok(Outcome::Done(tag.to_owned()))
}
