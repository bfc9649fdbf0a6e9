//! Computes a new row from each row. Remembers nothing.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use changes::{ChangeBatch, Epoch};
use datafusion::error::DataFusionError;
use datafusion::physical_plan::PhysicalExpr;

use crate::expression::evaluate;
use crate::{Fault, Operator, Output, Port};

/// See [`plan::Project`].
pub struct Project {
    expressions: Vec<Arc<dyn PhysicalExpr>>,
    schema: SchemaRef,
}

impl Project {
    /// A projection as the plan has it.
    ///
    /// # Errors
    /// If an expression is not of its column's type.
    pub fn new(plan: &plan::Project) -> Result<Project, Fault> {
        for (expression, field) in plan.expressions.iter().zip(plan.schema.fields()) {
            let data_type = expression.data_type(plan.input.schema())?;
            if data_type != *field.data_type() {
                let message = format!("{expression} of type {data_type} as a column of type {}", field.data_type());
                return Err(DataFusionError::NotImplemented(message).into());
            }
        }
        Ok(Project { expressions: plan.expressions.clone(), schema: plan.schema.clone() })
    }
}

impl Operator for Project {
    fn on_changes(&mut self, _input: Port, changes: ChangeBatch, output: &mut Output) -> Result<(), Fault> {
        if changes.is_empty() {
            return Ok(());
        }
        let evaluated = evaluate(&self.expressions, changes, output)?;
        output.changes(evaluated.changes.with_columns(self.schema.clone(), evaluated.columns)?);
        Ok(())
    }

    fn on_epoch_complete(&mut self, _epoch: Epoch, _output: &mut Output) -> Result<(), Fault> {
        Ok(())
    }
}
