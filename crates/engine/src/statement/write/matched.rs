//! The rows of the target that an `UPDATE` or `DELETE` means, with what it joins them to.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{Int64Type, Schema, SchemaRef};
use datafusion::common::Column;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{self, Spanned};

use super::assign::{assign_column, is_unknown_literal, note_assigned};
use super::query::{parse_query, quoted, select_of};
use super::{Context, Returning, Target, Visible};
use crate::bind::{ParameterTypes, fold, with_types, with_values};
use crate::read::RelationTable;
use crate::statement::query::{collect, typed};
use crate::{Error, SqlState};

/// What the statement's own table is called while it runs.
const TARGET: &str = "freshet target";

/// `FROM target, others WHERE condition`, and what is to be set.
pub(crate) struct Matching<'a> {
    target: Target,
    /// What the statement calls the target.
    alias: String,
    others: &'a [ast::TableWithJoins],
    condition: Option<&'a ast::Expr>,
    set: Vec<(usize, ast::Expr)>,
}

/// Rows of the target, each once, and what was found with them.
pub(crate) struct Matched {
    /// The rows as they are.
    pub(crate) old: Vec<RecordBatch>,
    /// The new values of the columns that are set, in step.
    pub(crate) set: Vec<Vec<ArrayRef>>,
    /// The other tables' columns, in step.
    pub(crate) others: Vec<Visible>,
}

