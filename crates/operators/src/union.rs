//! All rows of all inputs, under the output's column names. Remembers nothing.

use arrow::datatypes::SchemaRef;
use changes::{ChangeBatch, Epoch};

use crate::{Fault, Operator, Output, Port};

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
    fn on_changes(&mut self, _input: Port, changes: ChangeBatch, output: &mut Output) -> Result<(), Fault> {
        let columns = changes.rows().columns().to_vec();
        output.changes(changes.with_columns(self.schema.clone(), columns)?);
        Ok(())
    }

    fn on_epoch_complete(&mut self, _epoch: Epoch, _output: &mut Output) -> Result<(), Fault> {
        Ok(())
    }
}
