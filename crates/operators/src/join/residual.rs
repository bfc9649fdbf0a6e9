//! What must be true of a pair beside equal keys.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Schema, SchemaRef};
use changes::ChangeBatch;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_plan::PhysicalExpr;

use super::{Portion, Side, for_each_batch};
use crate::condition::Condition;
use crate::{Fault, Output};

/// Conditions that pairs must meet, one after the other.
pub(super) struct Residual {
    conditions: Vec<Condition>,
    /// The columns that they read, as the join's `output` has its own.
    columns: Vec<(usize, usize)>,
    schema: SchemaRef,
}

impl Residual {
    /// None if there are no conditions. `place`: where a column of both sides' together is kept.
    pub(super) fn new(
        conditions: &[Arc<dyn PhysicalExpr>],
        both: &Schema,
        place: impl Fn(usize) -> (usize, usize),
    ) -> Result<Option<Residual>, Fault> {
        if conditions.is_empty() {
            return Ok(None);
        }
        let read = columns_of(conditions);
        let schema = Arc::new(both.project(&read)?);
        let moved = |condition: &Arc<dyn PhysicalExpr>| {
            let moved = Arc::clone(condition).transform(|expression| {
                let Some(column) = expression.downcast_ref::<Column>() else { return Ok(Transformed::no(expression)) };
                let place = read.binary_search(&column.index()).expect("all columns are read");
                Ok(Transformed::yes(Arc::new(Column::new(column.name(), place)) as Arc<dyn PhysicalExpr>))
            });
            Condition::new(&moved?.data, &schema)
        };
        let conditions = conditions.iter().map(moved).collect::<Result<_, _>>()?;
        Ok(Some(Residual { conditions, columns: read.iter().map(|&column| place(column)).collect(), schema }))
    }

    /// Calls `take` with the place of each pair that meets all conditions. A pair on which one
    /// fails goes to `output` as an error, with the pair's diff: it is taken back with the pair.
    pub(super) fn choose(
        &mut self,
        sides: &[Side; 2],
        pairs: &Portion<'_>,
        output: &mut Output,
        mut take: impl FnMut(usize),
    ) -> Result<(), Fault> {
        let Residual { conditions, columns, schema } = self;
        for_each_batch(columns, sides, pairs, |first, columns, (diffs, length)| {
            let options = RecordBatchOptions::new().with_row_count(Some(length));
            let rows = RecordBatch::try_new_with_options(schema.clone(), columns, &options)?;
            let (mut left, mut places) = (ChangeBatch::new(rows, diffs), (first..first + length).collect::<Vec<_>>());
            for condition in conditions.iter_mut() {
                let chosen = condition.choose(&left, output)?;
                places = chosen.values().set_indices().map(|row| places[row]).collect();
                left = left.filter(&chosen)?;
            }
            places.into_iter().for_each(&mut take);
            Ok(ControlFlow::Continue(()))
        })
    }
}

/// The columns that conditions read, in ascending order.
pub(super) fn columns_of(conditions: &[Arc<dyn PhysicalExpr>]) -> Vec<usize> {
    let columns = conditions.iter().flat_map(collect_columns).map(|column| column.index());
    columns.collect::<BTreeSet<_>>().into_iter().collect()
}
