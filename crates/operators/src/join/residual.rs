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
use state::Pairs;

use super::{Chosen, Portion, Side, for_each_batch};
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

    /// At which place among those that the conditions read a side's column is.
    pub(super) fn place_of(&self, column: (usize, usize)) -> Option<usize> {
        self.columns.iter().position(|&read| read == column)
    }

    /// Tests the first pairs, as many as fit a batch, and says how many. Those are chosen that meet
    /// all conditions. A pair on which one fails goes to `output` as an error, with the pair's diff:
    /// it is taken back with the pair.
    pub(super) fn choose(
        &mut self,
        sides: &[Side; 2],
        pairs: &Portion<'_>,
        output: &mut Output,
    ) -> Result<(usize, Chosen), Fault> {
        let Residual { conditions, columns, schema } = self;
        let mut tested = 0;
        let mut chosen = Chosen { pairs: Pairs::default(), read: Vec::new(), put: 0 };
        for_each_batch(columns, sides, pairs, |_, columns, (diffs, length)| {
            tested = length;
            let options = RecordBatchOptions::new().with_row_count(Some(length));
            let mut left =
                ChangeBatch::new(RecordBatch::try_new_with_options(schema.clone(), columns, &options)?, diffs);
            let (mut rows, mut ids) = (pairs.rows[..length].to_vec(), pairs.ids[..length].to_vec());
            for condition in conditions.iter_mut() {
                let meets = condition.choose(&left, output)?;
                if meets.true_count() < left.len() {
                    rows = meets.values().set_indices().map(|row| rows[row]).collect();
                    ids = meets.values().set_indices().map(|row| ids[row]).collect();
                    left = left.filter(&meets)?;
                }
            }
            chosen = Chosen { pairs: Pairs { rows, ids }, read: left.rows().columns().to_vec(), put: 0 };
            Ok(ControlFlow::Break(()))
        })?;
        Ok((tested, chosen))
    }
}

/// The columns that conditions read, in ascending order.
pub(super) fn columns_of(conditions: &[Arc<dyn PhysicalExpr>]) -> Vec<usize> {
    let columns = conditions.iter().flat_map(collect_columns).map(|column| column.index());
    columns.collect::<BTreeSet<_>>().into_iter().collect()
}