impl<'a> Matching<'a> {
    /// `table`: the target as the statement names it.
    pub(crate) fn new(
        target: Target,
        table: &ast::TableFactor,
        others: &'a [ast::TableWithJoins],
        condition: Option<&'a ast::Expr>,
        set: Vec<(usize, ast::Expr)>,
    ) -> Result<Matching<'a>, Error> {
        let ast::TableFactor::Table { alias, .. } = table else {
            return Err(Error::new(SqlState::SYNTAX_ERROR, "a table is expected"));
        };
        let alias = match alias {
            Some(alias) if !alias.columns.is_empty() => {
                return Err(Error::new(SqlState::SYNTAX_ERROR, "the alias of a changed table takes no columns"));
            }
            Some(alias) => fold(&alias.name),
            None => target.name().to_owned(),
        };
        Ok(Matching { target, alias, others, condition, set })
    }

    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// The columns that are set.
    pub(crate) fn set_columns(&self) -> impl Iterator<Item = usize> {
        self.set.iter().map(|(column, _)| *column)
    }

    /// Finds the rows. One that matches several times counts once, as in Postgres.
    pub(crate) async fn find(&self, context: &Context<'_>) -> Result<Matched, Error> {
        let mut types = ParameterTypes::default();
        let plan = self.bind(context, &mut types).await?;
        let (plan, fields) = typed(plan, types, context.parameters)?;
        let plan = self.assigned(context, plan)?;
        let tables = self.others_in(&plan);
        let plan = with_values(plan, context.parameters, &fields)?;
        let (_, batches) = collect(context.binder, plan).await?;

        let width = self.target.width();
        let columns = Arc::clone(&self.target.entry.object.columns);
        let mut seen = HashSet::new();
        let mut matched = Matched { old: vec![], set: vec![], others: tables };
        for batch in batches {
            let numbers = batch.column(width).as_primitive::<Int64Type>().values();
            let first: UInt32Array =
                numbers.iter().zip(0_u32..).filter(|(number, _)| seen.insert(**number)).map(|(_, row)| row).collect();
            let batch = if first.len() == batch.num_rows() { batch } else { take_record_batch(&batch, &first)? };
            let set_from = batch.num_columns() - self.set.len();
            matched.old.push(slice(&batch, 0, &columns)?);
            matched.set.push(batch.columns()[set_from..].to_vec());
            let mut from = width + 1;
            for table in &mut matched.others {
                table.batches.push(slice(&batch, from, &table.schema)?);
                from += table.schema.fields().len();
            }
        }
        Ok(matched)
    }

    /// What `RETURNING` sees: the target's rows, and what was found with them.
    pub(crate) fn visible(&self, rows: Vec<RecordBatch>, others: Vec<Visible>) -> Vec<Visible> {
        let schema = Arc::clone(&self.target.entry.object.columns);
        let mut visible = vec![Visible { alias: self.alias.clone(), schema, batches: rows }];
        visible.extend(others);
        visible
    }

    /// Notes the types of parameters, and gives the columns that `returning` returns.
    pub(crate) async fn describe(
        &self,
        context: &Context<'_>,
        returning: &Returning<'_>,
        types: &mut ParameterTypes,
    ) -> Result<Option<SchemaRef>, Error> {
        let plan = self.bind(context, types).await?;
        types.infer(&plan)?;
        let plan = self.assigned(context, with_types(plan, &types.fields())?)?;
        let visible = self.visible(vec![], self.others_in(&plan));
        returning.describe(context, visible, types).await
    }

    /// Binds `SELECT *, new values FROM target, others WHERE condition`.
    async fn bind(&self, context: &Context<'_>, types: &mut ParameterTypes) -> Result<LogicalPlan, Error> {
        let text = format!("SELECT * FROM {} AS {}", quoted(TARGET), quoted(&self.alias));
        let mut query = parse_query(&text)?;
        let select = select_of(&mut query)?;
        select.from.extend_from_slice(self.others);
        select.selection = self.condition.cloned();
        for (index, (column, value)) in self.set.iter().enumerate() {
            note_assigned(types, value, &self.target.entry.object.columns.fields()[*column])?;
            let alias = ast::Ident::with_quote('"', value_name(index));
            select.projection.push(ast::SelectItem::ExprWithAlias { expr: value.clone(), alias });
        }
        let Target { entry, relation } = self.target.clone();
        let table = RelationTable::new(entry, relation, Arc::clone(&context.reader)).with_row_column();
        let extras = vec![(TARGET.to_owned(), Arc::new(table) as _)];
        Ok(context.binder.bind(&query, &context.reader, extras).await?.plan)
    }

    /// The same, with each new value cast to its column's type.
    fn assigned(&self, context: &Context<'_>, plan: LogicalPlan) -> Result<LogicalPlan, Error> {
        let plan = sql::analyse(plan, context.binder.state())?;
        let set_from = plan.schema().fields().len() - self.set.len();
        let mut values = Vec::with_capacity(plan.schema().fields().len());
        for (index, (qualifier, from)) in plan.schema().iter().enumerate() {
            let value = Expr::Column(Column::from((qualifier, from)));
            values.push(match index.checked_sub(set_from).map(|place| (place, &self.set[place])) {
                None => value,
                Some((place, (column, expression))) => {
                    let to = self.target.entry.object.columns.field(*column);
                    assign_column(value, from, is_unknown_literal(expression), to)
                        .map_err(|error| error.at(expression.span()))?
                        .alias(value_name(place))
                }
            });
        }
        Ok(LogicalPlanBuilder::from(plan).project(values)?.build()?)
    }

    /// The other tables of the plan, by what the statement calls them.
    fn others_in(&self, plan: &LogicalPlan) -> Vec<Visible> {
        let fields: Vec<_> = plan.schema().iter().collect();
        let others = &fields[self.target.width() + 1..fields.len() - self.set.len()];
        let of_one_table = others.chunk_by(|(one, _), (next, _)| one == next);
        of_one_table
            .map(|columns| Visible {
                alias: columns[0].0.map_or_else(String::new, |table| table.table().to_owned()),
                schema: Arc::new(Schema::new(columns.iter().map(|(_, field)| Arc::clone(field)).collect::<Vec<_>>())),
                batches: vec![],
            })
            .collect()
    }
}

fn value_name(index: usize) -> String {
    format!("freshet value {index}")
}

/// The columns from `from` on that `schema` names.
fn slice(batch: &RecordBatch, from: usize, schema: &SchemaRef) -> Result<RecordBatch, Error> {
    let columns = &batch.columns()[from..from + schema.fields().len()];
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    // The schema is the plan's, which may know less of nulls than the rows' own.
    let fields = schema.fields().iter().zip(columns);
    let fields = fields.map(|(field, column)| field.as_ref().clone().with_data_type(column.data_type().clone()));
    let schema = Schema::new(fields.collect::<Vec<_>>());
    Ok(RecordBatch::try_new_with_options(Arc::new(schema), columns.to_vec(), &options)?)
}
