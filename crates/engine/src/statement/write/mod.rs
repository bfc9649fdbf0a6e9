//! What `INSERT`, `UPDATE` and `DELETE` have in common: they compute, over one reader's epoch, which
//! rows of one table go and which come, and then all of it is written in one epoch or not at all.
//!
//! Nobody waits for anybody: when another session has meanwhile changed one of the same rows, the
//! statement is computed again over what is there now. Inside a transaction it is not written
//! before the commit.

mod delete;
mod insert;
mod on_conflict;
mod update;
mod values;

mod assign;
mod constraints;
mod keys;
mod matched;
mod query;
mod returning;
mod target;

use std::future::Future;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use dataflow::{CommitError, Write};
use datafusion::scalar::ScalarValue;
use sql::{Parsed, Statement};

pub(crate) use assign::{assign_column, is_unknown_literal, note_assigned};
pub(crate) use constraints::conform;
pub(crate) use delete::Delete;
pub(crate) use insert::Insert;
pub(crate) use keys::{KeyCodec, check_unique, constraint_name, duplicate_of, find_rows};
pub(crate) use matched::{Matched, Matching};
pub(crate) use query::{memory_table, parse_query, quoted, select_of};
pub(crate) use returning::{Returning, Visible};
pub(crate) use target::{Target, column_index, default_of, name_of, set_columns};
pub(crate) use update::Update;
pub(crate) use values::Casts;

use crate::bind::{Binder, ParameterTypes};
use crate::read::Reader;
use crate::session::Session;
use crate::transaction::failed_commit;
use crate::{Error, Outcome, SqlState, Tag};

/// How often a statement is computed again before its client is told to try later.
const ATTEMPTS_MAX: usize = 1_000;

/// What is computed at once may be written in so many bytes, its parameters included.
const AT_HAND_BYTES: usize = 8 << 10;

/// A statement that changes the rows of one table.
pub(crate) trait TableChange: Sync {
    /// Computes what goes and what comes.
    fn compute(&self, context: &Context<'_>) -> impl Future<Output = Result<Computed, Error>> + Send;

    /// The types of its parameters, noted in `types`, and the columns that it returns.
    fn describe(
        &self,
        context: &Context<'_>,
        types: &mut ParameterTypes,
    ) -> impl Future<Output = Result<Option<SchemaRef>, Error>> + Send;
}

/// What a change is computed with.
pub(crate) struct Context<'a> {
    pub(crate) binder: &'a Binder,
    pub(crate) reader: Arc<Reader>,
    pub(crate) parameters: &'a [ScalarValue],
    /// What the session has planned for values already.
    pub(crate) casts: &'a Casts,
}

/// What a change was computed to be.
pub(crate) struct Computed {
    pub(crate) write: Write,
    /// How many rows the client is told of.
    pub(crate) rows: usize,
    /// `RETURNING`'s columns and rows.
    pub(crate) returning: Option<(SchemaRef, Vec<RecordBatch>)>,
}

/// Runs a change: computes and writes it, again if need be.
pub(crate) async fn run(
    session: &mut Session,
    parsed: &Arc<Parsed>,
    parameters: &[ScalarValue],
) -> Result<Outcome, Error> {
    let (tag, verb) = match &parsed.statement {
        Statement::Update(_) => (Tag::Update, "UPDATE"),
        Statement::Delete(_) => (Tag::Delete, "DELETE"),
        _ => (Tag::Insert, "INSERT"),
    };
    session.check_writable(verb)?;
    let parameters: Arc<[ScalarValue]> = parameters.into();
    for _ in 0..ATTEMPTS_MAX {
        let reader = session.reader();
        let computed = match at_hand(session, parsed, &reader, &parameters)? {
            Some(computed) => computed,
            None => compute(session, parsed, &reader, &parameters).await?,
        };
        let Computed { write, rows, returning } = computed;
        let outcome = || outcome(tag, rows, returning);
        let is_nothing = write.deletes.is_empty() && write.inserts.is_empty();
        let writes = vec![write];
        if is_nothing || session.keep(&reader, &writes)? {
            return outcome();
        }
        drop(reader);
        match session.write(writes).await {
            Ok(()) => return outcome(),
            Err(CommitError::Conflict) => {
                tracing::debug!(verb, "computed again: the rows were changed meanwhile");
                tokio::task::yield_now().await;
            }
            Err(error) => return Err(failed_commit(error)),
        }
    }
    Err(Error::new(SqlState::SERIALIZATION_FAILURE, "could not serialize access due to concurrent update")
        .with_detail(format!("The same rows were changed by others {ATTEMPTS_MAX} times in a row.")))
}

