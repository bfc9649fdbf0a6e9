//! Computes a new row from each row. Remembers nothing.

use arrow::datatypes::SchemaRef;
use changes::{ChangeBatch, Epoch};
use datafusion::error::DataFusionError;

use crate::expression::Evaluator;
use crate::{Fault, Moment, Operator, Output, Port, Progress};

/// See [`plan::Project`].
pub struct Project {
    evaluator: Evaluator,
    schema: SchemaRef,
    /// The batch in hand, and its first row that has not been computed yet.
    rest: Option<(ChangeBatch, usize)>,
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
        Ok(Project { evaluator: Evaluator::new(plan.expressions.clone()), schema: plan.schema.clone(), rest: None })
    }
}

impl Operator for Project {
    fn on_changes(
        &mut self,
        _input: Port,
        _epoch: Epoch,
        changes: ChangeBatch,
        output: &mut Output,
    ) -> Result<Progress, Fault> {
        self.rest = Some((changes, 0));
        self.resume(output)
    }

    fn remembers(&self) -> bool {
        false
    }

    fn on_epoch_complete(&mut self, _moment: &Moment, _output: &mut Output) -> Result<Progress, Fault> {
        Ok(Progress::Done)
    }

    fn resume(&mut self, output: &mut Output) -> Result<Progress, Fault> {
        while let Some((changes, first)) = self.rest.take_if(|(changes, first)| *first < changes.len()) {
            if output.is_full() {
                self.rest = Some((changes, first));
                return Ok(Progress::More);
            }
            let (parts, next) = self.evaluator.evaluate(&changes, first, output)?;
            for part in parts {
                let of_part = changes.slice(part.first, part.length);
                output.changes(of_part.with_columns(self.schema.clone(), part.columns)?);
            }
            self.rest = Some((changes, next));
        }
        self.rest = None;
        Ok(Progress::Done)
    }
}
