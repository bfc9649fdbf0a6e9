//! `RETURNING`: a select list over the rows that a statement changed, and over the other tables
//! that it read, where it has those.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast;

use super::Context;
use super::query::{memory_table, parse_query, quoted, select_of};
use crate::Error;
use crate::bind::{Extra, ParameterTypes, with_values};
use crate::statement::query::{collect, shown_schema, typed};

/// Starts the names of the tables and columns that the engine adds; no client writes such names.
const OWN: &str = "freshet returning";

/// `RETURNING`'s select list.
#[derive(Clone, Copy)]
pub(crate) struct Returning<'a>(pub(crate) Option<&'a Vec<ast::SelectItem>>);

/// A table whose columns the select list sees: one row for each row that was changed.
pub(crate) struct Visible {
    /// What the statement calls it.
    pub(crate) alias: String,
    pub(crate) schema: SchemaRef,
    /// Batches of the same lengths for all that are visible together.
    pub(crate) batches: Vec<RecordBatch>,
}

impl Returning<'_> {
    /// The select list's columns and rows, in the order of the changed rows.
    pub(crate) async fn rows(
        &self,
        context: &Context<'_>,
        visible: Vec<Visible>,
    ) -> Result<Option<(SchemaRef, Vec<RecordBatch>)>, Error> {
        let Some(plan) = self.plan(context, visible).await? else { return Ok(None) };
        let (plan, fields) = typed(plan, ParameterTypes::default(), context.parameters)?;
        let plan = with_values(plan, context.parameters, &fields)?;
        let (schema, batches) = collect(context.binder, plan).await?;
        let (schema, shown) = without_own_columns(&schema);
        let batches = batches.iter().map(|batch| {
            let columns: Vec<ArrayRef> = shown.iter().map(|column| Arc::clone(batch.column(*column))).collect();
            let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &options)
        });
        let batches = batches.collect::<Result<Vec<_>, _>>()?;
        Ok(Some((schema, batches)))
    }

    /// The select list's columns; the parameters in it are noted.
    pub(crate) async fn describe(
        &self,
        context: &Context<'_>,
        visible: Vec<Visible>,
        types: &mut ParameterTypes,
    ) -> Result<Option<SchemaRef>, Error> {
        let Some(plan) = self.plan(context, visible).await? else { return Ok(None) };
        types.infer(&plan)?;
        let plan = crate::bind::with_types(plan, &types.fields())?;
        let plan = sql::analyse(plan, context.binder.state())?;
        let schema = shown_schema(plan.schema().as_arrow(), None);
        Ok(Some(without_own_columns(&schema).0))
    }

    async fn plan(&self, context: &Context<'_>, visible: Vec<Visible>) -> Result<Option<LogicalPlan>, Error> {
        let Some(items) = self.0 else { return Ok(None) };
        let mut from = String::new();
        let mut extras: Vec<Extra> = Vec::with_capacity(visible.len());
        for (index, table) in visible.into_iter().enumerate() {
            let name = format!("{OWN} {index}");
            let alias = quoted(&table.alias);
            let source = format!("{} AS {alias}", quoted(&name));
            from = match index {
                0 => source,
                _ => format!("{from} JOIN {source} ON {} = {}", quoted(&format!("{OWN} 0")), quoted(&name)),
            };
            extras.push((name.clone(), numbered(&name, table)?));
        }
        let text = format!("SELECT * FROM {from} ORDER BY {}", quoted(&format!("{OWN} 0")));
        let mut query = parse_query(&text)?;
        select_of(&mut query)?.projection.clone_from(items);
        Ok(Some(context.binder.bind(&query, &context.reader, extras).await?.plan))
    }
}

/// A table with its rows numbered in a last column.
fn numbered(name: &str, table: Visible) -> Result<Arc<dyn datafusion::catalog::TableProvider>, Error> {
    let mut fields = table.schema.fields().to_vec();
    fields.push(Arc::new(Field::new(name, DataType::Int64, false)));
    let schema = Arc::new(Schema::new(fields));
    let mut next = 0_i64;
    let mut batches = Vec::with_capacity(table.batches.len());
    for batch in table.batches {
        let end = next + i64::try_from(batch.num_rows()).unwrap_or(0);
        let mut columns = batch.columns().to_vec();
        columns.push(Arc::new(Int64Array::from_iter_values(next..end)));
        batches.push(RecordBatch::try_new(Arc::clone(&schema), columns)?);
        next = end;
    }
    memory_table(&schema, batches)
}

/// What a client sees of the columns, and where they stand.
fn without_own_columns(schema: &SchemaRef) -> (SchemaRef, Vec<usize>) {
    let shown: Vec<usize> =
        (0..schema.fields().len()).filter(|column| !schema.field(*column).name().starts_with(OWN)).collect();
    let fields: Vec<_> = shown.iter().map(|column| Arc::clone(&schema.fields()[*column])).collect();
    (Arc::new(Schema::new(fields)), shown)
}
