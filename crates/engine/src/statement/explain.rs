//! `EXPLAIN`: the incremental plan of a query, or its batch plan where it has none.

use std::sync::Arc;

use datafusion::physical_plan::displayable;
use datafusion::sql::sqlparser::ast;
use sql::{Parsed, Statement};

use crate::bind::{Binder, ParameterTypes, with_types};
use crate::read::Reader;
use crate::rows::text_outcome;
use crate::session::Session;
use crate::statement::incremental::plan_view;
use crate::{Error, Outcome, SqlState, Tag};

/// The one column's name, as Postgres has it.
pub(crate) const COLUMN: &str = "QUERY PLAN";

/// Explains a statement, a row a line.
pub(crate) async fn run(session: &mut Session, parsed: &Arc<Parsed>) -> Result<Outcome, Error> {
    let Statement::Explain(statement) = &parsed.statement else { return Err(Error::internal("not an EXPLAIN")) };
    let lines = match statement.as_ref() {
        Statement::Query(query) => match incremental(session, query, &[]).await {
            Ok(lines) => lines,
            Err(error) if error.code == SqlState::FEATURE_NOT_SUPPORTED => {
                let (binder, reader, query) = (session.binder.clone(), session.reader(), query.clone());
                session.on_pool(async move { batch(&binder, &reader, &query, &error).await }).await?
            }
            Err(error) => return Err(error),
        },
        // What cannot be maintained cannot be created either: the reason is the answer.
        Statement::CreateView(view) => incremental(session, &view.query, &view.columns).await?,
        Statement::CreateSink(sink) => incremental(session, &sink.query, &[]).await?,
        Statement::Subscribe(subscribe) => incremental(session, &subscribe.query, &[]).await?,
        _ => return Err(Error::unsupported("EXPLAIN of this statement is not supported yet")),
    };
    let rows: Vec<_> = lines.into_iter().map(|line| vec![Some(line)]).collect();
    text_outcome(Tag::Explain, &[COLUMN], &rows)
}

async fn incremental(session: &mut Session, query: &ast::Query, columns: &[String]) -> Result<Vec<String>, Error> {
    let reader = session.reader();
    let plan = plan_view(&session.binder, &reader, query, columns).await?;
    Ok(plan::explain(&plan.node))
}

async fn batch(binder: &Binder, reader: &Arc<Reader>, query: &ast::Query, why: &Error) -> Result<Vec<String>, Error> {
    let plan = binder.bind(query, reader, vec![]).await?.plan;
    let mut types = ParameterTypes::default();
    types.infer(&plan)?;
    let fields = types.fields();
    if !fields.is_empty() {
        return Err(Error::unsupported("EXPLAIN with parameters is not supported yet"));
    }
    let state = binder.state();
    let plan = sql::analyse(with_types(plan, &fields)?, state)?;
    let physical = crate::statement::query::physical(state, &plan).await?;
    let mut lines = vec![format!("Batch plan, since {}:", why.message)];
    let text = displayable(Arc::clone(&physical).as_ref()).indent(false).to_string();
    lines.extend(text.lines().map(|line| format!("  {line}")));
    Ok(lines)
}
