//! The `VALUES` of an `INSERT`: each value is cast to its column's type by itself, as in Postgres,
//! so those of one column need not be of one type.
//!
//! A bulk load is one statement of very many literals. They are not planned each: the literals of one
//! column that are written alike (numbers of one scale, texts, `date '...'`) are one array, and one
//! cast takes it to the column's type, the same that takes a computed value there. What is more than a
//! literal is planned in blocks, so that the time for it grows with the number of values only.

mod casts;
mod cells;
mod groups;

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::{cast, interleave};
use arrow::datatypes::{Field, FieldRef};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast;

pub(crate) use self::casts::Casts;
use self::cells::Cell;
pub(crate) use self::cells::ValueRows;
use self::groups::{Group, add_cell};
use crate::bind::{ParameterTypes, with_types, with_values};
use crate::statement::query::{collect, typed};
use crate::statement::write::{Context, Target, assign_column, conform, is_unknown_literal, parse_query, select_of};
use crate::{Error, SqlState};

/// Rows that become one batch.
const CHUNK_ROWS: usize = 8_192;
/// Expressions that are planned together. Each pass of a planner walks over all of them.
const BLOCK: usize = 128;
/// The same with subqueries, each of which becomes a join.
const BLOCK_OF_QUERIES: usize = 8;

/// `VALUES` on their way into a table.
pub(crate) struct Values<'a> {
    rows: ValueRows<'a>,
    target: &'a Target,
    /// For each of the table's columns, which value of a row goes there; none for the default.
    places: &'a [Option<usize>],
}

/// A value that must be computed.
struct Computed<'a> {
    column: usize,
    row: usize,
    expression: &'a ast::Expr,
}

/// A part of the rows, taken apart.
struct Chunk<'a> {
    rows: usize,
    groups: Vec<Group<'a>>,
    computed: Vec<Computed<'a>>,
}

