//! The select list.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::DFSchema;
use datafusion::logical_expr::Projection;
use plan::Node;

use super::expression::{Expression, may_be_null};
use super::{Lowering, build, constant};
use crate::Error;

impl Lowering<'_> {
    pub(super) fn project(&self, projection: &Projection) -> Result<Node, Error> {
        let input_schema = projection.input.schema();
        let expressions = projection.expr.iter().map(|expression| self.expression(expression, input_schema));
        let expressions = expressions.collect::<Result<Vec<_>, _>>()?;
        let input = self.node(&projection.input)?;
        let schema = typed(&projection.schema, &expressions, input_schema)?;
        match input {
            Node::Constant(rows) => constant::evaluate(&rows, &expressions, schema),
            input => build::project(input, expressions, schema),
        }
    }
}

/// The names of a logical schema with the types that the expressions really have.
pub(super) fn typed(names: &DFSchema, expressions: &[Expression], input: &DFSchema) -> Result<SchemaRef, Error> {
    let fields = names.fields().iter().zip(expressions).map(|(field, expression)| {
        let data_type = expression.data_type(input.as_arrow())?;
        let nullable = field.is_nullable() || may_be_null(expression, input.as_arrow());
        Ok(field.as_ref().clone().with_data_type(data_type).with_nullable(nullable))
    });
    Ok(Arc::new(Schema::new(fields.collect::<Result<Vec<_>, Error>>()?)))
}
