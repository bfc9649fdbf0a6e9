//! Values that are more than a literal: planned as queries without a table, many in one.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::concat;
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast;

use super::{Values, name_of, projection_of};
use crate::Error;
use crate::bind::{ParameterTypes, with_values};
use crate::statement::query::{collect, typed};
use crate::statement::write::{
    Context, assign_column, is_unknown_literal, memory_table, parse_query, quoted, select_of,
};

/// Expressions that are planned together. Each pass of a planner walks over all of them.
const BLOCK: usize = 128;
/// The same with subqueries, each of which becomes a join.
const BLOCK_OF_QUERIES: usize = 8;

/// What the table is called that has as many rows as an expression.
const ROWS: &str = "freshet rows";

/// A value that must be computed.
#[derive(Clone)]
pub(super) struct Computed<'a> {
    pub(super) column: usize,
    /// The rows of the chunk that it is written in.
    pub(super) rows: Vec<usize>,
    pub(super) expression: &'a ast::Expr,
}

/// The values that are planned together.
pub(super) fn blocks<'b, 'a>(mut computed: &'b [Computed<'a>]) -> Vec<&'b [Computed<'a>]> {
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

/// Whether there is a query within an expression.
pub(super) fn has_query(expression: &ast::Expr) -> bool {
    struct Queries;
    impl ast::Visitor for Queries {
        type Break = ();

        fn pre_visit_query(&mut self, _: &ast::Query) -> ControlFlow<()> {
            ControlFlow::Break(())
        }
    }
    ast::Visit::visit(expression, &mut Queries).is_break()
}

/// Binds expressions as so many rows of them.
pub(super) async fn bind(context: &Context<'_>, block: &[Computed<'_>], rows: usize) -> Result<LogicalPlan, Error> {
    let mut query = parse_query(&format!("SELECT 1 FROM {}", quoted(ROWS)))?;
    let select = select_of(&mut query)?;
    select.projection = block
        .iter()
        .enumerate()
        .map(|(index, computed)| ast::SelectItem::ExprWithAlias {
            expr: computed.expression.clone(),
            alias: name_of(index),
        })
        .collect();
    let mut tables = vec![];
    if rows == 1 {
        select.from.clear();
    } else {
        let schema = Arc::new(Schema::new(vec![Field::new("", DataType::Boolean, false)]));
        let column = Arc::new(BooleanArray::from(vec![true; rows])) as ArrayRef;
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![column])?;
        tables.push((ROWS.to_owned(), memory_table(&schema, vec![batch])?));
    }
    Ok(context.binder.bind(&query, &context.reader, tables).await?.plan)
}

impl Values<'_> {
    /// The values of a block, of their columns' types: one for all rows, or one for each.
    pub(super) async fn computed(
        &self,
        context: &Context<'_>,
        types: &ParameterTypes,
        block: &[Computed<'_>],
    ) -> Result<Vec<ArrayRef>, Error> {
        let plan = bind(context, block, 1).await?;
        // What is another value each time is computed for each row.
        let is_volatile: Vec<bool> = projection_of(&plan)?.expr.iter().map(|value| value.is_volatile()).collect();
        let mut values = self.evaluated(context, types, plan, block).await?;
        for ((one, values), _) in
            block.iter().zip(&mut values).zip(is_volatile).filter(|((one, _), yes)| *yes && one.rows.len() > 1)
        {
            let one = std::slice::from_ref(one);
            let plan = bind(context, one, one[0].rows.len()).await?;
            *values = self.evaluated(context, types, plan, one).await?.swap_remove(0);
        }
        Ok(values)
    }

    /// What a block's plan gives, by expression.
    async fn evaluated(
        &self,
        context: &Context<'_>,
        types: &ParameterTypes,
        plan: LogicalPlan,
        block: &[Computed<'_>],
    ) -> Result<Vec<ArrayRef>, Error> {
        let (plan, fields) = typed(plan, types.clone(), context.parameters)?;
        let plan = self.assigned_block(context, plan, block)?;
        let (_, batches) = collect(context.binder, with_values(plan, context.parameters, &fields)?).await?;
        let of_column = |index: usize| {
            let parts: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(index).as_ref()).collect();
            Ok(concat(&parts)?)
        };
        (0..block.len()).map(of_column).collect()
    }

    /// The block's plan with each value cast to its column.
    pub(super) fn assigned_block(
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
