//! `INSERT`: rows computed by a query, cast to the table's types, its defaults filled in.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use datafusion::common::DFSchema;
use datafusion::logical_expr::{ExprSchemable, LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{self, SetExpr, Spanned};
use datafusion::sql::sqlparser::tokenizer::Span;

use super::values::{self, ValueRows, Values};
use crate::bind::{ParameterTypes, fold, with_types, with_values};
use crate::statement::query::{collect, typed};
use crate::statement::write::on_conflict::OnConflict;
use crate::statement::write::{
    Computed, Context, Returning, TableChange, Target, Visible, assign_column, check_unique, column_index, conform,
    default_of, is_unknown_literal, note_assigned,
};
use crate::{Error, SqlState};

/// An `INSERT` statement.
pub(crate) struct Insert<'a> {
    statement: &'a sql::Insert,
    clauses: &'a ast::Insert,
}

/// The rows to insert, before they are of the table's types.
struct Source<'a> {
    rows: SourceRows<'a>,
    /// For each of the table's columns, which of the source's goes there; none for the default.
    places: Vec<Option<usize>>,
}

enum SourceRows<'a> {
    /// `VALUES`.
    Values(ValueRows<'a>),
    Query {
        plan: LogicalPlan,
        /// Which of its columns are literals without a type of their own.
        literals: Vec<bool>,
    },
}

impl<'a> Insert<'a> {
    pub(crate) fn new(statement: &'a sql::Insert) -> Insert<'a> {
        Insert { statement, clauses: &statement.clauses }
    }

    fn target(&self, context: &Context<'_>) -> Result<Target, Error> {
        match &self.clauses.table {
            ast::TableObject::TableName(name) => Target::find(&context.reader, name, "insert into"),
            _ => Err(Error::unsupported("INSERT into what is not a table is not supported yet")),
        }
    }

    /// What the statement calls the table.
    fn alias(&self, target: &Target) -> String {
        self.clauses.table_alias.as_ref().map_or_else(|| target.name().to_owned(), |alias| fold(&alias.alias))
    }

    fn returning(&self) -> Returning<'_> {
        Returning(self.clauses.returning.as_ref())
    }

    /// The columns that are named, or all.
    fn columns(&self, target: &Target) -> Result<Vec<usize>, Error> {
        if self.clauses.columns.is_empty() {
            return Ok((0..target.width()).collect());
        }
        let mut columns = Vec::with_capacity(self.clauses.columns.len());
        for name in &self.clauses.columns {
            let name = name.0.last().and_then(|part| part.as_ident()).ok_or_else(|| Error::internal("no name"))?;
            let column = column_index(target, name)?;
            if columns.contains(&column) {
                let message = format!("column \"{}\" specified more than once", fold(name));
                return Err(Error::new(SqlState::DUPLICATE_COLUMN, message).at(name.span));
            }
            columns.push(column);
        }
        Ok(columns)
    }