impl<'a> Values<'a> {
    /// `places`: for each of the table's columns, which value of a row goes there.
    pub(crate) fn new(rows: ValueRows<'a>, target: &'a Target, places: &'a [Option<usize>]) -> Values<'a> {
        Values { rows, target, places }
    }

    /// The rows as the table keeps them. Of several errors, the first row's is given.
    pub(crate) async fn rows(&self, context: &Context<'_>, types: &ParameterTypes) -> Result<Vec<RecordBatch>, Error> {
        let fields = parameter_fields(types, context.parameters);
        let mut batches = Vec::new();
        let mut first = 0;
        while first < self.rows.len() {
            let end = self.rows.len().min(first + CHUNK_ROWS);
            self.add_rows(context, types, &fields, first..end, &mut batches).await?;
            first = end;
            // Between chunks, so that the statement can be stopped.
            tokio::task::yield_now().await;
        }
        Ok(batches)
    }

    async fn add_rows(
        &self,
        context: &Context<'_>,
        types: &ParameterTypes,
        fields: &[FieldRef],
        rows: Range<usize>,
        batches: &mut Vec<RecordBatch>,
    ) -> Result<(), Error> {
        let error = match self.batch(context, types, fields, rows.clone()).await {
            Ok(batch) => {
                context.binder.memory().take(batch.get_array_memory_size())?;
                batches.push(batch);
                return Ok(());
            }
            Err(error) => error,
        };
        if rows.len() == 1 || error.code == SqlState::OUT_OF_MEMORY {
            return Err(error);
        }
        let middle = rows.start + rows.len() / 2;
        Box::pin(self.add_rows(context, types, fields, rows.start..middle, batches)).await?;
        Box::pin(self.add_rows(context, types, fields, middle..rows.end, batches)).await
    }

    /// A few rows of which everything has been planned before; none if that is not so, or anything is
    /// wrong with them.
    pub(crate) fn at_hand(&self, context: &Context<'_>, types: &ParameterTypes) -> Option<RecordBatch> {
        let fields = parameter_fields(types, context.parameters);
        let chunk = self.chunk(0..self.rows.len(), &fields, context.parameters).ok()?;
        let casts = casts::at_hand(context, self.target, &chunk.groups)?;
        if !chunk.computed.is_empty() {
            return None;
        }
        let columns = self.parts(context, &chunk, &casts).ok()?.into_iter().map(Parts::into_column);
        conform(self.target, columns.collect::<Result<_, _>>().ok()?, chunk.rows).ok()
    }

    /// The literals of a chunk, as their columns keep them.
    fn parts(&self, context: &Context<'_>, chunk: &Chunk<'_>, casts: &[Arc<casts::Cast>]) -> Result<Vec<Parts>, Error> {
        let columns = self.target.entry.object.columns.fields();
        let mut parts: Vec<Parts> = columns.iter().map(|_| Parts::new(chunk.rows)).collect();
        for (group, cast) in chunk.groups.iter().zip(casts) {
            let column = &columns[group.column];
            parts[group.column].add(&group.rows, as_kept(&cast.evaluate(context, group)?, column)?);
        }
        Ok(parts)
    }

    async fn batch(
        &self,
        context: &Context<'_>,
        types: &ParameterTypes,
        fields: &[FieldRef],
        rows: Range<usize>,
    ) -> Result<RecordBatch, Error> {
        let chunk = self.chunk(rows, fields, context.parameters)?;
        let casts = casts::all(context, self.target, &chunk.groups).await?;
        let columns = self.target.entry.object.columns.fields();
        let mut parts = self.parts(context, &chunk, &casts)?;
        for block in blocks(&chunk.computed) {
            let plan = bind_block(context, block).await?;
            let (plan, fields) = typed(plan, types.clone(), context.parameters)?;
            let plan = self.assigned_block(context, plan, block)?;
            let (_, rows) = collect(context.binder, with_values(plan, context.parameters, &fields)?).await?;
            let row = rows.iter().find(|batch| batch.num_rows() > 0);
            let row = row.ok_or_else(|| Error::internal("values without a row"))?;
            for (computed, value) in block.iter().zip(row.columns()) {
                let value = as_kept(value, &columns[computed.column])?;
                parts[computed.column].add(&[computed.row], value);
            }
        }
        let columns = parts.into_iter().map(Parts::into_column).collect::<Result<_, _>>()?;
        conform(self.target, columns, chunk.rows)
    }

    /// Notes the types of parameters, and checks that each value may go into its column.
    pub(crate) async fn describe(&self, context: &Context<'_>, types: &mut ParameterTypes) -> Result<(), Error> {
        let columns = self.target.entry.object.columns.fields();
        let mut bound = Vec::new();
        let mut first = 0;
        while first < self.rows.len() {
            let end = self.rows.len().min(first + CHUNK_ROWS);
            let chunk = self.chunk(first..end, &[], &[])?;
            casts::all(context, self.target, &chunk.groups).await?;
            for block in blocks(&chunk.computed) {
                let plan = bind_block(context, block).await?;
                types.infer(&plan)?;
                let block: Vec<Computed<'_>> = block.iter().map(|one| Computed { ..*one }).collect();
                bound.push((plan, block));
            }
            first = end;
            tokio::task::yield_now().await;
        }
        debug_assert!(self.places.len() == columns.len(), "a place for each column");
        for (plan, block) in bound {
            self.assigned_block(context, with_types(plan, &types.fields())?, &block)?;
        }
        Ok(())
    }

    /// Notes the parameters that are values themselves: they have the types of their columns.
    pub(crate) fn note_parameters(&self, types: &mut ParameterTypes) -> Result<(), Error> {
        let columns = self.target.entry.object.columns.fields();
        for row in 0..self.rows.len() {
            for (place, to) in self.places.iter().zip(columns) {
                if let Some(place) = place
                    && let Cell::Parameter(number) = self.rows.cell(row, *place)?
                {
                    types.note(number, Some(Arc::clone(to)));
                }
            }
        }
        Ok(())
    }

    /// Takes rows apart. Without `parameters`, those are left out.
    fn chunk(
        &self,
        rows: Range<usize>,
        fields: &[FieldRef],
        parameters: &'a [ScalarValue],
    ) -> Result<Chunk<'a>, Error> {
        let count = rows.len();
        let mut chunk = Chunk { rows: count, groups: vec![], computed: vec![] };
        let mut groups: Vec<Vec<Group<'a>>> = self.places.iter().map(|_| vec![]).collect();
        let has_default: Vec<bool> = self.target.entry.defaults.iter().map(Option::is_some).collect();
        for row in 0..count {
            for (column, (place, groups)) in self.places.iter().zip(&mut groups).enumerate() {
                let cell = match place {
                    Some(place) => self.rows.cell(rows.start + row, *place)?,
                    None => Cell::Default,
                };
                let cell = match cell {
                    Cell::Default if !has_default.get(column).is_some_and(|has| *has) => Cell::Null,
                    cell => cell,
                };
                match cell {
                    Cell::Expression(expression) => chunk.computed.push(Computed { column, row, expression }),
                    Cell::Parameter(number) if parameters.is_empty() && fields.is_empty() => {
                        debug_assert!(number > 0, "they are counted from 1");
                    }
                    cell => add_cell(groups, column, row, cell, fields, parameters)?,
                }
            }
        }
        chunk.groups = groups.into_iter().flatten().collect();
        Ok(chunk)
    }