/// Computes a change where that takes no thread from other sessions.
async fn compute(
    session: &Session,
    parsed: &Arc<Parsed>,
    reader: &Arc<Reader>,
    parameters: &Arc<[ScalarValue]>,
) -> Result<Computed, Error> {
    let (binder, casts, reader) = (session.binder.clone(), Arc::clone(&session.casts), Arc::clone(reader));
    let (parsed, parameters) = (Arc::clone(parsed), Arc::clone(parameters));
    let computed = session.on_pool(async move {
        let context = Context { binder: &binder, reader, parameters: &parameters, casts: &casts };
        match &parsed.statement {
            Statement::Insert(insert) => Insert::new(insert).compute(&context).await,
            Statement::Update(update) => Update::new(update).compute(&context).await,
            Statement::Delete(delete) => Delete::new(delete).compute(&context).await,
            _ => Err(Error::internal("not a change of a table")),
        }
    });
    computed.await
}

/// A change that is so little work, with nothing to plan, that handing it to another thread would be more.
fn at_hand(
    session: &Session,
    parsed: &Parsed,
    reader: &Arc<Reader>,
    parameters: &[ScalarValue],
) -> Result<Option<Computed>, Error> {
    let Statement::Insert(insert) = &parsed.statement else { return Ok(None) };
    let bytes = parameters.iter().map(ScalarValue::size).fold(parsed.sql.len(), usize::saturating_add);
    if bytes > AT_HAND_BYTES {
        return Ok(None);
    }
    let reader = Arc::clone(reader);
    let context = Context { binder: &session.binder, reader, parameters, casts: &session.casts };
    Insert::new(insert).at_hand(&context)
}

fn outcome(tag: Tag, rows: usize, returning: Option<(SchemaRef, Vec<RecordBatch>)>) -> Result<Outcome, Error> {
    let Some((schema, batches)) = returning else {
        return Ok(Outcome::Done(tag.complete(u64::try_from(rows).unwrap_or(u64::MAX))));
    };
    Ok(crate::rows::outcome(tag, schema, batches))
}

/// Batches that have rows.
pub(crate) fn not_empty(batches: Vec<RecordBatch>) -> Vec<RecordBatch> {
    batches.into_iter().filter(|batch| batch.num_rows() > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Engine};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_small_insert_is_planned_once() {
        let engine = Engine::start(Config { workers: 1, memory_bytes: 1 << 30, data_dir: None }).expect("threads");
        let mut session = engine.connect("someone", "dev").expect("the database is there");
        let one = |session: &Session, sql: &str| session.parse(sql).expect("valid").swap_remove(0);
        let create =
            "CREATE TABLE t (a bigint PRIMARY KEY, b date, c numeric(10, 2) DEFAULT 7, d timestamptz DEFAULT now())";
        let create = one(&session, create);
        session.execute(&create, &[]).await.expect("a table");
        let rows = |session: &mut Session, sql: &str| {
            let (parsed, reader) = (one(session, sql), session.reader());
            let computed = at_hand(session, &parsed, &reader, &[]).expect("nothing wrong");
            (parsed, computed.map(|computed| computed.rows))
        };
        let (first, planned) = rows(&mut session, "INSERT INTO t VALUES (1, '2024-01-02', 1.5, NULL)");
        assert_eq!(planned, None);
        session.execute(&first, &[]).await.expect("a row");
        for (sql, expected) in [
            ("INSERT INTO t VALUES (2, '2024-01-03', 22.5, NULL)", Some(1)),
            ("INSERT INTO t VALUES (2, '2024-01-03', 2.5, NULL), (3, '2024-01-04', -0.5, NULL)", Some(2)),
            // Another form, another time, an error, and what is more than rows.
            ("INSERT INTO t VALUES (2, '2024-01-03', 2.25, NULL)", None),
            ("INSERT INTO t (a, b, c) VALUES (2, '2024-01-03', 2.5)", None),
            ("INSERT INTO t VALUES (2, 'no date', 2.5, NULL)", None),
            ("INSERT INTO t VALUES (2, '2024-01-03', 2.5, NULL) RETURNING a", None),
        ] {
            assert_eq!(rows(&mut session, sql).1, expected, "{sql}");
        }
        engine.shutdown();
    }
}
