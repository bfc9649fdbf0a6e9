//! The `VALUES` of an `INSERT`: each value is cast to its column's type by itself, as in Postgres,
//! so those of one column need not be of one type.
//!
//! A bulk load is one statement of very many literals. They are not planned each: the literals of one
//! column that are written alike (numbers of one scale, texts, `date '...'`) are one array, and one
//! cast takes it to the column's type, the same that takes a computed value there. What is more than a
//! literal is planned in blocks, so that the time for it grows with the number of values only, and once where it
//! is written the same in many rows.

mod casts;
mod cells;
mod computed;
mod groups;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::{cast, interleave};
use arrow::datatypes::{Field, FieldRef};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast;

pub(crate) use self::casts::Casts;
use self::cells::Cell;
pub(crate) use self::cells::ValueRows;
use self::computed::Computed;
use self::groups::{Group, add_cell};
use crate::bind::{ParameterTypes, with_types};
use crate::statement::write::{Context, Target, conform};
use crate::{Error, SqlState};

/// Rows that become one batch.
const CHUNK_ROWS: usize = 8_192;
/// `VALUES` on their way into a table.
pub(crate) struct Values<'a> {
    rows: ValueRows<'a>,
    target: &'a Target,
    /// For each of the table's columns, which value of a row goes there; none for the default.
    places: &'a [Option<usize>],
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
        for block in computed::blocks(&chunk.computed) {
            for (one, values) in block.iter().zip(self.computed(context, types, block).await?) {
                parts[one.column].add(&one.rows, as_kept(&values, &columns[one.column])?);
            }
            // Between blocks, too: each is planned for milliseconds.
            tokio::task::yield_now().await;
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
            for block in computed::blocks(&chunk.computed) {
                let plan = computed::bind(context, block, 1).await?;
                types.infer(&plan)?;
                bound.push((plan, block.to_vec()));
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
        let mut known = HashMap::new();
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
                    Cell::Expression(expression) => {
                        let mut add = || {
                            chunk.computed.push(Computed { column, rows: vec![], expression });
                            chunk.computed.len() - 1
                        };
                        let place = match computed::has_query(expression) {
                            // Nobody knows here whether it is the same each time.
                            true => add(),
                            false => *known.entry((column, std::ptr::from_ref(expression))).or_insert_with(add),
                        };
                        chunk.computed[place].rows.push(row);
                    }
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
            // One value may be that of all of them.
            self.places[*row] = (array, if values.len() == 1 { 0 } else { place });
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