    /// The block's plan with each value cast to its column.
    fn assigned_block(
        &self,
        context: &Context<'_>,
        plan: LogicalPlan,
        block: &[Computed<'_>],
    ) -> Result<LogicalPlan, Error> {
        let columns = self.target.entry.object.columns.fields();
        let plan = sql::analyse(plan, context.binder.state())?;
        let projection = projection_of(&plan)?;
        let mut assigned = Vec::with_capacity(block.len());
        for (index, (computed, value)) in block.iter().zip(&projection.expr).enumerate() {
            let from = plan.schema().field(index);
            let is_literal = is_unknown_literal(computed.expression);
            let value = assign_column(value.clone().unalias(), from, is_literal, &columns[computed.column])?;
            assigned.push(value.alias(index.to_string()));
        }
        Ok(LogicalPlanBuilder::from(projection.input.as_ref().clone()).project(assigned)?.build()?)
    }
}

/// The values as the column keeps them.
fn as_kept(values: &ArrayRef, to: &Field) -> Result<ArrayRef, Error> {
    match values.data_type() == to.data_type() {
        true => Ok(Arc::clone(values)),
        false => Ok(cast(values, to.data_type())?),
    }
}

/// The values of one column as they come together.
struct Parts {
    arrays: Vec<ArrayRef>,
    /// For each row, its array and its place there.
    places: Vec<(usize, usize)>,
}

impl Parts {
    fn new(rows: usize) -> Parts {
        Parts { arrays: vec![], places: vec![(0, 0); rows] }
    }

    fn add(&mut self, rows: &[usize], values: ArrayRef) {
        let array = self.arrays.len();
        for (place, row) in rows.iter().enumerate() {
            self.places[*row] = (array, place);
        }
        self.arrays.push(values);
    }

    fn into_column(self) -> Result<ArrayRef, Error> {
        match self.arrays.as_slice() {
            [only] if only.len() == self.places.len() => Ok(Arc::clone(only)),
            arrays => Ok(interleave(&arrays.iter().map(AsRef::as_ref).collect::<Vec<_>>(), &self.places)?),
        }
    }
}

/// The types of parameters: as they were described, or as their values have them.
fn parameter_fields(types: &ParameterTypes, values: &[ScalarValue]) -> Vec<FieldRef> {
    let mut fields = types.fields();
    for (field, value) in fields.iter_mut().zip(values) {
        if *field.data_type() != value.data_type() {
            *field = Arc::new(Field::new("", value.data_type(), true));
        }
    }
    fields
}

/// The values that are planned together.
fn blocks<'b, 'a>(mut computed: &'b [Computed<'a>]) -> Vec<&'b [Computed<'a>]> {
    let mut blocks = Vec::new();
    while !computed.is_empty() {
        let mut queries = 0;
        let end = computed.iter().take(BLOCK).position(|one| {
            queries += usize::from(has_query(one.expression));
            queries > BLOCK_OF_QUERIES
        });
        let (block, rest) = computed.split_at(end.unwrap_or_else(|| computed.len().min(BLOCK)));
        blocks.push(block);
        computed = rest;
    }
    blocks
}

fn has_query(expression: &ast::Expr) -> bool {
    struct Queries;
    impl ast::Visitor for Queries {
        type Break = ();

        fn pre_visit_query(&mut self, _: &ast::Query) -> ControlFlow<()> {
            ControlFlow::Break(())
        }
    }
    ast::Visit::visit(expression, &mut Queries).is_break()
}

/// Binds expressions as one row.
async fn bind_block(context: &Context<'_>, block: &[Computed<'_>]) -> Result<LogicalPlan, Error> {
    let mut query = parse_query("SELECT 1")?;
    select_of(&mut query)?.projection = block
        .iter()
        .enumerate()
        .map(|(index, computed)| ast::SelectItem::ExprWithAlias {
            expr: computed.expression.clone(),
            alias: name_of(index),
        })
        .collect();
    Ok(context.binder.bind(&query, &context.reader, vec![]).await?.plan)
}

pub(super) fn name_of(index: usize) -> ast::Ident {
    ast::Ident::with_quote('"', index.to_string())
}

pub(super) fn projection_of(plan: &LogicalPlan) -> Result<&datafusion::logical_expr::Projection, Error> {
    match plan {
        LogicalPlan::Projection(projection) => Ok(projection),
        _ => Err(Error::internal("a projection became something else")),
    }
}

/// The value of a plan's column, for a projection over it.
pub(crate) fn column(plan: &LogicalPlan, index: usize) -> Expr {
    Expr::Column(datafusion::common::Column::from(plan.schema().qualified_field(index)))
}
