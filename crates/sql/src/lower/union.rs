//! `UNION ALL`.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use datafusion::logical_expr::Union;
use datafusion::physical_expr::expressions::{CastExpr, Column, lit};
use plan::Node;

use super::expression::Expression;
use super::{Lowering, build};
use crate::Error;

impl Lowering<'_> {
    pub(super) fn union(&self, union: &Union) -> Result<Node, Error> {
        let mut inputs = Vec::with_capacity(union.inputs.len());
        let has_columns = !union.schema.fields().is_empty();
        // Rows without columns are told apart from no rows by a column that says nothing.
        let row = Arc::new(Schema::new(vec![Field::new("row", DataType::Boolean, false)]));
        let schema = if has_columns { Arc::clone(union.schema.inner()) } else { row };
        for input in &union.inputs {
            let node = self.node(input)?;
            inputs.push(if has_columns {
                aligned(node, &schema)?
            } else {
                build::plain_project(node, vec![lit(true)], Arc::clone(&schema))
            });
        }
        Ok(Node::Union(plan::Union { inputs, schema }))
    }
}

/// The node with columns of exactly the union's types.
fn aligned(node: Node, schema: &Arc<Schema>) -> Result<Node, Error> {
    let fields = node.schema().fields().iter().zip(schema.fields()).enumerate();
    let expressions = fields.map(|(place, (from, to))| {
        let column: Expression = Arc::new(Column::new(from.name(), place));
        if from.data_type() == to.data_type() {
            column
        } else {
            Arc::new(CastExpr::new(column, to.data_type().clone(), None))
        }
    });
    let expressions = expressions.collect();
    build::project(node, expressions, Arc::clone(schema))
}
