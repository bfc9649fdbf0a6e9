//! `AND` and `OR` of conditions that may fail or cost much: each is evaluated once for the rows that those
//! before it have not decided, and for no other row.
//!
//! Which conditions are put together so is [`crate::guard`]'s to know.

use std::fmt::{self, Display, Formatter};
use std::hash::Hash;
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Schema};
use datafusion::common::internal_err;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Operator};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_plan::PhysicalExpr;
use datafusion::scalar::ScalarValue;

/// A chain of conditions, from left to right.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct ShortCircuit {
    /// What the conditions are joined by: `AND` or `OR`.
    operator: Operator,
    conditions: Vec<Arc<dyn PhysicalExpr>>,
    /// The columns that conditions after the first one read.
    columns: Vec<usize>,
    /// Those conditions over these columns alone, so that no other column is copied with the rows left.
    narrowed: Vec<Arc<dyn PhysicalExpr>>,
}

impl ShortCircuit {
    /// `conditions` joined by `AND` or `OR`.
    pub(crate) fn new(operator: Operator, conditions: Vec<Arc<dyn PhysicalExpr>>) -> Result<Self> {
        let later = conditions.get(1..).unwrap_or_default();
        let mut columns: Vec<usize> = later.iter().flat_map(collect_columns).map(|column| column.index()).collect();
        columns.sort_unstable();
        columns.dedup();
        let narrowed = later.iter().map(|condition| over(condition, &columns)).collect::<Result<Vec<_>>>()?;
        Ok(ShortCircuit { operator, conditions, columns, narrowed })
    }

    /// The value that decides the whole.
    fn decides(&self) -> bool {
        self.operator == Operator::Or
    }
}

/// A condition over a choice of its columns, in ascending order.
pub(crate) fn over(condition: &Arc<dyn PhysicalExpr>, columns: &[usize]) -> Result<Arc<dyn PhysicalExpr>> {
    let narrowed = Arc::clone(condition).transform_up(|expression| {
        let Some(column) = expression.downcast_ref::<Column>() else { return Ok(Transformed::no(expression)) };
        let place = columns.partition_point(|&kept| kept < column.index());
        Ok(Transformed::yes(Arc::new(Column::new(column.name(), place)) as _))
    })?;
    Ok(narrowed.data)
}

/// What is known so far of a batch's rows.
struct Answers {
    decides: bool,
    /// Rows where a condition has the deciding value.
    decided: Vec<bool>,
    /// Rows where a condition is null.
    unknown: Vec<bool>,
    /// The rows that are not decided; none if that is all of them.
    open: Option<Vec<usize>>,
}

impl Answers {
    /// Takes a condition's values for the open rows. Gives those of them that stay open, if some don't.
    fn take(&mut self, values: &BooleanArray) -> Option<BooleanArray> {
        let mut stay = Vec::with_capacity(values.len());
        for (place, value) in values.iter().enumerate() {
            let row = self.open.as_ref().map_or(place, |open| open[place]);
            match value {
                Some(value) => self.decided[row] = value == self.decides,
                None => self.unknown[row] = true,
            }
            stay.push(!self.decided[row]);
        }
        if stay.iter().all(|stays| *stays) {
            return None;
        }
        let open = (0..stay.len()).filter(|&place| stay[place]);
        self.open = Some(open.map(|place| self.open.as_ref().map_or(place, |open| open[place])).collect());
        Some(BooleanArray::from(stay))
    }

    fn finish(self) -> BooleanArray {
        let values = self.decided.iter().map(|decided| *decided == self.decides).collect::<BooleanBuffer>();
        let known = self.decided.iter().zip(&self.unknown).map(|(decided, unknown)| *decided || !unknown);
        BooleanArray::new(values, Some(known.collect::<Vec<_>>().into()))
    }
}

fn booleans(value: ColumnarValue, rows: usize) -> Result<BooleanArray> {
    let array = value.into_array(rows)?;
    match array.as_boolean_opt() {
        Some(booleans) => Ok(booleans.clone()),
        None if *array.data_type() == DataType::Null => Ok(BooleanArray::new_null(rows)),
        None => internal_err!("a condition of type {}", array.data_type()),
    }
}

impl PhysicalExpr for ShortCircuit {
    fn data_type(&self, _: &Schema) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn nullable(&self, schema: &Schema) -> Result<bool> {
        for condition in &self.conditions {
            if condition.nullable(schema)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let rows = batch.num_rows();
        let nothing = || vec![false; rows];
        let mut answers = Answers { decides: self.decides(), decided: nothing(), unknown: nothing(), open: None };
        let Some(first) = self.conditions.first() else {
            return Ok(ColumnarValue::Scalar(ScalarValue::from(!self.decides())));
        };
        let mut stay = answers.take(&booleans(first.evaluate(batch)?, rows)?);
        let mut left = batch.project(&self.columns)?;
        for condition in &self.narrowed {
            if let Some(stay) = stay.take() {
                left = filter_record_batch(&left, &stay)?;
            }
            if left.num_rows() == 0 {
                break;
            }
            stay = answers.take(&booleans(condition.evaluate(&left)?, left.num_rows())?);
        }
        Ok(ColumnarValue::Array(Arc::new(answers.finish())))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        self.conditions.iter().collect()
    }

    fn with_new_children(self: Arc<Self>, conditions: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        Ok(Arc::new(ShortCircuit::new(self.operator, conditions)?))
    }

    fn fmt_sql(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        self.write(formatter, |condition, formatter| condition.fmt_sql(formatter))
    }
}

impl Display for ShortCircuit {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        self.write(formatter, |condition, formatter| write!(formatter, "{condition}"))
    }
}

impl ShortCircuit {
    fn write(
        &self,
        formatter: &mut Formatter<'_>,
        mut write_condition: impl FnMut(&dyn PhysicalExpr, &mut Formatter<'_>) -> fmt::Result,
    ) -> fmt::Result {
        for (place, condition) in self.conditions.iter().enumerate() {
            if place > 0 {
                write!(formatter, " {} ", self.operator)?;
            }
            let is_chain = condition.is::<ShortCircuit>() || crate::guard::logic_of(condition).is_some();
            formatter.write_str(if is_chain { "(" } else { "" })?;
            write_condition(condition.as_ref(), formatter)?;
            formatter.write_str(if is_chain { ")" } else { "" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
