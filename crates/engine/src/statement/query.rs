//! Running a query: bound, planned and executed by DataFusion over one reader's epoch.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::scalar::ScalarValue;
use futures::StreamExt;
use sql::{Parsed, Statement};

use crate::bind::{Binder, ParameterTypes, with_types, with_values};
use crate::catalog::{CatalogSnapshot, Entry};
use crate::session::Session;
use crate::{Error, Notice, Outcome, Tag, pool};

/// Runs a query and streams its rows.
pub(crate) async fn run(
    session: &mut Session,
    parsed: &Arc<Parsed>,
    parameters: &[ScalarValue],
    tag: Tag,
) -> Result<Outcome, Error> {
    let (reader, binder) = (session.reader(), session.binder.clone());
    let (parsed, parameters) = (Arc::clone(parsed), parameters.to_vec());
    let planned = session.on_pool(async move {
        let Statement::Query(query) = &parsed.statement else { return Err(Error::internal("not a query")) };
        let bound = binder.bind(query, &reader, vec![]).await?;
        let notice = unread(&reader.catalog, &bound.reads);
        let (plan, fields) = typed(bound.plan, ParameterTypes::default(), &parameters)?;
        let (plan, schema) = ready(&binder, with_values(plan, &parameters, &fields)?).await?;
        let context = binder.task_context(&plan);
        Ok((plan, schema, context, Arc::clone(binder.memory()), notice))
    });
    let (plan, schema, context, memory, notice) = planned.await?;
    session.notices.extend(notice);
    let rows = session.engine.pool().run(plan, context, memory).await?;
    let shown = Arc::clone(&schema);
    let rows = rows.map(move |batch| Ok(with_schema(batch?, &shown)?));
    let rows = Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&schema), rows));
    Ok(Outcome::Rows { tag, schema, rows })
}

/// What to say of sources without an end that a query names and nobody reads: they show nothing.
fn unread(catalog: &CatalogSnapshot, reads: &BTreeSet<u32>) -> Option<Notice> {
    let is_unread = |entry: &&&Arc<Entry>| {
        let has_end = entry.source.as_ref().is_none_or(|source| source.has_end_now());
        !has_end && !catalog.is_maintained(entry.object.oid)
    };
    let sources = catalog.sources(reads);
    let name = &sources.iter().find(is_unread)?.object.name;
    Some(Notice::new(format!("source \"{name}\" shows no new rows: no materialized view reads it")).with_hint(
        "It has no end that a query could read it to. Create a materialized view over it, or SUBSCRIBE to it.",
    ))
}

/// `plan` with its parameters' types, and those types. Values that are at hand say their own.
pub(crate) fn typed(
    plan: LogicalPlan,
    mut types: ParameterTypes,
    values: &[ScalarValue],
) -> Result<(LogicalPlan, Vec<FieldRef>), Error> {
    types.infer(&plan)?;
    let mut fields = types.fields();
    for (field, value) in fields.iter_mut().zip(values) {
        if *field.data_type() != value.data_type() {
            *field = Arc::new(Field::new("", value.data_type(), true));
        }
    }
    Ok((with_types(plan, &fields)?, fields))
}

/// A plan without open parameters, ready to run, and the columns as the client sees them.
async fn ready(binder: &Binder, plan: LogicalPlan) -> Result<(Arc<dyn ExecutionPlan>, SchemaRef), Error> {
    let plan = sql::analyse(plan, binder.state())?;
    let ready = physical(binder.state(), &plan).await?;
    let schema = shown_schema(plan.schema().as_arrow(), Some(&ready.schema()));
    Ok((ready, schema))
}

/// Runs a plan to its end, for a statement that is on the pool already. What it gives counts as the
/// statement's memory.
///
/// # Errors
/// 53200 when that is used up, and what the plan gives.
pub(crate) async fn collect(binder: &Binder, plan: LogicalPlan) -> Result<(SchemaRef, Vec<RecordBatch>), Error> {
    let (plan, schema) = ready(binder, plan).await?;
    let context = binder.task_context(&plan);
    let mut rows = pool::rows(plan, context)?;
    let mut batches = Vec::new();
    while let Some(batch) = rows.next().await {
        let batch = batch?;
        binder.memory().take(batch.get_array_memory_size())?;
        batches.push(with_schema(batch, &schema)?);
    }
    Ok((schema, batches))
}

/// The physical plan of an analysed one.
pub(crate) async fn physical(state: &SessionState, plan: &LogicalPlan) -> Result<Arc<dyn ExecutionPlan>, Error> {
    let optimised = state.optimizer().optimize(plan.clone(), state, |_, _| {})?;
    Ok(state.query_planner().create_physical_plan(&optimised, state).await?)
}

/// An analysed plan's columns as a client sees them. `computed`: as the execution will give them,
/// where that is known.
pub(crate) fn shown_schema(analysed: &Schema, computed: Option<&SchemaRef>) -> SchemaRef {
    let shown = sql::result_schema(analysed);
    let fields = shown.fields().iter().enumerate().map(|(index, field)| {
        let data_type = computed.map_or(field.data_type(), |schema| schema.field(index).data_type());
        // What is known of nulls does not survive all of DataFusion's rewrites, and no client sees it.
        Arc::new(field.as_ref().clone().with_data_type(data_type.clone()).with_nullable(true))
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The same columns under other names.
pub(crate) fn with_schema(batch: RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, Error> {
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), batch.columns().to_vec(), &options)?)
}