    /// Binds what is to be inserted, and notes the types of parameters in it.
    async fn source(
        &self,
        context: &Context<'_>,
        target: &Target,
        types: &mut ParameterTypes,
    ) -> Result<Source<'a>, Error> {
        let columns = self.columns(target)?;
        if let Some(values) = ValueRows::of(self.statement) {
            let places = self.places(target, &columns, values.width()?, |place| Some(values.span(place)))?;
            Values::new(values, target, &places).note_parameters(types)?;
            return Ok(Source { rows: SourceRows::Values(values), places });
        }
        let Some(query) = &self.clauses.source else {
            // All of them are defaults.
            let plan = LogicalPlanBuilder::empty(true).build()?;
            let rows = SourceRows::Query { plan, literals: vec![] };
            return Ok(Source { rows, places: vec![None; target.width()] });
        };
        let schema = &target.entry.object.columns;
        for_each_item(query, |place, value| match columns.get(place) {
            Some(column) => note_assigned(types, value, &schema.fields()[*column]),
            None => Ok(()),
        })?;
        let plan = context.binder.bind(query, &context.reader, vec![]).await?.plan;
        let given = plan.schema().fields().len();
        let places = self.places(target, &columns, given, |place| item(query, place).map(Spanned::span))?;
        Ok(Source { rows: SourceRows::Query { plan, literals: literal_columns(query, given) }, places })
    }

    /// Which of `given` values of a row goes to each of the table's columns.
    fn places(
        &self,
        target: &Target,
        columns: &[usize],
        given: usize,
        span: impl Fn(usize) -> Option<Span>,
    ) -> Result<Vec<Option<usize>>, Error> {
        if given > columns.len() {
            let error = Error::new(SqlState::SYNTAX_ERROR, "INSERT has more expressions than target columns");
            return Err(match span(columns.len()) {
                Some(extra) => error.at(extra),
                None => error,
            });
        }
        if given < columns.len() && !self.clauses.columns.is_empty() {
            let error = Error::new(SqlState::SYNTAX_ERROR, "INSERT has more target columns than expressions");
            return Err(match self.clauses.columns.get(given) {
                Some(extra) => error.at(extra.span()),
                None => error,
            });
        }
        let mut places = vec![None; target.width()];
        for (place, column) in columns.iter().take(given).enumerate() {
            places[*column] = Some(place);
        }
        Ok(places)
    }

    /// The rows to insert, as the table keeps them.
    async fn rows(&self, context: &Context<'_>, target: &Target) -> Result<Vec<RecordBatch>, Error> {
        let mut types = ParameterTypes::default();
        let Source { rows, places } = self.source(context, target, &mut types).await?;
        let (plan, literals) = match rows {
            SourceRows::Values(values) => return Values::new(values, target, &places).rows(context, &types).await,
            SourceRows::Query { plan, literals } => (plan, literals),
        };
        let (plan, fields) = typed(plan, types, context.parameters)?;
        let plan = assigned(context, target, plan, &places, &literals)?;
        let plan = with_values(plan, context.parameters, &fields)?;
        let (_, batches) = collect(context.binder, plan).await?;
        let mut rows = Vec::with_capacity(batches.len());
        for batch in batches {
            rows.push(conform(target, batch.columns().to_vec(), batch.num_rows())?);
        }
        Ok(rows)
    }

    /// The whole change, if it is of literals whose casts are all planned, and nothing else is asked for.
    pub(crate) fn at_hand(&self, context: &Context<'_>) -> Result<Option<Computed>, Error> {
        let Some(rows) = &self.statement.literals else { return Ok(None) };
        if self.clauses.on.is_some() || self.clauses.returning.is_some() {
            return Ok(None);
        }
        let target = self.target(context)?;
        let values = ValueRows::Literals(rows);
        let columns = self.columns(&target)?;
        let places = self.places(&target, &columns, values.width()?, |place| Some(values.span(place)))?;
        let values = Values::new(values, &target, &places);
        let mut types = ParameterTypes::default();
        values.note_parameters(&mut types)?;
        let Some(rows) = values.at_hand(context, &types) else { return Ok(None) };
        context.binder.memory().take(rows.get_array_memory_size())?;
        let count = rows.num_rows();
        let inserts = vec![rows];
        check_unique(&target, &context.reader, &[], &inserts)?;
        Ok(Some(Computed { write: target.write(vec![], inserts), rows: count, returning: None }))
    }

    fn on_conflict(&self) -> Result<Option<&ast::OnConflict>, Error> {
        match &self.clauses.on {
            None => Ok(None),
            Some(ast::OnInsert::OnConflict(on_conflict)) => Ok(Some(on_conflict)),
            Some(_) => Err(Error::unsupported("ON DUPLICATE KEY is not supported yet")),
        }
    }
}

impl TableChange for Insert<'_> {
    async fn compute(&self, context: &Context<'_>) -> Result<Computed, Error> {
        let target = self.target(context)?;
        let alias = self.alias(&target);
        let rows = self.rows(context, &target).await?;
        let (deletes, inserts, changed) = match self.on_conflict()? {
            None => (vec![], rows.clone(), rows),
            Some(clause) => {
                let rows = together(&target.entry.object.columns, &rows)?;
                let resolved = OnConflict::new(clause, &target, &alias)?.resolve(context, rows).await?;
                (resolved.deletes, resolved.inserts, vec![resolved.changed])
            }
        };
        check_unique(&target, &context.reader, &deletes, &inserts)?;
        let count = changed.iter().map(RecordBatch::num_rows).sum();
        let schema = Arc::clone(&target.entry.object.columns);
        let visible = vec![Visible { alias, schema, batches: changed }];
        let returning = self.returning().rows(context, visible).await?;
        Ok(Computed { write: target.write(deletes, inserts), rows: count, returning })
    }

    async fn describe(&self, context: &Context<'_>, types: &mut ParameterTypes) -> Result<Option<SchemaRef>, Error> {
        let target = self.target(context)?;
        let alias = self.alias(&target);
        let Source { rows, places } = self.source(context, &target, types).await?;
        match rows {
            SourceRows::Values(values) => Values::new(values, &target, &places).describe(context, types).await?,
            SourceRows::Query { plan, literals } => {
                types.infer(&plan)?;
                assigned(context, &target, with_types(plan, &types.fields())?, &places, &literals)?;
            }
        }
        if let Some(clause) = self.on_conflict()? {
            OnConflict::new(clause, &target, &alias)?.describe(context, types).await?;
        }
        let schema = Arc::clone(&target.entry.object.columns);
        self.returning().describe(context, vec![Visible { alias, schema, batches: vec![] }], types).await
    }
}

