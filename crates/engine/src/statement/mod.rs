//! The statements, a file each, and where each goes: [`execute`] is one match that leads to all of
//! them. What they share of a session, of names and of the catalog lies outside of this folder.

mod create;
mod describe;
mod drop;
mod explain;
mod incremental;
mod query;
mod show;
mod subscribe;
mod write;

use std::sync::Arc;

use datafusion::scalar::ScalarValue;
use sql::{Parsed, Statement};

use crate::session::Session;
use crate::{Error, Outcome, Tag, settings};

pub(crate) use create::restore;
pub use describe::Description;
pub(crate) use describe::describe;
pub(crate) use write::{Casts, duplicate_of};

/// Runs a statement.
pub(crate) async fn execute(
    session: &mut Session,
    parsed: &Arc<Parsed>,
    parameters: &[ScalarValue],
) -> Result<Outcome, Error> {
    let sql = parsed.sql.as_str();
    if !session.binder.searches_public() {
        settings::check_named(&parsed.statement)?;
    }
    match &parsed.statement {
        Statement::Query(_) => query::run(session, parsed, parameters, Tag::Select).await,
        Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_) => {
            write::run(session, parsed, parameters).await
        }
        Statement::CreateTable(table) => create::table::run(session, table, sql).await,
        Statement::CreateSource(source) => create::source::run(session, source, sql).await,
        Statement::CreateView(view) => create::view::run(session, view, sql).await,
        Statement::CreateSink(sink) => create::sink::run(session, sink, sql).await,
        Statement::Drop(drop) => drop::run(session, drop).await,
        Statement::Show(show) => show::run(session, show),
        Statement::Set(set) => settings::run(session, set, sql),
        Statement::Explain(_) => explain::run(session, parsed).await,
        Statement::Subscribe(subscribe) => subscribe::run(session, subscribe, parameters).await,
        Statement::Begin { read_only, isolation } => Ok(session.begin(*read_only, *isolation, sql)),
        Statement::Commit => session.commit().await,
        Statement::Rollback => Ok(session.rollback()),
        Statement::Savepoint(name) => session.savepoint(name),
        Statement::Release(name) => session.release(name),
        Statement::RollbackTo(name) => session.rollback_to(name),
        Statement::GiveUp(tag) => Ok(Outcome::Done((*tag).to_owned())),
        Statement::Discard => settings::discard(session, sql).await,
        // Prepared statements are the frontend's.
        Statement::Deallocate(_) => Ok(Outcome::Done("DEALLOCATE".to_owned())),
        // A session reads its own writes; what remains to wait for is sources that have an end.
        Statement::Flush => {
            session.engine.runtime().flush().await?;
            Ok(Outcome::Done("FLUSH".to_owned()))
        }
    }
}
