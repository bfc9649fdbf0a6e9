//! What a statement takes and gives, without running it.

use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef, SchemaRef};
use sql::{Parsed, Statement};

use super::{explain, query, show, subscribe};
use crate::Error;
use crate::bind::{Binder, ParameterTypes, with_types};
use crate::read::Reader;
use crate::rows::text_schema;
use crate::session::Session;
use crate::statement::write::{Casts, Context, Delete, Insert, TableChange, Update};

/// What a statement takes and gives.
#[derive(Clone, Debug, Default)]
pub struct Description {
    /// The type of each parameter, `$1` first.
    pub parameters: Vec<FieldRef>,
    /// The columns of its rows; `None` if it returns no rows.
    pub columns: Option<SchemaRef>,
}

/// Describes a statement. `hints`: the types that the client gave for its parameters.
pub(crate) async fn describe(
    session: &mut Session,
    parsed: &Arc<Parsed>,
    hints: &[Option<Field>],
) -> Result<Description, Error> {
    let types = ParameterTypes::hinted(hints);
    match &parsed.statement {
        Statement::Query(_) | Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_) => {
            let (binder, reader, parsed) = (session.binder.clone(), session.reader(), Arc::clone(parsed));
            let casts = Arc::clone(&session.casts);
            session.on_pool(async move { planned(&binder, reader, &casts, &parsed.statement, types).await }).await
        }
        Statement::Show(show) => {
            let names = show::columns(show);
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            Ok(rows(text_schema(&names)))
        }
        Statement::Explain(_) => Ok(rows(text_schema(&[explain::COLUMN]))),
        Statement::Subscribe(subscribe) => Ok(rows(subscribe::columns(session, subscribe).await?)),
        Statement::CreateTable(_)
        | Statement::CreateSource(_)
        | Statement::CreateView(_)
        | Statement::CreateSink(_)
        | Statement::Drop(_)
        | Statement::Set(_)
        | Statement::Begin { .. }
        | Statement::Commit
        | Statement::Rollback
        | Statement::Savepoint(_)
        | Statement::Release(_)
        | Statement::RollbackTo(_)
        | Statement::GiveUp(_)
        | Statement::Discard
        | Statement::Deallocate(_)
        | Statement::Flush => Ok(Description::default()),
    }
}

/// What DataFusion plans.
async fn planned(
    binder: &Binder,
    reader: Arc<Reader>,
    casts: &Casts,
    statement: &Statement,
    mut types: ParameterTypes,
) -> Result<Description, Error> {
    let context = Context { binder, reader, parameters: &[], casts };
    let columns = match statement {
        Statement::Query(query) => {
            let bound = binder.bind(query, &context.reader, vec![]).await?;
            types.infer(&bound.plan)?;
            let plan = sql::analyse(with_types(bound.plan, &types.fields())?, binder.state())?;
            Some(query::shown_schema(plan.schema().as_arrow(), None))
        }
        Statement::Insert(insert) => Insert::new(insert).describe(&context, &mut types).await?,
        Statement::Update(update) => Update::new(update).describe(&context, &mut types).await?,
        Statement::Delete(delete) => Delete::new(delete).describe(&context, &mut types).await?,
        _ => return Err(Error::internal("a statement that needs no plan")),
    };
    Ok(Description { parameters: types.fields(), columns })
}

fn rows(columns: SchemaRef) -> Description {
    Description { parameters: vec![], columns: Some(Arc::clone(&columns)) }
}
