//! What a statement takes and gives, without running it.

use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef, SchemaRef};
use sql::Statement;

use super::{explain, query, show, subscribe};
use crate::Error;
use crate::bind::{ParameterTypes, with_types};
use crate::rows::text_schema;
use crate::session::Session;
use crate::statement::write::Delete;
use crate::statement::write::Insert;
use crate::statement::write::Update;
use crate::statement::write::{Context, TableChange};

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
    statement: &Statement,
    hints: &[Option<Field>],
) -> Result<Description, Error> {
    let types = ParameterTypes::hinted(hints);
    match statement {
        Statement::Query(query) => {
            let reader = session.reader();
            let bound = session.binder.bind(query, &reader, vec![]).await?;
            let mut types = types;
            types.infer(&bound.plan)?;
            let parameters = types.fields();
            let plan = sql::analyse(with_types(bound.plan, &parameters)?, session.binder.state())?;
            Ok(Description { parameters, columns: Some(query::shown_schema(plan.schema().as_arrow(), None)) })
        }
        Statement::Insert(insert) => change(session, &Insert::new(insert), types).await,
        Statement::Update(update) => change(session, &Update::new(update), types).await,
        Statement::Delete(delete) => change(session, &Delete::new(delete), types).await,
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
        | Statement::Discard
        | Statement::Deallocate(_)
        | Statement::Flush => Ok(Description::default()),
    }
}

async fn change<C: TableChange>(
    session: &mut Session,
    change: &C,
    mut types: ParameterTypes,
) -> Result<Description, Error> {
    let reader = session.reader();
    let context = Context { binder: &session.binder, reader, parameters: &[] };
    let columns = change.describe(&context, &mut types).await?;
    Ok(Description { parameters: types.fields(), columns })
}

fn rows(columns: SchemaRef) -> Description {
    Description { parameters: vec![], columns: Some(Arc::clone(&columns)) }
}
