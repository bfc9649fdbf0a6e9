//! `SET`, `RESET` and `DISCARD`.

use sql::Set;

use crate::session::Session;
use crate::{Error, Outcome, TransactionStatus};

/// Sets a setting, or sets it back.
pub(crate) fn run(session: &mut Session, set: &Set) -> Result<Outcome, Error> {
    let settings = session.info.settings.clone();
    if set.local && session.transaction() == TransactionStatus::Idle {
        // Without a transaction it would go back at once: there is only the warning.
        session.remember_local(&set.name);
        return Ok(Outcome::Done("SET".to_owned()));
    }
    settings.set(&set.name, set.value.as_deref())?;
    if set.local {
        session.remember_local(&set.name);
    }
    Ok(Outcome::Done("SET".to_owned()))
}

/// Forgets what the session has set. Prepared statements are the frontend's to forget.
pub(crate) fn discard(session: &mut Session) -> Result<Outcome, Error> {
    session.check_outside_transaction("DISCARD ALL")?;
    session.info.settings.set("all", None)?;
    Ok(Outcome::Done("DISCARD ALL".to_owned()))
}
