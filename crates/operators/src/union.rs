//! All rows of all inputs, under the output's column names. Remembers nothing.

use arrow::datatypes::SchemaRef;
use changes::{ChangeBatch, Epoch};

use crate::{Fault, Moment, Operator, Output, Port, Progress};

/// See [`plan::Union`].
pub struct Union {
    schema: SchemaRef,
}

impl Union {
    /// A union as the plan has it.
    #[must_use]
    pub fn new(plan: &plan::Union) -> Union {
        Union { schema: plan.schema.clone() }
    }
}

impl Operator for Union {
    fn on_changes(
        &mut self,
        _input: Port,
        _epoch: Epoch,
        changes: ChangeBatch,
        output: &mut Output,
    ) -> Result<Progress, Fault> {
        let columns = changes.rows().columns().to_vec();
        output.changes(changes.with_columns(self.schema.clone(), columns)?);
        Ok(Progress::Done)
    }

    fn remembers(&self) -> bool {
        false
    }

    fn on_epoch_complete(&mut self, _moment: &Moment, _output: &mut Output) -> Result<Progress, Fault> {
        Ok(Progress::Done)
    }
}
