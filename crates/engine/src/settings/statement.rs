//! `SET`, `RESET` and `DISCARD`.

use sql::Set;

use super::known;
use crate::session::Session;
use crate::{Error, Notice, Outcome, SqlState, TransactionStatus};

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
    let notices = notices(session, set);
    session.notices.extend(notices);
    if set.local {
        session.remember_local(&set.name);
    }
    Ok(Outcome::Done(if resets { "RESET" } else { "SET" }.to_owned()))
}

/// What to say of a setting that does less than it promises.
fn notices(session: &Session, set: &Set) -> Vec<Notice> {
    if set.value.is_none() {
        return vec![];
    }
    let Some(known) = known::find(&set.name) else { return vec![] };
    let value = session.info.settings.get(known.name).unwrap_or_default();
    match known.name {
        "search_path" => session.info.settings.search_path().iter().filter_map(|name| unknown(session, name)).collect(),
        "TimeZone" if value != "UTC" => {
            let message =
                format!("time zone \"{value}\" is used to write timestamps with time zone, and not to read them");
            vec![Notice::warning(SqlState::WARNING, message).with_detail(
                "A text without an offset, casts between timestamp and timestamptz, extract, date_trunc, to_char and \
                 current_date mean UTC.",
            )]
        }
        "extra_float_digits" if value.starts_with(['-', '0']) => {
            vec![Notice::new("extra_float_digits has no effect below 1").with_detail(known.about)]
        }
        name if known.is_ignored() && value != known.default => vec![Notice::new(format!("{name} has no effect"))],
        _ => vec![],
    }
}

/// That a schema on the search path is not there.
fn unknown(session: &Session, schema: &str) -> Option<Notice> {
    if schema == "$user" || session.binder.has_schema(schema) {
        return None;
    }
    Some(
        Notice::warning(SqlState::INVALID_SCHEMA_NAME, format!("schema \"{schema}\" does not exist"))
            .with_detail("Names without a schema are not looked up there."),
    )
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