/// A value for each of the table's columns: the source's, cast as an assignment does, or the default.
/// `plan`: the source's, with the types of its parameters.
fn assigned(
    context: &Context<'_>,
    target: &Target,
    plan: LogicalPlan,
    places: &[Option<usize>],
    literals: &[bool],
) -> Result<LogicalPlan, Error> {
    let plan = sql::analyse(plan, context.binder.state())?;
    let mut row = Vec::with_capacity(places.len());
    for (column, (place, to)) in places.iter().zip(target.entry.object.columns.fields()).enumerate() {
        let value = match place {
            Some(place) => {
                let is_literal = literals.get(*place).copied().unwrap_or(false);
                assign_column(values::column(&plan, *place), plan.schema().field(*place), is_literal, to)?
            }
            None => {
                let value = context.binder.bind_expression(&default_of(target, column))?;
                let (_, from) = value.to_field(&DFSchema::empty())?;
                assign_column(value, &from, true, to)?
            }
        };
        row.push(value.alias(to.name()));
    }
    Ok(LogicalPlanBuilder::from(plan).project(row)?.build()?)
}

/// Rows as one batch, for a clause that looks at all of them at once.
///
/// # Errors
/// 54000 if they are more than an Arrow array can hold.
fn together(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<RecordBatch, Error> {
    let bytes: usize = batches.iter().map(RecordBatch::get_array_memory_size).sum();
    if i32::try_from(bytes).is_err() {
        let message = "a statement with ON CONFLICT may insert 2 GB at most";
        return Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message));
    }
    Ok(concat_batches(schema, batches)?)
}

/// Visits the values that stand in the query's own text, with the column of the query that each
/// belongs to.
fn for_each_item(
    query: &ast::Query,
    mut visit: impl FnMut(usize, &ast::Expr) -> Result<(), Error>,
) -> Result<(), Error> {
    match query.body.as_ref() {
        SetExpr::Values(values) => {
            for row in &values.rows {
                for (place, value) in row.content.iter().enumerate() {
                    visit(place, value)?;
                }
            }
        }
        SetExpr::Select(select) => {
            for (place, item) in select.projection.iter().enumerate() {
                match item {
                    ast::SelectItem::UnnamedExpr(value) | ast::SelectItem::ExprWithAlias { expr: value, .. } => {
                        visit(place, value)?;
                    }
                    // What comes after a wildcard stands nobody knows where.
                    _ => break,
                }
            }
        }
        SetExpr::Query(query) => for_each_item(query, visit)?,
        _ => {}
    }
    Ok(())
}

/// The first value in the query's own text that belongs to a column of it.
fn item(query: &ast::Query, column: usize) -> Option<&ast::Expr> {
    match query.body.as_ref() {
        SetExpr::Values(values) => values.rows.first()?.content.get(column),
        SetExpr::Select(select) => match select.projection.get(column)? {
            ast::SelectItem::UnnamedExpr(value) | ast::SelectItem::ExprWithAlias { expr: value, .. } => Some(value),
            _ => None,
        },
        _ => None,
    }
}

/// Which columns of the query are literals in all rows.
fn literal_columns(query: &ast::Query, width: usize) -> Vec<bool> {
    let mut seen = vec![None; width];
    let noted = for_each_item(query, |place, value| {
        if let Some(seen) = seen.get_mut(place) {
            *seen = Some(seen.unwrap_or(true) && is_unknown_literal(value));
        }
        Ok(())
    });
    debug_assert!(noted.is_ok(), "nothing fails");
    seen.into_iter().map(|seen| seen.unwrap_or(false)).collect()
}
