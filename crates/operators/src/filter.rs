//! Keeps the rows for which a predicate is true. Remembers nothing.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::DataType;
use changes::{ChangeBatch, Epoch};
use datafusion::error::DataFusionError;
use datafusion::physical_expr::utils::split_conjunction;
use datafusion::physical_plan::PhysicalExpr;

use crate::expression::evaluate;
use crate::{Fault, Operator, Output, Port};

/// See [`plan::Filter`].
pub struct Filter {
    predicate: Arc<dyn PhysicalExpr>,
    /// The parts of the predicate that must all be true.
    conjuncts: Vec<Arc<dyn PhysicalExpr>>,
}

impl Filter {
    /// A filter as the plan has it.
    ///
    /// # Errors
    /// If the predicate is not boolean.
    pub fn new(plan: &plan::Filter) -> Result<Filter, Fault> {
        let data_type = plan.predicate.data_type(plan.input.schema())?;
        if data_type != DataType::Boolean {
            let message = format!("a condition of type {data_type}, not boolean");
            return Err(DataFusionError::NotImplemented(message).into());
        }
        let conjuncts = split_conjunction(&plan.predicate).into_iter().cloned().collect();
        Ok(Filter { predicate: plan.predicate.clone(), conjuncts })
    }
}

impl Operator for Filter {
    fn on_changes(&mut self, _input: Port, changes: ChangeBatch, output: &mut Output) -> Result<(), Fault> {
        if changes.is_empty() {
            return Ok(());
        }
        if let Ok(keep) = self.predicate.evaluate(changes.rows()).and_then(|keep| keep.into_array(changes.len())) {
            output.changes(changes.filter(keep.as_boolean())?);
            return Ok(());
        }
        // Part after part, so that `b <> 0 AND a / b > 1` spares the second part the rows that the
        // first one refuses.
        let mut kept = changes;
        for conjunct in &self.conjuncts {
            let evaluated = evaluate(std::slice::from_ref(conjunct), kept, output)?;
            kept = evaluated.changes.filter(evaluated.columns[0].as_boolean())?;
        }
        output.changes(kept);
        Ok(())
    }

    fn on_epoch_complete(&mut self, _epoch: Epoch, _output: &mut Output) -> Result<(), Fault> {
        Ok(())
    }
}
